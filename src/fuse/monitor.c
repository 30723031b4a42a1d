/* monitor.c - a tiny process beside the daemon that unmounts: on request, and when the daemon dies without
 * doing so.
 *
 * It is forked before a password is read, holds no descriptor but its socket, and stays outside of what the
 * daemon later confines itself to. Protocol on a SOCK_SEQPACKET pair: 'W' + path (watch), 'U' (unmount), 'L'
 * (unmount lazily), 'D' (unmount lazily if dead), 'F' (forget); all but the last are answered by an int, 0 or
 * negative errno. */
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse/mountinfo.h"
#include "fuse/session.h"
#include "util/cleanup.h"

enum { WATCH = 'W', UNMOUNT = 'U', UNMOUNT_LAZILY = 'L', UNMOUNT_DEAD = 'D', FORGET = 'F' };

static int to_monitor = -1;

/* --- the monitor process --- */

struct watched {
	char path[PATH_MAX];
	struct mountinfo info;
	bool mounted;
};

/* fusermount3 knows whether this user may unmount; it tells no errno. */
static int run_fusermount(const char *path, bool lazy)
{
	static const char *const program[] = { "fusermount3", "/usr/bin/fusermount3", "/bin/fusermount3",
					       "fusermount" };
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void)signal(SIGTERM, SIG_DFL);
		for (size_t i = 0; i < sizeof(program) / sizeof(program[0]); i++)
			(void)execlp(program[i], program[i], "-u", lazy ? "-qz" : "-q", "--", path,
				     (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT : -EBUSY;
}

/* Only ever our own mount: somebody may have unmounted it and mounted another there. */
static bool still_there(const struct watched *w)
{
	struct mountinfo now;

	return w->mounted && mountinfo_top(w->path, &now) == 0 && mountinfo_same(&now, &w->info);
}

/* Where a mount cannot be told from the next one for certain (before Linux 6.8): statfs(2) is always passed
 * to the daemon. It fails on a dead connection, and is answered by the next mount's daemon, perhaps only when
 * that is ready. */
static bool dead(const struct watched *w)
{
	struct statfs st;

	if (w->info.unique_id)
		return true; /* nobody asks while the daemon lives */
	return statfs(w->path, &st) < 0 &&
	       (errno == ENOTCONN || errno == ECONNABORTED || errno == ECONNREFUSED);
}

static int unmount(struct watched *w, enum monitor_how how)
{
	bool lazy = how != MONITOR_UNMOUNT;
	int rc = -EPERM;

	if (!still_there(w) || (how == MONITOR_LAZILY_IF_DEAD && !dead(w))) {
		w->mounted = false;
		return 0;
	}
	if (geteuid() == 0)
		rc = umount2(w->path, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0 ? 0 : -errno;
	if (rc == -EPERM)
		rc = run_fusermount(w->path, lazy);
	if (rc < 0 && rc != -EBUSY && !still_there(w))
		rc = 0;
	if (rc == 0)
		w->mounted = false;
	return rc;
}

static int watch(struct watched *w, const char *path, size_t n)
{
	int rc;

	if (n == 0 || n >= sizeof(w->path))
		return -ENAMETOOLONG;
	memcpy(w->path, path, n);
	w->path[n] = 0;
	rc = mountinfo_top(w->path, &w->info);
	w->mounted = rc == 0 && w->info.fuse;
	return rc == 0 && !w->info.fuse ? -ENOENT : rc;
}

/* Returns false when the daemon is gone. */
static bool serve_one(struct watched *w, int fd)
{
	char msg[PATH_MAX + 1];
	ssize_t n = recv(fd, msg, sizeof(msg), 0);
	int answer = 0;

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0)
		return false;
	switch (msg[0]) {
	case WATCH:
		answer = watch(w, msg + 1, (size_t)n - 1);
		break;
	case UNMOUNT:
		answer = unmount(w, MONITOR_UNMOUNT);
		break;
	case UNMOUNT_LAZILY:
		answer = unmount(w, MONITOR_LAZILY);
		break;
	case UNMOUNT_DEAD:
		answer = unmount(w, MONITOR_LAZILY_IF_DEAD);
		break;
	case FORGET:
		w->mounted = false;
		return true;
	default:
		return true;
	}
	(void)send(fd, &answer, sizeof(answer), MSG_NOSIGNAL);
	return true;
}

static void close_all_but(int keep)
{
	long max = sysconf(_SC_OPEN_MAX);

#ifdef HAVE_CLOSE_RANGE
	if (close_range((unsigned int)keep + 1, ~0U, 0) == 0 &&
	    (keep <= 3 || close_range(3, (unsigned int)keep - 1, 0) == 0))
		return;
#endif
	for (long fd = 3; fd < max; fd++)
		if (fd != keep)
			(void)close((int)fd);
}

/* Serve the daemon until it is gone. Every change of the mount table is looked at when it happens: kernels
 * before 6.8 give a mount's numbers to the next one, which may be a mount of somebody else at the same place.
 */
static void serve(struct watched *w, int fd)
{
	auto_fd int table = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	struct pollfd p[] = { { .fd = fd, .events = POLLIN }, { .fd = table, .events = POLLPRI } };

	for (;;) {
		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		if ((p[1].revents & POLLPRI) && w->mounted && !still_there(w))
			w->mounted = false;
		if (p[0].revents && !serve_one(w, fd))
			return;
	}
}

static _Noreturn void monitor_main(int fd)
{
	static struct watched w;
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2 };
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i],
			     SIG_IGN); /* a service manager signals everybody; we are needed last */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	if (chdir("/") < 0)
		_exit(1);
	/* The caller's pipes must see end of file when the daemon has detached. */
	for (int i = 0; i <= 2; i++)
		if (null < 0 || (null != i && dup2(null, i) < 0))
			(void)close(i);
	close_all_but(fd);
	(void)prctl(PR_SET_NAME, "gocryptfs-mon");
	serve(&w, fd);
	(void)unmount(&w, MONITOR_LAZILY_IF_DEAD);
	_exit(0);
}

