/* epilog.c - close the views of a job and leave nothing behind. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "cryptstore/node/cgroup.h"
#include "cryptstore/node/commands.h"
#include "cryptstore/node/fields.h"
#include "cryptstore/node/jobdir.h"
#include "cryptstore/node/procs.h"
#include "cryptstore/node/status.h"
#include "cryptstore/node/unmount.h"
#include "grant/policy.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"

/* When the policy cannot be read any more, or before it is. */
enum { DEFAULT_DEADLINE = 60, DEFAULT_GRACE = 20, DAEMON_END_MS = 10000, KILLED_MS = 2000 };

struct closing {
	struct jobdir dir;
	uid_t uid;
	struct jobdir_view views[JOBDIR_VIEWS_MAX];
	size_t n;
	pid_t keeper;
	unsigned long long keeper_start;
	enum unmount_result result;
	deadline_t end;
};

static void read_state(struct closing *c)
{
	auto_free char *text = NULL;
	uint64_t pid, start;
	char *at;

	c->n = jobdir_read_views(&c->dir, c->views);
	if (jobdir_read(c->dir.pin, "keeper", &text) < 0)
		return;
	at = text;
	if (fields_number(&at, INT_MAX, &pid) && fields_number(&at, UINT64_MAX, &start)) {
		c->keeper = (pid_t)pid;
		c->keeper_start = start;
	}
}

/* The pinned namespace, or the keeper's. -ENOENT if it has gone with the processes that were in it. */
static int open_ns(const struct closing *c)
{
	auto_free char *want = NULL;
	auto_fd int fd = -1;
	struct stat st;
	char have[32];

	if (jobdir_read(c->dir.pin, "ns.id", &want) < 0)
		return -ENOENT;
	fd = fd_openat(c->dir.pin, "ns", O_RDONLY, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -ENOENT;
	snprintf(have, sizeof(have), "%" PRIuMAX, (uintmax_t)st.st_ino);
	return strcmp(have, want) == 0 ? take_fd(&fd) : -ENOENT;
}

static void take_views_down(struct closing *c, unsigned int grace)
{
	auto_fd int ns = open_ns(c);
	struct unmount u = { .job = c->dir.job,
			     .uid = c->uid,
			     .ns_fd = ns,
			     .views = c->views,
			     .n = c->n,
			     .grace = grace,
			     .end = c->end };

	c->result = UNMOUNT_CLEAN;
	if (ns < 0 || c->n == 0)
		return;
	c->result = unmount_views(&u);
	if (c->result != UNMOUNT_CLEAN)
		syslog(LOG_ERR, "job %" PRIu32 ": a view did not close within %u seconds and was %s",
		       c->dir.job, grace,
		       c->result == UNMOUNT_ABORTED ? "cut off" : "left (its file system does not answer)");
}

/* Daemons end by themselves once unmounted; they may still have files to close on a slow server. */
static void end_processes(struct closing *c)
{
	deadline_t end =
	    deadline_min(c->end, deadline_in(c->result == UNMOUNT_CLEAN ? DAEMON_END_MS : KILLED_MS));

	for (size_t i = 0; i < c->n; i++)
		if (proc_wait_gone(c->views[i].pid, c->views[i].start, end) < 0)
			(void)proc_signal(c->views[i].pid, c->views[i].start, SIGKILL);
	end = deadline_in(KILLED_MS);
	for (size_t i = 0; i < c->n; i++)
		(void)proc_wait_gone(c->views[i].pid, c->views[i].start, end);
	if (proc_wait_gone(c->keeper, c->keeper_start, end) < 0) {
		(void)proc_signal(c->keeper, c->keeper_start, SIGKILL);
		(void)proc_wait_gone(c->keeper, c->keeper_start, deadline_in(KILLED_MS));
	}
}

static int remove_cgroup(uint32_t job)
{
	int r = cgroup_remove(job);

	for (deadline_t end = deadline_in(KILLED_MS); r < 0 && deadline_nap(end, 20); r = cgroup_remove(job))
		(void)cgroup_kill(job, SIGKILL);
	return r;
}

static void tell(const struct closing *c, const struct policy *policy)
{
	static const char *const how[] = { [UNMOUNT_CLEAN] = NULL,
					   [UNMOUNT_ABORTED] = "it was in use or hung and was cut off",
					   [UNMOUNT_LEFT] = "it hung and could not be detached" };
	auto_free char *counters = NULL;
	char none[] = "", *at = none;

	if (jobdir_read(c->dir.pin, "bytes", &counters) == 0)
		at = counters;
	for (size_t i = 0; i < c->n; i++) {
		struct audit_event e = { .event = "close",
					 .job = c->dir.job,
					 .uid = c->uid,
					 .store_id = c->views[i].store_id,
					 .ticket = c->views[i].ticket,
					 .mode = c->views[i].mode,
					 .reason = how[c->result] };

		e.has_bytes = fields_number(&at, UINT64_MAX, &e.bytes_read) &&
			      fields_number(&at, UINT64_MAX, &e.bytes_written);
		audit_write(policy, &e);
	}
}

int close_job(uint32_t job, uid_t uid, const struct policy *policy)
{
	unsigned int seconds = policy ? (unsigned int)policy->epilog_deadline : DEFAULT_DEADLINE;
	unsigned int grace = policy ? (unsigned int)policy->unmount_grace : DEFAULT_GRACE;
	struct closing c = { .uid = uid, .end = deadline_in(seconds * 1000) };
	struct err err = { 0 };
	struct stat st;
	int r;

	r = jobdir_attach(&c.dir, job, c.end, &err);
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		syslog(LOG_ERR, "job %" PRIu32 ": %s", job, err.text);
		return r;
	}
	if (jobdir_write(c.dir.pin, "closing", 0400, "") < 0 && fstatat(c.dir.pin, "fail", &st, 0) < 0)
		syslog(LOG_WARNING,
		       "job %" PRIu32 ": cannot mark it as closing; its end will look like a loss", job);
	read_state(&c);
	for (size_t i = 0; i < c.n; i++) /* a daemon that somebody stopped could not finish its work */
		(void)proc_signal(c.views[i].pid, c.views[i].start, SIGCONT);
	take_views_down(&c, grace);
	end_processes(&c);
	r = remove_cgroup(job);
	if (r < 0)
		syslog(LOG_ERR, "job %" PRIu32 ": its control group stays: %s", job, strerror(-r));
	tell(&c, policy);
	if (jobdir_remove(&c.dir, &err) < 0) {
		syslog(LOG_ERR, "%s", err.text);
		r = err.code;
	}
	jobdir_done(&c.dir);
	return r;
}

