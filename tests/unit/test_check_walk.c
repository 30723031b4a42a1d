/* test_check_walk.c - fsck: everything is walked and counted, in every kind of store, and the upstream
 * fixtures. */
#include "check_fixture.h"

static void test_good_store(void **state)
{
	static const size_t sizes[] = { 0, 1, 17, 18, 4095, 4096, 4097, 1 << 20, (1 << 20) + 1, 3 << 20 };
	struct view_entry dir, e, hard;
	struct view_file *f;
	struct fixture fx;
	struct record r;
	uint64_t bytes = 0;
	char name[32];

	(void)state;
	open_default(&fx);
	dir = make_dir_in(&fx, fx_root(&fx), "dir");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		(void)snprintf(name, sizeof(name), "file%zu", i);
		make_file_in(&fx, i % 2 ? fx_root(&fx) : dir.node, name, sizes[i]);
		bytes += sizes[i];
	}
	make_file(&fx, long_name('f'), 5);
	bytes += 5;
	e = make_dir_in(&fx, dir.node, long_name('d'));
	make_file_in(&fx, e.node, "inside", 10);
	bytes += 10;
	fx_forget(&fx, &e);
	/* A hole of 100 MiB that nobody reads. */
	f = fx_create(&fx, dir.node, "sparse", &e);
	assert_int_equal(fx.ops->write(f, NULL, 100 << 20, (const uint8_t *)"end", 3), 3);
	fx.ops->release(f);
	assert_int_equal(fx.ops->link(fx.view, NULL, e.node, fx_root(&fx), "hard link", &hard), 0);
	fx_forget(&fx, &hard);
	fx_forget(&fx, &e);
	assert_int_equal(fx.ops->symlink(fx.view, NULL, dir.node, "sym", "../target", &e), 0);
	fx_forget(&fx, &e);
	assert_int_equal(fx.ops->mknod(fx.view, NULL, dir.node, "fifo", S_IFIFO | 0600, 0, &e), 0);
	fx_forget(&fx, &e);
	(void)set_xattr(&fx, "file1", "user.foo", "bar");
	(void)set_xattr(&fx, "dir", "user.empty", "");
	fx_forget(&fx, &dir);

	for (unsigned int threads = 0; threads < 5; threads++) {
		run(&fx, threads, &r);
		print_findings(&r);
		assert_int_equal(r.n, 0);
		assert_int_equal(r.result.files, 13);
		assert_int_equal(r.result.dirs, 3);
		assert_int_equal(r.result.symlinks, 1);
		assert_int_equal(r.result.others, 1);
		assert_true(r.result.bytes >= bytes && r.result.bytes < bytes + (4 << 20));
	}
	fx_close(&fx);
}

static void test_hard_links_once(void **state)
{
	struct fixture fx;
	struct record r;
	char name[32];

	(void)state;
	open_default(&fx);
	for (int i = 0; i < 1500; i++) { /* so many that the table grows */
		struct view_entry e, l;
		struct view_file *f;

		(void)snprintf(name, sizeof(name), "a%d", i);
		f = fx_create(&fx, fx_root(&fx), name, &e);
		fx.ops->release(f);
		(void)snprintf(name, sizeof(name), "b%d", i);
		assert_int_equal(fx.ops->link(fx.view, NULL, e.node, fx_root(&fx), name, &l), 0);
		fx_forget(&fx, &l);
		fx_forget(&fx, &e);
	}
	make_file(&fx, "bad", 100);
	assert_int_equal(truncate(fx_stored(&fx, "bad"), 60), 0);
	{
		struct view_entry e = look(&fx, fx_root(&fx), "bad"), l;

		assert_int_equal(fx.ops->link(fx.view, NULL, e.node, fx_root(&fx), "bad too", &l), 0);
		fx_forget(&fx, &l);
		fx_forget(&fx, &e);
	}
	run(&fx, 3, &r);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.result.files, 1501);
	record_done(&r);
	fx_close(&fx);
}

