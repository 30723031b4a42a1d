/* daemon.c - one gocryptfs per store, running as the user on a mount that root made. */
#include "cryptstore/node/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "cryptstore/node/inspect.h"
#include "cryptstore/node/job.h"
#include "grant/policy.h"
#include "grant/ticket.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/proc.h"
#include "util/secret.h"
#include "util/trust.h"

#define PROGRAM LIBEXECDIR "/cryptstore/gocryptfs"

/* The daemon's descriptors: 0-2 and these. */
enum { KEY_FD = 3, READY_FD, FUSE_FD, STORE_FD, LOCK_FD, STATS_FD, FD_COUNT, FD_SAFE = 32 };

/* What the child needs: its ends of the pipes. */
struct ends {
	int key, ready, stderr_fd;
};

static void __attribute__((noreturn)) die(int out, const char *text)
{
	(void)fd_write(out, text, strlen(text));
	(void)fd_write(out, "\n", 1);
	_exit(EXIT_FAILURE);
}

static void close_from(unsigned int first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
#endif
	for (int fd = (int)first; fd < 65536; fd++) /* kernels before 5.9 */
		(void)close(fd);
}

/* Put every descriptor at its place. All of them lie above FD_SAFE first, so that none is overwritten. */
static int place_fds(const struct ends *e, const struct store *s, const struct inspect_result *seen)
{
	int from[FD_COUNT] = { open("/dev/null", O_RDONLY | O_CLOEXEC),
			       e->stderr_fd,
			       e->stderr_fd,
			       e->key,
			       e->ready,
			       s->fuse_fd,
			       seen->store_fd,
			       seen->lock_fd,
			       s->stats_fd };

	for (int i = 0; i < FD_COUNT; i++) {
		if (i == STATS_FD && s->stats_fd < 0)
			continue; /* counters could not be had */
		from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, FD_SAFE);
		if (from[i] < 0)
			return -errno;
	}
	for (int i = 0; i < FD_COUNT; i++)
		if (from[i] >= 0 && dup2(from[i], i) < 0)
			return -errno;
	close_from(FD_COUNT);
	return 0;
}

static void set_limits(void)
{
	const struct rlimit none = { 0, 0 }, files = { 1 << 20, 1 << 20 }, locked = { 256 << 20, 256 << 20 };
	auto_fd int fd = fd_openat(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY, 0);

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_NOFILE, &files);
	(void)setrlimit(RLIMIT_MEMLOCK, &locked);
	/* slurmd is usually exempt from the out-of-memory killer; a daemon over its own limit must not be */
	if (fd >= 0)
		(void)fd_write(fd, "0", 1);
}

static void __attribute__((noreturn))
execute(const struct job *job, const struct store *s, const struct ends *e, const struct inspect_result *seen)
{
	char key[16], ready[16], stats[16], threads[24], place[32], point[32], home[4096 + 8], user[300];
	const char *argv[24];
	char *envp[] = { (char *)"PATH=/usr/bin:/bin", (char *)"LC_ALL=C", home, user, NULL };
	size_t n = 0;

	snprintf(key, sizeof(key), "%d", KEY_FD);
	snprintf(ready, sizeof(ready), "%d", READY_FD);
	snprintf(point, sizeof(point), "/dev/fd/%d", FUSE_FD);
	/* not the store's path: what lies there may have been changed since it was looked at */
	snprintf(place, sizeof(place), "/proc/self/fd/%d", STORE_FD);
	snprintf(threads, sizeof(threads), "%" PRId64, job->policy->daemon_threads);
	snprintf(home, sizeof(home), "HOME=%s", job->home);
	snprintf(user, sizeof(user), "USER=%s", job->user);
	argv[n++] = PROGRAM;
	argv[n++] = "-fg";
	argv[n++] = "-q";
	argv[n++] = "-nosyslog";
	argv[n++] = "-key_fd";
	argv[n++] = key;
	argv[n++] = "-ready_fd";
	argv[n++] = ready;
	argv[n++] = "-threads";
	argv[n++] = threads;
	if (s->stats_fd >= 0) {
		snprintf(stats, sizeof(stats), "%d", STATS_FD);
		argv[n++] = "-stats_fd";
		argv[n++] = stats;
	}
	argv[n++] = "-allow_other";
	if (strstr(s->mode, "shared"))
		argv[n++] = "-sharedstorage";
	if (strncmp(s->mode, "ro", 2) == 0)
		argv[n++] = "-ro";
	argv[n++] = "--";
	argv[n++] = place;
	argv[n++] = point;
	argv[n] = NULL;
	if (place_fds(e, s, seen) < 0)
		_exit(EXIT_FAILURE);
	(void)execve(PROGRAM, (char *const *)argv, envp);
	die(STDERR_FILENO, "cannot execute " PROGRAM);
}

static void __attribute__((noreturn)) child(struct job *job, struct store *s, const struct ends *e)
{
	struct err err = { 0 };
	struct inspect_result seen;
	sigset_t none;
	int r;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	(void)umask(0077);
	set_limits();
	const struct inspect_request q = inspect_request_of(s);

	job_forget_keys(job); /* root's memory holds the keys of all stores: not in a process of the user's */
	r = job_become_user(job);
	if (r < 0)
		die(e->stderr_fd, "cannot become the user");
	(void)proc_no_dumps(); /* a change of identity resets it */
	r = inspect_store(&seen, job, &q, &err);
	if (r < 0)
		die(e->stderr_fd, err.text);
	if (chdir("/") < 0)
		die(e->stderr_fd, "cannot change to '/'");
	execute(job, s, e, &seen);
}

static int make_pipe(int *ret_read, int *ret_write)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*ret_read = ends[0];
	*ret_write = ends[1];
	return 0;
}

