/* paths.c - paths in arguments and messages, handled as Go's path/filepath does: by their text. */
#include "cli/paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "volume/text.h"

/* Where the last component of out[0..len) starts, its slash included. */
static size_t parent_len(const char *out, size_t len, bool rooted)
{
	while (len > 0 && out[len - 1] != '/')
		len--;
	if (len > (rooted ? 1U : 0U))
		len--;
	return len;
}

char *path_clean(const char *path)
{
	bool rooted = path[0] == '/';
	char *out = malloc(strlen(path) + 2);
	size_t len = 0, fixed = 0; /* out[0..fixed) cannot be undone by ".." */

	if (!out)
		return NULL;
	if (rooted)
		out[len++] = '/';
	fixed = len;
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 0 || (n == 1 && path[0] == '.')) {
			/* nothing */
		} else if (n == 2 && strncmp(path, "..", 2) == 0 && len > fixed) {
			len = parent_len(out, len, rooted);
		} else if (!(n == 2 && strncmp(path, "..", 2) == 0 && rooted)) {
			if (len > (rooted ? 1U : 0U))
				out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
			if (n == 2 && strncmp(path, "..", 2) == 0)
				fixed = len;
		}
		path += n;
		path += *path == '/';
	}
	if (len == 0)
		out[len++] = '.';
	out[len] = '\0';
	return out;
}

/* As os.Getwd: $PWD if it names the directory we are in, which keeps the symbolic links the user came by. */
static char *working_dir(void)
{
	const char *pwd = getenv("PWD");
	struct stat here, there;

	if (pwd && pwd[0] == '/' && stat(".", &here) == 0 && stat(pwd, &there) == 0 &&
	    here.st_dev == there.st_dev && here.st_ino == there.st_ino)
		return strdup(pwd);
	return getcwd(NULL, 0);
}

char *path_abs(const char *path)
{
	auto_free char *dir = NULL;
	auto_free char *joined = NULL;

	if (path[0] == '/')
		return path_clean(path);
	dir = working_dir();
	if (!dir || asprintf(&joined, "%s/%s", dir, path) < 0) {
		joined = NULL;
		return NULL;
	}
	return path_clean(joined);
}

bool path_is_within(const char *inner, const char *outer)
{
	size_t n = strlen(outer);

	if (strcmp(outer, "/") == 0)
		return inner[0] == '/';
	return strncmp(inner, outer, n) == 0 && (inner[n] == '\0' || inner[n] == '/');
}

/* filepath.Rel, as far as it is not "../something": NULL then. */
static const char *relative_to(const char *abs, const char *dir)
{
	size_t n = strlen(dir);
	const char *slash;

	if (strcmp(abs, dir) == 0)
		return ".";
	if (path_is_within(abs, dir))
		return abs + (n > 1 ? n + 1 : 1);
	slash = strrchr(dir, '/'); /* exactly one level up */
	if (strlen(abs) == (size_t)(slash - dir) && strncmp(abs, dir, strlen(abs)) == 0)
		return "..";
	return NULL;
}

char *path_friendly(const char *abs)
{
	auto_free char *dir = path_abs(".");
	const char *shown = dir ? relative_to(abs, dir) : NULL;
	char *ret = NULL;

	if (!shown)
		shown = abs;
	if (!strchr(shown, ' '))
		return strdup(shown);
	return asprintf(&ret, "\"%s\"", shown) < 0 ? NULL : ret;
}

int path_check_dir(const char *path, struct err *err)
{
	char why[TEXT_ERRNO_MAX];
	struct stat st;
	int r;

	if (stat(path, &st) != 0) {
		r = -errno;
		return err_set(err, r, "stat %s: %s", path, text_errno(r, why));
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "%s is not a directory", path);
	return 0;
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int path_check_empty_dir(const char *path, struct err *err)
{
	auto_dir DIR *dir = NULL;
	char why[TEXT_ERRNO_MAX];
	struct dirent *entry;
	int fd, r;

	r = path_check_dir(path, err);
	if (r < 0)
		return r;
	fd = fd_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_set(err, fd, "open %s: %s", path, text_errno(fd, why));
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		(void)close(fd);
		return err_set(err, r, "open %s: %s", path, text_errno(r, why));
	}
	do {
		errno = 0;
		entry = readdir(dir);
	} while (entry && is_dot(entry->d_name));
	if (entry)
		return err_set(err, -ENOTEMPTY, "directory %s not empty", path);
	if (errno != 0) {
		r = -errno;
		return err_set(err, r, "readdir %s: %s", path, text_errno(r, why));
	}
	return 0;
}
