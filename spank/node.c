/* node.c - the side of the compute node: call the helper at job start and end, bring steps into the job's
 * view. */
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slurm/slurm.h>

#include "child.h"
#include "options.h"

/* The helper keeps deadlines of its own (policy: prolog_deadline, epilog_deadline); these are for a helper
 * that hangs. */
enum { PROLOG_MS = 180 * 1000, EPILOG_MS = 300 * 1000, SWEEP_MS = 60 * 1000 };

static const char program[] = LIBEXECDIR "/cryptstore/cryptstore-node";
static const char state_dir[] = "/run/cryptstore/pin";

static int job_fd = -1; /* this job's state, opened before we leave the node's namespace */
enum { REASON_MAX = 1280 };
static char refusal[REASON_MAX]; /* why no task may start; "" if all is well */

static int run_helper(const char *what, uint32_t job, uid_t uid, const char *input, int deadline_ms)
{
	static char *const envp[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *)"LC_ALL=C",
				      NULL };
	char dir[4096 + 16], job_arg[32], uid_arg[32], reason[CHILD_REASON_MAX];
	char *argv[8];
	struct child c = { .argv = argv,
			   .envp = envp,
			   .input = input ? input : "",
			   .own_session = true,
			   .deadline_ms = deadline_ms };
	size_t n = 0;
	int r;

	if (!child_program_trusted(program, reason)) {
		slurm_error("cryptstore: %s: %s", what, reason);
		return -EPERM;
	}
	argv[n++] = (char *)program;
	argv[n++] = (char *)what;
	if (options_sysconfdir()) {
		snprintf(dir, sizeof(dir), "--sysconfdir=%s", options_sysconfdir());
		argv[n++] = dir;
	}
	if (job) {
		snprintf(job_arg, sizeof(job_arg), "--job=%" PRIu32, job);
		snprintf(uid_arg, sizeof(uid_arg), "--uid=%" PRIuMAX, (uintmax_t)uid);
		argv[n++] = job_arg;
		argv[n++] = uid_arg;
	}
	argv[n] = NULL;
	r = child_run(&c);
	if (r < 0)
		slurm_error("cryptstore: %s: '%s': %s", what, program, strerror(-r));
	else if (r > 0)
		slurm_error("cryptstore: %s: the helper ended with code %d (see syslog)", what, r);
	return r;
}

int node_sweep(void)
{
	(void)run_helper("sweep", 0, 0, NULL, SWEEP_MS);
	return 0;
}

int node_prolog(spank_t sp)
{
	const char *ticket = getenv("SPANK_CRYPTSTORE_TICKET");
	uint32_t job = 0;
	uid_t uid = (uid_t)-1;

	if (!ticket)
		return 0; /* if the option was given nevertheless, node_join refuses: there is no state for
			     the job */
	if (spank_get_item(sp, S_JOB_ID, &job) == ESPANK_SUCCESS &&
	    spank_get_item(sp, S_JOB_UID, &uid) == ESPANK_SUCCESS)
		(void)run_helper("prolog", job, uid, ticket, PROLOG_MS);
	else
		slurm_error("cryptstore: prolog: Slurm does not tell the job or its user");
	return 0;
}

int node_epilog(spank_t sp)
{
	char path[64];
	uint32_t job = 0;
	uid_t uid = (uid_t)-1;

	if (spank_get_item(sp, S_JOB_ID, &job) != ESPANK_SUCCESS)
		return 0;
	snprintf(path, sizeof(path), "%s/%" PRIu32, state_dir, job);
	if (access(path, F_OK) < 0 && errno == ENOENT && !getenv("SPANK_CRYPTSTORE_TICKET"))
		return 0; /* most jobs: no program is started for them */
	(void)spank_get_item(sp, S_JOB_UID, &uid);
	(void)run_helper("epilog", job, uid, NULL, EPILOG_MS);
	return 0;
}

/* A small file of the job's state, without its final newline. Length, or -1 if it is not there. */
static ssize_t read_state(const char *name, char *buf, size_t size)
{
	int fd = openat(job_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, size - 1);
	(void)close(fd);
	if (n < 0)
		return -1;
	while (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return n;
}

/* Lines NAME=VALUE the helper wrote for the tasks. */
static void set_environment(spank_t sp)
{
	char text[65536], *save = NULL;

	if (read_state("env", text, sizeof(text)) < 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, '=');

		if (!value)
			continue;
		*value = '\0';
		(void)spank_setenv(sp, line, value + 1, 1);
	}
}

