/* watch.c - notice when a view is lost while its job runs, and say so. */
#include "cryptstore/node/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "cryptstore/node/daemon.h"
#include "cryptstore/node/job.h"
#include "cryptstore/node/ns.h"
#include "cryptstore/node/procs.h"
#include "cryptstore/node/status.h"
#include "cryptstore/node/unmount.h"
#include "grant/policy.h"
#include "util/cleanup.h"
#include "util/fd.h"

/* A probe is one request to the file server: from a thousand nodes, 100 a second. */
enum { TICK_MS = 5000, KILL_AFTER_MS = 5000, PROBE_MS = 10000, FAULTS = 2 };

static deadline_t in_grace(const struct job *job)
{
	return deadline_in((unsigned int)job->policy->unmount_grace * 1000);
}

static bool is_closing(const struct job *job)
{
	return faccessat(job->dir.pin, "closing", F_OK, 0) == 0;
}

static bool is_open(const struct store *s)
{
	return strcmp(s->state, "open") == 0;
}

static void end_job(const struct job *job)
{
	struct stat st = { 0 };

	(void)fstat(job->ns_fd, &st);
	syslog(LOG_WARNING, "job %" PRIu32 ": ending its processes on this node", job->dir.job);
	if (procs_signal(job->dir.job, job->uid, st.st_ino, SIGTERM) > 0) {
		(void)deadline_nap(deadline_in(KILL_AFTER_MS), KILL_AFTER_MS);
		(void)procs_signal(job->dir.job, job->uid, st.st_ino, SIGKILL);
	}
}

/* Tell everybody. False if that was done before. */
static bool tell_loss(struct job *job, struct store *s, const char *why)
{
	if (!is_open(s))
		return false;
	s->state = "lost";
	job->state = "lost";
	snprintf(job->reason, sizeof(job->reason),
		 "the view '%s' was lost on this node: %s; reading and writing it fails now", s->view, why);
	(void)jobdir_write(job->dir.pin, "lost", 0400, job->reason);
	syslog(LOG_ERR, "job %" PRIu32 ": %s", job->dir.job, job->reason);
	audit_store(job, s, "loss", why);
	status_write(job);
	return true;
}

static void lose(struct job *job, struct store *s, const char *why)
{
	if (tell_loss(job, s, why) && job->policy->loss == POLICY_LOSS_CANCEL)
		end_job(job);
}

/* Whoever waits for the view gets an error, and so does everybody after him. The reason is there before,
 * since a job that ends of the error prints it. */
static void cut_off(struct job *job, struct store *s, const char *why)
{
	struct jobdir_view view = { 0 };
	const struct unmount u = {
		.job = job->dir.job, .uid = job->uid, .ns_fd = job->ns_fd, .views = &view, .n = 1
	};
	bool first = tell_loss(job, s, why);

	s->cut = true;
	snprintf(view.path, sizeof(view.path), "%s", s->view);
	if (unmount_abort(&u) < 0)
		syslog(LOG_ERR, "job %" PRIu32 ": '%s' could not be cut off", job->dir.job, s->view);
	if (first && job->policy->loss == POLICY_LOSS_CANCEL)
		end_job(job);
}

/* --- the daemons -------------------------------------------------------- */

static void daemon_ended(struct job *job, struct store *s, int status)
{
	char why[STORE_LINE_MAX + 64];

	while (s->err_fd >= 0 && daemon_read_stderr(job, s) > 0)
		;
	if (s->err_fd >= 0)
		(void)close(take_fd(&s->err_fd));
	s->pid = 0;
	s->stopped = 0;
	if (is_closing(job)) {
		s->state = "closing";
		return;
	}
	if (WIFSIGNALED(status))
		snprintf(why, sizeof(why), "its daemon was killed by signal %d", WTERMSIG(status));
	else
		snprintf(why, sizeof(why), "its daemon ended with code %d%s%s", WEXITSTATUS(status),
			 s->line[0] ? ": " : "", s->line);
	lose(job, s, why);
}

static void daemon_changed(struct job *job, struct store *s, int status)
{
	if (WIFSTOPPED(status)) {
		syslog(LOG_WARNING, "job %" PRIu32 ": the daemon of '%s' was stopped by signal %d",
		       job->dir.job, s->view, WSTOPSIG(status));
		s->stopped = in_grace(job);
	} else if (WIFCONTINUED(status)) {
		syslog(LOG_NOTICE, "job %" PRIu32 ": the daemon of '%s' goes on", job->dir.job, s->view);
		s->stopped = 0;
	} else {
		daemon_ended(job, s, status);
	}
}

/* Everybody in the job would wait for it. Let go on afterwards, it finishes what it had begun, and ends. */
static void check_stopped(struct job *job)
{
	char why[96];

	for (size_t i = 0; i < job->n; i++) {
		struct store *s = &job->stores[i];

		if (!s->stopped || deadline_left(s->stopped) > 0 || is_closing(job))
			continue;
		s->stopped = 0;
		snprintf(why, sizeof(why),
			 "its daemon was stopped and did not go on within %" PRId64 " seconds",
			 job->policy->unmount_grace);
		cut_off(job, s, why);
		(void)kill(s->pid, SIGCONT);
	}
}

/* --- the views ---------------------------------------------------------- */

/* A mount has changed in the job's namespace: is every view still there? */
static void check_mounts(struct job *job)
{
	for (size_t i = 0; i < job->n; i++) {
		struct store *s = &job->stores[i];

		if (is_open(s) && !ns_view_mounted(s->view, NULL) && !is_closing(job))
			lose(job, s, "it was unmounted");
	}
}

