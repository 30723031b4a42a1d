/* fwd_dir.c - reading directories: entries decrypted as they come, in buffers of the kernel's own form. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "view/internal.h"

enum { DIR_BUF = 32768, REMOVERS = 16 };

/* getdents64(2). */
struct kernel_dirent {
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	uint8_t d_type;
	char d_name[];
};

struct view_dir {
	struct view *v;
	struct view_node *node;
	struct view_dir *next, **prev; /* view.dirs; view.lock */
	int fd;			       /* of its own: it carries the position */
	bool is_root;
	uint8_t iv[NAME_IV_LEN];
	pthread_mutex_t lock; /* guards what follows; the kernel may ask from two threads */
	off_t at;	      /* position after the last entry handed out */
	size_t pos, len;      /* unread part of buf */
	_Alignas(uint64_t) char buf[DIR_BUF];
};

/* Pin the directory with its IV. Without IV it is damaged, unless somebody tries to remove it this moment:
 * then it has lost its name before its IV, and may get both back. And the next one may try between our steps.
 */
static int get_with_iv(struct view *v, struct view_node *node, struct dirref *ret)
{
	int r = dir_get(v, node, true, ret);

	for (int i = 0; r == -ENOENT && i < REMOVERS; i++) {
		pthread_mutex_lock(&v->lock);
		dir_cache_drop(v, node);
		pthread_mutex_unlock(&v->lock);
		r = dir_get(v, node, false, ret);
		if (r < 0)
			return r == -ESTALE || r == -ENOTDIR ? -ENOENT : r;
		dir_put(ret);
		r = dir_get(v, node, true, ret);
	}
	return r == -ENOENT ? -EUCLEAN : r;
}

int fwd_opendir(struct view *v, struct view_node *node, struct view_dir **ret)
{
	struct view_dir *d;
	struct dirref ref;
	int r = dir_get(v, node, false, &ref);

	if (r < 0)
		return r;
	dir_put(&ref);
	r = get_with_iv(v, node, &ref);
	if (r < 0)
		return r;
	auto_fd int fd = fd_openat(ref.fd, ".", O_RDONLY | O_DIRECTORY, 0);

	dir_put(&ref);
	if (fd < 0)
		return fd;
	if (v->weak_names)
		stat_names_anew(fd);
	d = malloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->v = v;
	d->node = node;
	d->fd = take_fd(&fd);
	d->is_root = ref.is_root;
	memcpy(d->iv, ref.iv, NAME_IV_LEN);
	pthread_mutex_init(&d->lock, NULL);
	d->at = 0;
	d->pos = d->len = 0;
	pthread_mutex_lock(&v->lock);
	d->next = v->dirs;
	d->prev = &v->dirs;
	if (d->next)
		d->next->prev = &d->next;
	v->dirs = d;
	pthread_mutex_unlock(&v->lock);
	atomic_fetch_add_explicit(&v->open_files, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&v->name_ops, 1, memory_order_relaxed);
	*ret = d;
	return 0;
}

