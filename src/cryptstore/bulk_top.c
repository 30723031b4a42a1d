/* bulk_top.c - the two directories that the command line names, and the order of the whole work. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cryptstore/bulk.h"
#include "cryptstore/bulk_host.h"
#include "cryptstore/exit.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/pool.h"

/* What is worked on besides struct bulk. */
struct top {
	struct view *host;
	int host_fd;
	char *single; /* the only entry to copy; NULL: a whole directory */
	bool keep;    /* the destination's top was there before */
};

static bool is_within(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/' || n == 1);
}

static int open_host_dir(struct top *t, const char *path, const struct bulk_store *s, struct err *err)
{
	auto_free char *real = realpath(path, NULL);

	if (!real)
		return err_set_exit(err, -errno, CS_USAGE, "'%s': %s", path, strerror(errno));
	if (is_within(real, s->path))
		return err_set_exit(err, -EINVAL, CS_USAGE, "'%s' lies in the store itself", path);
	t->host_fd = fd_openat(AT_FDCWD, real, O_RDONLY | O_DIRECTORY, 0);
	if (t->host_fd < 0)
		return err_set_exit(err, t->host_fd, CS_USAGE, "'%s': %s", path, strerror(-t->host_fd));
	if (bulk_host_open(&t->host, t->host_fd, err) < 0)
		return err_prefix(err, "'%s'", path);
	return 0;
}

