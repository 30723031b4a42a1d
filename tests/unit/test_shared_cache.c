/* test_shared_cache.c - clients of file systems that answer from what they saw before: the pages a FUSE file
 * system's kernel keeps, and the "not there" of an NFS client. The calls of libc are stood in for by such
 * clients. */
#include "unit.h"

#include "util/cleanup.h"
#include "view/internal.h"
#include "view_fixture.h"

#include <sys/stat.h>
#include <sys/syscall.h>

enum { BLOCK = 4096, STORED = 4096 + 32, HEADER = 18, PAGE = 4096, PAGES = 4 };

/* Pages of one file as this client has seen them, until it is told to drop them. */
static struct {
	uint8_t data[PAGES * PAGE];
	size_t len;
	bool kept[PAGES];
	ino_t ino;
	off_t wall; /* writes at or behind it fail; 0: none */
} pages;

static bool is_kept_file(int fd)
{
	struct stat st;

	return pages.ino && fstat(fd, &st) == 0 && st.st_ino == pages.ino;
}

ssize_t pread(int fd, void *buf, size_t n, off_t off)
{
	ssize_t r = syscall(SYS_pread64, fd, buf, n, off);
	const bool mine = is_kept_file(fd);

	for (ssize_t i = 0; mine && i < r; i++) {
		size_t at = (size_t)off + (size_t)i;

		if (at < pages.len && pages.kept[at / PAGE])
			((uint8_t *)buf)[i] = pages.data[at];
	}
	return r;
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t off)
{
	if (pages.wall && off + (off_t)n > pages.wall) {
		if (off >= pages.wall) {
			errno = ENOSPC;
			return -1;
		}
		n = (size_t)(pages.wall - off);
	}
	for (size_t i = 0; is_kept_file(fd) && i < n && (size_t)off + i < pages.len; i++)
		pages.data[(size_t)off + i] = ((const uint8_t *)buf)[i];
	return syscall(SYS_pwrite64, fd, buf, n, off);
}

int posix_fadvise(int fd, off_t off, off_t len, int advice)
{
	for (size_t i = 0; advice == POSIX_FADV_DONTNEED && is_kept_file(fd) && i < PAGES; i++)
		if ((off_t)(i * PAGE) >= off && (len == 0 || (off_t)((i + 1) * PAGE) <= off + len))
			pages.kept[i] = false;
	return 0;
}

/* A name this client believes not to be there, until it asks the server for the directory's attributes. */
static char absent[300];

int faccessat(int dirfd, const char *path, int mode, int flags)
{
	if (*absent && strcmp(path, absent) == 0) {
		errno = ENOENT;
		return -1;
	}
	return (int)syscall(SYS_faccessat2, dirfd, path, mode, flags);
}

int openat(int dirfd, const char *path, int flags, ...)
{
	mode_t mode = 0;

	if (flags & O_CREAT) {
		va_list ap;

		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	} else if (*absent && strcmp(path, absent) == 0) {
		errno = ENOENT;
		return -1;
	}
	return (int)syscall(SYS_openat, dirfd, path, flags, mode);
}

int statx(int dirfd, const char *restrict path, int flags, unsigned int mask, struct statx *restrict ret)
{
	if (!*path && (flags & AT_STATX_FORCE_SYNC))
		*absent = '\0';
	return (int)syscall(SYS_statx, dirfd, path, flags, mask, ret);
}

static void open_store(struct fixture *fx, struct view **ret_other)
{
	struct volume_options vo = fx_options();
	struct view_options opt = { .sharing = VIEW_SHARED, .noprealloc = true };

	fx_open(fx, &vo, &opt);
	assert_int_equal(view_open_forward(ret_other, fx->vol, fx->dirfd, &opt, NULL), 0);
}

static void close_store(struct fixture *fx, struct view *other)
{
	view_close(other);
	fx_close(fx);
}

static struct view_file *reach(struct view *v, const char *name, struct view_entry *e)
{
	struct view_file *f = NULL;

	assert_int_equal(view_ops(v)->create(v, NULL, view_root(v), name, O_RDWR | O_CREAT, 0644, e, &f), 0);
	return f;
}

static void leave(struct view *v, struct view_file *f, struct view_entry *e)
{
	view_ops(v)->release(f);
	view_ops(v)->forget(v, e->node, 1);
}

