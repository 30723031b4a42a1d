/* longname.c - the .name files of long names: durable before their entry is visible, never lost to a race.
 * Processes on several nodes may make and remove the same name at once. The maker writes .name, makes the
 * entry, then looks at both again; the remover removes the entry, then .name, then looks at both again.
 * Whoever comes last puts it right. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/rng.h"
#include "util/cleanup.h"
#include "util/fd.h"
#include "view/internal.h"

enum { LONGNAME_PATH = NAME_CIPHER_MAX + sizeof(NAME_LONG_SUFFIX), SETTLE_ROUNDS = 100 };

static void path_of(const char *hashed, char ret[static LONGNAME_PATH])
{
	(void)snprintf(ret, LONGNAME_PATH, "%.*s%s", NAME_CIPHER_MAX, hashed, NAME_LONG_SUFFIX);
}

static int open_name(int dirfd, const char *path)
{
	return fd_openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
}

/* An NFS client keeps "not there" until it learns that the directory has changed (nfs(5), DIRECTORY ENTRY
 * CACHING; up to a minute), so it is asked twice before that is believed. */
ssize_t longname_read(int dirfd, const char *hashed, char ret[static NAME_FULL_MAX + 1])
{
	char path[LONGNAME_PATH];
	char buf[NAME_FULL_MAX + 1];
	ssize_t n;

	path_of(hashed, path);
	auto_fd int fd = open_name(dirfd, path);

	if (fd == -ENOENT) {
		stat_names_anew(dirfd);
		fd = open_name(dirfd, path);
	}
	if (fd < 0)
		return fd == -ELOOP ? -EUCLEAN : fd;
	n = fd_pread(fd, buf, sizeof(buf), 0);
	if (n < 0)
		return n == -EISDIR || n == -ESPIPE ? -EUCLEAN : n;
	if (n == 0 || n > NAME_FULL_MAX)
		return -EUCLEAN;
	memcpy(ret, buf, (size_t)n);
	ret[n] = '\0';
	return n;
}

static int write_durably(int dirfd, const char *path, const char *full)
{
	auto_fd int fd = fd_openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0444);
	int r;

	if (fd < 0)
		return fd;
	r = fd_write(fd, full, strlen(full));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dirfd, path, 0);
	return r;
}

int longname_ensure(int dirfd, const struct cname *cn)
{
	char path[LONGNAME_PATH], tmp[LONGNAME_PATH], there[NAME_FULL_MAX + 1];
	int r;

	if (!cn->is_long)
		return 0;
	path_of(cn->name, path);
	r = write_durably(dirfd, path, cn->full);
	if (r == 0)
		return 1;
	if (r != -EEXIST)
		return r;
	if (longname_read(dirfd, cn->name, there) > 0 && strcmp(there, cn->full) == 0)
		return 0;
	/* Left over from a crash, or being written elsewhere this moment: the same text in any case. */
	(void)snprintf(tmp, sizeof(tmp), "%s%llu", NAME_RMDIR_PREFIX, (unsigned long long)rng_u64());
	r = write_durably(dirfd, tmp, cn->full);
	if (r == 0 && renameat(dirfd, tmp, dirfd, path) < 0) {
		r = -errno;
		(void)unlinkat(dirfd, tmp, 0);
	}
	return r;
}

static bool is_gone(int e)
{
	return e == ENOENT || e == ESTALE; /* ESTALE: removed elsewhere while we looked */
}

/* 1, 0, or -errno if that cannot be told. */
static int is_there(int dirfd, const char *name)
{
	int r = faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW);

	if (r < 0 && is_gone(errno)) {
		stat_names_anew(dirfd);
		r = faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW);
	}
	return r == 0 ? 1 : is_gone(errno) ? 0 : -errno;
}

/* Both or neither, whatever others do to either: everybody who has changed one looks until they agree, so the
 * last one leaves them so. An error may come of what another does this moment: only the last one counts. */
static int settle(int dirfd, const struct cname *cn)
{
	char path[LONGNAME_PATH];
	int r = 0;

	path_of(cn->name, path);
	for (int i = 0; i < SETTLE_ROUNDS; i++) {
		int named = is_there(dirfd, path), entry = is_there(dirfd, cn->name);

		r = named < 0 ? named : entry < 0 ? entry : 0;
		if (r == 0 && named == entry)
			return 0;
		if (r == 0 && entry)
			r = longname_ensure(dirfd, cn);
		else if (r == 0)
			r = unlinkat(dirfd, path, 0) < 0 && !is_gone(errno) ? -errno : 0;
	}
	return r < 0 ? r : 0;
}

void longname_remove(int dirfd, const struct cname *cn)
{
	if (cn->is_long)
		(void)settle(dirfd, cn); /* a failure shows in -fsck, the data is there */
}

void longname_sweep(int dirfd, const char *file)
{
	size_t len = strlen(file) - strlen(NAME_LONG_SUFFIX);
	struct cname cn = { .is_long = true };

	if (len < sizeof(cn.name)) {
		memcpy(cn.name, file, len);
		cn.name[len] = '\0';
		/* Its entry may be made, and confirmed, between our look and the removal: then it is put
		 * back. */
		if (longname_read(dirfd, cn.name, cn.full) > 0) {
			(void)settle(dirfd, &cn);
			return;
		}
	}
	(void)unlinkat(dirfd, file, 0); /* nothing that could be put back */
}

int longname_confirm(int dirfd, const struct cname *cn)
{
	return cn->is_long && settle(dirfd, cn) < 0 ? -EIO : 0;
}
