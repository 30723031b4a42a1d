/* test_check_age.c - fsck: metadata files that a purge of old files would take before the data are counted.
 */
#include "check_fixture.h"

#include <time.h>

enum { DAY = 86400 };

/* Set the times of last read and last write, so many days ago. */
static void set_age(const char *path, int read_days, int write_days)
{
	const time_t now = time(NULL);
	const struct timespec t[2] = { { .tv_sec = now - (time_t)read_days * DAY },
				       { .tv_sec = now - (time_t)write_days * DAY } };

	assert_int_equal(utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW), 0);
}

static const char *metadata_of(struct fixture *fx, const char *name, const char *suffix)
{
	static char path[PATH_MAX + 32];

	(void)snprintf(path, sizeof(path), "%s%s", fx_stored(fx, name), suffix);
	return path;
}

static void expect_aged(struct fixture *fx, uint64_t n, int64_t days)
{
	struct record r;

	run(fx, 2, &r);
	print_findings(&r);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.result.aged, n);
	assert_int_equal((r.result.aged_seconds + DAY / 2) / DAY, days);
	record_done(&r);
}

/* Root: config, IV, a long name; dir: IV, one file. */
static void open_store(struct fixture *fx)
{
	struct view_entry dir;

	open_default(fx);
	put(raw(fx, "gocryptfs.conf"), "{}", 2);
	make_file(fx, long_name('a'), 5);
	dir = make_dir_in(fx, fx_root(fx), "dir");
	make_file_in(fx, dir.node, "data", 5);
	fx_forget(fx, &dir);
	expect_aged(fx, 0, 0);
}

static void test_each_kind(void **state)
{
	struct fixture fx;

	(void)state;
	open_store(&fx);
	set_age(raw(&fx, "gocryptfs.conf"), 30, 30);
	expect_aged(&fx, 1, 30);
	set_age(raw(&fx, "gocryptfs.conf"), 0, 0);
	set_age(raw(&fx, "gocryptfs.diriv"), 40, 40);
	expect_aged(&fx, 1, 40);
	set_age(raw(&fx, "gocryptfs.diriv"), 0, 0);
	set_age(metadata_of(&fx, "dir", "/gocryptfs.diriv"), 50, 50);
	expect_aged(&fx, 1, 50);
	set_age(metadata_of(&fx, long_name('a'), ".name"), 60, 60);
	expect_aged(&fx, 2, 60);
	fx_close(&fx);
}

static void test_either_time(void **state)
{
	struct fixture fx;

	(void)state;
	open_store(&fx);
	set_age(raw(&fx, "gocryptfs.conf"), 0, 30); /* as a purge by the last write sees it */
	expect_aged(&fx, 1, 30);
	set_age(raw(&fx, "gocryptfs.conf"), 30, 0); /* and one by the last read */
	expect_aged(&fx, 1, 30);
	set_age(raw(&fx, "gocryptfs.conf"), 6, 6); /* "keep --older-than 7d" leaves it alone */
	expect_aged(&fx, 0, 0);
	fx_close(&fx);
}

/* dir/data and dir's IV; the check's own reading may have changed them. */
static void set_ages_in_dir(struct fixture *fx, int data_days, int iv_days)
{
	struct view_entry dir = look(fx, fx_root(fx), "dir"), e = look(fx, dir.node, "data");

	e.st.st_atim.tv_sec = e.st.st_mtim.tv_sec = time(NULL) - (time_t)data_days * DAY;
	assert_int_equal(
	    fx->ops->setattr(fx->view, NULL, e.node, NULL, &e.st, VIEW_SET_ATIME | VIEW_SET_MTIME, &e.st), 0);
	fx_forget(fx, &e);
	fx_forget(fx, &dir);
	set_age(metadata_of(fx, "dir", "/gocryptfs.diriv"), iv_days, iv_days);
}

static void test_old_together(void **state)
{
	struct fixture fx;

	(void)state;
	open_store(&fx);
	set_ages_in_dir(&fx, 30, 31); /* goes or stays as a whole, whatever is beside it */
	expect_aged(&fx, 0, 0);
	set_ages_in_dir(&fx, 30, 90);
	expect_aged(&fx, 1, 60);
	fx_close(&fx);
}

static void test_future(void **state)
{
	struct fixture fx;

	(void)state;
	open_store(&fx);
	set_age(fx_stored(&fx, long_name('a')), -1000, -1000); /* what lies in the future counts as now */
	expect_aged(&fx, 0, 0);
	set_age(raw(&fx, "gocryptfs.diriv"), 20, 20);
	expect_aged(&fx, 1, 20);
	fx_close(&fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("an old config, directory IV or .name file is counted, with its lag", test_each_kind),
		TEST("the time of the last read counts, and that of the last write", test_either_time),
		TEST("metadata as old as the data below it is not counted", test_old_together),
		TEST("data from the future does not make metadata old", test_future),
	};

	return cmocka_run_group_tests_name("check_age", tests, NULL, NULL);
}
