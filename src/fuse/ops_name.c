/* ops_name.c - FUSE requests on names: lookup, create, remove, rename, link, symbolic links. */
#include "ops.h"

#include <errno.h>
#include <limits.h>

/* A view without an operation that changes something is read-only. */
static bool missing(fuse_req_t req, bool there)
{
	if (!there)
		(void)fuse_reply_err(req, EROFS);
	return !there;
}

static void reply_made(fuse_req_t req, int rc, const struct view_entry *e)
{
	if (rc < 0)
		ops_reply_status(req, rc);
	else
		ops_reply_entry(req, e);
}

void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct ops_state *s = ops_of(req);
	struct view_entry e = { 0 };
	int rc = s->v->lookup(s->view, ops_node(s, parent), name, &e);

	if (rc == -ENOENT && s->timeouts.negative > 0) {
		/* inode 0: "not there, and you may remember that" */
		struct fuse_entry_param none = { .entry_timeout = s->timeouts.negative };

		(void)fuse_reply_entry(req, &none);
		return;
	}
	reply_made(req, rc, &e);
}

void ops_forget_one(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	const struct ops_state *s = ops_of(req);

	if (ino != FUSE_ROOT_ID)
		ops_forget(s, ops_node(s, ino), n);
	fuse_reply_none(req);
}

void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	const struct ops_state *s = ops_of(req);

	for (size_t i = 0; i < count; i++)
		if (forgets[i].ino != FUSE_ROOT_ID)
			ops_forget(s, ops_node(s, forgets[i].ino), forgets[i].nlookup);
	fuse_reply_none(req);
}

void ops_readlink(fuse_req_t req, fuse_ino_t ino)
{
	const struct ops_state *s = ops_of(req);
	char target[PATH_MAX + 1];
	ssize_t rc;

	if (!s->v->readlink) {
		(void)fuse_reply_err(req, ENOSYS);
		return;
	}
	rc = s->v->readlink(s->view, ops_node(s, ino), target, sizeof(target));
	if (rc < 0)
		ops_reply_node_status(req, (int)rc);
	else
		(void)fuse_reply_readlink(req, target);
}

void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	const struct ops_state *s = ops_of(req);
	struct view_caller who = ops_caller(req);
	struct view_entry e = { 0 };

	if (missing(req, s->v->mknod))
		return;
	reply_made(req, s->v->mknod(s->view, &who, ops_node(s, parent), name, mode, rdev, &e), &e);
}

void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	const struct ops_state *s = ops_of(req);
	struct view_caller who = ops_caller(req);
	struct view_entry e = { 0 };

	if (missing(req, s->v->mkdir))
		return;
	reply_made(req, s->v->mkdir(s->view, &who, ops_node(s, parent), name, mode, &e), &e);
}

void ops_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	const struct ops_state *s = ops_of(req);
	struct view_caller who = ops_caller(req);
	struct view_entry e = { 0 };

	if (missing(req, s->v->symlink))
		return;
	reply_made(req, s->v->symlink(s->view, &who, ops_node(s, parent), name, target, &e), &e);
}

void ops_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
	const struct ops_state *s = ops_of(req);
	struct view_caller who = ops_caller(req);
	struct view_entry e = { 0 };

	if (missing(req, s->v->link))
		return;
	reply_made(req, s->v->link(s->view, &who, ops_node(s, ino), ops_node(s, new_parent), new_name, &e),
		   &e);
}

void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct ops_state *s = ops_of(req);

	if (!missing(req, s->v->unlink))
		ops_reply_status(req, s->v->unlink(s->view, ops_node(s, parent), name));
}

void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct ops_state *s = ops_of(req);

	if (!missing(req, s->v->rmdir))
		ops_reply_status(req, s->v->rmdir(s->view, ops_node(s, parent), name));
}

void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		const char *new_name, unsigned int flags)
{
	const struct ops_state *s = ops_of(req);

	if (!missing(req, s->v->rename))
		ops_reply_status(req, s->v->rename(s->view, ops_node(s, parent), name,
						   ops_node(s, new_parent), new_name, flags));
}