/* --- the daemon's side --- */

int monitor_start(void)
{
	int pair[2];
	pid_t pid;

	if (to_monitor >= 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		/* Once more, so that nobody has to reap the monitor. */
		(void)close(pair[0]);
		pid = fork();
		if (pid == 0)
			monitor_main(pair[1]);
		_exit(pid < 0 ? 1 : 0);
	}
	(void)close(pair[1]);
	if (pid > 0) {
		int status = 1;

		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (status == 0) {
			to_monitor = pair[0];
			return 0;
		}
	}
	(void)close(pair[0]);
	return pid < 0 ? -errno : -EAGAIN;
}

int session_monitor_start(void)
{
	return monitor_start();
}

int monitor_fd(void)
{
	return to_monitor;
}

int monitor_answer(void)
{
	int answer;
	ssize_t n;

	do
		n = recv(to_monitor, &answer, sizeof(answer), 0);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(answer) ? answer : -EPIPE;
}

int monitor_watch(const char *mountpoint)
{
	char msg[PATH_MAX + 1] = { WATCH };
	size_t n = strlen(mountpoint);

	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(msg + 1, mountpoint, n);
	if (send(to_monitor, msg, n + 1, MSG_NOSIGNAL) < 0)
		return -errno;
	return monitor_answer();
}

int monitor_unmount(enum monitor_how how)
{
	char msg = how == MONITOR_UNMOUNT ? UNMOUNT : how == MONITOR_LAZILY ? UNMOUNT_LAZILY : UNMOUNT_DEAD;

	return send(to_monitor, &msg, 1, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void monitor_forget(void)
{
	char msg = FORGET;

	if (to_monitor >= 0)
		(void)send(to_monitor, &msg, 1, MSG_NOSIGNAL);
}

void monitor_stop(void)
{
	if (to_monitor >= 0)
		(void)close(to_monitor);
	to_monitor = -1;
}
