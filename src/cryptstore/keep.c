/* keep.c - a parallel walk that touches metadata files: a directory is one piece of work, its children are
 * more. */
#include "cryptstore/keep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/name.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/pool.h"

struct walk {
	const struct keep_options *opt;
	int root;
	struct pool *pool;
	atomic_uint_fast64_t directories, renewed, young, failed;
	pthread_mutex_t lock; /* guards first_error and err */
	int first_error;
	struct err *err;
};

/* Waiting work holds a path and no descriptor, so that a wide tree does not run out of them. path is relative
 * to the root, "." for the root itself. */
struct piece {
	struct walk *w;
	char path[];
};

static void failed(struct walk *w, const char *path, const char *name, int code)
{
	auto_unlock pthread_mutex_t *held = mutex_hold(&w->lock);

	atomic_fetch_add(&w->failed, 1);
	if (w->first_error)
		return;
	w->first_error = code;
	(void)err_set(w->err, code, "'%.400s%s%.250s': %s", *path ? path : ".", *name ? "/" : "", name,
		      strerror(-code));
}

/* A path may be longer than the kernel takes at once. */
static int open_deep(int root, const char *path)
{
	char part[PATH_MAX];
	int fd = fd_openat(root, ".", O_RDONLY | O_DIRECTORY, 0);

	while (fd >= 0 && *path) {
		size_t n = strlen(path), cut = n;
		int next;

		if (n >= sizeof(part)) {
			cut = sizeof(part) - 1;
			while (path[cut] != '/') /* a name has 255 bytes at most: there is one */
				cut--;
		}
		memcpy(part, path, cut);
		part[cut] = '\0';
		path += cut + (path[cut] == '/');
		next = fd_openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		(void)close(fd);
		fd = next;
	}
	return fd;
}

static bool is_metadata(const char *name, bool in_root)
{
	size_t n = strlen(name), p = sizeof(NAME_LONG_PREFIX) - 1, s = sizeof(NAME_LONG_SUFFIX) - 1;

	if (!strcmp(name, NAME_DIRIV) || (in_root && !strcmp(name, NAME_CONF)))
		return true;
	return n > p + s && !strncmp(name, NAME_LONG_PREFIX, p) && !strcmp(name + n - s, NAME_LONG_SUFFIX);
}

static void renew(struct walk *w, int dirfd, const char *path, const char *name)
{
	struct stat st;

	if (w->opt->older_than && fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_mtime > w->opt->now - w->opt->older_than &&
	    st.st_atime > w->opt->now - w->opt->older_than) {
		atomic_fetch_add(&w->young, 1);
		return;
	}
	if (utimensat(dirfd, name, NULL, AT_SYMLINK_NOFOLLOW) < 0)
		failed(w, path, name, -errno);
	else
		atomic_fetch_add(&w->renewed, 1);
}

static void work(void *arg);

static void descend(struct walk *w, const char *path, const char *name)
{
	size_t n = strlen(path), k = strlen(name);
	struct piece *p = malloc(sizeof(*p) + n + k + 2);

	if (!p) {
		failed(w, path, name, -ENOMEM);
		return;
	}
	p->w = w;
	memcpy(p->path, path, n);
	if (n)
		p->path[n++] = '/';
	memcpy(p->path + n, name, k + 1);
	if (pool_submit(w->pool, work, p) < 0) {
		failed(w, path, name, -ENOMEM);
		free(p);
	}
}

static bool is_directory(int dirfd, const struct dirent *d)
{
	struct stat st;

	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_DIR;
	return fstatat(dirfd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static void one_directory(struct walk *w, const char *path)
{
	int fd = open_deep(w->root, path);
	auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (!dir) {
		failed(w, path, "", fd < 0 ? fd : -errno);
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	atomic_fetch_add(&w->directories, 1);
	for (errno = 0; (d = readdir(dir)); errno = 0) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (is_metadata(d->d_name, !*path))
			renew(w, dirfd(dir), path, d->d_name);
		else if (is_directory(dirfd(dir), d))
			descend(w, path, d->d_name);
	}
	if (errno)
		failed(w, path, "", -errno);
}

static void work(void *arg)
{
	struct piece *p = arg;

	one_directory(p->w, p->path);
	free(p);
}

int keep_store(int dirfd, const struct keep_options *opt, struct keep_result *ret, struct err *err)
{
	struct walk w = { .opt = opt, .root = dirfd, .lock = PTHREAD_MUTEX_INITIALIZER, .err = err };

	w.pool = pool_new(opt->threads);
	if (!w.pool)
		return err_set(err, -ENOMEM, "cannot start %u threads", opt->threads);
	one_directory(&w, "");
	pool_wait(w.pool);
	pool_free(w.pool);
	*ret = (struct keep_result){ w.directories, w.renewed, w.young, w.failed };
	return w.first_error;
}