static void test_large_and_deep(void **state)
{
	enum { WIDE = 3000, DEEP = 60 };
	struct view_entry dir, e;
	struct fixture fx;
	struct record r;
	char name[32];

	(void)state;
	open_default(&fx);
	dir = make_dir_in(&fx, fx_root(&fx), "wide");
	for (int i = 0; i < WIDE; i++) {
		(void)snprintf(name, sizeof(name), "file number %d", i);
		make_file_in(&fx, dir.node, name, (size_t)(i % 3));
	}
	fx_forget(&fx, &dir);
	dir = make_dir_in(&fx, fx_root(&fx), long_name('0')); /* far beyond PATH_MAX */
	for (int i = 0; i < DEEP; i++) {
		e = make_dir_in(&fx, dir.node, long_name((char)('A' + i % 26)));
		fx_forget(&fx, &dir);
		dir = e;
	}
	make_file_in(&fx, dir.node, "at the bottom", 10);
	fx_forget(&fx, &dir);
	for (unsigned int threads = 1; threads <= 4; threads += 3) {
		run(&fx, threads, &r);
		assert_int_equal(r.n, 0);
		assert_int_equal(r.result.files, WIDE + 1);
		assert_int_equal(r.result.dirs, DEEP + 3);
	}
	fx_close(&fx);
}

static void test_permission(void **state)
{
	struct view_entry dir;
	struct fixture fx;
	struct record r;
	uid_t before = geteuid();

	(void)state;
	open_default(&fx);
	make_file(&fx, "secret", 5);
	make_file(&fx, "public", 5);
	dir = make_dir_in(&fx, fx_root(&fx), "closed");
	make_file_in(&fx, dir.node, "inside", 5);
	fx_forget(&fx, &dir);
	assert_int_equal(chmod(fx.dir, 0755), 0);
	assert_int_equal(chmod(fx_stored(&fx, "secret"), 0), 0);
	assert_int_equal(chmod(fx_stored(&fx, "closed"), 0), 0);
	if (before == 0)
		assert_int_equal(seteuid(65534), 0);
	run(&fx, 2, &r);
	if (before == 0)
		assert_int_equal(seteuid(0), 0);
	print_findings(&r);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.result.skipped, 2);
	assert_int_equal(r.result.corrupt, 0);
	record_done(&r);
	assert_int_equal(chmod(fx_stored(&fx, "closed"), 0755), 0);
	fx_close(&fx);
}

static void stop_at_first(void *arg, const struct check_finding *f)
{
	(void)f;
	atomic_store((atomic_bool *)arg, true);
}

static void test_stop(void **state)
{
	atomic_bool stop = false;
	const struct check_options opt = {
		.threads = 1, .finding = stop_at_first, .arg = &stop, .stop = &stop
	};
	struct check_result result;
	struct view_stats stats;
	struct fixture fx;
	char name[32];

	(void)state;
	open_default(&fx);
	for (int i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), "dir%d", i);
		make_dir(&fx, name);
	}
	put(raw(&fx, "invalid"), "", 0);
	assert_int_equal(check_run(fx.view, fx.vol, fx.dirfd, &opt, &result, NULL), -EINTR);
	assert_int_equal(result.dirs, 1); /* the root, in which it was found */
	view_get_stats(fx.view, &stats);
	assert_int_equal(stats.nodes, 0);
	fx_close(&fx);
}

static void on_progress(void *arg, uint64_t files, uint64_t bytes)
{
	struct record *r = arg;

	assert_true(files >= r->result.files && bytes >= r->result.bytes);
	r->result.files = files;
	r->result.bytes = bytes;
	r->progress++;
}

static void test_progress(void **state)
{
	struct record r = { 0 };
	const struct check_options opt = { .finding = on_finding, .progress = on_progress, .arg = &r };
	struct check_result result;
	struct fixture fx;

	(void)state;
	open_default(&fx);
	make_file(&fx, "file", 3 << 20);
	assert_int_equal(check_run(fx.view, fx.vol, fx.dirfd, &opt, &result, NULL), 0);
	assert_true(r.progress >= 1); /* the first at once, the others when there was time */
	fx_close(&fx);
}

