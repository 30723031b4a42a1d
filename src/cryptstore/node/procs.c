/* procs.c - find the processes of a job without asking Slurm. */
#include "cryptstore/node/procs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cryptstore/node/fields.h"
#include "util/cleanup.h"
#include "util/fd.h"

enum { PROC_TEXT_MAX = 1 << 21 };

/* /proc/PID/NAME, malloc'ed, or NULL; a process may end at any time. */
static char *read_proc(int dir, const char *name, size_t *ret_len)
{
	auto_fd int fd = fd_openat(dir, name, O_RDONLY, 0);
	char *text = NULL;

	if (fd < 0 || fd_slurp(fd, PROC_TEXT_MAX, &text, ret_len) < 0)
		return NULL;
	return text;
}

static bool has_job_in_environment(int dir, uint32_t job)
{
	auto_free char *text = NULL;
	char want[48];
	size_t len = 0;

	snprintf(want, sizeof(want), "SLURM_JOB_ID=%" PRIu32, job);
	text = read_proc(dir, "environ", &len);
	if (!text)
		return false;
	for (size_t i = 0; i < len; i += strlen(text + i) + 1)
		if (strcmp(text + i, want) == 0)
			return true;
	return false;
}

/* Call fn for every process: a descriptor of /proc/PID, its number and owner. Stops when fn returns true. */
static bool each_process(bool (*fn)(int dir, pid_t pid, uid_t uid, void *arg), void *arg)
{
	auto_dir DIR *d = opendir("/proc");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		auto_fd int dir = -1;
		struct stat st;
		char *end;
		long pid = strtol(e->d_name, &end, 10);

		if (*end || pid <= 1)
			continue;
		dir = fd_openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY, 0);
		if (dir >= 0 && fstat(dir, &st) == 0 && fn(dir, (pid_t)pid, st.st_uid, arg))
			return true;
	}
	return false;
}

struct signal_arg {
	uint32_t job;
	uid_t uid;
	ino_t ns;
	int sig, count;
};

/* The owner of /proc/PID is root if the process is not dumpable: the identity is in its status. */
static bool runs_as(int dir, uid_t uid)
{
	auto_free char *text = NULL;
	size_t len = 0;
	uint64_t real;
	char *p;

	text = read_proc(dir, "status", &len);
	p = text ? strstr(text, "\nUid:") : NULL;
	if (!p)
		return false;
	p += strlen("\nUid:");
	return fields_number(&p, UINT32_MAX, &real) && (uid_t)real == uid;
}

static bool signal_one(int dir, pid_t pid, uid_t owner, void *arg)
{
	struct signal_arg *a = arg;
	struct stat st;

	if ((owner != a->uid && owner != 0) || !runs_as(dir, a->uid))
		return false;
	if ((fstatat(dir, "ns/mnt", &st, 0) == 0 && st.st_ino == a->ns) ||
	    has_job_in_environment(dir, a->job)) {
		(void)kill(pid, a->sig);
		a->count++;
	}
	return false;
}

int procs_signal(uint32_t job, uid_t uid, ino_t ns, int sig)
{
	struct signal_arg a = { .job = job, .uid = uid, .ns = ns, .sig = sig };

	if (uid != 0)
		(void)each_process(signal_one, &a);
	return a.count;
}

/* Hexadecimal mask in a line of /proc/PID/status. */
static bool mask_has_sigkill(const char *status, const char *name)
{
	const char *p = strstr(status, name);

	return p && (strtoull(p + strlen(name), NULL, 16) & (1ULL << (SIGKILL - 1)));
}

/* PF_EXITING of the kernel's include/linux/sched.h, in field 9 of /proc/PID/stat. */
static bool is_exiting(int dir)
{
	enum { PF_EXITING = 4, FLAGS_FIELD = 9 };
	auto_free char *text = NULL;
	size_t len = 0;
	uint64_t flags = 0;
	char *at;

	text = read_proc(dir, "stat", &len);
	at = text ? strrchr(text, ')') : NULL; /* the name before it may hold anything */
	if (!at)
		return false;
	at++;
	if (strncmp(at, " Z", 2) == 0)
		return false;
	for (int field = 3; field < FLAGS_FIELD; field++)
		if (!fields_word(&at))
			return false;
	return fields_number(&at, UINT64_MAX, &flags) && (flags & PF_EXITING);
}

static bool count_dying(int dir, pid_t pid, uid_t owner, void *arg)
{
	struct signal_arg *a = arg;
	auto_free char *status = NULL;
	size_t len = 0;
	struct stat st;

	(void)pid;
	if ((owner != a->uid && owner != 0) || fstatat(dir, "ns/mnt", &st, 0) < 0 || st.st_ino != a->ns)
		return false;
	status = read_proc(dir, "status", &len);
	if (!status || !runs_as(dir, a->uid))
		return false;
	a->count +=
	    is_exiting(dir) || mask_has_sigkill(status, "\nSigPnd:") || mask_has_sigkill(status, "\nShdPnd:");
	return false;
}

int procs_dying(uid_t uid, ino_t ns)
{
	struct signal_arg a = { .uid = uid, .ns = ns };

	(void)each_process(count_dying, &a);
	return a.count;
}

static bool is_stepd(int dir, pid_t pid, uid_t owner, void *arg)
{
	const char *want = arg;
	auto_free char *text = NULL;
	size_t len = 0;

	(void)pid;
	if (owner != 0)
		return false;
	text = read_proc(dir, "cmdline", &len);
	return text && strncmp(text, want, strlen(want)) == 0;
}

bool procs_job_has_stepd(uint32_t job)
{
	char want[48];

	/* slurmstepd names itself "slurmstepd: [JOB.STEP]" */
	snprintf(want, sizeof(want), "slurmstepd: [%" PRIu32 ".", job);
	return each_process(is_stepd, want);
}