int daemon_start(struct job *job, struct store *s, struct err *err)
{
	struct ends e = { -1, -1, -1 };
	int r;

	r = trust_check(PROGRAM, 0, TRUST_PROGRAM, err);
	if (r < 0)
		return r;
	r = make_pipe(&e.key, &s->key_fd);
	if (r == 0)
		r = make_pipe(&s->ready_fd, &e.ready);
	if (r == 0)
		r = make_pipe(&s->err_fd, &e.stderr_fd);
	if (r == 0 && fcntl(s->err_fd, F_SETFL, O_NONBLOCK) < 0)
		r = -errno; /* a child of the daemon's may hold the other end open */
	if (r == 0) {
		s->pid = fork();
		if (s->pid == 0)
			child(job, s, &e);
		r = s->pid < 0 ? -errno : 0;
	}
	int *theirs[] = { &e.key, &e.ready, &e.stderr_fd, &s->fuse_fd, &s->stats_fd };
	for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
		if (*theirs[i] >= 0)
			(void)close(take_fd(theirs[i]));
	if (r < 0) {
		s->pid = 0;
		return err_set(err, r, "cannot start the daemon for '%s': %s", s->view, strerror(-r));
	}
	s->start = proc_start_time(s->pid);
	/* 32 bytes fit into an empty pipe: this does not block */
	r = fd_write(s->key_fd, s->ticket->master_key->data, s->ticket->master_key->len);
	(void)close(take_fd(&s->key_fd));
	return r == -EPIPE || r == 0 ? 0 : err_set(err, r, "cannot hand over the key: %s", strerror(-r));
}

int daemon_read_stderr(const struct job *job, struct store *s)
{
	char buf[1024];
	ssize_t n = read(s->err_fd, buf, sizeof(buf));

	if (n < 0)
		return -errno;
	for (ssize_t i = 0; i < n; i++) {
		if (s->line_done) {
			s->line_done = false;
			s->line_len = 0;
		}
		if (buf[i] == '\n') {
			s->line[s->line_len] = '\0';
			s->line_done = true;
			if (s->line_len)
				syslog(LOG_NOTICE, "job %" PRIu32 ": %s: %s", job->dir.job, s->view, s->line);
		} else if (s->line_len + 1 < sizeof(s->line)) {
			s->line[s->line_len++] = (unsigned char)buf[i] < ' ' ? ' ' : buf[i];
			s->line[s->line_len] = '\0';
		}
	}
	return n > 0;
}

/* One daemon has said it is ready (or has ended without). */
static int hear_ready(const struct job *job, struct store *s, struct err *err)
{
	char c = 0;
	ssize_t n = read(s->ready_fd, &c, 1);
	int status = 0;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	(void)close(take_fd(&s->ready_fd));
	if (n == 1 && c == '1') {
		s->state = "open";
		return 0;
	}
	s->state = "failed";
	while (daemon_read_stderr(job, s) > 0)
		; /* what it said before it ended is in the pipe */
	if (deadline_wait(s->pid, deadline_in(1000), &status) == 0)
		s->pid = 0;
	return err_set(err, -EIO, "%s: %s", s->view,
		       s->line[0] ? s->line : "the daemon ended without a word");
}

int daemon_wait_ready(struct job *job, struct err *err)
{
	deadline_t end = deadline_min(job->end, deadline_in((unsigned int)job->policy->daemon_start * 1000));

	for (;;) {
		struct pollfd p[2 * JOBDIR_VIEWS_MAX];
		const struct store *waiting = NULL;
		int r;

		for (size_t i = 0; i < job->n; i++) {
			p[2 * i] = (struct pollfd){ .fd = job->stores[i].ready_fd, .events = POLLIN };
			p[2 * i + 1] = (struct pollfd){ .fd = job->stores[i].err_fd, .events = POLLIN };
			if (job->stores[i].ready_fd >= 0)
				waiting = &job->stores[i];
		}
		if (!waiting)
			return 0;
		r = poll(p, 2 * job->n, deadline_left(end));
		if (r == 0)
			return err_set(err, -ETIMEDOUT,
				       "%s: the store did not open within %" PRId64
				       " seconds (is its file system reachable from this node?)",
				       waiting->view, job->policy->daemon_start);
		for (size_t i = 0; r > 0 && i < job->n; i++) {
			struct store *s = &job->stores[i];

			if (p[2 * i + 1].revents && daemon_read_stderr(job, s) == 0)
				(void)close(take_fd(&s->err_fd));
			if (p[2 * i].revents) {
				int q = hear_ready(job, s, err);

				if (q < 0)
					return q;
			}
		}
	}
}

static int make_links_as_user(void *arg)
{
	const struct job *job = arg;
	int r = job_become_user(job);

	for (size_t i = 0; r == 0 && i < job->n; i++) {
		const struct store *s = &job->stores[i];
		const char *link = s->ticket->user_path;
		char target[4096];
		ssize_t n;

		if (!link || symlink(s->view, link) == 0)
			continue;
		r = -errno;
		n = readlink(link, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (r == -EEXIST && strcmp(target, s->view) == 0)
			r = 0; /* another node of the job was first, or the last job left it */
	}
	return r;
}

int daemon_make_links(const struct job *job, struct err *err)
{
	bool wanted = false;
	int r;

	for (size_t i = 0; i < job->n; i++)
		wanted = wanted || job->stores[i].ticket->user_path;
	if (!wanted)
		return 0;
	r = deadline_call(make_links_as_user, (void *)(uintptr_t)job, job->end);
	return r < 0 ? err_set(err, r, "cannot make the link to the view at the path you gave: %s",
			       strerror(-r))
		     : 0;
}
