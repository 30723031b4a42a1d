/* trust.c - walk a path component by component and refuse it if others could have written any of it. */
#include "util/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"

enum { TRUST_LINKS_MAX = 40 }; /* as the kernel's own limit, path_resolution(7) */

/* State of the walk. `rest` holds what is still to be walked, `done` what has been, for messages. */
struct walk {
	int dirfd;
	uid_t owner;
	int links;
	char done[PATH_MAX];
	char rest[PATH_MAX];
};

static bool owner_trusted(const struct walk *w, uid_t uid)
{
	return uid == 0 || uid == w->owner;
}

/* The rule of trust.h for one component that has been opened or stat'ed. */
static int check_component(const struct walk *w, const char *where, const struct stat *st, struct err *err)
{
	if (!owner_trusted(w, st->st_uid))
		return err_set(err, -EPERM, "'%s' belongs to uid %u, not to root: chown root '%s'", where,
			       (unsigned int)st->st_uid, where);
	if (S_ISLNK(st->st_mode))
		return 0; /* a link has no permissions; the directory it stands in was checked */
	if (!(st->st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	if (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX))
		return 0;
	return err_set(err, -EPERM, "'%s' can be written by others (mode %04o): chmod go-w '%s'", where,
		       (unsigned int)(st->st_mode & 07777), where);
}

/* Append "/name" to w->done; 0 or -ENAMETOOLONG. */
static int done_push(struct walk *w, const char *name, struct err *err)
{
	size_t n = strlen(w->done), k = strlen(name);

	if (n + 1 + k >= sizeof(w->done))
		return err_set(err, -ENAMETOOLONG, "path below '%s' is too long", w->done);
	if (n == 0 || w->done[n - 1] != '/')
		w->done[n++] = '/';
	memcpy(w->done + n, name, k + 1);
	return 0;
}

static void done_pop(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	if (slash)
		*slash = '\0';
}

/* Cut the first component off w->rest into name. False when nothing is left. */
static bool next_component(struct walk *w, char name[static NAME_MAX + 1], int *ret_code)
{
	char *p = w->rest;
	size_t n;

	*ret_code = 0;
	p += strspn(p, "/");
	n = strcspn(p, "/");
	if (n == 0)
		return false;
	if (n > NAME_MAX) {
		*ret_code = -ENAMETOOLONG;
		return false;
	}
	memcpy(name, p, n);
	name[n] = '\0';
	memmove(w->rest, p + n, strlen(p + n) + 1);
	return true;
}

static bool rest_is_empty(const struct walk *w)
{
	return w->rest[strspn(w->rest, "/")] == '\0';
}

/* Put the target of the link `name` in front of what is still to be walked. */
static int follow_link(struct walk *w, const char *name, struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(w->dirfd, name, target, sizeof(target) - 1);

	if (n < 0)
		return err_set(err, -errno, "'%s/%s': %s", w->done, name, strerror(errno));
	if (++w->links > TRUST_LINKS_MAX)
		return err_set(err, -ELOOP, "'%s/%s': too many symbolic links", w->done, name);
	target[n] = '\0';
	if ((size_t)n + 1 + strlen(w->rest) >= sizeof(w->rest))
		return err_set(err, -ENAMETOOLONG, "'%s/%s': the link is too long", w->done, name);
	memmove(w->rest + n + 1, w->rest, strlen(w->rest) + 1);
	w->rest[n] = '/';
	memcpy(w->rest, target, (size_t)n);
	if (target[0] != '/')
		return 0;
	(void)close(w->dirfd);
	w->dirfd = fd_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	w->done[0] = '\0';
	return w->dirfd < 0 ? err_set(err, w->dirfd, "'/': %s", strerror(-w->dirfd)) : 0;
}

/* The last component: open for real, then check what was opened. */
static int open_last(struct walk *w, const char *name, unsigned int flags, struct err *err)
{
	int want = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | (flags & TRUST_DIR ? O_DIRECTORY : 0);
	auto_fd int fd = fd_openat(w->dirfd, name, want, 0);
	struct stat st;
	int r;

	r = done_push(w, name, err);
	if (r < 0)
		return r;
	if (fd < 0)
		return err_set(err, fd, "'%s': %s", w->done, strerror(-fd));
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "'%s': %s", w->done, strerror(errno));
	if (!(flags & TRUST_DIR) && !S_ISREG(st.st_mode))
		return err_set(err, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL, "'%s' is not a regular file",
			       w->done);
	r = check_component(w, w->done, &st, err);
	if (r < 0)
		return r;
	if ((flags & TRUST_PRIVATE) && (st.st_mode & (S_IRWXG | S_IRWXO)))
		return err_set(err, -EPERM, "'%s' can be read by others (mode %04o): chmod 0400 '%s'",
			       w->done, (unsigned int)(st.st_mode & 07777), w->done);
	if ((flags & TRUST_PROGRAM) && !(st.st_mode & S_IXUSR))
		return err_set(err, -EPERM, "'%s' is not executable: chmod 0755 '%s'", w->done, w->done);
	return take_fd(&fd);
}

