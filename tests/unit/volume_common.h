/* volume_common.h - scratch directories and data files for the tests of src/volume. */
#ifndef TESTS_VOLUME_COMMON_H
#define TESTS_VOLUME_COMMON_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#include "util/err.h"
#include "util/secret.h"

/* A new directory under $TMPDIR; *ret_fd is a descriptor on it. */
static inline char *scratch_new(int *ret_fd)
{
	const char *tmp = getenv("TMPDIR");
	char *path = NULL;

	assert_true(asprintf(&path, "%s/gcf-test-XXXXXX", tmp ? tmp : "/tmp") > 0);
	assert_non_null(mkdtemp(path));
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(*ret_fd >= 0);
	return path;
}

/* Remove it with the plain files in it. */
static inline void scratch_free(char *path, int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		(void)unlinkat(fd, e->d_name, 0);
	(void)closedir(dir);
	assert_int_equal(rmdir(path), 0);
	free(path);
}

static inline size_t count_entries(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 2; /* "." and ".." */
}

static inline void put_file(int dirfd, const char *name, const void *bytes, size_t n)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	assert_int_equal(close(fd), 0);
}

/* Whole file, NUL-terminated, malloc'ed. */
static inline char *get_file(int dirfd, const char *name, size_t *ret_n)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	char *text = calloc(1, 1 << 16);
	ssize_t n;

	assert_true(fd >= 0);
	assert_non_null(text);
	n = read(fd, text, (1 << 16) - 1);
	assert_true(n >= 0);
	(void)close(fd);
	if (ret_n)
		*ret_n = (size_t)n;
	return text;
}

/* A directory of the source tree. */
static inline char *source_path(const char *sub)
{
	const char *top = getenv("top_srcdir");
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", top ? top : ".", sub) > 0);
	return path;
}

/* The data shared between the projects' workers, or NULL where there is none. */
static inline char *shared_path(const char *sub)
{
	const char *shared = getenv("GCF_SHARED"), *top = getenv("top_srcdir");
	char *path = NULL;

	if (shared)
		assert_true(asprintf(&path, "%s/fixtures/%s", shared, sub) > 0);
	else
		assert_true(asprintf(&path, "%s/../shared/fixtures/%s", top ? top : ".", sub) > 0);
	if (access(path, R_OK) < 0) {
		free(path);
		return NULL;
	}
	return path;
}

static inline struct secret *secret_text(const char *text)
{
	struct secret *s = secret_copy(text, strlen(text));

	assert_non_null(s);
	return s;
}

static inline struct secret *secret_hex(const char *hex)
{
	struct secret *s = secret_new(strlen(hex) / 2);

	assert_non_null(s);
	(void)unit_hex(s->data, hex);
	return s;
}

static inline void assert_key(const struct secret *key, const char *hex)
{
	struct secret *want = secret_hex(hex);

	assert_true(secret_equal(key, want));
	secret_free(want);
}

#endif
