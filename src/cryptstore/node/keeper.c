/* keeper.c - the process that opens a job's views and stays with them. */
#include "cryptstore/node/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "cryptstore/node/cgroup.h"
#include "cryptstore/node/daemon.h"
#include "cryptstore/node/job.h"
#include "cryptstore/node/ns.h"
#include "cryptstore/node/procs.h"
#include "cryptstore/node/status.h"
#include "cryptstore/node/unmount.h"
#include "grant/policy.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"

enum { TICK_MS = 5000, KILL_AFTER_MS = 5000 };

/* --- opening ------------------------------------------------------------ */

static int enter_cgroup(struct job *job, struct err *err)
{
	int r;

	if (job->policy->cgroup == POLICY_CGROUP_OFF)
		return 0;
	r = cgroup_enter(job->dir.job, (uint64_t)job->policy->daemon_memory, err);
	if (r < 0 && job->policy->cgroup == POLICY_CGROUP_TRY) {
		syslog(LOG_WARNING, "job %" PRIu32 ": %s", job->dir.job, err->text);
		*err = (struct err){ 0 };
		r = 0;
	}
	return r;
}

static int start_daemons(struct job *job, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < job->n; i++)
		r = daemon_start(job, &job->stores[i], err);
	return r == 0 ? daemon_wait_ready(job, err) : r;
}

static char *environment_text(const struct job *job)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "CRYPT_STORE_VIEW=%s\nCRYPT_STORE_VIEWS=", job->stores[0].view);
	for (size_t i = 0; i < job->n; i++)
		fprintf(f, "%s%s", i ? ":" : "", job->stores[i].view);
	(void)fputc('\n', f);
	return fclose(f) == 0 ? text : NULL;
}

static int write_state(struct job *job, struct err *err)
{
	struct jobdir_view views[JOBDIR_VIEWS_MAX];
	auto_free char *env = environment_text(job);
	char keeper[64];
	int r;

	for (size_t i = 0; i < job->n; i++) {
		const struct store *s = &job->stores[i];

		views[i] = (struct jobdir_view){ .pid = s->pid, .start = s->start };
		snprintf(views[i].path, sizeof(views[i].path), "%s", s->view);
		snprintf(views[i].store_id, sizeof(views[i].store_id), "%s", s->id);
		snprintf(views[i].ticket, sizeof(views[i].ticket), "%s", s->ticket_id);
		snprintf(views[i].mode, sizeof(views[i].mode), "%s", s->mode);
	}
	snprintf(keeper, sizeof(keeper), "%d %llu\n", (int)getpid(), proc_start_time(getpid()));
	r = env ? jobdir_write(job->dir.pin, "env", 0400, env) : -ENOMEM;
	if (r == 0)
		r = jobdir_write(job->dir.pin, "keeper", 0400, keeper);
	if (r == 0)
		r = jobdir_write_views(&job->dir, views, job->n);
	return r < 0 ? err_set(err, r, "cannot write the state of the job to '%s': %s", JOBDIR_RUN,
			       strerror(-r))
		     : 0;
}

/* The steps in order; *ret_step names the one that failed. */
static int open_all(struct job *job, const char **ret_step, struct err *err)
{
	const struct {
		const char *name;
		int (*run)(struct job *job, struct err *err);
	} steps[] = { { "cgroup", enter_cgroup },
		      { "namespace", ns_build },
		      { "open", start_daemons },
		      { "state", write_state } };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		*ret_step = steps[i].name;
		r = steps[i].run(job, err);
	}
	if (r == 0) {
		*ret_step = "link";
		r = daemon_make_links(job, err);
	}
	return r;
}

/* Undo after a failure: the mounts go with the namespace once its pin, this process and the daemons are gone.
 */
static void end_daemons(struct job *job)
{
	for (size_t i = 0; i < job->n; i++) {
		int status;

		if (job->stores[i].pid <= 0)
			continue;
		(void)kill(job->stores[i].pid, SIGKILL);
		(void)deadline_wait(job->stores[i].pid, deadline_in(500), &status);
	}
}

/* --- watching ----------------------------------------------------------- */

