/* check_dir.c - the parallel walk of the check: directories are queued, their entries go out in batches. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "view/check_priv.h"

enum {
	BATCH_BYTES = 16384, /* names of one batch; at least one entry fits */
	BATCHES_PER_THREAD = 4,
	LINKS_FIRST = 1024,
};
static_assert(BATCH_BYTES > 2 * (NAME_PLAIN_MAX + 1), "a batch takes an entry");

struct check_dir *check_dir_new(struct check *c, struct check_dir *parent, const struct view_entry *e,
				const char *name, const char *cname)
{
	size_t len = strlen(name) + 1;
	struct check_dir *d = malloc(sizeof(*d) + len + strlen(cname) + 1);

	if (!d)
		return NULL;
	d->c = c;
	d->parent = parent;
	d->node = e->node;
	d->ino = e->st.st_ino;
	d->age = (struct check_age){ 0 };
	atomic_init(&d->refs, 1);
	d->name = strcpy(d->text, name);
	d->cname = strcpy(d->text + len, cname);
	if (parent)
		atomic_fetch_add(&parent->refs, 1);
	return d;
}

void check_dir_unref(struct check_dir *d)
{
	while (d && atomic_fetch_sub(&d->refs, 1) == 1) {
		struct check_dir *parent = d->parent;

		check_age_done(d);
		if (parent)
			d->c->ops->forget(d->c->v, d->node, 1);
		free(d);
		d = parent;
	}
}

/* Open the backing directory step by step, so that no path is too long and no symlink is followed. */
static int open_backing(const struct check *c, const struct check_dir *d)
{
	auto_free const struct check_dir **chain = NULL;
	int fd = fd_openat(c->dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	size_t depth = 0;

	for (const struct check_dir *up = d; up->parent; up = up->parent)
		depth++;
	chain = calloc(depth + 1, sizeof(const struct check_dir *));
	if (!chain) {
		cleanup_fd(&fd);
		return -ENOMEM;
	}
	for (size_t i = depth; i > 0; d = d->parent)
		chain[--i] = d;
	for (size_t i = 0; i < depth && fd >= 0; i++) {
		int flags = i + 1 == depth ? O_RDONLY : O_PATH;
		int next = fd_openat(fd, chain[i]->cname, flags | O_DIRECTORY | O_NOFOLLOW, 0);

		cleanup_fd(&fd);
		fd = next;
	}
	return fd;
}

static void scan_unref(struct check_scan *s)
{
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	cleanup_fd(&s->fd);
	check_dir_unref(s->dir);
	free(s);
}

static struct check_scan *scan_new(struct check_dir *d)
{
	struct check_scan *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	atomic_fetch_add(&d->refs, 1);
	s->dir = d;
	s->is_root = !d->parent;
	atomic_init(&s->refs, 1);
	s->fd = open_backing(d->c, d);
	return s;
}

static size_t link_slot(const struct check_links *l, const struct stat *st)
{
	uint64_t hash = ((uint64_t)st->st_ino ^ (uint64_t)st->st_dev << 40) * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(hash >> 20) & (l->n_slots - 1);

	while (l->slots[i].ino && (l->slots[i].ino != st->st_ino || l->slots[i].dev != st->st_dev))
		i = (i + 1) & (l->n_slots - 1);
	return i;
}

static int links_grow(struct check_links *l)
{
	struct check_links bigger = { .n_slots = l->n_slots ? 2 * l->n_slots : LINKS_FIRST };

	bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < l->n_slots; i++) {
		const struct stat st = { .st_ino = l->slots[i].ino, .st_dev = l->slots[i].dev };

		if (st.st_ino)
			bigger.slots[link_slot(&bigger, &st)] = l->slots[i];
	}
	free(l->slots);
	l->slots = bigger.slots;
	l->n_slots = bigger.n_slots;
	return 0;
}

/* True the second time an object with several names is met. */
static bool seen_before(struct check *c, const struct stat *st)
{
	struct check_links *l = &c->links;
	struct check_link *slot;

	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return false;
	auto_unlock pthread_mutex_t *held = mutex_hold(&l->lock);
	if (l->n_used * 2 >= l->n_slots && links_grow(l) < 0) {
		check_fail(c, -ENOMEM);
		return false;
	}
	slot = &l->slots[link_slot(l, st)];
	if (slot->ino)
		return true;
	*slot = (struct check_link){ st->st_dev, st->st_ino };
	l->n_used++;
	return false;
}

/* A directory below: its own turn comes from the queue. Takes over the lookup reference. */
static void descend(struct check *c, const struct check_object *o)
{
	struct check_dir *d = check_dir_new(c, o->scan->dir, &o->entry, o->name, o->cname);

	if (d) {
		check_age_name(&d->age, o);
		check_dir_submit(d);
		return;
	}
	c->ops->forget(c->v, o->entry.node, 1);
	check_fail(c, -ENOMEM);
}