/* The source of an import: a directory, or one entry of its directory. */
static int open_source(struct top *t, const char *path, const struct bulk_store *s, struct err *err)
{
	auto_free char *copy = strdup(path);
	auto_free char *base = strdup(path);
	struct stat st;

	if (!copy || !base)
		return err_set(err, -ENOMEM, "out of memory");
	if (stat(path, &st) < 0 && lstat(path, &st) < 0)
		return err_set_exit(err, -errno, CS_USAGE, "'%s': %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return open_host_dir(t, path, s, err);
	t->single = strdup(basename(base));
	if (!t->single)
		return err_set(err, -ENOMEM, "out of memory");
	return open_host_dir(t, dirname(copy), s, err);
}

/* The destination of an export: a directory, made if it is not there. */
static int open_destination(struct top *t, const char *path, const struct bulk_store *s, struct err *err)
{
	struct stat st;
	bool made = mkdir(path, t->single ? 0700 : BULK_UNFINISHED_DIR) == 0;
	int r;

	if (!made && errno != EEXIST)
		return err_set_exit(err, -errno, CS_USAGE, "'%s' cannot be made: %s", path, strerror(errno));
	r = open_host_dir(t, path, s, err);
	if (r < 0 && made)
		(void)rmdir(path);
	if (r < 0)
		return r;
	t->keep = t->single ||
		  (!made && fstat(t->host_fd, &st) == 0 && (st.st_mode & 07777) != BULK_UNFINISHED_DIR);
	return 0;
}

/* One more directory of the path in the store, made if it is not there. */
static int step_into(struct bulk *b, const char *name, mode_t mode, struct view_entry *at, bool *ret_made)
{
	const struct view_ops *ops = view_ops(b->to);
	struct view_entry next;
	int r = ops->mkdir(b->to, &b->self, at->node, name, mode, &next);

	*ret_made = r == 0;
	if (r == -EEXIST)
		r = ops->lookup(b->to, at->node, name, &next);
	if (at->node != view_root(b->to))
		ops->forget(b->to, at->node, 1);
	at->node = view_root(b->to);
	if (r < 0)
		return r;
	*at = next;
	return S_ISDIR(next.st.st_mode) ? 0 : -ENOTDIR;
}

static int make_store_dir(struct bulk *b, struct top *t, const char *dir, struct err *err)
{
	struct view_entry at = { .node = view_root(b->to) };
	const char *path = dir;
	bool made = false;
	int r = 0;

	t->keep = true;
	while (*path && r == 0) {
		size_t n = strcspn(path, "/");
		bool last = !path[n];
		char name[NAME_MAX + 1];

		if (n >= sizeof(name)) {
			r = -ENAMETOOLONG;
			break;
		}
		memcpy(name, path, n);
		name[n] = '\0';
		r = step_into(b, name, last && !t->single ? BULK_UNFINISHED_DIR : 0700, &at, &made);
		path += n + !last;
	}
	b->to_top = at.node;
	if (r < 0)
		return err_set_exit(err, r, CS_USAGE, "the directory '%s' in the store: %s", dir,
				    strerror(-r));
	if (at.node != view_root(b->to) && !t->single)
		t->keep = !made && (at.st.st_mode & 07777) != BULK_UNFINISHED_DIR;
	return 0;
}

/* The source of an export: a directory in the store, or one entry of its directory. */
static int find_in_store(struct bulk *b, struct top *t, const char *dir, struct err *err)
{
	struct view_entry e = { 0 };
	const char *slash = strrchr(dir, '/');
	auto_free char *parent = NULL;
	int r = bulk_resolve(b->from, view_root(b->from), dir, &e);

	b->from_top = view_root(b->from);
	if (r == 0 && e.node != view_root(b->from) && !S_ISDIR(e.st.st_mode)) {
		view_ops(b->from)->forget(b->from, e.node, 1);
		parent = slash ? strndup(dir, (size_t)(slash - dir)) : strdup("");
		t->single = strdup(slash ? slash + 1 : dir);
		r = parent && t->single ? bulk_resolve(b->from, view_root(b->from), parent, &e) : -ENOMEM;
	}
	if (r < 0)
		return err_set_exit(err, r, CS_USAGE, "'%s' in the store: %s", dir, strerror(-r));
	b->from_top = e.node;
	return 0;
}

static int find_tops(struct bulk *b, struct top *t, const struct bulk_store *s, const char *host_path,
		     struct err *err)
{
	int r;

	if (b->opt->import) {
		r = open_source(t, host_path, s, err);
		if (r < 0)
			return r;
		b->from = t->host;
		b->from_top = bulk_host_root(t->host);
		b->to = s->view;
		b->to_dir = s->dir;
		return make_store_dir(b, t, s->dir, err);
	}
	b->from = s->view;
	r = find_in_store(b, t, s->dir, err);
	if (r == 0)
		r = open_destination(t, host_path, s, err);
	if (r < 0)
		return r;
	b->to = t->host;
	b->to_top = bulk_host_root(t->host);
	b->to_dir = "";
	return 0;
}

static struct bulk_dir *top_dir(struct bulk *b, const struct top *t, struct err *err)
{
	struct view_entry src = { .node = b->from_top }, dst = { .node = b->to_top };
	struct bulk_dir *d = bulk_dir_new(b, NULL, NULL, &src, &dst);
	int r;

	if (!d) {
		(void)err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	d->inherits = true; /* not known: look */
	r = view_ops(b->from)->getattr(b->from, d->src.node, NULL, &d->src.st);
	if (r == 0)
		r = view_ops(b->to)->getattr(b->to, d->dst.node, NULL, &d->dst.st);
	d->keep = t->keep || r < 0;
	if (r == 0)
		return d;
	bulk_dir_put(d);
	(void)err_set(err, r, "%s", strerror(-r));
	return NULL;
}

/* Names that cannot be decrypted are left out by the view: at least say how many. */
static void report_damage(struct bulk *b, struct view *store)
{
	struct view_stats st;

	view_get_stats(store, &st);
	if (!b->opt->import && st.errors && !atomic_load(&b->n.errors))
		bulk_error(b, "", "",
			   "there are damaged names or attributes in the store ('gocryptfs -fsck')", 0);
}

static void copy_all(struct bulk *b, struct bulk_dir *d, const struct top *t, const struct bulk_store *s)
{
	struct bulk_progress *p;

	b->whole = !t->single;
	p = bulk_progress_start(b);
	if (t->single) {
		bulk_entry(d, t->single);
		bulk_dir_put(d);
	} else {
		bulk_walk(d);
	}
	pool_wait(b->pool);
	bulk_links(b);
	bulk_dirs_late(b);
	if (!bulk_stopped() && syncfs(b->opt->import ? s->fd : t->host_fd) < 0)
		bulk_error(b, "", "", "the destination cannot be synchronized", -errno);
	report_damage(b, s->view);
	bulk_progress_stop(p);
}

static void release_tops(struct bulk *b, const struct bulk_store *s)
{
	struct view_node *top = b->opt->import ? b->to_top : b->from_top;

	if (top && top != view_root(s->view))
		view_ops(s->view)->forget(s->view, top, 1);
}

int bulk_run(struct bulk *b, const struct bulk_store *s, const char *host_path, struct err *err)
{
	struct top t = { .host_fd = -1 };
	struct bulk_dir *d = NULL;
	struct stat st;
	int r = find_tops(b, &t, s, host_path, err);

	if (r == 0 && b->opt->import && fstat(s->fd, &st) == 0) {
		b->own_dev = st.st_dev;
		b->own_ino = st.st_ino;
		b->vol = s->vol;
		b->store_fd = s->fd;
		b->view_opt = s->view_opt;
	}
	if (r == 0) {
		b->pool = pool_new(b->opt->threads);
		r = b->pool ? 0 : err_set(err, -ENOMEM, "cannot start %u threads", b->opt->threads);
	}
	if (r == 0) {
		d = top_dir(b, &t, err);
		r = d ? 0 : err->code;
	}
	if (r == 0)
		copy_all(b, d, &t, s);
	pool_free(b->pool);
	bulk_links_done(b);
	bulk_lanes_done(b);
	release_tops(b, s);
	bulk_host_close(t.host);
	if (t.host_fd >= 0)
		(void)close(t.host_fd);
	free(t.single);
	return r;
}