/* statfs(2) goes through the daemon to the store's own file system; in a child, since it may never return. */
static void start_probe(const struct job *job, struct store *s)
{
	struct statfs st;
	pid_t pid = fork();

	if (pid == 0)
		_exit(statfs(s->view, &st) < 0 ? errno & 0xff : 0);
	s->probe = pid > 0 ? pid : 0;
	s->probe_at = pid > 0 ? in_grace(job) : deadline_in(PROBE_MS);
}

static void probe_ended(struct job *job, struct store *s, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0; /* killed: as good as not asked */
	char why[128];

	s->probe = 0;
	s->probe_at = deadline_in(code ? TICK_MS : PROBE_MS);
	if (s->silent) {
		s->silent = false;
		syslog(LOG_NOTICE, "job %" PRIu32 ": '%s' answers again", job->dir.job, s->view);
		if (strcmp(job->state, "open") == 0)
			job->reason[0] = '\0';
	}
	s->faults = code ? s->faults + 1 : 0;
	if (s->faults < FAULTS || is_closing(job))
		return;
	snprintf(why, sizeof(why), "its file system fails: %s", strerror(code));
	lose(job, s, why);
}

static void probe_is_late(struct job *job, struct store *s)
{
	if (s->silent)
		return;
	s->silent = true;
	syslog(LOG_WARNING, "job %" PRIu32 ": '%s' does not answer: its daemon waits for its file system",
	       job->dir.job, s->view);
	if (strcmp(job->state, "open") == 0)
		snprintf(job->reason, sizeof(job->reason), "the view '%s' does not answer at the moment",
			 s->view);
}

static void check_probes(struct job *job)
{
	for (size_t i = 0; i < job->n; i++) {
		struct store *s = &job->stores[i];

		if (!is_open(s) || deadline_left(s->probe_at) > 0)
			continue;
		if (s->probe)
			probe_is_late(job, s);
		else if (!is_closing(job))
			start_probe(job, s);
	}
}

/* Processes of the job that were killed and cannot end, because closing a file waits for a file system that
 * does not answer: Slurm would give up on them and drain the node before its epilog comes to us. After the
 * time the epilog would wait, the views are cut off. */
static void check_hang(struct job *job, deadline_t *since)
{
	struct stat st = { 0 };

	if (is_closing(job) || fstat(job->ns_fd, &st) < 0)
		return;
	if (procs_dying(job->uid, st.st_ino) == 0) {
		*since = 0;
		return;
	}
	if (*since == 0)
		*since = in_grace(job);
	if (deadline_left(*since) > 0)
		return;
	for (size_t i = 0; i < job->n; i++)
		if (job->stores[i].pid > 0 && !job->stores[i].cut)
			cut_off(job, &job->stores[i],
				"processes that were killed could not end, because its file system does not "
				"answer");
}

/* --- all of it ---------------------------------------------------------- */

/* Children: daemons, probes, and what missed its deadline. Returns how many daemons are left. */
static size_t reap(struct job *job)
{
	size_t left = 0;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
		for (size_t i = 0; i < job->n; i++) {
			struct store *s = &job->stores[i];

			if (s->pid == pid)
				daemon_changed(job, s, status);
			else if (s->probe == pid && (WIFEXITED(status) || WIFSIGNALED(status)))
				probe_ended(job, s, status);
		}
	}
	for (size_t i = 0; i < job->n; i++)
		left += job->stores[i].pid > 0;
	return left;
}

static int watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What has to be looked at whether or not something happened. Returns when it has to be again. */
static deadline_t look(struct job *job, deadline_t *tick, deadline_t *hanging_since)
{
	deadline_t next;

	check_stopped(job);
	if (deadline_left(*tick) == 0) {
		check_probes(job);
		status_write(job);
		check_hang(job, hanging_since);
		*tick = deadline_in(TICK_MS);
	}
	next = *tick;
	for (size_t i = 0; i < job->n; i++)
		if (job->stores[i].stopped)
			next = deadline_min(next, job->stores[i].stopped);
	return next;
}

void watch_job(struct job *job)
{
	auto_fd int sig = watch_signals();
	auto_fd int mounts = fd_openat(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY, 0);
	deadline_t hanging_since = 0, tick = deadline_in(TICK_MS);

	for (size_t i = 0; i < job->n; i++)
		job->stores[i].probe_at = deadline_in(PROBE_MS);
	while (reap(job) > 0) {
		struct pollfd p[2 + JOBDIR_VIEWS_MAX] = { { .fd = sig, .events = POLLIN },
							  { .fd = mounts, .events = POLLPRI } };
		struct signalfd_siginfo info;

		for (size_t i = 0; i < job->n; i++)
			p[2 + i] = (struct pollfd){ .fd = job->stores[i].err_fd, .events = POLLIN };
		(void)poll(p, 2 + job->n, deadline_left(look(job, &tick, &hanging_since)));
		while (sig >= 0 && read(sig, &info, sizeof(info)) > 0)
			; /* reap() looks for itself */
		if (p[1].revents)
			check_mounts(job);
		for (size_t i = 0; i < job->n; i++)
			if (p[2 + i].revents && daemon_read_stderr(job, &job->stores[i]) == 0)
				(void)close(take_fd(&job->stores[i].err_fd));
	}
	for (size_t i = 0; i < job->n; i++)
		if (job->stores[i].probe)
			(void)kill(job->stores[i].probe, SIGKILL);
}