/* slurmstepd has threads that share its file system context: unshare that for this thread first, or setns
 * gives EINVAL. Tasks and everything slurmstepd opens for them descend from this thread. */
static int enter_namespace(void)
{
	char want[32], have[32];
	struct stat st;
	int fd, r = 0;

	/* without O_NOFOLLOW: where a namespace cannot be pinned, "ns" is a link to /proc/PID/ns/mnt of the
	 * job's keeper */
	fd = openat(job_fd, "ns", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || read_state("ns.id", want, sizeof(want)) < 0)
		r = -EIO;
	snprintf(have, sizeof(have), "%" PRIuMAX, (uintmax_t)st.st_ino);
	if (r == 0 && strcmp(want, have) != 0)
		r = -ESTALE;
	if (r == 0 && (unshare(CLONE_FS) < 0 || setns(fd, CLONE_NEWNS) < 0))
		r = -errno;
	(void)close(fd);
	return r;
}

static int open_state(uint32_t job)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%" PRIu32, state_dir, job);
	return open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Slurm can start a job without its prolog: 22.05 does so when a requeued job comes back to a node within a
 * second of its epilog. The step brings the ticket as well, and the helper believes nothing but what is
 * sealed in it. */
static void prolog_now(spank_t sp, uint32_t job)
{
	enum { SIZE = 128 * 1024 };
	char *ticket = malloc(SIZE);
	uid_t uid = (uid_t)-1;

	if (ticket && spank_get_item(sp, S_JOB_UID, &uid) == ESPANK_SUCCESS &&
	    spank_getenv(sp, "SLURM_SPANK_CRYPTSTORE_TICKET", ticket, SIZE) == ESPANK_SUCCESS)
		(void)run_helper("ensure", job, uid, ticket, PROLOG_MS);
	free(ticket);
}

static void join_job(spank_t sp, uint32_t job)
{
	char reason[REASON_MAX];
	int r;

	job_fd = open_state(job);
	if (job_fd < 0 && options_given(sp)) {
		prolog_now(sp, job);
		job_fd = open_state(job);
	}
	if (job_fd < 0) {
		/* inherited from the job this one was submitted in */
		(void)spank_unsetenv(sp, "CRYPT_STORE_VIEW");
		(void)spank_unsetenv(sp, "CRYPT_STORE_VIEWS");
		if (options_given(sp))
			snprintf(refusal, sizeof(refusal),
				 "this node did not open the store (is the helper installed? see syslog of "
				 "the node)");
		return;
	}
	if (read_state("fail", reason, sizeof(reason)) >= 0) {
		snprintf(refusal, sizeof(refusal), "%s", reason);
		return;
	}
	r = enter_namespace();
	if (r < 0)
		snprintf(refusal, sizeof(refusal), "cannot enter the view of job %" PRIu32 ": %s", job,
			 strerror(-r));
	else
		set_environment(sp);
}

int node_join(spank_t sp)
{
	uint32_t job = 0, step = 0;

	if (spank_get_item(sp, S_JOB_ID, &job) != ESPANK_SUCCESS ||
	    spank_get_item(sp, S_JOB_STEPID, &step) != ESPANK_SUCCESS || step == SLURM_EXTERN_CONT)
		return 0;
	join_job(sp, job);
	(void)spank_unsetenv(sp, "SLURM_SPANK_CRYPTSTORE_TICKET");
	return 0;
}

int node_refuse(spank_t sp)
{
	(void)sp;
	if (!*refusal)
		return 0;
	slurm_error("cryptstore: %s", refusal);
	return -1;
}

int node_task_ended(spank_t sp)
{
	static bool told;
	char reason[REASON_MAX];

	(void)sp;
	if (job_fd < 0 || told || read_state("lost", reason, sizeof(reason)) < 0)
		return 0;
	told = true;
	slurm_error("cryptstore: %s", reason);
	return 0;
}