void fwd_releasedir(struct view_dir *d)
{
	pthread_mutex_lock(&d->v->lock);
	*d->prev = d->next;
	if (d->next)
		d->next->prev = d->prev;
	pthread_mutex_unlock(&d->v->lock);
	atomic_fetch_sub_explicit(&d->v->open_files, 1, memory_order_relaxed);
	(void)close(d->fd);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

int opendir_dup(struct view *v, const struct view_node *node)
{
	struct node_id id = { 0 };
	int r = -ENOENT;
	auto_fd int fd = -1;

	pthread_mutex_lock(&v->lock);
	for (struct view_dir *d = v->dirs; d && r < 0; d = d->next)
		if (d->node == node) {
			fd = fcntl(d->fd, F_DUPFD_CLOEXEC, 0);
			r = fd < 0 ? -errno : 0;
			break;
		}
	pthread_mutex_unlock(&v->lock);
	if (r == 0)
		r = stat_at(fd, "", NULL, &id);
	/* A forgotten node's address may be another's before the release of its directory has come through.
	 */
	if (r == 0 && !node_id_same(&id, &node->id))
		r = -ENOENT;
	return r < 0 ? r : take_fd(&fd);
}

int fwd_fsyncdir(struct view_dir *d, bool data_only)
{
	return (data_only ? fdatasync(d->fd) : fsync(d->fd)) < 0 ? -errno : 0;
}

static void seek_to(struct view_dir *d, off_t off)
{
	if (off == d->at && off != 0)
		return;
	if (off == 0 && d->at == 0 && d->len == 0)
		return;
	(void)lseek(d->fd, off, SEEK_SET);
	d->at = off;
	d->pos = d->len = 0;
}

/* The next entry without consuming it: 1, 0 at the end, or -errno. */
static int peek(struct view_dir *d, struct kernel_dirent **ret)
{
	if (d->pos >= d->len) {
		long n = syscall(SYS_getdents64, d->fd, d->buf, sizeof(d->buf));

		if (n <= 0)
			return n < 0 ? -errno : 0;
		d->pos = 0;
		d->len = (size_t)n;
	}
	*ret = (struct kernel_dirent *)(void *)(d->buf + d->pos);
	return 1;
}

static bool matches_badname(const struct view *v, const char *cname)
{
	for (char *const *p = v->opt.badname; p && *p; p++)
		if (fnmatch(*p, cname, 0) == 0)
			return true;
	return false;
}

/* Plain name of an entry into ret: 1, or 0 if it is not to be shown. */
static int plain_name(struct view_dir *d, const char *cname, char ret[static NAME_PLAIN_MAX + 1])
{
	const struct names *names = &d->v->vol->names;
	char full[NAME_FULL_MAX + 1];
	ssize_t n = -EUCLEAN;

	switch (name_classify(names, d->is_root, cname)) {
	case NAME_HIDDEN:
		return 0;
	case NAME_HASHED:
		n = longname_read(d->fd, cname, full);
		if (n > 0)
			n = name_decrypt(names, d->iv, full, (size_t)n, ret);
		break;
	case NAME_ORDINARY:
		n = name_decrypt(names, d->iv, cname, strlen(cname), ret);
		break;
	}
	if (n > 0)
		return 1;
	if (matches_badname(d->v, cname) && name_bad_show(names, d->iv, cname, ret) == 0)
		return 1;
	if (strncmp(cname, ".nfs", 4) !=
	    0) { /* an unlinked file still open on some NFS client is no damage */
		atomic_fetch_add_explicit(&d->v->errors, 1, memory_order_relaxed);
		view_warn(d->v, "readdir: could not decrypt entry \"%s\"", cname);
	}
	return 0;
}

/* Hands out one entry; false: the caller's buffer is full. */
typedef bool (*emit_fn)(struct view_dir *d, const char *name, const struct kernel_dirent *e, bool dots,
			void *arg);

static int walk(struct view_dir *d, off_t off, emit_fn emit, void *arg)
{
	char name[NAME_PLAIN_MAX + 1];
	struct kernel_dirent *e = NULL;
	int r;

	pthread_mutex_lock(&d->lock);
	seek_to(d, off);
	while ((r = peek(d, &e)) == 1 && e) {
		bool dots = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
		const char *shown = dots ? e->d_name : name;

		if ((dots || plain_name(d, e->d_name, name)) && !emit(d, shown, e, dots, arg))
			break;
		d->at = e->d_off;
		d->pos += e->d_reclen;
	}
	pthread_mutex_unlock(&d->lock);
	return r < 0 ? r : 0;
}

struct plain_arg {
	view_fill_fn fill;
	void *arg;
};

static bool emit_plain(struct view_dir *d, const char *name, const struct kernel_dirent *e, bool dots,
		       void *arg)
{
	struct plain_arg *a = arg;

	(void)d;
	(void)dots;
	return a->fill(a->arg, name, e->d_name, e->d_ino, e->d_type, e->d_off);
}

int fwd_readdir(struct view_dir *d, off_t off, view_fill_fn fill, void *arg)
{
	struct plain_arg a = { fill, arg };

	return walk(d, off, emit_plain, &a);
}

struct plus_arg {
	view_fill_plus_fn fill;
	void *arg;
};

static bool emit_plus(struct view_dir *d, const char *name, const struct kernel_dirent *e, bool dots,
		      void *arg)
{
	struct plus_arg *a = arg;
	struct view_entry entry;
	struct node_id id;
	struct stat st;

	if (dots)
		return a->fill(a->arg, name, NULL, e->d_ino, e->d_type, e->d_off);
	if (stat_entry(d->v, d->fd, e->d_name, &st, &id) < 0 ||
	    node_intern(d->v, d->node, e->d_name, &st, &id, &entry) < 0)
		return a->fill(a->arg, name, NULL, e->d_ino, e->d_type, e->d_off);
	if (a->fill(a->arg, name, &entry, e->d_ino, e->d_type, e->d_off))
		return true;
	node_forget(d->v, entry.node, 1);
	return false;
}

int fwd_readdirplus(struct view_dir *d, off_t off, view_fill_plus_fn fill, void *arg)
{
	struct plus_arg a = { fill, arg };

	return walk(d, off, emit_plus, &a);
}
