/* bulk_dir.c - directories of both sides in step: made, found by path, and given their attributes once
 * nothing more happens in them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cryptstore/bulk.h"
#include "util/cleanup.h"

void bulk_forget_src(const struct bulk *b, const struct view_entry *e)
{
	if (e->node != b->from_top)
		view_ops(b->from)->forget(b->from, e->node, 1);
}

void bulk_forget_dst(const struct bulk *b, const struct view_entry *e)
{
	if (e->node != b->to_top)
		view_ops(b->to)->forget(b->to, e->node, 1);
}

struct bulk_dir *bulk_dir_new(struct bulk *b, struct bulk_dir *parent, const char *name,
			      const struct view_entry *src, const struct view_entry *dst)
{
	size_t n = parent ? strlen(parent->path) : 0, k = name ? strlen(name) : 0;
	struct bulk_dir *d = calloc(1, sizeof(*d) + n + k + 2);

	if (!d) {
		bulk_forget_src(b, src);
		bulk_forget_dst(b, dst);
		return NULL;
	}
	d->b = b;
	d->src = *src;
	d->dst = *dst;
	atomic_init(&d->refs, 1);
	if (parent) {
		bulk_dir_ref(parent);
		d->parent = parent;
		memcpy(d->path, parent->path, n);
		if (n)
			d->path[n++] = '/';
	}
	if (name)
		memcpy(d->path + n, name, k + 1);
	return d;
}

void bulk_dir_ref(struct bulk_dir *d)
{
	(void)atomic_fetch_add(&d->refs, 1);
}

static int remember_late(struct bulk *b, const char *path)
{
	auto_unlock pthread_mutex_t *held = mutex_hold(&b->lock);

	if (b->n_late == b->late_room) {
		size_t room = b->late_room ? 2 * b->late_room : 64;
		char **grown = realloc(b->late, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		b->late = grown;
		b->late_room = room;
	}
	b->late[b->n_late] = strdup(path);
	if (!b->late[b->n_late])
		return -ENOMEM;
	b->n_late++;
	return 0;
}

static void finish(struct bulk_dir *d)
{
	const char *what = "out of memory";
	int r;

	if (d->keep || bulk_stopped())
		return;
	if (atomic_load(&d->late))
		r = remember_late(d->b, d->path);
	else
		r = bulk_meta(d->b, &d->src, &d->dst, NULL, d->fresh && !d->inherits, &what);
	if (r < 0)
		bulk_error(d->b, d->path, "", what, r);
}

void bulk_dir_put(struct bulk_dir *d)
{
	while (d && atomic_fetch_sub(&d->refs, 1) == 1) {
		struct bulk_dir *parent = d->parent;

		finish(d);
		bulk_forget_src(d->b, &d->src);
		bulk_forget_dst(d->b, &d->dst);
		free(d);
		d = parent;
	}
}

static int give_rights(struct bulk *b, struct view_entry *dst)
{
	struct stat st = dst->st;

	st.st_mode |= S_IRWXU;
	return view_ops(b->to)->setattr(b->to, &b->self, dst->node, NULL, &st, VIEW_SET_MODE, &dst->st);
}

bool bulk_dir_again(struct bulk_dir *d, int r)
{
	struct view_entry e = d->dst;

	if (r != -EACCES || d->b->as_root || (d->keep && !*d->path) ||
	    view_ops(d->b->to)->getattr(d->b->to, e.node, NULL, &e.st) < 0)
		return false;
	return (e.st.st_mode & S_IRWXU) != S_IRWXU && give_rights(d->b, &e) == 0;
}

/* What was there before: it must be a directory, and we must get in. */
static int found(struct bulk *b, struct view_entry *ret)
{
	if (!S_ISDIR(ret->st.st_mode)) {
		bulk_forget_dst(b, ret);
		return -ENOTDIR;
	}
	if (!b->as_root && (ret->st.st_mode & S_IRWXU) != S_IRWXU)
		(void)give_rights(b, ret); /* if it is not ours, what we do in it will tell */
	return 0;
}

int bulk_dir_make(struct bulk_dir *parent, const char *name, struct view_entry *ret, bool *ret_fresh)
{
	struct bulk *b = parent->b;
	const struct view_ops *ops = view_ops(b->to);
	int r = -ENOENT;

	*ret_fresh = false;
	if (!parent->fresh)
		r = ops->lookup(b->to, parent->dst.node, name, ret);
	if (r == -ENOENT) {
		do
			r = ops->mkdir(b->to, &b->self, parent->dst.node, name, S_IRWXU, ret);
		while (bulk_dir_again(parent, r));
		if (r == 0) {
			*ret_fresh = true;
			(void)atomic_fetch_add(&b->n.dirs, 1);
			return 0;
		}
		if (r == -EEXIST) /* by another task */
			r = ops->lookup(b->to, parent->dst.node, name, ret);
	}
	return r < 0 ? r : found(b, ret);
}

int bulk_resolve(struct view *v, struct view_node *top, const char *path, struct view_entry *ret)
{
	const struct view_ops *ops = view_ops(v);
	struct view_entry at = { .node = top };

	while (*path) {
		size_t n = strcspn(path, "/");
		struct view_entry next;
		char name[256];
		int r = n < sizeof(name) ? 0 : -ENAMETOOLONG;

		if (r == 0 && n > 0) {
			memcpy(name, path, n);
			name[n] = '\0';
			r = ops->lookup(v, at.node, name, &next);
			if (at.node != top)
				ops->forget(v, at.node, 1);
			at = next;
		} else if (r < 0 && at.node != top) {
			ops->forget(v, at.node, 1);
		}
		if (r < 0)
			return r;
		path += n + (path[n] == '/');
	}
	*ret = at;
	return 0;
}

/* Both sides of the directory at path. NULL with an error told. */
static struct bulk_dir *dir_at(struct bulk *b, const char *path)
{
	struct view_entry src, dst;
	struct bulk_dir *d;
	int r = bulk_resolve(b->from, b->from_top, path, &src);

	if (r < 0) {
		bulk_error(b, path, "", "cannot be found again", r);
		return NULL;
	}
	r = bulk_resolve(b->to, b->to_top, path, &dst);
	if (r < 0) {
		bulk_forget_src(b, &src);
		bulk_error(b, path, "", "the copy cannot be found again", r);
		return NULL;
	}
	d = bulk_dir_new(b, NULL, path, &src, &dst);
	if (!d)
		bulk_error(b, path, "", "not copied", -ENOMEM);
	return d;
}

struct bulk_dir *bulk_dir_of(struct bulk *b, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
	struct bulk_dir *d;

	*ret_name = slash ? slash + 1 : path;
	if (!dir) {
		bulk_error(b, path, "", "not copied", -ENOMEM);
		return NULL;
	}
	d = dir_at(b, dir);
	if (d) {
		d->keep = true;
		d->inherits = true; /* not known any more: look */
	}
	return d;
}

void bulk_dirs_late(struct bulk *b)
{
	for (size_t i = 0; i < b->n_late; i++) {
		struct bulk_dir *d = bulk_stopped() ? NULL : dir_at(b, b->late[i]);

		if (d && d->path[0] == '\0') { /* the top: its node came without attributes */
			(void)view_ops(b->from)->getattr(b->from, d->src.node, NULL, &d->src.st);
			(void)view_ops(b->to)->getattr(b->to, d->dst.node, NULL, &d->dst.st);
		}
		bulk_dir_put(d);
		free(b->late[i]);
	}
	free(b->late);
	b->late = NULL;
	b->n_late = b->late_room = 0;
}
