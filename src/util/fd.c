/* fd.c - whole reads and writes; the one place that knows about EINTR and short counts. */
#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/secret.h"

ssize_t fd_pread(int fd, void *buf, size_t n, off_t off)
{
	size_t done = 0;

	if (n > SSIZE_MAX)
		return -EINVAL;
	while (done < n) {
		ssize_t got = pread(fd, (char *)buf + done, n - done, off + (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

int fd_pwrite(int fd, const void *buf, size_t n, off_t off, size_t *ret_done)
{
	size_t done = 0;
	int r = 0;

	while (done < n) {
		ssize_t put = pwrite(fd, (const char *)buf + done, n - done, off + (off_t)done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0) {
			r = put < 0 ? -errno : -EIO; /* POSIX gives 0 no meaning for n > 0 */
			break;
		}
		done += (size_t)put;
	}
	if (ret_done)
		*ret_done = done;
	return r;
}

ssize_t fd_read(int fd, void *buf, size_t n)
{
	size_t done = 0;

	if (n > SSIZE_MAX)
		return -EINVAL;
	while (done < n) {
		ssize_t got = read(fd, (char *)buf + done, n - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

int fd_write(int fd, const void *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = write(fd, (const char *)buf + done, n - done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		if (put == 0)
			return -EIO;
		done += (size_t)put;
	}
	return 0;
}

/* A buffer twice as large with the old content, the old one wiped: it may have held a password or a ticket.
 */
static char *grow(char *old, size_t used, size_t new_size)
{
	char *buf = malloc(new_size);

	if (buf && used)
		memcpy(buf, old, used);
	secret_wipe(old, used);
	free(old);
	return buf;
}

int fd_slurp(int fd, size_t max, char **ret, size_t *ret_len)
{
	size_t size = 4096, used = 0;
	char *buf = malloc(size);
	ssize_t got = 0;

	while (buf) {
		got = fd_read(fd, buf + used, size - used - 1);
		if (got <= 0)
			break;
		used += (size_t)got;
		if (used > max) {
			got = -EFBIG;
			break;
		}
		if (used < size - 1)
			break; /* fd_read stops early only at end of file */
		size *= 2;
		buf = grow(buf, used, size);
	}
	if (!buf)
		return -ENOMEM;
	if (got < 0) {
		secret_wipe(buf, used);
		free(buf);
		return (int)got;
	}
	buf[used] = '\0';
	*ret = buf;
	*ret_len = used;
	return 0;
}

int fd_openat(int dirfd, const char *name, int flags, mode_t mode)
{
	int fd;

	do {
		fd = openat(dirfd, name, flags | O_CLOEXEC, mode);
	} while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

int fd_sanitize_std(void)
{
	int fd;

	/* open(2) takes the lowest free number. Without O_CLOEXEC: these three are for our children too. */
	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0 && errno != EINTR)
			return -errno;
	} while (fd <= 2);
	(void)close(fd);
	return 0;
}

char *fd_proc_path(char buf[static 32], int fd)
{
	(void)snprintf(buf, 32, "/proc/self/fd/%d", fd);
	return buf;
}
