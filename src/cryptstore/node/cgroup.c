/* cgroup.c - a control group of its own for the daemons of a job, outside the job's. */
#include "cryptstore/node/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/magic.h>

#include "cryptstore/node/deadline.h"
#include "cryptstore/node/fields.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"

#define ROOT "/sys/fs/cgroup"
enum { SYSTEMD_MS = 5000, PROCS_BYTES_MAX = 1 << 20 };

/* Directories that can hold "cryptstore/job_N": v1 hierarchies, the v2 root, and systemd's slice for our
 * scopes. */
static const char *const parents[] = { ROOT "/memory", ROOT "/freezer", ROOT, ROOT "/cryptstore.slice" };
static const char *const v1_parents[] = { ROOT "/memory", ROOT "/freezer" };

static bool is_v2(void)
{
	struct statfs s;

	return statfs(ROOT, &s) == 0 && s.f_type == CGROUP2_SUPER_MAGIC;
}

static int put(const char *dir, const char *file, const char *text)
{
	char path[256];
	auto_fd int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = fd_openat(AT_FDCWD, path, O_WRONLY, 0);
	return fd < 0 ? fd : fd_write(fd, text, strlen(text));
}

static int make_dir(const char *path)
{
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* Make PARENT/cryptstore/job_N, bound its memory, move this process in. */
static int enter_dir(const char *parent, uint32_t job, const char *limit_file, uint64_t memory_max)
{
	char top[128], dir[160], text[32];
	int r;

	snprintf(top, sizeof(top), "%s/cryptstore", parent);
	snprintf(dir, sizeof(dir), "%s/job_%" PRIu32, top, job);
	r = make_dir(top);
	if (r == 0 && is_v2())
		(void)put(parent, "cgroup.subtree_control",
			  "+memory"); /* may be on already, or not ours to turn on */
	if (r == 0 && is_v2())
		(void)put(top, "cgroup.subtree_control", "+memory");
	if (r == 0)
		r = make_dir(dir);
	if (r < 0)
		return r;
	if (limit_file && memory_max) {
		snprintf(text, sizeof(text), "%" PRIu64, memory_max);
		r = put(dir, limit_file, text);
	}
	snprintf(text, sizeof(text), "%d", (int)getpid());
	if (r == 0)
		r = put(dir, "cgroup.procs", text);
	if (r < 0)
		(void)rmdir(dir);
	return r;
}

struct scope_request {
	uint32_t job;
	uint64_t memory_max;
	pid_t pid;
};

/* systemd owns the v2 tree: ask it, through its own client, for a scope around the keeper. */
static int exec_busctl(void *arg)
{
	const struct scope_request *q = arg;
	char unit[64], pid[16], memory[32];
	char *argv[] = { (char *)"busctl",
			 (char *)"--system",
			 (char *)"--quiet",
			 (char *)"call",
			 (char *)"org.freedesktop.systemd1",
			 (char *)"/org/freedesktop/systemd1",
			 (char *)"org.freedesktop.systemd1.Manager",
			 (char *)"StartTransientUnit",
			 (char *)"ssa(sv)a(sa(sv))",
			 unit,
			 (char *)"fail",
			 (char *)"3",
			 (char *)"PIDs",
			 (char *)"au",
			 (char *)"1",
			 pid,
			 (char *)"Slice",
			 (char *)"s",
			 (char *)"cryptstore.slice",
			 (char *)"MemoryMax",
			 (char *)"t",
			 memory,
			 (char *)"0",
			 NULL };
	char *envp[] = { (char *)"PATH=/usr/bin:/bin", NULL };

	snprintf(unit, sizeof(unit), "cryptstore-job_%" PRIu32 ".scope", q->job);
	snprintf(pid, sizeof(pid), "%d", (int)q->pid);
	snprintf(memory, sizeof(memory), "%" PRIu64, q->memory_max ? q->memory_max : UINT64_MAX);
	(void)execve("/usr/bin/busctl", argv, envp);
	return -errno;
}

static int enter_scope(uint32_t job, uint64_t memory_max)
{
	struct scope_request q = { .job = job, .memory_max = memory_max, .pid = getpid() };
	deadline_t end = deadline_in(SYSTEMD_MS);
	auto_free char *text = NULL;
	size_t len;
	int r = deadline_call(exec_busctl, &q, end);

	if (r < 0)
		return r;
	do { /* the call returns before the move is done */
		auto_fd int fd = fd_openat(AT_FDCWD, "/proc/self/cgroup", O_RDONLY, 0);

		free(take(text));
		if (fd >= 0 && fd_slurp(fd, 65536, &text, &len) == 0 && strstr(text, "/cryptstore-job_"))
			return 0;
	} while (deadline_nap(end, 20));
	return -ETIMEDOUT;
}

int cgroup_enter(uint32_t job, uint64_t memory_max, struct err *err)
{
	int r = -ENOENT;

	if (is_v2()) {
		if (access("/run/systemd/system", F_OK) == 0)
			r = enter_scope(job, memory_max);
		else
			r = enter_dir(ROOT, job, "memory.max", memory_max);
		return r < 0 ? err_set(err, r, "no control group for the daemons: %s", strerror(-r)) : 0;
	}
	for (size_t i = 0; i < sizeof(v1_parents) / sizeof(v1_parents[0]); i++) {
		int q;

		if (access(v1_parents[i], F_OK) < 0)
			continue;
		q = enter_dir(v1_parents[i], job, i == 0 ? "memory.limit_in_bytes" : NULL, memory_max);
		if (q < 0)
			return err_set(err, q, "no control group for the daemons in '%s': %s", v1_parents[i],
				       strerror(-q));
		r = 0;
	}
	return r < 0 ? err_set(err, r, "no control group hierarchy at '%s'", ROOT) : 0;
}

/* Write the n-th possible directory of the job to path; false past the last. */
static bool dir_of(size_t n, uint32_t job, char path[static 192])
{
	if (n >= sizeof(parents) / sizeof(parents[0]))
		return false;
	if (strstr(parents[n], ".slice"))
		snprintf(path, 192, "%s/cryptstore-job_%" PRIu32 ".scope", parents[n], job);
	else
		snprintf(path, 192, "%s/cryptstore/job_%" PRIu32, parents[n], job);
	return true;
}

int cgroup_kill(uint32_t job, int sig)
{
	char path[192], procs[256];
	int count = 0;

	for (size_t i = 0; dir_of(i, job, path); i++) {
		auto_free char *text = NULL;
		auto_fd int fd = -1;
		uint64_t pid;
		char *at;
		size_t len;

		snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
		fd = fd_openat(AT_FDCWD, procs, O_RDONLY, 0);
		if (fd < 0 || fd_slurp(fd, PROCS_BYTES_MAX, &text, &len) < 0)
			continue;
		at = text;
		while (fields_number(&at, INT_MAX, &pid)) {
			if (pid > 1 && (pid_t)pid != getpid()) {
				(void)kill((pid_t)pid, sig);
				count++;
			}
		}
		if (count)
			return count; /* the hierarchies hold the same processes */
	}
	return count;
}

int cgroup_remove(uint32_t job)
{
	char path[192];
	int r = 0;

	for (size_t i = 0; dir_of(i, job, path); i++)
		if (rmdir(path) < 0 && errno != ENOENT && errno != ENOTDIR)
			r = -errno;
	return r;
}

void cgroup_each(void (*fn)(uint32_t job, void *arg), void *arg)
{
	for (size_t i = 0; i + 1 < sizeof(parents) / sizeof(parents[0]); i++) {
		char top[128];
		struct dirent *e;

		snprintf(top, sizeof(top), "%s/cryptstore", parents[i]);
		auto_dir DIR *d = opendir(top);

		while (d && (e = readdir(d))) {
			uint64_t job;

			if (strncmp(e->d_name, "job_", 4) == 0 &&
			    fields_is_number(e->d_name + 4, UINT32_MAX, &job))
				fn((uint32_t)job, arg);
		}
	}
}
