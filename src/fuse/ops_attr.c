/* ops_attr.c - FUSE requests on attributes: getattr, setattr, access, statfs. */
#include "ops.h"

#include <errno.h>

#include "fuse/wire.h"

enum {
	SET_KNOWN = VIEW_SET_MODE | VIEW_SET_UID | VIEW_SET_GID | VIEW_SET_SIZE | VIEW_SET_ATIME |
		    VIEW_SET_MTIME | VIEW_SET_ATIME_NOW | VIEW_SET_MTIME_NOW
};

void ops_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct ops_state *s = ops_of(req);
	struct stat st;
	int rc = s->v->getattr(s->view, ops_node(s, ino), fi ? ops_file(fi) : NULL, &st);

	if (rc < 0)
		ops_reply_node_status(req, rc);
	else
		(void)fuse_reply_attr(req, &st, s->timeouts.attr);
}

void ops_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
	const struct ops_state *s = ops_of(req);
	struct view_caller who = ops_caller(req);
	struct view_file *f = fi ? ops_file(fi) : NULL;
	struct stat st;
	int rc = 0;

	if (!s->v->setattr) {
		(void)fuse_reply_err(req, EROFS);
		return;
	}
	if ((to_set & VIEW_SET_SIZE) && wire_kill_privileges())
		rc = ops_kill_privileges(s, &who, ino, f);
	if (rc == 0)
		rc = s->v->setattr(s->view, &who, ops_node(s, ino), f, attr, (unsigned int)to_set & SET_KNOWN,
				   &st);
	if (rc < 0)
		ops_reply_node_status(req, rc);
	else
		(void)fuse_reply_attr(req, &st, s->timeouts.attr);
}

/* Only sent without default_permissions. */
void ops_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	const struct ops_state *s = ops_of(req);
	struct view_caller who = ops_caller(req);

	if (!s->v->access)
		(void)fuse_reply_err(req, ENOSYS);
	else
		ops_reply_status(req, s->v->access(s->view, &who, ops_node(s, ino), mask));
}

void ops_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const struct ops_state *s = ops_of(req);
	struct statvfs st;
	int rc;

	if (!s->v->statfs) {
		(void)fuse_reply_err(req, ENOSYS);
		return;
	}
	rc = s->v->statfs(s->view, ops_node(s, ino), &st);
	if (rc < 0)
		ops_reply_status(req, rc);
	else
		(void)fuse_reply_statfs(req, &st);
}