static void test_other_stores(void **state)
{
	struct volume_options vo[] = { fx_options(), fx_options(), fx_options() };
	static const char *const details[] = { "at ciphertext offset 4146", "at ciphertext offset 4146",
					       "at ciphertext offset 4154" };
	struct fixture fx;

	(void)state;
	vo[0].plaintextnames = true;
	vo[1].deterministic_names = true;
	vo[1].aessiv = true;
	vo[2].xchacha = true;
	for (int i = 0; i < 3; i++) {
		fx_open(&fx, &vo[i], &(struct view_options){ .conf_hidden = true });
		make_dir(&fx, "dir");
		make_file(&fx, "file", 10000);
		put(raw(&fx, "gocryptfs.conf"), "{}", 2);
		expect_clean(&fx);
		flip(fx_stored(&fx, "file"), 18 + 4096 + 40 + 100);
		expect(&fx, CHECK_FILE, "file", "", details[i]);
		assert_int_equal(unlink(fx_stored(&fx, "file")), 0);
		if (i == 1) { /* an ordinary, undecryptable entry there */
			put(raw(&fx, "gocryptfs.diriv"), "", 0);
			expect(&fx, CHECK_ENTRY, "", "gocryptfs.diriv", "");
		}
		fx_close(&fx);
	}
}

static void test_badname(void **state)
{
	char *patterns[] = { "*.conflict", NULL };
	const struct volume_options vo = fx_options();
	char entry[PATH_MAX + 16];
	struct fixture fx;
	struct record r;

	(void)state;
	fx_open(&fx, &vo, &(struct view_options){ .conf_hidden = true, .badname = patterns });
	make_file(&fx, "file", 5000);
	(void)snprintf(entry, sizeof(entry), "%s.conflict", fx_stored(&fx, "file"));
	assert_int_equal(rename(fx_stored(&fx, "file"), entry), 0);
	expect(&fx, CHECK_ENTRY, "", ".conflict", "");
	flip(entry, 18 + 100); /* its content is looked at all the same */
	run(&fx, 1, &r);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.f[0].fault, CHECK_ENTRY);
	assert_int_equal(r.f[1].fault, CHECK_FILE);
	assert_string_equal(r.f[1].plain, "file.conflict GOCRYPTFS_BAD_NAME");
	record_done(&r);
	fx_close(&fx);
}

/* --- the upstream fixtures, if they are here
 * ------------------------------------------------------------------------ */

