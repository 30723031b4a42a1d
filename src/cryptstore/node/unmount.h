/* unmount.h - take the views of a job down, politely first. */
#ifndef NODE_UNMOUNT_H
#define NODE_UNMOUNT_H

#include <stdint.h>
#include <sys/types.h>

#include "cryptstore/node/deadline.h"

struct jobdir_view;

struct unmount {
	uint32_t job;
	uid_t uid;
	int ns_fd;
	const struct jobdir_view *views;
	size_t n;
	unsigned int grace; /* seconds for the polite way */
	deadline_t end;
};
enum unmount_result { UNMOUNT_CLEAN, UNMOUNT_ABORTED, UNMOUNT_LEFT };

/* Only the last step but one: fail every request that waits for a daemon of the job, and all later ones. */
int unmount_abort(const struct unmount *u);

/* 1. umount2, again and again until half the grace is over; 2. after that the job's last processes are killed
 * between tries; 3. after the whole grace the FUSE connections are aborted and the mounts detached. Every
 * step that could hang runs in a child with a deadline. */
enum unmount_result unmount_views(const struct unmount *u);

#endif
