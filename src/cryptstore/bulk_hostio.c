/* bulk_hostio.c - the host's side of import and export: open files, their data, reading directories. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cryptstore/bulk_host.h"
#include "util/cleanup.h"
#include "util/fd.h"

struct host_file {
	struct host_node *node; /* the opener keeps it known */
	int fd;
};

static pthread_once_t buf_once = PTHREAD_ONCE_INIT;
static pthread_key_t buf_key;

static void buf_init(void)
{
	(void)pthread_key_create(&buf_key, free);
}

/* This thread's buffer for reading. */
static uint8_t *buf_mine(void)
{
	uint8_t *buf;

	(void)pthread_once(&buf_once, buf_init);
	buf = pthread_getspecific(buf_key);
	if (!buf) {
		buf = aligned_alloc(4096, VIEW_IO_MAX);
		(void)pthread_setspecific(buf_key, buf);
	}
	return buf;
}

static struct host_file *file_of(struct view_file *f)
{
	return (struct host_file *)(void *)f;
}

static int file_new(struct host_node *n, int fd, struct view_file **ret)
{
	struct host_file *f = malloc(sizeof(*f));

	if (!f)
		return -ENOMEM;
	*f = (struct host_file){ n, fd };
	atomic_store(&n->fd, fd);
	*ret = (struct view_file *)(void *)f;
	return 0;
}

int bulk_host_file_open(struct view *v, struct view_node *node, int flags, struct view_file **ret,
			bool *ret_keep_cache)
{
	struct host_node *n = (struct host_node *)(void *)node;
	int dir = bulk_host_dirfd(n->parent), r;
	/* NONBLOCK: what was a file when it was looked at may be a pipe by now. NOATIME: leave no trace in
	 * the original, where it is ours. */
	auto_fd int fd = fd_openat(dir, n->name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOATIME, 0);

	(void)v;
	if (fd == -EPERM)
		fd = fd_openat(dir, n->name, flags | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	r = file_new(n, fd, ret);
	if (r < 0)
		return r;
	(void)take_fd(&fd);
	if (ret_keep_cache)
		*ret_keep_cache = false;
	return 0;
}

int bulk_host_file_create(struct view *v, const struct view_caller *who, struct view_node *parent,
			  const char *name, int flags, mode_t mode, struct view_entry *ret,
			  struct view_file **ret_file)
{
	struct host_node *dir = (struct host_node *)(void *)parent;
	auto_fd int fd = fd_openat(bulk_host_dirfd(dir), name, flags | O_CREAT | O_NOFOLLOW, mode);
	int r = fd < 0 ? fd : bulk_host_new(dir, name, fd, ret);

	(void)who;
	if (r < 0)
		return r;
	r = file_new((struct host_node *)(void *)ret->node, fd, ret_file);
	(void)take_fd(&fd); /* the node's now */
	if (r < 0)
		view_ops(v)->forget(v, ret->node, 1);
	return r;
}

ssize_t bulk_host_read(struct view_file *f, uint64_t off, size_t n, const uint8_t **ret)
{
	uint8_t *buf = buf_mine();

	if (!buf)
		return -ENOMEM;
	*ret = buf;
	return fd_pread(file_of(f)->fd, buf, n < VIEW_IO_MAX ? n : VIEW_IO_MAX, (off_t)off);
}

ssize_t bulk_host_write(struct view_file *f, const struct view_caller *who, uint64_t off, const uint8_t *buf,
			size_t n)
{
	int r = fd_pwrite(file_of(f)->fd, buf, n, (off_t)off, NULL);

	(void)who;
	return r < 0 ? r : (ssize_t)n;
}

void bulk_host_release(struct view_file *f)
{
	atomic_store(&file_of(f)->node->fd, -1);
	(void)close(file_of(f)->fd);
	free(f);
}

off_t bulk_host_lseek(struct view_file *f, off_t off, int whence)
{
	off_t r = lseek(file_of(f)->fd, off, whence);

	return r < 0 ? -errno : r;
}

int bulk_host_opendir(struct view *v, struct view_node *node, struct view_dir **ret)
{
	int parent = bulk_host_dirfd((struct host_node *)(void *)node);
	int fd = parent < 0 ? parent : fd_openat(parent, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	(void)v;
	if (!d) {
		int r = fd < 0 ? fd : -errno;

		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	*ret = (struct view_dir *)(void *)d;
	return 0;
}

int bulk_host_readdir(struct view_dir *dir, off_t off, view_fill_fn fill, void *arg)
{
	DIR *d = (DIR *)(void *)dir;
	const struct dirent *e;

	if (off)
		seekdir(d, off);
	for (errno = 0; (e = readdir(d)); errno = 0)
		if (!fill(arg, e->d_name, NULL, e->d_ino, e->d_type, e->d_off))
			return 0;
	return -errno;
}

void bulk_host_releasedir(struct view_dir *d)
{
	(void)closedir((DIR *)(void *)d);
}
