/* prolog.c - open the views of a job: policy, key, tickets, then a keeper that does the rest. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "cryptstore/node/cgroup.h"
#include "cryptstore/node/commands.h"
#include "cryptstore/node/fields.h"
#include "cryptstore/node/job.h"
#include "cryptstore/node/keeper.h"
#include "cryptstore/node/procs.h"
#include "cryptstore/node/status.h"
#include "grant/policy.h"
#include "grant/sitekey.h"
#include "grant/ticket.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"

/* Everything the ladder needs and leaves; owned by command_prolog. */
struct prolog {
	const struct command_request *q;
	char *text; /* the tickets */
	size_t len;
	struct policy *policy;
	struct sitekeys *keys;
	struct job job;
	const char *step; /* of the ladder, for the audit */
};

/* --- the ladder, in order ----------------------------------------------- */

static int read_tickets(struct prolog *p, struct err *err)
{
	int r = fd_slurp(STDIN_FILENO, TICKET_BUNDLE_MAX, &p->text, &p->len);

	return r < 0 ? err_set(err, r, "cannot read the job's tickets: %s", strerror(-r)) : 0;
}

static int read_policy(struct prolog *p, struct err *err)
{
	char path[4096];
	int r;

	snprintf(path, sizeof(path), "%s/policy.yaml", p->q->sysconfdir);
	r = policy_load(&p->policy, path, 0, err);
	if (r < 0)
		return err_prefix(err, "this node's policy is not usable");
	p->job.policy = p->policy;
	p->job.end = deadline_in((unsigned int)p->policy->prolog_deadline * 1000);
	return 0;
}

static int read_key(struct prolog *p, struct err *err)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/site.key", p->q->sysconfdir);
	return sitekeys_load(&p->keys, path, 0, err) < 0 ? err_prefix(err, "this node's key is not usable")
							 : 0;
}

static int open_tickets(struct prolog *p, struct err *err)
{
	const struct ticket_check c = {
		.keys = p->keys, .policy = p->policy, .uid = p->q->uid, .now = time(NULL)
	};
	enum ticket_step step = TICKET_STEP_NONE;
	int r = ticket_open_all(&p->job.tickets, p->text, p->len, &c, &step, err);

	if (r < 0 && step != TICKET_STEP_NONE)
		p->step = ticket_step_name(step);
	return r;
}

static int look_up_job(struct prolog *p, struct err *err)
{
	return job_init(&p->job, err);
}

static int hear_keeper(struct prolog *p, int fd, pid_t pid, struct err *err)
{
	struct pollfd f = { .fd = fd, .events = POLLIN };
	deadline_t end = p->job.end + 2000; /* the keeper has its own and tells more */
	static struct keeper_report report;
	int r;

	do {
		r = poll(&f, 1, deadline_left(end));
	} while (r < 0 && errno == EINTR);
	if (r <= 0 || fd_read(fd, &report, sizeof(report)) != (ssize_t)sizeof(report)) {
		(void)kill(pid, SIGKILL);
		return err_set(err, -ETIMEDOUT, "the store did not open within %" PRId64 " seconds",
			       p->policy->prolog_deadline);
	}
	if (report.code == 0)
		return 0;
	report.step[sizeof(report.step) - 1] = report.text[sizeof(report.text) - 1] = '\0';
	p->step = report.step;
	return err_set(err, report.code, "%s", report.text);
}

static int start_keeper(struct prolog *p, struct err *err)
{
	int ends[2], r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, -errno, "pipe: %s", strerror(errno));
	auto_fd int mine = ends[0];
	pid = fork();
	if (pid == 0) {
		(void)close(take_fd(&mine));
		(void)close(take_fd(&p->job.dir.lock)); /* a copy: the prolog unlocks */
		keeper_run(&p->job, ends[1]);
	}
	(void)close(ends[1]);
	job_forget_keys(&p->job);
	if (pid < 0)
		return err_set(err, -errno, "fork: %s", strerror(errno));
	r = hear_keeper(p, mine, pid, err);
	if (r < 0) {
		int status;

		(void)deadline_wait(pid, deadline_in(500), &status);
		(void)cgroup_kill(p->q->job, SIGKILL);
	}
	return r;
}

static int run_ladder(struct prolog *p, struct err *err)
{
	const struct {
		const char *name;
		int (*run)(struct prolog *p, struct err *err);
	} steps[] = { { "tickets", read_tickets }, { "policy", read_policy }, { "key", read_key },
		      { "ticket", open_tickets },  { "user", look_up_job },   { "open", start_keeper } };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		p->step = steps[i].name;
		r = steps[i].run(p, err);
	}
	return r;
}

/* --- around it ---------------------------------------------------------- */

/* Until the prolog has come to its good end, the job must not start: whatever ends the prolog, the reason
 * stands there. */
static int expect_the_worst(struct prolog *p, struct err *err)
{
	int r = jobdir_write(p->job.dir.pin, "fail", 0400,
			     "this node did not finish opening the store (its syslog may say more)");

	if (r == 0)
		return 0;
	(void)jobdir_remove(&p->job.dir, NULL);
	jobdir_done(&p->job.dir);
	return err_set(err, r, "cannot write to '%s': %s", JOBDIR_RUN, strerror(-r));
}

/* A slurmd that was restarted runs the prolog of a job again at its next step (Slurm 24.11): such a job has
 * its views and its slurmstepds; what a crash or an unfinished epilog left has neither. */
