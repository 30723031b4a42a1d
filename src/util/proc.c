/* proc.c - what a process does to itself: no core dumps, limits, identity of one thread. */
#include "util/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"

enum {
	MAX_GROUPS = sizeof(((struct proc_identity *)0)->groups) / sizeof(gid_t),
	STATUS_MAX = 1024 * 1024, /* a status file with 65536 groups has some 720 KiB */
};

static bool no_dumps; /* set before there are threads */

/* Who this thread was before proc_become(). */
static _Thread_local struct proc_identity before;

int proc_no_dumps(void)
{
	const struct rlimit none = { 0, 0 };
	int r = 0;

	no_dumps = true;
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		r = -errno;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 && r == 0)
		r = -errno;
	return r;
}

unsigned long proc_raise_nofile(unsigned long want)
{
	struct rlimit now, higher;

	if (getrlimit(RLIMIT_NOFILE, &now) != 0)
		return 0;
	if (now.rlim_cur >= want)
		return now.rlim_cur;
	higher = now;
	higher.rlim_cur = want < now.rlim_max ? want : now.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &higher) == 0 ? higher.rlim_cur : now.rlim_cur;
}

/* Numbers of the "Groups:" line; those beyond MAX_GROUPS are left out, which can only take rights away. */
static void parse_groups(struct proc_identity *id, const char *status)
{
	const char *p = strstr(status, "\nGroups:");
	char *end;

	if (!p)
		return;
	p += strlen("\nGroups:");
	while (id->n_groups < MAX_GROUPS) {
		unsigned long gid;

		p += strspn(p, " \t");
		if (*p < '0' || *p > '9')
			return;
		gid = strtoul(p, &end, 10);
		id->groups[id->n_groups++] = (gid_t)gid;
		p = end;
	}
}

void proc_identity_of(struct proc_identity *ret, uid_t uid, gid_t gid, pid_t pid)
{
	auto_free char *status = NULL;
	auto_fd int fd = -1;
	char path[64];
	size_t len;

	*ret = (struct proc_identity){ .uid = uid, .gid = gid };
	/* The pid in a FUSE request is a thread's; its own task directory is there under that number as well.
	 */
	(void)snprintf(path, sizeof(path), "/proc/%ld/task/%ld/status", (long)pid, (long)pid);
	fd = fd_openat(AT_FDCWD, path, O_RDONLY, 0);
	if (fd >= 0 && fd_slurp(fd, STATUS_MAX, &status, &len) == 0)
		parse_groups(ret, status);
}

static int set_groups(int n, const gid_t *groups)
{
	if (n < 0)
		return 0;
	return syscall(SYS_setgroups, (size_t)n, groups) == 0 ? 0 : -errno;
}

static int set_egid(gid_t gid)
{
	return syscall(SYS_setresgid, -1, gid, -1) == 0 ? 0 : -errno;
}

/* The kernel then sets "dumpable" to fs.suid_dumpable, which is not 0 where systemd-coredump is installed. */
static int set_euid(uid_t uid)
{
	int r = syscall(SYS_setresuid, -1, uid, -1) == 0 ? 0 : -errno;

	if (no_dumps)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return r;
}

int proc_become(const struct proc_identity *id)
{
	int r;

	before.uid = geteuid();
	before.gid = getegid();
	before.n_groups = -1;
	if (id->n_groups >= 0) {
		before.n_groups = getgroups(MAX_GROUPS, before.groups);
		if (before.n_groups < 0)
			before.n_groups = 0; /* more than we keep; root does not need them */
	}
	/* The user id last: without it the other two are not allowed any more. */
	r = set_groups(id->n_groups, id->groups);
	if (r != 0)
		before.n_groups = -1; /* nothing to undo */
	if (r == 0)
		r = set_egid(id->gid);
	if (r == 0)
		r = set_euid(id->uid);
	if (r != 0)
		proc_unbecome();
	return r;
}

void proc_unbecome(void)
{
	/* A worker thread stuck with a user's rights would refuse everybody else: better no daemon than that.
	 * When not a single step of proc_become() succeeded (no privilege), there is nothing to undo. */
	if (geteuid() != before.uid && set_euid(before.uid) != 0)
		abort();
	if (getegid() != before.gid && set_egid(before.gid) != 0)
		abort();
	if (before.uid == 0 && set_groups(before.n_groups, before.groups) != 0)
		abort();
}

void proc_scrub_arg(char *arg, size_t keep)
{
	size_t len = strlen(arg);

	if (keep < len)
		memset(arg + keep, '*', len - keep);
}
