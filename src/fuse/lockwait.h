/* lockwait.h - file locks that somebody waits for, kept away from the worker threads. Internal to fuse/.
 * Forgetting pages is done here too: it may wait for pages that are being read or written, so for worker
 * threads. */
#ifndef FUSE_LOCKWAIT_H
#define FUSE_LOCKWAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "fuse/ops.h"

/* A lock wanted: by fcntl (lk) or, if whole, by flock (op). */
struct lockwant {
	struct view_file *file;
	uint64_t owner;
	bool whole;
	int op;
	struct flock lk;
	bool held; /* it is there already: lockwait_add only answers */
	/* Not NULL: before the answer the kernel forgets what it keeps of this inode, since whoever held the
	 * lock before may have changed the file on another node, within one tick of its time of change. */
	struct fuse_session *forget;
	fuse_ino_t ino;
};

struct lockwait *lockwait_new(const struct view_ops *v); /* NULL if memory is short */
/* Ends the thread; those still waiting are told EINTR. NULL is fine. */
void lockwait_free(struct lockwait *w);

/* Answer req once the lock is there, or with EINTR when the waiting process was interrupted. Takes req over.
 */
void lockwait_add(struct lockwait *w, fuse_req_t req, const struct lockwant *want);

/* A lock may have become free: try again now. NULL is fine. */
void lockwait_kick(struct lockwait *w);

/* Try without waiting: 0, -EAGAIN, other negative errno. */
int lockwait_try(const struct view_ops *v, const struct lockwant *want);
/* Let go of a lock that nobody will hear of. */
void lockwait_undo(const struct view_ops *v, const struct lockwant *want);

#endif