static void check_entry(struct check *c, const struct check_scan *s, const char *name, const char *cname)
{
	struct check_object o = { .scan = s, .name = name, .cname = cname };
	int r;

	if (!check_is_canonical(c, s, name, cname))
		return; /* check_hidden() reports it */
	r = c->ops->lookup(c->v, s->dir->node, name, &o.entry);
	if (r < 0) {
		check_report_errno(c, CHECK_ENTRY, &o, r);
		return;
	}
	if (!S_ISDIR(o.entry.st.st_mode))
		check_age_data(c, &o);
	if (!seen_before(c, &o.entry.st)) {
		switch (o.entry.st.st_mode & S_IFMT) {
		case S_IFREG:
			atomic_fetch_add(&c->files, 1);
			check_file(c, &o);
			break;
		case S_IFLNK:
			atomic_fetch_add(&c->symlinks, 1);
			check_symlink(c, &o);
			break;
		case S_IFDIR:
			break;
		default:
			atomic_fetch_add(&c->others, 1);
		}
		check_xattrs(c, &o);
	}
	if (S_ISDIR(o.entry.st.st_mode))
		descend(c, &o);
	else
		c->ops->forget(c->v, o.entry.node, 1);
	check_progress(c);
}

/* Some entries of one directory: name, NUL, backing name, NUL, ... */
struct batch {
	struct check *c;
	struct check_scan *scan;
	off_t off; /* directory position behind the last */
	size_t used;
	char names[BATCH_BYTES];
};

static void batch_work(struct batch *b)
{
	for (size_t i = 0; i < b->used && !check_stopped(b->c);) {
		const char *name = b->names + i, *cname = name + strlen(name) + 1;

		i += strlen(name) + strlen(cname) + 2;
		check_entry(b->c, b->scan, name, cname);
	}
	scan_unref(b->scan);
	free(b);
}

static void batch_task(void *arg)
{
	struct batch *b = arg;
	struct check *c = b->c;

	batch_work(b);
	atomic_fetch_sub(&c->n_queued, 1);
}

/* Give it to another thread, unless enough is waiting already: memory must not grow with the directory. */
static void batch_submit(struct batch *b)
{
	struct check *c = b->c;

	if (atomic_fetch_add(&c->n_queued, 1) < c->threads * BATCHES_PER_THREAD &&
	    pool_submit(c->pool, batch_task, b) == 0)
		return;
	batch_task(b);
}

static bool batch_fill(void *arg, const char *name, const char *cname, uint64_t ino, unsigned char type,
		       off_t off)
{
	struct batch *b = arg;
	size_t n = strlen(name) + 1, n_cname = strlen(cname) + 1;

	(void)ino;
	(void)type;
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
		if (b->used + n + n_cname > sizeof(b->names))
			return false;
		memcpy(b->names + b->used, name, n);
		memcpy(b->names + b->used + n, cname, n_cname);
		b->used += n + n_cname;
	}
	b->off = off;
	return true;
}

/* One batch from position *off on. 1: there may be more, 0: that was all, or -errno. */
static int list_some(struct check *c, struct check_scan *s, struct view_dir *vd, off_t *off)
{
	struct batch *b = malloc(sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->c = c;
	b->scan = s;
	b->off = *off;
	b->used = 0;
	r = c->ops->readdir(vd, *off, batch_fill, b);
	if (r < 0 || b->used == 0) {
		free(b);
		return r;
	}
	*off = b->off;
	atomic_fetch_add(&s->refs, 1);
	batch_submit(b);
	return 1;
}

/* All of an opened directory. */
static void list(struct check *c, struct check_scan *s, struct view_dir *vd)
{
	const struct check_object o = { .scan = s, .entry.st.st_ino = s->dir->ino };
	off_t off = 0;
	int r = 1;

	while (r > 0 && !check_stopped(c))
		r = list_some(c, s, vd, &off);
	if (r < 0)
		check_report_errno(c, CHECK_DIR, &o, r);
}

static void report_dir(struct check *c, const struct check_scan *s, int e)
{
	const struct check_object o = { .scan = s, .entry.st.st_ino = s->dir->ino };
	char buf[160];

	if (check_is_damage(e) && s->fd >= 0)
		check_report(c, CHECK_DIR, s->dir, NULL, NULL, s->dir->ino,
			     check_explain_iv(s->fd, buf, sizeof(buf)));
	else
		check_report_errno(c, CHECK_DIR, &o, e);
}

static void check_one_dir(struct check *c, struct check_dir *d)
{
	struct check_scan *s = scan_new(d);
	struct view_dir *vd = NULL;
	int r;

	if (!s) {
		check_fail(c, -ENOMEM);
		return;
	}
	atomic_fetch_add(&c->dirs, 1);
	if (s->fd >= 0 && s->is_root)
		check_age_meta(&d->age, s->fd, NAME_CONF);
	if (s->fd >= 0 && !c->vol->opt.plaintextnames && !c->vol->opt.deterministic_names)
		check_age_meta(&d->age, s->fd, NAME_DIRIV);
	r = s->fd < 0 ? s->fd : c->ops->opendir(c->v, d->node, &vd);
	if (r < 0) {
		report_dir(c, s, r);
	} else {
		const struct check_object root = {
			.scan = s, .name = "", .cname = ".", .entry = { .node = d->node, .st.st_ino = d->ino }
		};

		if (s->is_root)
			check_xattrs(c, &root);
		r = check_hidden(c, s);
		if (r < 0)
			report_dir(c, s, r);
		else
			list(c, s, vd);
		c->ops->releasedir(vd);
	}
	scan_unref(s);
}

static void dir_task(void *arg)
{
	struct check_dir *d = arg;

	if (!check_stopped(d->c))
		check_one_dir(d->c, d);
	check_dir_unref(d);
}

void check_dir_submit(struct check_dir *d)
{
	if (pool_submit(d->c->pool, dir_task, d) < 0) {
		check_fail(d->c, -ENOMEM);
		check_dir_unref(d);
	}
}
