/* test_check.c - fsck: each kind of damage is found, once, in the right place. */
#include "check_fixture.h"

static void test_bad_blocks(void **state)
{
	struct fixture fx;

	(void)state;
	open_default(&fx);
	make_file(&fx, "big", 2 << 20);
	expect_clean(&fx);
	flip(fx_stored(&fx, "big"), 18 + 300 * 4128 + 2000);
	expect(&fx, CHECK_FILE, "big", "", "corrupt block #300 (4128 bytes at ciphertext offset 1238418)");
	flip(fx_stored(&fx, "big"), 18 + 2 * 4128); /* one finding per file: the first */
	expect(&fx, CHECK_FILE, "big", "", "corrupt block #2 ");
	fx_close(&fx);
}

/* The state between the last two steps of a truncate from 6000 to 5000 bytes. */
static void half_truncate(struct fixture *fx, const char *name)
{
	struct view_entry e = look(fx, fx_root(fx), name);
	struct stat st = { .st_size = 5000 };
	auto_fd int fd = open(fx_stored(fx, name), O_RDWR | O_CLOEXEC);
	off_t size = lseek(fd, 0, SEEK_END);

	assert_int_equal(fx->ops->setattr(fx->view, NULL, e.node, NULL, &st, VIEW_SET_SIZE, &st), 0);
	fx_forget(fx, &e);
	assert_int_equal(ftruncate(fd, size), 0); /* what is behind the short block is stale */
}

static void test_interrupted_truncate(void **state)
{
	struct fixture fx;

	(void)state;
	open_default(&fx);
	make_file(&fx, "file", 6000);
	half_truncate(&fx, "file");
	view_close(fx.view);
	fx_mount(&fx, &(struct view_options){ .conf_hidden = true, .read_only = true });
	expect(&fx, CHECK_FILE, "file", "", "block #1 ends early: an interrupted truncate");
	flip(fx_stored(&fx, "file"),
	     18 + 4128 + 20); /* the short block is damaged too: that is another thing */
	expect(&fx, CHECK_FILE, "file", "", "corrupt block #1");
	flip(fx_stored(&fx, "file"), 18 + 4128 + 20);
	view_close(fx.view);
	fx_mount(&fx, &(struct view_options){ .conf_hidden = true });
	expect_clean(&fx); /* reading finishes it where it may be written */
	fx_close(&fx);
}

static void test_bad_sizes(void **state)
{
	struct fixture fx;
	const char *path;

	(void)state;
	open_default(&fx);
	make_file(&fx, "file", 10000);
	for (off_t n = 1; n < 18; n++) {
		assert_int_equal(truncate(fx_stored(&fx, "file"), n), 0);
		expect(&fx, CHECK_FILE_SIZE, "file", "", "less than a file header");
	}
	assert_int_equal(truncate(fx_stored(&fx, "file"), 0), 0);
	expect_clean(&fx);
	make_file(&fx, "torn", 10000);
	path = fx_stored(&fx, "torn");
	assert_int_equal(truncate(path, 18 + 2 * 4128 + 32), 0);
	expect(&fx, CHECK_FILE_SIZE, "torn", "",
	       "incomplete last block #2 (32 bytes at ciphertext offset 8274)");
	flip(path, 18 + 5);
	expect(&fx, CHECK_FILE, "torn", "", "corrupt block #0 ");
	flip(path, 18 + 5);
	assert_int_equal(truncate(path, 18 + 2 * 4128 + 33), 0); /* no longer torn, but not valid either */
	expect(&fx, CHECK_FILE, "torn", "", "corrupt block #2 (33 bytes");
	/* A short last block in a hole is no hole of the format. */
	assert_int_equal(truncate(path, 18 + 2 * 4128), 0);
	assert_int_equal(truncate(path, 18 + 1000 * 4128 + 100), 0);
	expect(&fx, CHECK_FILE, "torn", "", "corrupt block #1000 (100 bytes");
	fx_close(&fx);
}

static void test_bad_header(void **state)
{
	struct fixture fx;

	(void)state;
	open_default(&fx);
	make_file(&fx, "file", 10000);
	flip(fx_stored(&fx, "file"), 1);
	expect(&fx, CHECK_FILE, "file", "", "corrupt file header");
	flip(fx_stored(&fx, "file"), 1);
	expect_clean(&fx);
	flip(fx_stored(&fx, "file"), 5); /* another file id: no block is valid */
	expect(&fx, CHECK_FILE, "file", "", "corrupt block #0");
	fx_close(&fx);
}

static void test_bad_symlink(void **state)
{
	struct view_entry e;
	struct fixture fx;
	const char *path;

	(void)state;
	open_default(&fx);
	assert_int_equal(fx.ops->symlink(fx.view, NULL, fx_root(&fx), "sym", "target", &e), 0);
	fx_forget(&fx, &e);
	path = fx_stored(&fx, "sym");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/clear/text", path), 0);
	expect(&fx, CHECK_SYMLINK, "sym", "", "");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("lqgk84n1j8zcUs0Rn7bvq3oLcvjT6hApDLMcegOWHHcHD6szuaDkYmn_KG0", path), 0);
	expect(&fx, CHECK_SYMLINK, "sym", "", "");
	fx_close(&fx);
}