static bool is_running_here(uint32_t job)
{
	uint64_t pid = 0, start = 0;
	struct jobdir dir;
	struct stat st;
	char *text = NULL, *at;
	bool running = false;

	if (jobdir_attach(&dir, job, deadline_in(5000), NULL) < 0)
		return false;
	if (fstatat(dir.pin, "fail", &st, 0) < 0 && fstatat(dir.pin, "closing", &st, 0) < 0 &&
	    jobdir_read(dir.pin, "keeper", &text) == 0) {
		at = text;
		running = fields_number(&at, INT_MAX, &pid) && fields_number(&at, UINT64_MAX, &start) &&
			  proc_start_time((pid_t)pid) == start && procs_job_has_stepd(job);
		free(text);
	}
	jobdir_done(&dir);
	return running;
}

/* 1 if there is nothing to do. */
static int make_state(struct prolog *p, struct err *err)
{
	int r = jobdir_setup(err);

	if (r == 0)
		r = jobdir_create(&p->job.dir, p->q->job, err);
	if (r == -EEXIST) {
		if (is_running_here(p->q->job))
			return 1;
		/* a requeued job, or a number that came round: its last epilog did not get through */
		(void)close_job(p->q->job, p->q->uid, NULL);
		r = jobdir_create(&p->job.dir, p->q->job, err);
	}
	return r == 0 ? expect_the_worst(p, err) : r;
}

/* 1 if another step has opened (or failed to open) the job's views already; it is waited for. */
static int make_state_once(struct prolog *p, struct err *err)
{
	deadline_t end = p->job.end;
	struct jobdir dir;
	struct stat st;
	int r = jobdir_setup(err);

	while (r == 0) {
		bool done;

		r = jobdir_create(&p->job.dir, p->q->job, err);
		if (r != -EEXIST)
			return r == 0 ? expect_the_worst(p, err) : r;
		r = jobdir_attach(&dir, p->q->job, end, err);
		if (r == -ENOENT) {
			r = 0;
			continue;
		}
		if (r < 0)
			return r;
		done = fstatat(dir.pin, "keeper", &st, 0) == 0 || fstatat(dir.pin, "fail", &st, 0) == 0;
		jobdir_done(&dir);
		if (done)
			return 1;
		/* made, but not locked yet by the one who made it */
		r = deadline_nap(end, 20) ? 0 : -ETIMEDOUT;
	}
	return r;
}

/* The job must not start, and must say why. Nothing of it stays but its state, for the steps that ask. */
static int refuse(struct prolog *p, const struct err *err)
{
	static const char *const leftovers[] = { "ns.id", "env", "views", "keeper" };
	const struct audit_event e = { .event = "refusal",
				       .job = p->q->job,
				       .uid = p->q->uid,
				       .store_id = p->job.n == 1 ? p->job.stores[0].id : NULL,
				       .ticket = p->job.n == 1 ? p->job.stores[0].ticket_id : NULL,
				       .step = p->step,
				       .reason = err->text };
	char ns[80];
	int r;

	snprintf(ns, sizeof(ns), "%s/%" PRIu32 "/ns", JOBDIR_PIN, p->q->job);
	(void)umount2(ns, MNT_DETACH | UMOUNT_NOFOLLOW);
	(void)unlinkat(p->job.dir.pin, "ns", 0);
	for (size_t i = 0; i < sizeof(leftovers) / sizeof(leftovers[0]); i++)
		(void)unlinkat(p->job.dir.pin, leftovers[i], 0);
	for (size_t i = 0; i < p->job.n; i++)
		p->job.stores[i].state = "failed";
	p->job.state = "failed";
	snprintf(p->job.reason, sizeof(p->job.reason), "%.*s", JOB_REASON_MAX - 1, err->text);
	r = jobdir_write(p->job.dir.pin, "fail", 0400, p->job.reason);
	status_write(&p->job);
	(void)cgroup_remove(p->q->job);
	syslog(LOG_ERR, "job %" PRIu32 ": %s: %s", p->q->job, p->step, err->text);
	audit_write(p->policy, &e);
	return r < 0 ? 1 : 0;
}

static int open_job(const struct command_request *q, bool ensure)
{
	struct prolog p = { .q = q, .step = "state" };
	struct err err = { 0 };
	int r;

	p.job =
	    (struct job){ .uid = q->uid, .ns_fd = -1, .since = time(NULL), .dir = { q->job, -1, -1, -1 } };
	p.job.end = deadline_in(20000); /* until the policy says otherwise */
	tidy_cgroups();
	r = ensure ? make_state_once(&p, &err) : make_state(&p, &err);
	if (r > 0)
		return EXIT_SUCCESS;
	if (r < 0) {
		/* no place to leave a reason: the plugin refuses a job whose state is missing */
		const struct audit_event e = {
			.event = "refusal", .job = q->job, .uid = q->uid, .step = p.step, .reason = err.text
		};

		syslog(LOG_ERR, "job %" PRIu32 ": %s", q->job, err.text);
		audit_write(NULL, &e);
		fprintf(stderr, "cryptstore-node: job %" PRIu32 ": %s\n", q->job, err.text);
		return EXIT_FAILURE;
	}
	r = run_ladder(&p, &err);
	if (r == 0 && unlinkat(p.job.dir.pin, "fail", 0) < 0)
		r = err_set(&err, -errno, "cannot mark the store as open: %s", strerror(errno));
	r = r < 0 ? refuse(&p, &err) : 0;
	jobdir_unlock(&p.job.dir);
	jobdir_done(&p.job.dir);
	job_done(&p.job);
	sitekeys_free(p.keys);
	policy_free(p.policy);
	free(p.text);
	return r;
}

int command_prolog(const struct command_request *q)
{
	return open_job(q, false);
}

int command_ensure(const struct command_request *q)
{
	return open_job(q, true);
}
