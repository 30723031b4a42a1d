/* bulk_walk.c - the walk: directories are read into batches of names, batches become copies. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cryptstore/bulk.h"
#include "util/cleanup.h"
#include "util/pool.h"

enum { BATCH_NAMES = 32, NAME_ROOM = 256 };

/* Work for the pool: names in a directory, of which it holds a reference. */
struct batch {
	struct bulk_dir *d;
	size_t n, len;
	char names[BATCH_NAMES * NAME_ROOM]; /* n names, each ended by NUL; cut to len once it waits */
};

static uint64_t mix(uint64_t x) /* finalizer of MurmurHash3 */
{
	x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

/* By nothing that differs between the nodes: inode and device numbers may, on network file systems. */
bool bulk_is_mine(const struct bulk_options *opt, const char *path, const struct stat *st)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	if (opt->n_tasks <= 1)
		return true;
	if (st->st_nlink > 1 && !S_ISDIR(st->st_mode)) {
		h = mix((uint64_t)st->st_size) ^ mix((uint64_t)st->st_mtim.tv_sec + 1) ^
		    mix((uint64_t)st->st_mtim.tv_nsec + 2);
	} else {
		for (; *path; path++)
			h = (h ^ (unsigned char)*path) * UINT64_C(0x100000001b3);
	}
	return mix(h) % opt->n_tasks == opt->task;
}

static void walk_task(void *arg)
{
	bulk_walk(arg);
}

static bool has_default_acl(struct bulk *b, const struct view_entry *dst)
{
	return view_ops(b->to)->getxattr(b->to, dst->node, "system.posix_acl_default", NULL, 0) > 0;
}

static void enter(struct bulk_dir *d, const char *name, const struct view_entry *src)
{
	struct bulk *b = d->b;
	struct view_entry dst;
	struct bulk_dir *sub;
	bool fresh;
	int r;

	if (src->st.st_ino == b->own_ino && src->st.st_dev == b->own_dev) {
		bulk_say("the store itself is in the tree and is left out");
		bulk_forget_src(b, src);
		return;
	}
	r = bulk_dir_make(d, name, &dst, &fresh);
	if (r < 0) {
		bulk_forget_src(b, src);
		bulk_error(b, d->path, name,
			   r == -ENOTDIR ? "something that is no directory is in the way of this directory"
					 : "the directory cannot be made",
			   r);
		return;
	}
	sub = bulk_dir_new(b, d, name, src, &dst);
	if (!sub) {
		bulk_error(b, d->path, name, "not copied", -ENOMEM);
		return;
	}
	sub->fresh = fresh;
	/* Another task may finish the directory, and with it its default ACL, while we still make files. */
	sub->inherits = b->opt->n_tasks > 1 || (fresh ? d->inherits : has_default_acl(b, &dst));
	if (pool_submit(b->pool, walk_task, sub) < 0) {
		sub->keep = true;
		bulk_error(b, d->path, name, "not copied", -ENOMEM);
		bulk_dir_put(sub);
	}
}

static char *join(const struct bulk_dir *d, const char *name)
{
	size_t n = strlen(d->path), k = strlen(name);
	char *path = malloc(n + k + 2);

	if (path) {
		memcpy(path, d->path, n);
		if (n)
			path[n++] = '/';
		memcpy(path + n, name, k + 1);
	}
	return path;
}

/* No directory. An object with several names waits until all of them are known. */
static void object(struct bulk_dir *d, const char *name, const struct view_entry *src)
{
	struct bulk *b = d->b;
	auto_free char *path = join(d, name);
	int r = path ? 0 : -ENOMEM;

	if (r == 0 && !bulk_is_mine(b->opt, path, &src->st)) {
		bulk_forget_src(b, src);
		return;
	}
	if (r == 0 && src->st.st_nlink <= 1) {
		if (S_ISREG(src->st.st_mode))
			bulk_file(d, name, src);
		else
			bulk_node(d, name, src);
		return;
	}
	atomic_store(&d->late, true);
	if (r == 0)
		r = bulk_links_add(b, &src->st, path);
	if (r < 0)
		bulk_error(b, d->path, name, "not copied", r);
	bulk_forget_src(b, src);
}

void bulk_entry(struct bulk_dir *d, const char *name)
{
	struct view_entry src;
	int r = view_ops(d->b->from)->lookup(d->b->from, d->src.node, name, &src);

	if (r < 0)
		bulk_error(d->b, d->path, name, "cannot be looked at", r);
	else if (S_ISDIR(src.st.st_mode))
		enter(d, name, &src);
	else
		object(d, name, &src);
}

static void batch_task(void *arg)
{
	struct batch *batch = arg;
	const char *name = batch->names;

	for (size_t i = 0; i < batch->n && !bulk_stopped(); i++, name += strlen(name) + 1)
		bulk_entry(batch->d, name);
	bulk_dir_put(batch->d);
	free(batch);
}

struct reader {
	struct bulk_dir *d;
	struct batch *batch;
	int r;
};

static void submit(struct reader *rd)
{
	struct batch *batch = take(rd->batch), *cut;

	if (!batch)
		return;
	cut = realloc(batch, offsetof(struct batch, names) + batch->len); /* millions may wait */
	if (cut)
		batch = cut;
	bulk_dir_ref(rd->d);
	batch->d = rd->d;
	if (pool_submit(rd->d->b->pool, batch_task, batch) < 0) {
		rd->r = -ENOMEM;
		free(batch);
		bulk_dir_put(rd->d);
	}
}

static bool take_name(void *arg, const char *name, const char *cname, uint64_t ino, unsigned char type,
		      off_t off)
{
	struct reader *rd = arg;
	size_t n = strlen(name) + 1;

	(void)cname;
	(void)ino;
	(void)type;
	(void)off;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return true;
	if (!rd->batch) {
		rd->batch = malloc(sizeof(*rd->batch));
		if (rd->batch)
			rd->batch->n = rd->batch->len = 0;
	}
	if (!rd->batch || n > NAME_ROOM) {
		rd->r = rd->batch ? -ENAMETOOLONG : -ENOMEM;
		return false;
	}
	memcpy(rd->batch->names + rd->batch->len, name, n);
	rd->batch->len += n;
	if (++rd->batch->n == BATCH_NAMES)
		submit(rd);
	return rd->r == 0 && !bulk_stopped();
}

void bulk_walk(struct bulk_dir *d)
{
	const struct view_ops *ops = view_ops(d->b->from);
	struct reader rd = { .d = d };
	struct view_dir *dir;
	int r = bulk_stopped() ? -ECANCELED : ops->opendir(d->b->from, d->src.node, &dir);

	if (r == 0) {
		r = ops->readdir(dir, 0, take_name, &rd);
		ops->releasedir(dir);
		submit(&rd);
		r = rd.r < 0 ? rd.r : r;
	}
	if (r < 0)
		bulk_error(d->b, d->path, "", "the directory cannot be read", r);
	bulk_dir_put(d);
}