static void test_bad_entries(void **state)
{
	char spelling[64], path[PATH_MAX + 32];
	struct fixture fx;

	(void)state;
	open_default(&fx);
	put(raw(&fx, "gocryptfs.conf"), "{}", 2);
	put(raw(&fx, "gocryptfs.conf.bak"), "{}", 2); /* -passwd -masterkey keeps it */
	put(raw(&fx, "gocryptfs.diriv.rmdir.123"), "0123456789abcdef", 16);
	put(raw(&fx, ".nfs00000000000000010000"), "", 0);
	expect_clean(&fx);
	put(raw(&fx, "invalid"), "", 0);
	expect(&fx, CHECK_ENTRY, "", "invalid", "cannot be decrypted");
	assert_int_equal(unlink(raw(&fx, "invalid")), 0);
	make_file(&fx, "hello", 5);
	(void)snprintf(spelling, sizeof(spelling), "%s\n", strrchr(fx_stored(&fx, "hello"), '/') + 1);
	put(raw(&fx, spelling), "", 0);
	expect(&fx, CHECK_ENTRY, "", spelling, "");
	assert_int_equal(unlink(raw(&fx, spelling)), 0);
	make_dir(&fx, "dir");
	(void)snprintf(path, sizeof(path), "%s/gocryptfs.conf.bak", fx_stored(&fx, "dir"));
	put(path, "{}", 2);
	expect(&fx, CHECK_ENTRY, "dir", "/gocryptfs.conf.bak", "");
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/!", fx_stored(&fx, "dir"));
	put(path, "", 0);
	expect(&fx, CHECK_ENTRY, "dir", "/!", "");
	fx_close(&fx);
}

static void test_long_names(void **state)
{
	char entry[PATH_MAX], dot_name[PATH_MAX + 8], other[PATH_MAX + 8];
	struct fixture fx;

	(void)state;
	open_default(&fx);
	make_file(&fx, long_name('a'), 5);
	strcpy(entry, fx_stored(&fx, long_name('a')));
	(void)snprintf(dot_name, sizeof(dot_name), "%s.name", entry);
	expect_clean(&fx);
	put(dot_name, "", 0);
	expect(&fx, CHECK_ORPHAN_NAME, "", "gocryptfs.longname.", "empty or too long");
	put(dot_name, "hello", 5);
	expect(&fx, CHECK_ORPHAN_NAME, "", "gocryptfs.longname.", "cannot be decrypted");
	assert_int_equal(unlink(dot_name), 0);
	expect(&fx, CHECK_ENTRY, "", "gocryptfs.longname.", "missing");
	assert_int_equal(unlink(entry), 0);
	make_file(&fx, long_name('b'), 5);
	(void)snprintf(other, sizeof(other), "%s.name", fx_stored(&fx, long_name('b')));
	make_file(&fx, long_name('a'), 5);
	/* The .name of another entry: the other would be shown twice and this one never. */
	assert_int_equal(unlink(dot_name), 0);
	assert_int_equal(link(other, dot_name), 0);
	expect(&fx, CHECK_ORPHAN_NAME, "", "gocryptfs.longname.", "belongs to another entry");
	assert_int_equal(unlink(entry), 0);
	expect(&fx, CHECK_LEFTOVER, "", ".name", "its entry is missing");
	fx_close(&fx);
}

static void test_unfinished_rmdir(void **state)
{
	struct fixture fx;
	struct view_entry d;
	char from[PATH_MAX];

	(void)state;
	open_default(&fx);
	make_dir(&fx, "dir");
	(void)snprintf(from, sizeof(from), "%s", fx_stored(&fx, "dir"));
	assert_int_equal(rename(from, raw(&fx, NAME_RMDIR_PREFIX "1")), 0);
	expect_clean(&fx); /* empty: it is swept with its parent */
	assert_int_equal(rename(raw(&fx, NAME_RMDIR_PREFIX "1"), from), 0);
	d = look(&fx, fx_root(&fx), "dir");
	make_file_in(&fx, d.node, "file", 10);
	fx_forget(&fx, &d);
	assert_int_equal(rename(from, raw(&fx, NAME_RMDIR_PREFIX "1")), 0);
	expect(&fx, CHECK_ENTRY, "", NAME_RMDIR_PREFIX "1", "not empty");
	fx_close(&fx);
}

/* Mount the same store with other options. */
static void reopen(struct fixture *fx, const struct volume_options *vo)
{
	auto_secret struct secret *key = secret_new(32);

	view_close(fx->view);
	volume_close(fx->vol);
	for (int i = 0; i < 32; i++)
		key->data[i] = (uint8_t)i;
	assert_int_equal(volume_open(&fx->vol, vo, key, NULL), 0);
	fx_mount(fx, &(struct view_options){ .conf_hidden = true });
}