/* A copy of a fixture, opened; false if there is none. */
static bool open_fixture(struct fixture *fx, const char *name, const char *master_key)
{
	const char *shared = getenv("GCF_SHARED"), *top = getenv("top_srcdir");
	char from[PATH_MAX];
	const struct volume_options vo = fx_options();
	auto_secret struct secret *key = secret_new(32);
	pid_t pid;
	int status;

	if (shared)
		(void)snprintf(from, sizeof(from), "%s/fixtures/fsck/%s/.", shared, name);
	else
		(void)snprintf(from, sizeof(from), "%s/../shared/fixtures/fsck/%s/.", top ? top : ".", name);
	if (access(from, F_OK) != 0)
		return false;
	strcpy(fx->dir, "/tmp/gcfview.XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	pid = fork();
	if (pid == 0) {
		execlp("cp", "cp", "-a", from, fx->dir, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fx->dirfd = open(fx->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)unit_hex(key->data, master_key);
	assert_int_equal(volume_open(&fx->vol, &vo, key, NULL), 0);
	fx_mount(fx, &(struct view_options){ .read_only = true, .conf_hidden = true });
	return true;
}

/* A checkout without symbolic links has files with their text instead. */
static void make_symlink(struct fixture *fx, const char *entry)
{
	const char *path = raw(fx, entry);
	char target[256];
	struct stat st;
	ssize_t n;

	assert_int_equal(lstat(path, &st), 0);
	if (!S_ISREG(st.st_mode))
		return;
	{
		auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

		n = read(fd, target, sizeof(target) - 1);
	}
	assert_true(n > 0);
	target[n] = '\0';
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(target, path), 0);
}

/* Git keeps no extended attributes; they are in the fixture's description. */
static bool put_xattr(struct fixture *fx, const char *entry, const char *name, const char *base64)
{
	uint8_t value[128];
	ssize_t n = base64url_decode(value, base64, strlen(base64), false);

	assert_true(n > 0);
	return setxattr(raw(fx, entry), name, value, (size_t)n, 0) == 0;
}

static size_t count(const struct record *r, enum check_fault fault)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->f[i].fault == fault;
	return n;
}

static void test_broken_fs(void **state)
{
	struct fixture fx;
	struct record r;

	(void)state;
	if (!open_fixture(&fx, "broken_fs_v1.4",
			  "1eaa047652e7004f8fe91b8248cd46f70a011cbab9c3d862a258549000c56871")) {
		print_message(
		    "# no upstream fixtures (set GCF_SHARED); the other tests damage stores of their own\n");
		skip();
	}
	if (!put_xattr(&fx, "6nGs4Ugr3EAHd0KzkyLZ-Q", "user.gocryptfs.0a5e7yWl0SGUGeWB0Sy2Kg",
		       "hxnZvXSkDicfwVS9w4r1yYkFF61Qou6NaL-VhObYEdu6kuM") ||
	    !put_xattr(&fx, "CMyUifVTjW5fsgXonWBT_RDkvLkdGrLttkZ45T3Oi3A",
		       "user.gocryptfs.0a5e7yWl0SGUGeWB0Sy2K0",
		       "QHUMDTgbnl8Sv_A2dFQic_G2vN4_gmDna3651JAhF7OZ-YI") ||
	    !put_xattr(&fx, "b00sbnGXGToadr01GHZaYQn8tjyRhe1OXNBZoQtMlcQ",
		       "user.gocryptfs.0a5e7yWl0SGUGeWB0Sy2Kg",
		       "A0hvCePeKpL8bCpijhDKtf7cIijXYQsPnEbNJ84M2ONW0dc")) {
		fx_close(&fx);
		skip();
	}
	make_symlink(&fx, "GUvJFSfy7S1AXUdy4pDRLw");
	make_symlink(&fx, "s-P7PcQDUcVkoeMDnC3EYA");
	make_symlink(&fx, "iI0MtUdzELPeOAZYwYZFee169hpGgd3l2PXQBcc9sl4");
	run(&fx, 2, &r);
	print_findings(&r);
	/* The 12 that gocryptfs reports ... */
	assert_int_equal(count(&r, CHECK_ENTRY), 3);
	assert_int_equal(count(&r, CHECK_FILE), 2);
	assert_int_equal(count(&r, CHECK_SYMLINK), 2);
	assert_int_equal(count(&r, CHECK_DIR), 3);
	assert_int_equal(count(&r, CHECK_XATTR_NAME), 1);
	assert_int_equal(count(&r, CHECK_XATTR_VALUE), 1);
	/* ... and the two files of 1 and 8 bytes that it does not. */
	assert_int_equal(count(&r, CHECK_FILE_SIZE), 2);
	assert_int_equal(r.n, 14);
	record_done(&r);
	fx_close(&fx);
}

static void test_malleable(void **state)
{
	struct fixture fx;
	struct record r;

	(void)state;
	if (!open_fixture(&fx, "malleable_base64",
			  "cc685243ab8509adca9072f3a90104b35fb124de58b5bcd9d77f263a9d472bb3"))
		skip();
	put(raw(&fx, "27AG8t-XZH7G9ou2OSD_z\ng"), "", 0);
	put(raw(&fx, "27AG8t-XZH7G9ou2OSD_z\rg"), "", 0);
	run(&fx, 2, &r);
	assert_int_equal(count(&r, CHECK_ENTRY), 3);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.result.files, 1);
	record_done(&r);
	fx_close(&fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("a good store has no findings and everything is counted", test_good_store),
		TEST("hard links are looked at once", test_hard_links_once),
		TEST("large and deep directories are walked, with any number of threads",
		     test_large_and_deep),
		TEST("what cannot be read is skipped and counted as such", test_permission),
		TEST("a stop flag ends the check early and cleanly", test_stop),
		TEST("progress is told and only grows", test_progress),
		TEST("stores with other names and ciphers are checked", test_other_stores),
		TEST("with -badname bad entries are reported and their content read", test_badname),
		TEST("the broken file system of gocryptfs has its 12 faults and 2 more", test_broken_fs),
		TEST("second spellings of a name are faults", test_malleable),
	};

	return cmocka_run_group_tests_name("check_walk", tests, NULL, NULL);
}
