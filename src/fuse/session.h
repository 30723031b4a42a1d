/* session.h - a mounted view: mount, worker threads, signals, unmount. The only layer that sees libfuse. */
#ifndef FUSE_SESSION_H
#define FUSE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "view/view.h"

struct err;
struct session;

enum { SESSION_THREADS_MAX = 256 };

struct session_options {
	const char *mountpoint; /* existing directory, or /dev/fd/N: a FUSE descriptor opened and mounted by a
				   privileged parent */
	const char *fsname;	/* source shown by df; may contain commas */
	const char *context;	/* -context or NULL */
	const char *ko;		/* -ko raw kernel options or NULL */
	bool allow_other;	/* adds default_permissions */
	bool acl;
	bool read_only, nonempty, dev, suid, noexec;
	bool kernel_cache, serialize_reads, fuse_debug;
	bool writeback; /* the kernel gathers writes; VIEW_EXCLUSIVE only, else without effect */
	enum view_sharing sharing;
	unsigned int threads;	    /* up to SESSION_THREADS_MAX, all started at once; 0 = choose */
	unsigned long long idle_ms; /* -idle; 0 = never */
	/* NULL, or two counters kept up to date (in memory that another process may see): bytes read and
	 * bytes written by programs through the mount. Outlives the session. */
	_Atomic uint64_t *counters;
	int ctlsock_fd; /* listening socket or -1; closed by the session, also if session_mount fails */
};

/* Fork the monitor, a small process that stays outside any sandbox and runs umount2 or fusermount3 when the
 * session asks (SIGTERM, SIGINT, -idle), or lazily when the daemon has died. Call it at program start if a
 * mount is wanted: before a password is read (so that it inherits no secret), before threads exist, and in
 * the mount namespace of the mount. It lives until every process that holds its socket (this one and what it
 * forks; never what it executes) has ended. With nothing mounted it then just ends. It has a session of its
 * own, stdio on /dev/null, ignores SIGTERM and SIGINT and needs no waitpid. A program that goes to the
 * background by fork(2) simply goes on: whichever process calls session_mount speaks to it; the other one
 * must not outlive the daemon for long, since the daemon's death is seen once both have ended. A second call
 * does nothing. 0 or negative errno. */
int session_monitor_start(void);

/* Mount. On return the kernel sends requests; nothing answers until session_loop, so do not touch the
 * mountpoint in between. Exit code 19 (10: the mountpoint cannot be resolved) in err. Must be called before
 * other threads exist. Starts the monitor if session_monitor_start was not called (not needed for /dev/fd/N,
 * which is never unmounted here). */
int session_mount(struct session **ret, struct view *v, const struct session_options *opt, struct err *err);

/* Told once the first request (INIT) was answered, from a worker thread: the mount is usable. Requests are
 * served by other threads meanwhile. */
typedef void (*session_ready_fn)(void *arg);

/* Serve until unmounted. Returns 0 after an unmount from outside or -idle, SIGINT/SIGTERM/SIGHUP number (> 0)
 * if that ended it, negative errno on failure of the channel. SIGINT, SIGTERM, SIGHUP: unmount (lazily if
 * busy for longer than a second); a second one ends the process at once with exit code 15. SIGPIPE is
 * ignored, SIGUSR1 is used internally, the umask becomes 0 (the kernel has applied the caller's). When it
 * returns no thread of the session is left and nothing is mounted, but after a lazy unmount nodes and files
 * of v may still be open. */
int session_loop(struct session *s, session_ready_fn ready, void *arg);
void session_free(struct session *s); /* unmounts if still mounted; NULL is fine */

/* "3.14.0": the libfuse in use at run time. Oldest tested: 3.14. */
const char *session_library_version(void);

#endif