static bool is_closing(const struct job *job)
{
	return faccessat(job->dir.pin, "closing", F_OK, 0) == 0;
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

static void lose(struct job *job, struct store *s, const char *why)
{
	s->state = "lost";
	job->state = "lost";
	snprintf(job->reason, sizeof(job->reason),
		 "the view '%s' was lost on this node: %s; reading and writing it fails now", s->view, why);
	(void)jobdir_write(job->dir.pin, "lost", 0400, job->reason);
	syslog(LOG_ERR, "job %" PRIu32 ": %s", job->dir.job, job->reason);
	audit_store(job, s, "loss", why);
	status_write(job);
	if (job->policy->loss == POLICY_LOSS_CANCEL)
		end_job(job);
}

static void daemon_ended(struct job *job, struct store *s, int status)
{
	char why[STORE_LINE_MAX + 64];

	while (s->err_fd >= 0 && daemon_read_stderr(job, s) > 0)
		;
	if (s->err_fd >= 0)
		(void)close(take_fd(&s->err_fd));
	s->pid = 0;
	if (is_closing(job)) {
		s->state = "closing";
		return;
	}
	if (strcmp(s->state, "lost") == 0)
		return;
	if (WIFSIGNALED(status))
		snprintf(why, sizeof(why), "its daemon was killed by signal %d", WTERMSIG(status));
	else
		snprintf(why, sizeof(why), "its daemon ended with code %d%s%s", WEXITSTATUS(status),
			 s->line[0] ? ": " : "", s->line);
	lose(job, s, why);
}

static size_t reap(struct job *job)
{
	size_t left = 0;

	for (size_t i = 0; i < job->n; i++) {
		struct store *s = &job->stores[i];
		int status;

		if (s->pid > 0 && waitpid(s->pid, &status, WNOHANG) == s->pid)
			daemon_ended(job, s, status);
		left += s->pid > 0;
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		; /* children of ours that missed their deadline */
	return left;
}

/* Processes of the job that were killed and cannot end, because closing a file waits for a file system that
 * does not answer: Slurm would give up on them and drain the node before its epilog comes to us. After the
 * time the epilog would wait, the view is cut off. */
static void check_hang(struct job *job, deadline_t *since)
{
	struct jobdir_view views[JOBDIR_VIEWS_MAX];
	struct unmount u = {
		.job = job->dir.job, .uid = job->uid, .ns_fd = job->ns_fd, .views = views, .n = job->n
	};
	struct stat st = { 0 };

	if (strcmp(job->state, "open") != 0 || is_closing(job) || fstat(job->ns_fd, &st) < 0)
		return;
	if (procs_dying(job->uid, st.st_ino) == 0) {
		*since = 0;
		return;
	}
	if (*since == 0)
		*since = deadline_in((unsigned int)job->policy->unmount_grace * 1000);
	if (deadline_left(*since) > 0)
		return;
	for (size_t i = 0; i < job->n; i++)
		snprintf(views[i].path, sizeof(views[i].path), "%s", job->stores[i].view);
	for (size_t i = 0; i < job->n; i++)
		lose(job, &job->stores[i],
		     "processes that were killed could not end, because its file system does not answer");
	if (unmount_abort(&u) < 0)
		syslog(LOG_ERR, "job %" PRIu32 ": its views could not be cut off", job->dir.job);
}

/* A mount has changed in the job's namespace: is every view still there? */
static void check_mounts(struct job *job)
{
	for (size_t i = 0; i < job->n; i++) {
		struct store *s = &job->stores[i];

		if (strcmp(s->state, "open") == 0 && !ns_view_mounted(s->view, NULL) && !is_closing(job))
			lose(job, s, "it was unmounted");
	}
}

static int watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void watch(struct job *job)
{
	auto_fd int sig = watch_signals();
	auto_fd int mounts = fd_openat(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY, 0);
	deadline_t hanging_since = 0, tick = deadline_in(TICK_MS);

	while (reap(job) > 0) {
		struct pollfd p[2 + JOBDIR_VIEWS_MAX] = { { .fd = sig, .events = POLLIN },
							  { .fd = mounts, .events = POLLPRI } };
		struct signalfd_siginfo info;

		for (size_t i = 0; i < job->n; i++)
			p[2 + i] = (struct pollfd){ .fd = job->stores[i].err_fd, .events = POLLIN };
		(void)poll(p, 2 + job->n, deadline_left(tick));
		if (deadline_left(tick) == 0) {
			status_write(job);
			check_hang(job, &hanging_since);
			tick = deadline_in(TICK_MS);
		}
		while (sig >= 0 && read(sig, &info, sizeof(info)) > 0)
			; /* reap() looks for itself */
		if (p[1].revents)
			check_mounts(job);
		for (size_t i = 0; i < job->n; i++)
			if (p[2 + i].revents && daemon_read_stderr(job, &job->stores[i]) == 0)
				(void)close(take_fd(&job->stores[i].err_fd));
	}
}

/* For the epilog, which tells the audit trail. */
static void write_bytes(const struct job *job)
{
	char text[JOBDIR_VIEWS_MAX * 48] = "";
	size_t len = 0;

	for (size_t i = 0; i < job->n; i++)
		len +=
		    (size_t)snprintf(text + len, sizeof(text) - len, "%" PRIu64 " %" PRIu64 "\n",
				     store_bytes_read(&job->stores[i]), store_bytes_written(&job->stores[i]));
	(void)jobdir_write(job->dir.pin, "bytes", 0400, text);
}

static void report(int fd, int code, const char *step, const char *text)
{
	struct keeper_report r = { .code = code };

	snprintf(r.step, sizeof(r.step), "%s", step);
	snprintf(r.text, sizeof(r.text), "%s", text);
	(void)fd_write(fd, &r, sizeof(r));
	(void)close(fd);
}

/* Slurm's descriptors (its log among them) are not for a process that stays as long as the job. */
static void leave_slurm(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
	if (null > STDERR_FILENO)
		(void)close(null);
	if (chdir("/") < 0)
		_exit(EXIT_FAILURE); /* the prolog reports that we are gone */
}

void keeper_run(struct job *job, int report_fd)
{
	struct err err = { 0 };
	const char *step = "";
	int r;

	(void)setsid();
	(void)signal(SIGPIPE, SIG_IGN);
	leave_slurm();
	r = open_all(job, &step, &err);
	job_forget_keys(job);
	if (r == 0) {
		step = "namespace";
		r = ns_enter(job->ns_fd); /* where loss of a mount shows, and where the fallback pin points */
		if (r < 0)
			err_set(&err, r, "cannot enter the job's namespace: %s", strerror(-r));
	}
	if (r < 0) {
		end_daemons(job);
		report(report_fd, r, step, err.text);
		_exit(EXIT_FAILURE);
	}
	job->state = "open";
	status_write(job);
	for (size_t i = 0; i < job->n; i++)
		audit_store(job, &job->stores[i], "open", NULL);
	report(report_fd, 0, "", "");
	watch(job);
	write_bytes(job);
	if (strcmp(job->state, "open") == 0)
		job->state = "closing";
	status_write(job);
	job_done(job);
	_exit(EXIT_SUCCESS);
}
