/* openfile.c - open backing files: one shared state per inode, one descriptor per open. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "view/internal.h"

enum {
	BACKING_FLAGS = O_NOFOLLOW | O_NOCTTY | O_NONBLOCK
}; /* NONBLOCK: a FIFO put there by somebody must not hang us */

/* A file its owner may write but not read (mode 0200): we must read to write, so lend the owner the right for
 * a moment. */
static int open_unreadable(int dirfd, const char *name)
{
	char path[32];
	struct stat st;
	auto_fd int fd = fd_openat(dirfd, name, O_PATH | O_NOFOLLOW, 0);
	int ret;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (st.st_mode & S_IRUSR) || st.st_uid != geteuid())
		return -EACCES;
	fd_proc_path(path, fd);
	if (chmod(path, (st.st_mode & 07777) | S_IRUSR) < 0)
		return -errno;
	ret = fd_openat(AT_FDCWD, path, O_RDWR | (BACKING_FLAGS & ~O_NOFOLLOW), 0);
	(void)chmod(path, st.st_mode & 07777); /* the right is the owner's anyway */
	return ret;
}

static int open_spot(struct view *v, struct view_node *node, unsigned int nth, bool writable, int *ret_fd,
		     struct stat *st)
{
	struct spot spot;
	struct node_id id;
	int r = spot_get(v, node, nth, &spot);

	if (r < 0)
		return r;
	auto_fd int fd = fd_openat(spot.dir.fd, spot.name, (writable ? O_RDWR : O_RDONLY) | BACKING_FLAGS, 0);

	if (fd == -EACCES && writable)
		fd = open_unreadable(spot.dir.fd, spot.name);
	spot_put(&spot);
	if (fd < 0)
		return fd == -ELOOP ? -ESTALE : fd;
	r = stat_open(v, fd, st, &id);
	if (r < 0)
		return r;
	if (!node_id_same(&id, &node->id) || !S_ISREG(st->st_mode))
		return -ESTALE;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* The file may have no name any more, but another open descriptor: /proc leads to it. */
static int reopen_pinned(struct view *v, struct view_node *node, bool writable, int *ret_fd, struct stat *st)
{
	struct view_file *f = openfile_pin(v, node);
	char path[32];
	int r;

	if (!f)
		return -ENOENT;
	r = fd_openat(AT_FDCWD, fd_proc_path(path, f->fd), (writable ? O_RDWR : O_RDONLY) | O_NONBLOCK, 0);
	openfile_release(f);
	if (r < 0)
		return r;
	*ret_fd = r;
	return stat_open(v, r, st, NULL);
}

int openfile_backing(struct view *v, struct view_node *node, bool writable, int *ret_fd, struct stat *ret_st)
{
	int first = -ENOENT;

	for (unsigned int nth = 0; nth < 16; nth++) {
		int r = open_spot(v, node, nth, writable, ret_fd, ret_st);

		if (r == 0)
			return 0;
		if (nth == 0)
			first = r;
		if (r != -ENOENT && r != -ESTALE)
			return r;
		if (r == -ENOENT && nth > 0)
			break;
	}
	return reopen_pinned(v, node, writable, ret_fd, ret_st) == 0 ? 0 : first;
}

static struct openfile *openfile_make(struct view_node *node)
{
	struct openfile *of = calloc(1, sizeof(*of));

	if (!of)
		return NULL;
	of->node = node;
	pthread_rwlock_init(&of->content, NULL);
	pthread_mutex_init(&of->id_lock, NULL);
	pthread_mutex_init(&of->owners_lock, NULL);
	return of;
}

static void openfile_destroy(struct openfile *of)
{
	if (!of)
		return;
	lock_app_done(of);
	pthread_rwlock_destroy(&of->content);
	pthread_mutex_destroy(&of->id_lock);
	pthread_mutex_destroy(&of->owners_lock);
	free(of);
}

int openfile_new(struct view *v, struct view_node *node, int fd, int flags, struct view_file **ret)
{
	struct view_file *f = calloc(1, sizeof(*f));
	struct openfile *fresh = openfile_make(node);

	if (!f || !fresh) {
		free(f);
		openfile_destroy(fresh);
		return -ENOMEM;
	}
	f->v = v;
	f->fd = fd;
	f->flock_fd = -1;
	f->refs = 1;
	f->writable = (flags & O_ACCMODE) != O_RDONLY;
	f->sync = flags & O_DSYNC;
	f->direct = flags & O_DIRECT;
	pthread_mutex_lock(&v->lock);
	if (!node->of) {
		node->of = fresh;
		node->refs++;
		fresh = NULL;
	}
	f->of = node->of;
	f->next = f->of->files;
	f->of->files = f;
	f->all_next = v->files;
	f->all_prev = &v->files;
	if (v->files)
		v->files->all_prev = &f->all_next;
	v->files = f;
	pthread_mutex_unlock(&v->lock);
	openfile_destroy(fresh);
	if (view_is_shared(v)) { /* another node may have made the file anew: ask the header again */
		pthread_mutex_lock(&f->of->id_lock);
		f->of->have_id = false;
		pthread_mutex_unlock(&f->of->id_lock);
	}
	atomic_fetch_add_explicit(&v->open_files, 1, memory_order_relaxed);
	*ret = f;
	return 0;
}

struct view_file *openfile_pin(struct view *v, struct view_node *node)
{
	struct view_file *f = NULL;

	pthread_mutex_lock(&v->lock);
	if (node->of) {
		f = node->of->files;
		f->refs++;
	}
	pthread_mutex_unlock(&v->lock);
	return f;
}

void openfile_release(struct view_file *f)
{
	struct view *v = f->v;
	struct view_node *node = f->of->node;
	struct openfile *gone = NULL;
	struct view_file **at;
	bool last;

	pthread_mutex_lock(&v->lock);
	last = --f->refs == 0;
	if (last) {
		for (at = &f->of->files; *at != f; at = &(*at)->next)
			;
		*at = f->next;
		*f->all_prev = f->all_next;
		if (f->all_next)
			f->all_next->all_prev = f->all_prev;
		if (!f->of->files) {
			gone = f->of;
			node->of = NULL;
		}
	}
	pthread_mutex_unlock(&v->lock);
	if (!last)
		return;
	if (f->flock_fd >= 0)
		(void)close(f->flock_fd);
	(void)close(f->fd); /* data was written by write or fsync; there is nobody left to tell */
	free(f);
	openfile_destroy(gone);
	if (gone)
		node_unref(v, node);
	atomic_fetch_sub_explicit(&v->open_files, 1, memory_order_relaxed);
}
