/* test_trust.c - a file is believed only if nobody else could have written it or anything above it. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/err.h"
#include "util/trust.h"

static char dir[PATH_MAX]; /* of our own, below a sticky or trusted place */

static const char *at(const char *name)
{
	static char buf[4][PATH_MAX + 64];
	static int turn;
	char *b = buf[turn++ % 4];

	(void)snprintf(b, sizeof(buf[0]), "%s/%s", dir, name);
	return b;
}

static void make_file(const char *name, mode_t mode)
{
	int fd;

	(void)unlink(at(name)); /* it may be there without write permission */
	fd = open(at(name), O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

static int setup(void **state)
{
	char template[] = "/tmp/test_trust-XXXXXX", *real;

	(void)state;
	if (!mkdtemp(template))
		return -1;
	real = realpath(template, dir);
	if (!real)
		return -1;
	return mkdir(at("sub"), 0755) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = { "file", "private", "program", "sub/file", "link",
					     "loop", "abs",	"sub/up",  "fifo",     "dirlink" };

	(void)state;
	(void)chmod(at("sub"), 0755);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(at(names[i]));
	(void)rmdir(at("sub"));
	return rmdir(dir);
}

static void refused(const char *path, unsigned int flags, int code, const char *message)
{
	struct err err = { 0 };

	assert_int_equal(trust_check(path, getuid(), flags, &err), code);
	if (!strstr(err.text, message))
		fail_msg("expected '%s' in '%s'", message, err.text);
}

static void test_good(void **state)
{
	struct err err = { 0 };
	char c = 0;
	int fd;

	(void)state;
	make_file("file", 0644);
	make_file("private", 0400);
	make_file("program", 0755);
	fd = trust_open(at("file"), getuid(), 0, &err);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, &c, 1), 1);
	assert_int_equal(c, 'x');
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	(void)close(fd);
	assert_int_equal(trust_check(at("private"), getuid(), TRUST_PRIVATE, &err), 0);
	assert_int_equal(trust_check(at("program"), getuid(), TRUST_PROGRAM, &err), 0);
	assert_int_equal(trust_check(at("sub"), getuid(), TRUST_DIR, &err), 0);
	assert_int_equal(trust_check(at("sub/../file"), getuid(), 0, &err), 0);
	assert_int_equal(trust_check(at("sub/./.."), getuid(), TRUST_DIR, &err), 0);
	assert_int_equal(trust_check("/", getuid(), TRUST_DIR, &err), 0);
}

static void test_writable(void **state)
{
	char text[PATH_MAX + 64];

	(void)state;
	make_file("file", 0664);
	(void)snprintf(text, sizeof(text), "'%s' can be written by others (mode 0664): chmod go-w",
		       at("file"));
	refused(at("file"), 0, -EPERM, text);
	make_file("file", 0646);
	refused(at("file"), 0, -EPERM, "can be written by others");
	make_file("private", 0440);
	refused(at("private"), TRUST_PRIVATE, -EPERM, "can be read by others");
	make_file("program", 0644);
	refused(at("program"), TRUST_PROGRAM, -EPERM, "is not executable");
}

static void test_parent(void **state)
{
	struct err err = { 0 };

	(void)state;
	make_file("sub/file", 0644);
	assert_int_equal(chmod(at("sub"), 0775), 0);
	refused(at("sub/file"), 0, -EPERM, "/sub' can be written by others (mode 0775)");
	assert_int_equal(chmod(at("sub"), 01777), 0);
	assert_int_equal(trust_check(at("sub/file"), getuid(), 0, &err), 0);
	assert_int_equal(chmod(at("sub"), 0755), 0);
}

static void test_owner(void **state)
{
	uid_t nobody = 65534;

	(void)state;
	if (getuid() != 0)
		skip();
	make_file("sub/file", 0644);
	assert_int_equal(chown(at("sub/file"), nobody, (gid_t)-1), 0);
	refused(at("sub/file"), 0, -EPERM, "belongs to uid 65534, not to root");
	assert_int_equal(trust_check(at("sub/file"), nobody, 0, NULL), 0);
	assert_int_equal(chown(at("sub/file"), 0, (gid_t)-1), 0);
	assert_int_equal(chown(at("sub"), nobody, (gid_t)-1), 0);
	refused(at("sub/file"), 0, -EPERM, "/sub' belongs to uid 65534");
	assert_int_equal(chown(at("sub"), 0, (gid_t)-1), 0);
	make_file("file", 0644);
	assert_int_equal(symlink("file", at("dirlink")), 0);
	assert_int_equal(lchown(at("dirlink"), nobody, (gid_t)-1), 0);
	refused(at("dirlink"), 0, -EPERM, "/dirlink' belongs to uid 65534");
}

static void test_links(void **state)
{
	struct err err = { 0 };

	(void)state;
	make_file("file", 0644);
	make_file("sub/file", 0666);
	assert_int_equal(symlink("sub/../file", at("link")), 0);
	assert_int_equal(trust_check(at("link"), getuid(), 0, &err), 0);
	assert_int_equal(symlink(at("sub"), at("abs")), 0);
	refused(at("abs/file"), 0, -EPERM, "/sub/file' can be written by others");
	assert_int_equal(symlink("loop", at("loop")), 0);
	refused(at("loop"), 0, -ELOOP, "too many symbolic links");
	assert_int_equal(symlink("../file", at("sub/up")), 0);
	assert_int_equal(trust_check(at("abs/up"), getuid(), 0, &err), 0);
}

static void test_types(void **state)
{
	char deep[PATH_MAX + 8];

	(void)state;
	refused("relative", 0, -EINVAL, "is not an absolute path");
	refused("", 0, -EINVAL, "is not an absolute path");
	refused(at("absent"), 0, -ENOENT, "/absent'");
	refused(at("absent/file"), 0, -ENOENT, "/absent'");
	refused(at("sub"), 0, -EISDIR, "is not a regular file");
	refused("/", 0, -EISDIR, "is not a regular file");
	make_file("file", 0644);
	refused(at("file"), TRUST_DIR, -ENOTDIR, "/file'");
	refused(at("file/x"), 0, -ENOTDIR, "/file");
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	refused(at("fifo"), 0, -EINVAL, "is not a regular file");
	memset(deep, 'a', sizeof(deep));
	deep[0] = '/';
	deep[sizeof(deep) - 1] = '\0';
	refused(deep, 0, -ENAMETOOLONG, "too long");
	deep[300] = '\0';
	refused(deep, 0, -ENAMETOOLONG, "too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("files of one's own or of root below trusted directories open", test_good),
		TEST("a file that others can write, or read where it is private, is refused with the remedy",
		     test_writable),
		TEST("a directory above that others can write is refused unless sticky", test_parent),
		TEST("a foreign owner of file, directory or link is refused", test_owner),
		TEST("symbolic links are followed by hand and every step is checked", test_links),
		TEST("wrong types, missing files and overlong paths have errors of their own", test_types),
	};

	return cmocka_run_group_tests_name("trust", tests, setup, teardown);
}
