/* bulk_node.c - symbolic links, pipes, sockets and devices: made in one step, never opened. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "cryptstore/bulk.h"

/* Is what is there already the same thing? 1, 0, or negative errno. */
static int is_same(struct bulk *b, const struct view_entry *src, const struct view_entry *dst,
		   const char *target)
{
	char there[PATH_MAX + 1];
	ssize_t n;

	if ((src->st.st_mode & S_IFMT) != (dst->st.st_mode & S_IFMT))
		return 0;
	if (!S_ISLNK(src->st.st_mode))
		return S_ISFIFO(src->st.st_mode) || S_ISSOCK(src->st.st_mode) ||
		       src->st.st_rdev == dst->st.st_rdev;
	n = view_ops(b->to)->readlink(b->to, dst->node, there, sizeof(there));
	return n < 0 ? (int)n : strcmp(there, target) == 0;
}

static int make(struct bulk_dir *d, const char *name, const struct view_entry *src, const char *target,
		struct view_entry *ret)
{
	struct bulk *b = d->b;
	const struct view_ops *ops = view_ops(b->to);
	int r;

	do
		r = S_ISLNK(src->st.st_mode)
			? ops->symlink(b->to, &b->self, d->dst.node, name, target, ret)
			: ops->mknod(b->to, &b->self, d->dst.node, name,
				     (src->st.st_mode & S_IFMT) | S_IRUSR | S_IWUSR, src->st.st_rdev, ret);
	while (bulk_dir_again(d, r));
	return r;
}

/* Make what is not there. *ret_there: it is, and the same. */
static int provide(struct bulk_dir *d, const char *name, const struct view_entry *src, const char *target,
		   struct view_entry *ret, bool *ret_there, const char **ret_what)
{
	struct bulk *b = d->b;
	const struct view_ops *ops = view_ops(b->to);
	int r = d->fresh ? -ENOENT : ops->lookup(b->to, d->dst.node, name, ret), same;

	*ret_there = false;
	*ret_what = "cannot be made";
	if (r < 0)
		return r == -ENOENT ? make(d, name, src, target, ret) : r;
	same = is_same(b, src, ret, target);
	if (same == 1) {
		*ret_there = true;
		return 0;
	}
	bulk_forget_dst(b, ret);
	if (!b->opt->overwrite || S_ISDIR(ret->st.st_mode)) {
		*ret_what = S_ISDIR(ret->st.st_mode) ? "a directory is in the way"
						     : "exists and differs (--overwrite replaces it)";
		return -EEXIST;
	}
	r = ops->unlink(b->to, d->dst.node, name);
	return r < 0 ? r : make(d, name, src, target, ret);
}

void bulk_node(struct bulk_dir *d, const char *name, const struct view_entry *src)
{
	struct bulk *b = d->b;
	char target[PATH_MAX + 1] = "";
	const char *what = "cannot be read";
	struct view_entry dst;
	bool there = false;
	ssize_t r = 0;

	if (S_ISLNK(src->st.st_mode))
		r = view_ops(b->from)->readlink(b->from, src->node, target, sizeof(target));
	if (r >= 0)
		r = provide(d, name, src, target, &dst, &there, &what);
	if (r == 0) {
		if (!there || !bulk_same_meta(b, &src->st, &dst.st) ||
		    !bulk_same_time(&src->st.st_mtim, &dst.st.st_mtim))
			r = bulk_meta(b, src, &dst, NULL, !there && !d->inherits, &what);
		bulk_forget_dst(b, &dst);
	}
	if (r < 0)
		bulk_error(b, d->path, name, what, r == -EEXIST ? 0 : (int)r);
	else
		(void)atomic_fetch_add(there ? &b->n.there : &b->n.others, 1);
	bulk_forget_src(b, src);
}
