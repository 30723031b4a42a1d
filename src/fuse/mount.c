/* mount.c - mounting and unmounting a session: options for the kernel, libfuse's session object, the
 * monitor's part. */
#include "fuse/internal.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuse/ctlsock.h"
#include "fuse/lockwait.h"
#include "fuse/monitor.h"
#include "fuse/mountinfo.h"
#include "fuse/wire.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/log.h"

enum { EXIT_MOUNTPOINT = 10, EXIT_MOUNT = 19 };

/* What libfuse complained about, for the error text; used before threads exist. */
static char complaint[512];
static bool mounting, tracing;

/* libfuse gives a message in pieces; a newline ends it. */
static void complain(const char *text)
{
	size_t n = strlen(complaint);

	if (n > 0 && complaint[n - 1] == '\n')
		n = 0; /* a new message; the last one counts */
	if (n == 0 && strncmp(text, "fuse: ", 6) == 0)
		text += 6;
	(void)snprintf(complaint + n, sizeof(complaint) - n, "%s", text);
}

static void __attribute__((format(printf, 2, 0)))
on_libfuse_log(enum fuse_log_level level, const char *fmt, va_list ap)
{
	char text[512];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	if (mounting && level <= FUSE_LOG_WARNING) {
		complain(text);
		return;
	}
	text[strcspn(text, "\n")] = 0;
	if (tracing)
		log_info("%s", text);
	else
		log_debug("%s", text);
}

/* The size asked for by -ko max_read=N, which must be the same at mount(2) and in INIT. */
static unsigned int max_read_of(const char *ko)
{
	unsigned long ret = VIEW_IO_MAX;
	const char *at = ko;

	while (at && *at) {
		if (strncmp(at, "max_read=", 9) == 0)
			ret = strtoul(at + 9, NULL, 10);
		at = strchr(at, ',');
		if (at)
			at++;
	}
	return ret <= UINT_MAX ? (unsigned int)ret : VIEW_IO_MAX;
}

/* "name=value"; a value with commas is quoted if the kernel is to see it as one. */
static int add_value(char **opts, const char *name, const char *value, bool quote)
{
	auto_free char *text = NULL;
	bool quoted = quote && strchr(value, ',') && value[0] != '"';

	if (asprintf(&text, "%s=%s%s%s", name, quoted ? "\"" : "", value, quoted ? "\"" : "") < 0)
		return -1;
	return fuse_opt_add_opt_escaped(opts, text);
}

static int build_options(char **ret, const struct session_options *o, unsigned int max_read)
{
	char number[16];
	int rc = 0;

	(void)snprintf(number, sizeof(number), "%u", max_read);
	rc |= add_value(ret, "max_read", number, false);
	rc |= fuse_opt_add_opt(ret, "subtype=gocryptfs");
	rc |= fuse_opt_add_opt(ret, o->suid ? "suid" : "nosuid");
	rc |= fuse_opt_add_opt(ret, o->dev ? "dev" : "nodev");
	rc |= fuse_opt_add_opt(ret, o->read_only ? "ro" : "rw");
	if (o->fsname)
		rc |= add_value(ret, "fsname", o->fsname, false);
	if (o->context)
		rc |= add_value(ret, "context", o->context, true);
	if (o->noexec)
		rc |= fuse_opt_add_opt(ret, "noexec");
	if (o->allow_other)
		rc |= fuse_opt_add_opt(ret, "allow_other,default_permissions");
	if (o->fuse_debug)
		rc |= fuse_opt_add_opt(ret, "debug");
	if (o->ko && *o->ko)
		rc |= fuse_opt_add_opt(ret, o->ko); /* last: overrides */
	return rc == 0 ? 0 : -ENOMEM;
}

static int new_fuse_session(struct session *s, const struct session_options *o)
{
	static char program[] = "gocryptfs", dash_o[] = "-o";
	char *argv[] = { program, dash_o, NULL, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	int rc = build_options(&argv[2], o, s->ops.max_read);

	if (rc == 0) {
		s->se = fuse_session_new(&args, ops_table(), sizeof(*ops_table()), &s->ops);
		rc = s->se ? 0 : -EINVAL;
	}
	s->ops.se = s->se;
	fuse_opt_free_args(&args);
	free(argv[2]);
	return rc;
}

/* Replies go through wire.c, to the descriptor their request came from. libfuse before 3.13 (RHEL 9) sends
 * them to the session's, so there all requests must be read from that one. */
static int attach_io(struct session *s)
{
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 13)
	static const struct fuse_custom_io io = { .writev = wire_writev, .read = wire_read };

	return fuse_session_custom_io(s->se, &io, fuse_session_fd(s->se));
#else
	(void)s;
	wire_one_channel();
	return 0;
#endif
}

