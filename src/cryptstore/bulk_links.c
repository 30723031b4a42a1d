/* bulk_links.c - objects with several names: copied once, under the name that is there already if there is
 * one, then linked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cryptstore/bulk.h"
#include "util/cleanup.h"
#include "util/pool.h"

int bulk_links_add(struct bulk *b, const struct stat *st, const char *path)
{
	auto_unlock pthread_mutex_t *held = mutex_hold(&b->lock);
	char *copy = strdup(path);

	if (copy && b->n_names == b->names_room) {
		size_t room = b->names_room ? 2 * b->names_room : 64;
		struct bulk_name *grown = realloc(b->names, room * sizeof(*grown));

		if (!grown) {
			free(copy);
			return -ENOMEM;
		}
		b->names = grown;
		b->names_room = room;
	}
	if (!copy)
		return -ENOMEM;
	b->names[b->n_names++] = (struct bulk_name){ st->st_dev, st->st_ino, copy };
	return 0;
}

static int by_object(const void *p, const void *q)
{
	const struct bulk_name *a = p, *b = q;

	if (a->ino != b->ino)
		return a->ino < b->ino ? -1 : 1;
	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	return strcmp(a->path, b->path);
}

/* Names of one object. */
struct group {
	struct bulk *b;
	const struct bulk_name *names;
	size_t n;
	size_t first; /* index of the name that is copied */
};

static int look(struct bulk_dir *d, const char *name, struct view_entry *ret)
{
	return view_ops(d->b->to)->lookup(d->b->to, d->dst.node, name, ret);
}

/* Is the object there in full under this name? */
static bool is_there(struct group *g, const char *path)
{
	struct view_entry src, dst;
	bool there = false;

	if (bulk_resolve(g->b->to, g->b->to_top, path, &dst) < 0)
		return false;
	if (bulk_resolve(g->b->from, g->b->from_top, path, &src) == 0) {
		there = S_ISREG(src.st.st_mode) && bulk_judge(&src.st, &dst.st) == BULK_SAME;
		bulk_forget_src(g->b, &src);
	}
	bulk_forget_dst(g->b, &dst);
	return there;
}

static void copy_first(void *arg, size_t i)
{
	struct group *g = (struct group *)arg + i;
	struct view_entry src;
	struct bulk_dir *d;
	const char *name;
	int r;

	for (size_t k = 0; k < g->n; k++)
		if (is_there(g, g->names[k].path)) {
			g->first = k;
			break;
		}
	d = bulk_stopped() ? NULL : bulk_dir_of(g->b, g->names[g->first].path, &name);
	if (!d)
		return;
	r = view_ops(g->b->from)->lookup(g->b->from, d->src.node, name, &src);
	if (r < 0)
		bulk_error(g->b, d->path, name, "cannot be looked at", r);
	else if (S_ISREG(src.st.st_mode))
		bulk_file(d, name, &src);
	else
		bulk_node(d, name, &src);
	bulk_dir_put(d);
}

/* Something else is where a link belongs: it may go if it is the same file, a part of it, or if told so. */
static int make_room(struct group *g, struct bulk_dir *d, const char *name, const struct view_entry *first,
		     const struct view_entry *dst)
{
	enum bulk_verdict v = bulk_judge(&first->st, &dst->st);

	if (S_ISDIR(dst->st.st_mode) || (v != BULK_SAME && v != BULK_PARTIAL && !g->b->opt->overwrite)) {
		bulk_error(g->b, d->path, name,
			   "exists and differs from what it is to be a link to (--overwrite replaces it)", 0);
		return -EEXIST;
	}
	return view_ops(g->b->to)->unlink(g->b->to, d->dst.node, name);
}

static void link_one(struct group *g, const char *path, const struct view_entry *first)
{
	struct bulk *b = g->b;
	const char *name;
	struct bulk_dir *d = bulk_dir_of(b, path, &name);
	struct view_entry dst;
	int r;

	if (!d)
		return;
	r = look(d, name, &dst);
	if (r == 0) {
		bool same = dst.st.st_ino == first->st.st_ino && dst.st.st_dev == first->st.st_dev;

		if (!same)
			r = make_room(g, d, name, first, &dst);
		bulk_forget_dst(b, &dst);
		if (same || r == -EEXIST) {
			if (same)
				(void)atomic_fetch_add(&b->n.there, 1);
			bulk_dir_put(d);
			return;
		}
	}
	if (r == 0 || r == -ENOENT) {
		do
			r = view_ops(b->to)->link(b->to, &b->self, first->node, d->dst.node, name, &dst);
		while (bulk_dir_again(d, r));
	}
	if (r == 0) {
		bulk_forget_dst(b, &dst);
		(void)atomic_fetch_add(&b->n.links, 1);
	} else {
		bulk_error(b, d->path, name, "the link cannot be made", r);
	}
	bulk_dir_put(d);
}

static void link_others(void *arg, size_t i)
{
	struct group *g = (struct group *)arg + i;
	struct view_entry first;

	if (bulk_stopped() || g->n < 2 ||
	    bulk_resolve(g->b->to, g->b->to_top, g->names[g->first].path, &first) < 0)
		return; /* what stopped it was told */
	if (!S_ISREG(first.st.st_mode) || (first.st.st_mode & 07777) != BULK_UNFINISHED)
		for (size_t k = 0; k < g->n && !bulk_stopped(); k++)
			if (k != g->first)
				link_one(g, g->names[k].path, &first);
	bulk_forget_dst(g->b, &first);
}

void bulk_links(struct bulk *b)
{
	auto_free struct group *groups = NULL;
	size_t n = 0;

	if (!b->n_names || bulk_stopped())
		return;
	groups = calloc(b->n_names, sizeof(*groups));
	if (!groups) {
		bulk_error(b, "", "", "files with several names are not copied", -ENOMEM);
		return;
	}
	qsort(b->names, b->n_names, sizeof(*b->names), by_object);
	for (size_t i = 0; i < b->n_names; i++) {
		if (i == 0 || b->names[i].ino != b->names[i - 1].ino ||
		    b->names[i].dev != b->names[i - 1].dev)
			groups[n++] = (struct group){ .b = b, .names = &b->names[i] };
		groups[n - 1].n++;
	}
	pool_run(b->pool, n, copy_first, groups);
	pool_wait(b->pool); /* large ones */
	pool_run(b->pool, n, link_others, groups);
}

void bulk_links_done(struct bulk *b)
{
	while (b->n_names)
		free(b->names[--b->n_names].path);
	free(b->names);
	b->names = NULL;
	b->names_room = 0;
}
