/* durable.c - see durable.h. */
#include "volume/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"

int durable_fd(int fd)
{
	while (fsync(fd) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
			return -errno;
		sync();
		break;
	}
	return 0;
}

int durable_parent(int dirfd, const char *name)
{
	const char *slash = strrchr(name, '/');
	auto_free char *dir = slash ? strndup(name, slash == name ? 1 : (size_t)(slash - name)) : strdup(".");
	auto_fd int fd = -1;

	if (!dir)
		return -ENOMEM;
	fd = fd_openat(dirfd, dir, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? fd : durable_fd(fd);
}