/* The short last block another node has just replaced: when a write that was to make it longer fails, what is
 * put back is what is stored, not what this client's kernel has kept of it. */
static void a_write_that_fails_puts_back_what_another_node_has_stored(void **state)
{
	static uint8_t ours[2 * BLOCK];
	struct view_entry mine, theirs;
	uint8_t old[100], new[100];
	struct fixture fx;
	struct view *other;
	struct view_file *f, *g;
	const uint8_t *data;
	struct stat st;

	(void)state;
	memset(old, 'o', sizeof(old));
	memset(new, 'n', sizeof(new));
	open_store(&fx, &other);
	f = reach(fx.view, "f", &mine);
	g = reach(other, "f", &theirs);
	assert_int_equal(fx.ops->write(f, NULL, 0, old, sizeof(old)), sizeof(old));
	assert_int_equal(fstat(f->fd, &st), 0);
	pages.len = (size_t)syscall(SYS_pread64, f->fd, pages.data, sizeof(pages.data), 0);
	assert_int_equal(pages.len, HEADER + 32 + sizeof(old));
	assert_int_equal(fx.ops->write(g, NULL, 0, new, sizeof(new)), sizeof(new));
	memset(pages.kept, true, sizeof(pages.kept));
	pages.ino = st.st_ino;
	fx.view->weak_pages = true;
	pages.wall = HEADER + 1000;
	assert_int_equal(fx.ops->write(f, NULL, 0, ours, sizeof(ours)), -ENOSPC);
	pages.wall = 0;
	pages.ino = 0;
	assert_int_equal(fx.ops->read(g, 0, BLOCK, &data), sizeof(new));
	assert_memory_equal(data, new, sizeof(new));
	leave(fx.view, f, &mine);
	leave(other, g, &theirs);
	close_store(&fx, other);
}

/* Name of the hashed entry in the root of the store. */
static void find_hashed(struct fixture *fx, char *ret, size_t size)
{
	struct dirent *e;
	DIR *d = opendir(fx->dir);

	*ret = '\0';
	while ((e = readdir(d)))
		if (strncmp(e->d_name, NAME_LONG_PREFIX, strlen(NAME_LONG_PREFIX)) == 0 &&
		    !strstr(e->d_name, NAME_LONG_SUFFIX))
			(void)snprintf(ret, size, "%s", e->d_name);
	closedir(d);
	assert_true(*ret);
}

static void the_name_of_an_entry_is_asked_for_twice(void **state)
{
	char name[201], hashed[256], full[NAME_FULL_MAX + 1];
	struct view_entry e;
	struct fixture fx;
	struct view *other;

	(void)state;
	memset(name, 'x', 200), name[200] = '\0';
	open_store(&fx, &other);
	leave(other, reach(other, name, &e), &e);
	find_hashed(&fx, hashed, sizeof(hashed));
	(void)snprintf(absent, sizeof(absent), "%s%s", hashed, NAME_LONG_SUFFIX);
	assert_true(longname_read(fx.dirfd, hashed, full) > 200);
	assert_int_equal(*absent, 0);
	close_store(&fx, other);
}

/* Removing what another node has made anew must not take its .name file. */
static void the_name_file_stays_while_the_entry_does(void **state)
{
	char name[201], hashed[256];
	struct view_entry e;
	struct fixture fx;
	struct cname cn;
	struct view *other;

	(void)state;
	memset(name, 'x', 200), name[200] = '\0';
	open_store(&fx, &other);
	leave(other, reach(other, name, &e), &e);
	find_hashed(&fx, hashed, sizeof(hashed));
	memset(&cn, 0, sizeof(cn));
	cn.is_long = true;
	(void)snprintf(cn.name, sizeof(cn.name), "%s", hashed);
	(void)snprintf(absent, sizeof(absent), "%s", hashed);
	longname_remove(fx.dirfd, &cn);
	*absent = '\0';
	assert_true(longname_read(fx.dirfd, hashed, cn.full) > 200);
	close_store(&fx, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_that_fails_puts_back_what_another_node_has_stored),
		cmocka_unit_test(the_name_of_an_entry_is_asked_for_twice),
		cmocka_unit_test(the_name_file_stays_while_the_entry_does),
	};

	return cmocka_run_group_tests_name("shared_cache", tests, NULL, NULL);
}
