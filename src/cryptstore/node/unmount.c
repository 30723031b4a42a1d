/* unmount.c - take the views of a job down, politely first. */
#include "cryptstore/node/unmount.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cryptstore/node/jobdir.h"
#include "cryptstore/node/ns.h"
#include "cryptstore/node/procs.h"
#include "util/cleanup.h"
#include "util/fd.h"

enum { RETRY_MS = 100, SLACK_MS = 1000 };
#define FUSECTL "/sys/fs/fuse/connections"

struct try_arg {
	const struct unmount *u;
	deadline_t end;
};

/* Last mounted, first unmounted. -EBUSY if some view is still in use at the end. */
static int try_all(void *arg)
{
	const struct try_arg *a = arg;
	bool busy;
	int r = ns_enter(a->u->ns_fd);

	if (r < 0)
		return r;
	do {
		busy = false;
		for (size_t i = a->u->n; i-- > 0;)
			while (ns_view_mounted(a->u->views[i].path, NULL))
				if (umount2(a->u->views[i].path, UMOUNT_NOFOLLOW) < 0) {
					busy = true;
					break;
				}
	} while (busy && deadline_nap(a->end, RETRY_MS));
	return busy ? -EBUSY : 0;
}

static int try_until(const struct unmount *u, deadline_t end)
{
	struct try_arg a = { .u = u, .end = end };

	return deadline_call(try_all, &a, end + SLACK_MS);
}

/* Fail every request that waits for the daemon, and all later ones. Done in a namespace of its own, so that
 * it does not matter whether the node has fusectl mounted. */
static int abort_all(void *arg)
{
	const struct unmount *u = arg;
	unsigned int minor[JOBDIR_VIEWS_MAX];
	size_t n = 0;
	int r = ns_enter(u->ns_fd);

	for (size_t i = 0; r == 0 && i < u->n; i++)
		if (ns_view_mounted(u->views[i].path, &minor[n]))
			n++;
	if (r == 0 && (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
		r = -errno;
	if (r == 0 && mount("fusectl", FUSECTL, "fusectl", 0, NULL) < 0 && errno != EBUSY)
		r = -errno; /* EBUSY: the node has it mounted there */
	for (size_t i = 0; r == 0 && i < n; i++) {
		char path[96];
		auto_fd int fd = -1;

		snprintf(path, sizeof(path), FUSECTL "/%u/abort", minor[i]);
		fd = fd_openat(AT_FDCWD, path, O_WRONLY, 0);
		if (fd >= 0)
			r = fd_write(fd, "1", 1);
	}
	return r;
}

static int detach_all(void *arg)
{
	const struct unmount *u = arg;
	int r = ns_enter(u->ns_fd);

	for (size_t i = u->n; r == 0 && i-- > 0;)
		while (ns_view_mounted(u->views[i].path, NULL))
			if (umount2(u->views[i].path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
				r = -errno;
				break;
			}
	return r;
}

int unmount_abort(const struct unmount *u)
{
	return deadline_call(abort_all, (void *)(uintptr_t)u, deadline_in(2000));
}

/* The job has ended; whoever still holds a file has escaped Slurm's process tracking. In a child: looking at
 * a process can wait for its memory. */
static int kill_holders(void *arg)
{
	const struct unmount *u = arg;
	struct stat st = { 0 };

	(void)fstat(u->ns_fd, &st);
	(void)procs_signal(u->job, u->uid, st.st_ino, SIGKILL);
	return 0;
}

enum unmount_result unmount_views(const struct unmount *u)
{
	unsigned int half = u->grace * 500;
	int r;

	r = try_until(u, deadline_min(u->end, deadline_in(half)));
	if (r < 0) {
		(void)deadline_call(kill_holders, (void *)(uintptr_t)u, deadline_in(2000));
		r = try_until(u, deadline_min(u->end, deadline_in(half)));
	}
	if (r == 0)
		return UNMOUNT_CLEAN;
	(void)unmount_abort(u);
	r = deadline_call(detach_all, (void *)(uintptr_t)u, deadline_in(2000));
	return r == 0 ? UNMOUNT_ABORTED : UNMOUNT_LEFT;
}
