/* keeper.c - the process that opens a job's views and stays with them. */
#include "cryptstore/node/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "cryptstore/node/cgroup.h"
#include "cryptstore/node/daemon.h"
#include "cryptstore/node/inspect.h"
#include "cryptstore/node/job.h"
#include "cryptstore/node/ns.h"
#include "cryptstore/node/status.h"
#include "cryptstore/node/watch.h"
#include "grant/policy.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"

static int enter_cgroup(struct job *job, struct err *err)
{
	int r;

	if (job->policy->cgroup == POLICY_CGROUP_OFF)
		return 0;
	r = cgroup_enter(job->dir.job, (uint64_t)job->policy->daemon_memory, err);
	if (r < 0 && job->policy->cgroup == POLICY_CGROUP_TRY) {
		syslog(LOG_WARNING, "job %" PRIu32 ": %s; trying without a limit of memory", job->dir.job,
		       err->text);
		r = cgroup_enter(job->dir.job, 0, err);
	}
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
	if (r == 0)
		r = daemon_wait_ready(job, err);
	if (r == 0)
		ns_raise_readahead(job);
	return r;
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
	} steps[] = { { "allowed", inspect_tickets },
		      { "cgroup", enter_cgroup },
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
	watch_job(job);
	write_bytes(job);
	if (strcmp(job->state, "open") == 0)
		job->state = "closing";
	status_write(job);
	job_done(job);
	_exit(EXIT_SUCCESS);
}