static void tidy_cgroup(uint32_t job, void *arg)
{
	char path[64];
	struct stat st;

	(void)arg;
	snprintf(path, sizeof(path), "%s/%" PRIu32, JOBDIR_PIN, job);
	if (lstat(path, &st) < 0 &&
	    errno == ENOENT) /* a job's state is made before its group and removed after it */
		(void)cgroup_remove(job);
}

void tidy_cgroups(void)
{
	cgroup_each(tidy_cgroup, NULL);
}

static struct policy *policy_or_null(const struct command_request *q)
{
	struct policy *p = NULL;
	struct err err = { 0 };
	char path[4096];

	snprintf(path, sizeof(path), "%s/policy.yaml", q->sysconfdir);
	if (policy_load(&p, path, 0, &err) < 0) {
		syslog(LOG_WARNING, "%s; closing with the default deadlines", err.text);
		return NULL;
	}
	return p;
}

int command_epilog(const struct command_request *q)
{
	struct policy *policy = policy_or_null(q);
	int r = close_job(q->job, q->uid, policy);

	tidy_cgroups();
	policy_free(policy);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- sweep -------------------------------------------------------------- */

struct sweep {
	const struct policy *policy;
	int r;
};

static void sweep_job(struct sweep *s, uint32_t job)
{
	char path[64];
	struct stat st;

	if (procs_job_has_stepd(job))
		return;
	syslog(LOG_NOTICE, "job %" PRIu32 " no longer runs here: closing what it left", job);
	snprintf(path, sizeof(path), "%s/%" PRIu32, JOBDIR_PIN, job);
	if (lstat(path, &st) == 0 && close_job(job, (uid_t)-1, s->policy) < 0)
		s->r = -EIO;
}

static void sweep_cgroup(uint32_t job, void *arg)
{
	struct sweep *s = arg;

	if (procs_job_has_stepd(job))
		return;
	(void)cgroup_kill(job, SIGKILL);
	if (remove_cgroup(job) < 0)
		s->r = -EIO;
}

int command_sweep(const struct command_request *q)
{
	uint32_t jobs[256];
	struct sweep s = { .policy = policy_or_null(q) };
	size_t n;

	do {
		n = jobdir_list(jobs, sizeof(jobs) / sizeof(jobs[0]));
		s.r = 0;
		for (size_t i = 0; i < n; i++)
			sweep_job(&s, jobs[i]);
	} while (s.r == 0 && n == sizeof(jobs) / sizeof(jobs[0]));
	cgroup_each(sweep_cgroup, &s);
	policy_free((struct policy *)(uintptr_t)s.policy);
	return s.r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