static void test_wrong_form(void **state)
{
	struct volume_options vo = fx_options();
	struct fixture fx;

	(void)state;
	open_default(&fx);
	make_file(
	    &fx, "ninety bytes of name ninety bytes of name ninety bytes of name ninety bytes of name ninety",
	    5);
	expect_clean(&fx);
	vo.long_name_max = 100; /* the name is now looked for by its hash */
	reopen(&fx, &vo);
	expect(&fx, CHECK_ENTRY, "", "", "wrong form");
	fx_close(&fx);
}

static void test_bad_diriv(void **state)
{
	char path[PATH_MAX + 32];
	struct fixture fx;

	(void)state;
	for (int kind = 0; kind < 5; kind++) {
		static const struct {
			const char *data;
			size_t n;
			const char *detail;
		} kinds[] = { { "0123456789abcde", 15, "has 15 bytes instead of 16" },
			      { "0123456789abcdefg", 17, "has more than 16 bytes" },
			      { "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, "is all zero" },
			      { "", 0, "has 0 bytes" },
			      { NULL, 0, "is missing" } };
		struct view_entry dir;

		open_default(&fx);
		dir = make_dir_in(&fx, fx_root(&fx), "dir");
		make_file_in(&fx, dir.node, "lost", 10);
		fx_forget(&fx, &dir);
		make_dir(&fx, "good");
		(void)snprintf(path, sizeof(path), "%s/gocryptfs.diriv", fx_stored(&fx, "dir"));
		if (kinds[kind].data)
			put(path, kinds[kind].data, kinds[kind].n);
		else
			assert_int_equal(unlink(path), 0);
		expect(&fx, CHECK_DIR, "dir", "", kinds[kind].detail);
		fx_close(&fx);
	}
}

static void test_bad_xattrs(void **state)
{
	struct fixture fx;
	const char *path;

	(void)state;
	open_default(&fx);
	make_file(&fx, "file", 5);
	if (!set_xattr(&fx, "file", "user.foo", "bar")) {
		fx_close(&fx);
		skip();
	}
	path = fx_stored(&fx, "file");
	assert_int_equal(setxattr(path, "user.not.ours", "x", 1, 0), 0);
	expect_clean(&fx);
	assert_int_equal(setxattr(path, "user.gocryptfs.0a5e7yWl0SGUGeWB0Sy2K0", "x", 1, 0), 0);
	expect(&fx, CHECK_XATTR_NAME, "file", "", "user.gocryptfs.0a5e7yWl0SGUGeWB0Sy2K0");
	assert_int_equal(removexattr(path, "user.gocryptfs.0a5e7yWl0SGUGeWB0Sy2K0"), 0);
	assert_int_equal(setxattr(path, "user.gocryptfs.49MtW6o4r3wu_Jt77wclOA", "damaged", 7, 0), 0);
	expect(&fx, CHECK_XATTR_VALUE, "file", "", "user.foo");
	assert_int_equal(removexattr(path, "user.gocryptfs.49MtW6o4r3wu_Jt77wclOA"), 0);
	/* On directories, too, the root among them. */
	assert_int_equal(setxattr(fx.dir, "user.gocryptfs.49MtW6o4r3wu_Jt77wclOA", "damaged", 7, 0), 0);
	expect(&fx, CHECK_XATTR_VALUE, "", "", "user.foo");
	fx_close(&fx);
}

static void test_many_xattrs(void **state)
{
	struct fixture fx;
	char name[64];

	(void)state;
	open_default(&fx);
	make_file(&fx, "file", 5);
	for (int i = 0; i < 20; i++) { /* a list longer than the first buffer */
		(void)snprintf(name, sizeof(name), "user.attribute number %d", i);
		if (!set_xattr(&fx, "file", name, "value")) {
			fx_close(&fx);
			skip();
		}
	}
	expect_clean(&fx);
	fx_close(&fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("a corrupt block is found and named, once per file", test_bad_blocks),
		TEST("files in a directory whose removal was interrupted are not forgotten",
		     test_unfinished_rmdir),
		TEST("an interrupted truncate is called that, and mended by a read",
		     test_interrupted_truncate),
		TEST("truncated headers, torn blocks and short blocks of zeros are found", test_bad_sizes),
		TEST("a corrupt file header is found", test_bad_header),
		TEST("corrupt symlinks are found", test_bad_symlink),
		TEST("undecryptable entries are found, leftovers are not", test_bad_entries),
		TEST("missing, damaged, swapped and orphaned .name files are found", test_long_names),
		TEST("a name stored in the wrong form is found", test_wrong_form),
		TEST("each kind of damaged directory IV is found and explained", test_bad_diriv),
		TEST("corrupt names and values of extended attributes are found", test_bad_xattrs),
		TEST("long lists of extended attributes are read", test_many_xattrs),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
