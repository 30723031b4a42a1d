/* ops_xattr.c - FUSE requests on extended attributes. */
#include "ops.h"

#include <errno.h>
#include <string.h>

/* XATTR_SIZE_MAX and XATTR_LIST_MAX of the kernel. */
enum { XATTR_BYTES_MAX = 65536 };

static void reply_value(fuse_req_t req, ssize_t rc, const void *value, size_t size)
{
	if (rc < 0)
		ops_reply_status(req, (int)rc);
	else if (size == 0)
		(void)fuse_reply_xattr(req, (size_t)rc);
	else
		(void)fuse_reply_buf(req, value, (size_t)rc);
}

void ops_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	const struct ops_state *s = ops_of(req);
	struct view_caller who = ops_caller(req);

	if (!s->v->setxattr)
		(void)fuse_reply_err(req, EROFS);
	else
		ops_reply_status(req,
				 s->v->setxattr(s->view, &who, ops_node(s, ino), name, value, size, flags));
}

void ops_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	const struct ops_state *s = ops_of(req);
	void *value = NULL;

	if (!s->v->getxattr) {
		(void)fuse_reply_err(req, ENOSYS);
		return;
	}
	/* Asked before writes; without -suid it has no effect, so nothing is touched. */
	if (!s->suid && strcmp(name, "security.capability") == 0) {
		(void)fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	if (size > XATTR_BYTES_MAX)
		size = XATTR_BYTES_MAX;
	if (size > 0 && !(value = ops_scratch(size))) {
		(void)fuse_reply_err(req, ENOMEM);
		return;
	}

	ssize_t rc = s->v->getxattr(s->view, ops_node(s, ino), name, value, size);

	/* `ls -l` asks this of every file where SELinux is off, until a file system says that it has no
	 * labels. */
	if (rc == -ENODATA && strcmp(name, "security.selinux") == 0)
		rc = -EOPNOTSUPP;
	reply_value(req, rc, value, size);
}

void ops_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	const struct ops_state *s = ops_of(req);
	void *list = NULL;

	if (!s->v->listxattr) {
		(void)fuse_reply_err(req, ENOSYS);
		return;
	}
	if (size > XATTR_BYTES_MAX)
		size = XATTR_BYTES_MAX;
	if (size > 0 && !(list = ops_scratch(size)))
		(void)fuse_reply_err(req, ENOMEM);
	else
		reply_value(req, s->v->listxattr(s->view, ops_node(s, ino), list, size), list, size);
}

void ops_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	const struct ops_state *s = ops_of(req);
	struct view_caller who = ops_caller(req);

	if (!s->v->removexattr)
		(void)fuse_reply_err(req, EROFS);
	else
		ops_reply_status(req, s->v->removexattr(s->view, &who, ops_node(s, ino), name));
}
