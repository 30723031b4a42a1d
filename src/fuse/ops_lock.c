/* ops_lock.c - FUSE requests for application locks; sent in the shared modes only, else the kernel keeps
 * locks itself. */
#include "ops.h"

#include <errno.h>
#include <sys/file.h>

#include "fuse/lockwait.h"

void ops_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock)
{
	const struct ops_state *s = ops_of(req);
	int rc = s->v->getlk ? s->v->getlk(ops_file(fi), fi->lock_owner, lock) : -ENOLCK;

	(void)ino;
	if (rc < 0)
		ops_reply_status(req, rc);
	else
		(void)fuse_reply_lock(req, lock);
}

static void lock(fuse_req_t req, struct lockwant *want, bool unlock, bool wait)
{
	const struct ops_state *s = ops_of(req);
	int rc = lockwait_try(s->v, want);

	want->held = rc == 0;
	if (s->sharing == VIEW_SHARED && !unlock) /* strict keeps nothing */
		want->forget = s->se;
	if (s->locks && !unlock && ((rc == -EAGAIN && wait) || (rc == 0 && want->forget))) {
		lockwait_add(s->locks, req, want);
		return;
	}
	if (fuse_reply_err(req, ops_errno(rc)) < 0 && rc == 0 && !unlock)
		lockwait_undo(s->v, want);
	if (unlock)
		lockwait_kick(s->locks);
}

void ops_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lk, int sleep)
{
	struct lockwant want = { .file = ops_file(fi), .owner = fi->lock_owner, .lk = *lk, .ino = ino };

	lock(req, &want, lk->l_type == F_UNLCK, sleep != 0);
}

void ops_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int op)
{
	struct lockwant want = {
		.file = ops_file(fi), .owner = fi->lock_owner, .whole = true, .op = op & ~LOCK_NB, .ino = ino
	};

	lock(req, &want, want.op == LOCK_UN, !(op & LOCK_NB));
}
