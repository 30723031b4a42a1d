/* bulk_meta.c - extended attributes, ACLs, times, owner and mode, in an order that a crash cannot confuse. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cryptstore/bulk.h"
#include "format/name.h"
#include "util/cleanup.h"

/* Names that belong to the file and not to the file system it lies on: labels and striping are the host's. */
static bool is_kept(const struct bulk *b, const char *name, bool acls)
{
	if (acls || name_is_acl(name))
		return acls && name_is_acl(name);
	return strncmp(name, "user.", 5) == 0 || (b->as_root && strcmp(name, "security.capability") == 0);
}

/* Names of a node's attributes, each ended by NUL; none where there can be none. */
static ssize_t list(struct view *v, struct view_node *node, char **ret)
{
	const struct view_ops *ops = view_ops(v);
	ssize_t n = ops->listxattr(v, node, NULL, 0);

	while (n > 0) {
		ssize_t room = n;

		free(*ret);
		*ret = malloc((size_t)room);
		if (!*ret)
			return -ENOMEM;
		n = ops->listxattr(v, node, *ret, (size_t)room);
		if (n != -ERANGE)
			break;
		n = ops->listxattr(v, node, NULL, 0); /* it grew */
	}
	return n == -EOPNOTSUPP ? 0 : n;
}

static int copy_one(struct bulk *b, struct view_node *src, struct view_node *dst, const char *name)
{
	ssize_t n = view_ops(b->from)->getxattr(b->from, src, name, NULL, 0);
	auto_free char *value = NULL;

	if (n < 0)
		return n == -ENODATA ? 0 : (int)n;
	value = malloc((size_t)n + 1);
	if (!value)
		return -ENOMEM;
	if (n > 0)
		n = view_ops(b->from)->getxattr(b->from, src, name, value, (size_t)n);
	if (n < 0)
		return (int)n;
	return view_ops(b->to)->setxattr(b->to, &b->self, dst, name, value, (size_t)n, 0);
}

static bool has_name(const char *names, ssize_t n, const char *name)
{
	for (const char *s = names; s < names + n; s += strlen(s) + 1)
		if (strcmp(s, name) == 0)
			return true;
	return false;
}

/* Attributes that the source does not have. */
static int remove_others(struct bulk *b, struct view_node *dst, const char *names, ssize_t n, bool acls)
{
	auto_free char *have = NULL;
	ssize_t m = list(b->to, dst, &have);
	int r = m < 0 ? (int)m : 0;

	for (const char *s = have; r == 0 && s < have + m; s += strlen(s) + 1)
		if (is_kept(b, s, acls) && !has_name(names, n, s)) {
			r = view_ops(b->to)->removexattr(b->to, &b->self, dst, s);
			if (r == -ENODATA)
				r = 0;
		}
	return r;
}

static int copy_xattrs(struct bulk *b, struct view_node *src, struct view_node *dst, const char *names,
		       ssize_t n, bool acls, bool clean)
{
	int r = 0;

	for (const char *s = names; r == 0 && s < names + n; s += strlen(s) + 1)
		if (is_kept(b, s, acls))
			r = copy_one(b, src, dst, s);
	if (r == 0 && !clean)
		r = remove_others(b, dst, names, n, acls);
	return r;
}

/* Mode of the copy: set-id bits do not survive a change of owner. */
static mode_t wanted_mode(const struct stat *src, bool uid_kept, bool gid_kept)
{
	mode_t mode = src->st_mode & 07777;

	if (!S_ISDIR(src->st_mode)) {
		if (!uid_kept)
			mode &= ~(mode_t)S_ISUID;
		if (!uid_kept || !gid_kept)
			mode &= ~(mode_t)S_ISGID;
	}
	return mode;
}

/* Who it belongs to, as far as we can: *ret_mode is the mode that goes with it. */
static int set_owner(struct bulk *b, const struct view_entry *src, const struct view_entry *dst,
		     struct view_file *df, mode_t *ret_mode)
{
	const struct view_ops *ops = view_ops(b->to);
	bool uid_kept = src->st.st_uid == dst->st.st_uid, gid_kept = src->st.st_gid == dst->st.st_gid;
	struct stat now;
	int r = 0;

	if (b->as_root && !(uid_kept && gid_kept)) {
		r = ops->setattr(b->to, &b->self, dst->node, df, &src->st, VIEW_SET_UID | VIEW_SET_GID, &now);
		uid_kept = gid_kept = true;
	} else if (!b->as_root && uid_kept && !gid_kept) { /* one of our groups, perhaps */
		gid_kept = ops->setattr(b->to, &b->self, dst->node, df, &src->st, VIEW_SET_GID, &now) == 0;
	}
	*ret_mode = (src->st.st_mode & S_IFMT) | wanted_mode(&src->st, uid_kept, gid_kept);
	return r;
}

/* The owner comes first, since a change of it takes capabilities away; the mode last, since it says that the
 * file is finished. */
int bulk_meta(struct bulk *b, const struct view_entry *src, const struct view_entry *dst,
	      struct view_file *df, bool clean, const char **ret_what)
{
	/* Symbolic links have no user attributes and no ACL. */
	const bool link = S_ISLNK(src->st.st_mode), xattrs = !b->opt->noxattr && !link;
	const struct view_ops *ops = view_ops(b->to);
	auto_free char *names = NULL;
	struct stat st = src->st, now;
	ssize_t n = 0;
	int r;

	*ret_what = "its owner cannot be set";
	r = set_owner(b, src, dst, df, &st.st_mode);
	if (r < 0)
		return r;
	*ret_what = "its extended attributes cannot be copied (--no-xattr leaves them out)";
	if (xattrs) {
		n = list(b->from, src->node, &names);
		r = n < 0 ? (int)n : 0;
	}
	if (r == 0 && xattrs && (n || !clean))
		r = copy_xattrs(b, src->node, dst->node, names, n, false, clean);
	if (r < 0)
		return r;
	*ret_what = "its times cannot be set";
	r = ops->setattr(b->to, &b->self, dst->node, df, &st, VIEW_SET_ATIME | VIEW_SET_MTIME, &now);
	if (r < 0)
		return r;
	*ret_what = "its ACL cannot be copied (--no-xattr leaves it out)";
	if (xattrs && (n || !clean))
		r = copy_xattrs(b, src->node, dst->node, names, n, true, clean);
	if (r < 0 || link)
		return r;
	*ret_what = "its mode cannot be set";
	return ops->setattr(b->to, &b->self, dst->node, df, &st, VIEW_SET_MODE, &now);
}

bool bulk_same_time(const struct timespec *src, const struct timespec *dst)
{
	static const long grains[] = { 1, 100, 1000, 1000000000 }; /* nanoseconds */

	for (size_t i = 0; i < sizeof(grains) / sizeof(grains[0]); i++)
		if (src->tv_sec == dst->tv_sec && src->tv_nsec / grains[i] * grains[i] == dst->tv_nsec)
			return true;
	return false;
}

bool bulk_same_meta(const struct bulk *b, const struct stat *src, const struct stat *dst)
{
	bool uid = src->st_uid == dst->st_uid, gid = src->st_gid == dst->st_gid;

	if (b->as_root && !(uid && gid))
		return false;
	return S_ISLNK(src->st_mode) || wanted_mode(src, uid, gid) == (dst->st_mode & 07777);
}