/* One component in the middle: step into a directory or follow a link. */
static int step(struct walk *w, const char *name, const struct stat *st, struct err *err)
{
	char where[PATH_MAX + NAME_MAX + 2];
	struct stat opened;
	int fd, r = 0;

	if (S_ISLNK(st->st_mode)) {
		(void)snprintf(where, sizeof(where), "%s/%s", w->done, name);
		r = check_component(w, where, st, err);
		return r < 0 ? r : follow_link(w, name, err);
	}
	fd = fd_openat(w->dirfd, name, O_PATH | O_NOFOLLOW | O_DIRECTORY, 0);
	if (fd < 0)
		return err_set(err, fd, "'%s/%s': %s", w->done, name, strerror(-fd));
	(void)close(w->dirfd);
	w->dirfd = fd;
	if (!strcmp(name, ".."))
		done_pop(w);
	else
		r = done_push(w, name, err);
	if (r < 0)
		return r;
	if (fstat(w->dirfd, &opened) < 0)
		return err_set(err, -errno, "'%s': %s", w->done, strerror(errno));
	return check_component(w, w->done[0] ? w->done : "/", &opened, err);
}

static int walk_path(struct walk *w, unsigned int flags, struct err *err)
{
	char name[NAME_MAX + 1];
	struct stat st;
	int r;

	while (next_component(w, name, &r)) {
		if (!strcmp(name, "."))
			continue;
		if (fstatat(w->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_set(err, -errno, "'%s/%s': %s", w->done, name, strerror(errno));
		if (rest_is_empty(w) && !S_ISLNK(st.st_mode) && strcmp(name, "..") != 0)
			return open_last(w, name, flags, err);
		r = step(w, name, &st, err);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return err_set(err, r, "a component of the path is too long");
	/* The path ended in "/", "." or "..": only a directory can be meant. */
	if (!(flags & TRUST_DIR))
		return err_set(err, -EISDIR, "'%s' is not a regular file", w->done[0] ? w->done : "/");
	r = fd_openat(w->dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	return r < 0 ? err_set(err, r, "'%s': %s", w->done, strerror(-r)) : r;
}

int trust_open(const char *path, uid_t owner, unsigned int flags, struct err *err)
{
	struct walk w = { .dirfd = -1, .owner = owner };
	struct stat st;
	int r;

	if (path[0] != '/')
		return err_set(err, -EINVAL, "'%s' is not an absolute path", path);
	if (strlen(path) >= sizeof(w.rest))
		return err_set(err, -ENAMETOOLONG, "path is too long");
	memcpy(w.rest, path, strlen(path) + 1);
	w.dirfd = fd_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	if (w.dirfd < 0)
		return err_set(err, w.dirfd, "'/': %s", strerror(-w.dirfd));
	if (fstat(w.dirfd, &st) < 0)
		r = err_set(err, -errno, "'/': %s", strerror(errno));
	else
		r = check_component(&w, "/", &st, err);
	if (r == 0)
		r = walk_path(&w, flags, err);
	if (w.dirfd >= 0)
		(void)close(w.dirfd);
	return r;
}

int trust_check(const char *path, uid_t owner, unsigned int flags, struct err *err)
{
	int fd = trust_open(path, owner, flags, err);

	if (fd < 0)
		return fd;
	(void)close(fd);
	return 0;
}
