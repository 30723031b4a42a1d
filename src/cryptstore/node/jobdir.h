/* jobdir.h - what root keeps about a job on this node, under /run/cryptstore.
 *
 *	/run/cryptstore/            0755
 *	/run/cryptstore/JOB/        0711  status.json (0644): what may be shown
 *	/run/cryptstore/pin/        0700  a mount of its own with private propagation
 *	/run/cryptstore/pin/JOB/    0700  ns         the job's mount namespace (or a link to its keeper's)
 *	                                  ns.id      its inode number
 *	                                  env        NAME=VALUE lines for the tasks
 *	                                  views      one line per mounted view, see struct jobdir_view
 *	                                  keeper     process number and start time
 *	                                  fail       why the job must not start
 *	                                  lost       why a view went away
 *	                                  bytes      read and written, a line per view
 *	                                  closing    the epilog has begun
 */
#ifndef NODE_JOBDIR_H
#define NODE_JOBDIR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cryptstore/node/deadline.h"

struct err;

#define JOBDIR_RUN "/run/cryptstore"
#define JOBDIR_PIN JOBDIR_RUN "/pin"
enum { JOBDIR_TEXT_MAX = 65536, JOBDIR_VIEWS_MAX = 32, JOBDIR_VIEW_MAX = 512 };

struct jobdir {
	uint32_t job;
	int pin; /* descriptors of the two directories */
	int pub;
	int lock; /* flock on pin/JOB while prolog or epilog works on it; -1 = not held */
};

/* Make /run/cryptstore and its pin mount. 0 or negative errno with text. */
int jobdir_setup(struct err *err);

/* Make the directories of a job and lock them; what an earlier run of the same job left must be gone already.
 * -EEXIST if it is not. */
int jobdir_create(struct jobdir *ret, uint32_t job, struct err *err);
/* Open and lock those of a job that has them: -ENOENT if not, -ETIMEDOUT if somebody works on them until
 * `end`. */
int jobdir_attach(struct jobdir *ret, uint32_t job, deadline_t end, struct err *err);
/* Unpin, delete all files and both directories. Goes on after a failure; returns the first. */
int jobdir_remove(struct jobdir *jd, struct err *err);
/* Numbers of the jobs that have a directory here, up to max. Returns how many. */
size_t jobdir_list(uint32_t *jobs, size_t max);
void jobdir_unlock(struct jobdir *jd);
void jobdir_done(struct jobdir *jd);

/* A small file in directory dir (jd->pin or jd->pub), replaced by rename. */
int jobdir_write(int dir, const char *name, mode_t mode, const char *text);
/* Its text, final newline removed, malloc'ed. 0, -ENOENT, ... */
int jobdir_read(int dir, const char *name, char **ret);

/* One mounted view as the epilog needs it. */
struct jobdir_view {
	pid_t pid; /* the daemon */
	unsigned long long start;
	char store_id[33], ticket[33];
	char mode[24];		    /* as in status.json: "rw,shared" */
	char path[JOBDIR_VIEW_MAX]; /* /crypt/NAME */
};
int jobdir_write_views(const struct jobdir *jd, const struct jobdir_view *views, size_t n);
/* Up to JOBDIR_VIEWS_MAX; returns how many, malformed lines left out. */
size_t jobdir_read_views(const struct jobdir *jd, struct jobdir_view *views);

#endif