static int mount_at(struct session *s)
{
	sigset_t set;
	int rc;

	session_block_signals(&set);
	if (fuse_session_mount(s->se, s->mountpoint) != 0)
		return -EIO;
	rc = attach_io(s);
	if (strncmp(s->mountpoint, "/dev/fd/", 8) == 0)
		return rc;
	s->mounted = true;
	if (rc == 0)
		rc = monitor_watch(s->mountpoint);
	if (rc == 0) {
		struct mountinfo info;

		s->monitored = true;
		if (mountinfo_top(s->mountpoint, &info) == 0)
			(void)snprintf(s->dev, sizeof(s->dev), "%s", info.dev);
	}
	return rc;
}

static int prepare(struct session *s, struct view *v, const struct session_options *o, struct err *err)
{
	bool inherited = strncmp(o->mountpoint, "/dev/fd/", 8) == 0;
	int rc;

	/* Resolved now: once mounted, looking at the mountpoint would wait for ourselves. */
	s->mountpoint = inherited ? strdup(o->mountpoint) : realpath(o->mountpoint, NULL);
	if (!s->mountpoint)
		return err_set_exit(err, -errno, EXIT_MOUNTPOINT, "Invalid mountpoint: '%s': %s",
				    o->mountpoint, strerror(errno));
	ops_state_init(&s->ops, v, o->sharing);
	s->ops.suid = o->suid;
	s->ops.acl = o->acl;
	s->ops.kernel_cache = o->kernel_cache;
	s->ops.serialize_reads = o->serialize_reads;
	s->ops.writeback = o->writeback && o->sharing == VIEW_EXCLUSIVE;
	s->ops.max_read = max_read_of(o->ko);
	s->ops.counters = o->counters;
	s->threads = o->threads;
	idle_init(&s->idle, o->idle_ms);
	rc = inherited ? 0 : monitor_start();
	if (rc < 0)
		return err_set_exit(err, rc, EXIT_MOUNT,
				    "fs.Mount failed: cannot start the unmount monitor: %s", strerror(-rc));
	return 0;
}

int session_mount(struct session **ret, struct view *v, const struct session_options *opt, struct err *err)
{
	struct session *s = calloc(1, sizeof(*s));
	int rc;

	if (!s) {
		if (opt->ctlsock_fd >= 0)
			(void)close(opt->ctlsock_fd);
		return err_set_exit(err, -ENOMEM, EXIT_MOUNT, "fs.Mount failed: out of memory");
	}
	s->ctlsock_fd = opt->ctlsock_fd;
	rc = prepare(s, v, opt, err);
	if (rc == 0) {
		complaint[0] = 0;
		mounting = true;
		tracing = opt->fuse_debug;
		fuse_set_log_func(on_libfuse_log);
		rc = new_fuse_session(s, opt);
		if (rc == 0)
			rc = mount_at(s);
		mounting = false;
		complaint[strcspn(complaint, "\n")] = 0;
		if (rc < 0)
			(void)err_set_exit(err, rc, EXIT_MOUNT, "fs.Mount failed: %s",
					   complaint[0] ? complaint : strerror(-rc));
	}
	if (rc < 0) {
		session_free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

/* The kernel reads ahead 128 KiB by default; with requests of 1 MiB a third to a half more is read per
 * second. Only root may say so, and only here: the kernel takes no larger value from INIT. */
static void raise_readahead(const struct session *s)
{
	static const char text[] = "1024";
	char path[64];
	auto_fd int fd = -1;

	if (geteuid() != 0 || !s->dev[0])
		return;
	(void)snprintf(path, sizeof(path), "/sys/class/bdi/%s/read_ahead_kb", s->dev);
	fd = fd_openat(AT_FDCWD, path, O_WRONLY, 0);
	if (fd >= 0)
		(void)!write(fd, text, sizeof(text) - 1); /* an optimisation only */
}

void session_first_request(void *arg)
{
	struct session *s = arg;

	raise_readahead(s);
	if (s->ready)
		s->ready(s->ready_arg);
}

/* True if the kernel has ended the connection. libfuse sees that too, and then leaves the mountpoint alone.
 */
static bool disconnected(const struct session *s)
{
	struct pollfd p = { .fd = fuse_session_fd(s->se) };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
}

void session_unmount(struct session *s)
{
	enum monitor_how how = disconnected(s) ? MONITOR_LAZILY_IF_DEAD : MONITOR_LAZILY;

	if (s->mounted && s->monitored && monitor_unmount(how) == 0 && monitor_answer() == 0)
		s->mounted = false;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	if (s->mounted)
		session_unmount(s);
	if (s->monitored && !s->mounted)
		monitor_forget();
	if (s->se) {
		/* Frees libfuse's copy of the path; would unmount whatever is there now if ours were still
		 * connected. */
		if (fuse_session_fd(s->se) >= 0 && (s->mounted || disconnected(s)))
			fuse_session_unmount(s->se);
		fuse_session_destroy(s->se);
	}
	monitor_stop();
	if (s->ctlsock_fd >= 0)
		(void)close(s->ctlsock_fd);
	free(s->mountpoint);
	free(s);
}

const char *session_library_version(void)
{
	return fuse_pkgversion();
}
