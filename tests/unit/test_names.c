/* test_names.c - names in the view: long, bad, undecryptable, plain, deterministic; paths. */
#include "names_fixture.h"

static void long_names_leave_nothing_behind(void **state)
{
	struct fixture fx;
	struct view_entry e, e2;
	char a[256], b[256];
	struct list *l = calloc(1, sizeof(*l));

	(void)state;
	open_default(&fx);
	memset(a, 'a', 255), a[255] = '\0';
	memset(b, 'b', 176), b[176] = '\0';
	fx.ops->release(fx_create(&fx, fx_root(&fx), a, &e));
	assert_int_equal(count_stored(fx.dir), 3); /* diriv, entry, .name */
	list_dir(&fx, fx_root(&fx), l);
	assert_int_equal(l->n, 1);
	assert_string_equal(l->names[0], a);
	assert_int_equal(fx.ops->rename(fx.view, fx_root(&fx), a, fx_root(&fx), b, 0), 0);
	assert_int_equal(count_stored(fx.dir), 3);
	assert_false(is_there(&fx, fx_root(&fx), a));
	assert_int_equal(fx.ops->link(fx.view, NULL, e.node, fx_root(&fx), a, &e2), 0);
	assert_ptr_equal(e.node, e2.node);
	assert_int_equal(count_stored(fx.dir), 5);
	/* renaming one link onto the other does nothing, and both names stay readable */
	assert_int_equal(fx.ops->rename(fx.view, fx_root(&fx), a, fx_root(&fx), b, 0), 0);
	assert_int_equal(count_stored(fx.dir), 5);
	list_dir(&fx, fx_root(&fx), l);
	assert_int_equal(l->n, 2);
	assert_int_equal(fx.ops->rename(fx.view, fx_root(&fx), a, fx_root(&fx), b, RENAME_EXCHANGE), 0);
	assert_int_equal(count_stored(fx.dir), 5);
	assert_int_equal(fx.ops->rename(fx.view, fx_root(&fx), a, fx_root(&fx), b, RENAME_NOREPLACE),
			 -EEXIST);
	assert_int_equal(count_stored(fx.dir), 5);
	assert_int_equal(fx.ops->unlink(fx.view, fx_root(&fx), a), 0);
	assert_int_equal(fx.ops->unlink(fx.view, fx_root(&fx), b), 0);
	assert_int_equal(count_stored(fx.dir), 1);
	assert_int_equal(fx.ops->mkdir(fx.view, NULL, fx_root(&fx), a, 0700, &e2), 0);
	fx_forget(&fx, &e2);
	assert_int_equal(fx.ops->rmdir(fx.view, fx_root(&fx), a), 0);
	assert_int_equal(count_stored(fx.dir), 1);
	fx_forget(&fx, &e);
	fx_forget(&fx, &e);
	fx_close(&fx);
	free(l);
}

static void bad_names_are_refused(void **state)
{
	struct fixture fx;
	struct view_entry e;
	char name[300];

	(void)state;
	open_default(&fx);
	memset(name, 'x', 256), name[256] = '\0';
	assert_int_equal(fx.ops->mkdir(fx.view, NULL, fx_root(&fx), name, 0755, &e), -ENAMETOOLONG);
	assert_int_equal(fx.ops->lookup(fx.view, fx_root(&fx), name, &e), -ENAMETOOLONG);
	fx_close(&fx);
}

static void undecryptable_entries_are_hidden_not_fatal(void **state)
{
	struct fixture fx;
	struct view_entry e;
	struct list *l = calloc(1, sizeof(*l));
	int fd;

	(void)state;
	open_default(&fx);
	fx.ops->release(fx_create(&fx, fx_root(&fx), "good", &e));
	static const char *const junk[] = { ".nfs0001", "sync-conflict", "gocryptfs.diriv.rmdir.123",
					    "gocryptfs.longname.x" };

	for (int i = 0; i < 4; i++) {
		fd = openat(fx.dirfd, junk[i], O_WRONLY | O_CREAT, 0644);
		assert_true(fd >= 0);
		close(fd);
	}
	list_dir(&fx, fx_root(&fx), l);
	assert_int_equal(l->n, 1);
	assert_string_equal(l->names[0], "good");
	fx_forget(&fx, &e);
	fx_close(&fx);
	free(l);
}

static void bad_names_can_be_asked_for(void **state)
{
	char *const patterns[] = { (char *)(uintptr_t) "*conflict*", NULL };
	struct volume_options vo = fx_options();
	struct fixture fx;
	struct view_entry e;
	struct list *l = calloc(1, sizeof(*l));
	char path[4200];
	int fd;

	(void)state;
	fx_open(&fx, &vo, &(struct view_options){ .badname = patterns });
	fx.ops->release(fx_create(&fx, fx_root(&fx), "file", &e));
	fx_forget(&fx, &e);
	(void)snprintf(path, sizeof(path), "%s.conflict", fx_stored(&fx, "file"));
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	close(fd);
	list_dir(&fx, fx_root(&fx), l);
	assert_int_equal(l->n, 2);
	int i = strcmp(l->names[0], "file") == 0;

	assert_string_equal(l->names[i], "file.conflict" NAME_BAD_SUFFIX);
	assert_int_equal(fx.ops->lookup(fx.view, fx_root(&fx), l->names[i], &e), 0);
	fx_forget(&fx, &e);
	assert_int_equal(fx.ops->unlink(fx.view, fx_root(&fx), l->names[i]), 0);
	assert_int_equal(access(path, F_OK), -1);
	fx_close(&fx);
	free(l);
}

static void plaintext_names_are_verbatim(void **state)
{
	struct volume_options vo = fx_options();
	struct fixture fx;
	struct view_entry e, d;
	char target[64];

	(void)state;
	vo.plaintextnames = true;
	fx_open(&fx, &vo, &(struct view_options){ 0 });
	fx.ops->release(fx_create(&fx, fx_root(&fx), "gocryptfs.diriv", &e));
	fx_forget(&fx, &e);
	assert_int_equal(faccessat(fx.dirfd, "gocryptfs.diriv", F_OK, 0), 0);
	assert_int_equal(fx.ops->mkdir(fx.view, NULL, fx_root(&fx), "gocryptfs.conf", 0755, &e), -EPERM);
	d = mkdir_in(&fx, fx_root(&fx), "d");
	assert_int_equal(fx.ops->symlink(fx.view, NULL, d.node, "gocryptfs.conf", "to", &e), 0);
	assert_int_equal(e.st.st_size, 2);
	assert_int_equal(fx.ops->readlink(fx.view, e.node, target, sizeof(target)), 2);
	assert_string_equal(target, "to");
	fx_forget(&fx, &e);
	assert_int_equal(fx.ops->rmdir(fx.view, fx_root(&fx), "d"), -ENOTEMPTY);
	fx_forget(&fx, &d);
	fx_close(&fx);
}

static void deterministic_names_need_no_iv_files(void **state)
{
	struct volume_options vo = fx_options();
	struct fixture fx;
	struct view_entry d, e;

	(void)state;
	vo.deterministic_names = true;
	fx_open(&fx, &vo, &(struct view_options){ 0 });
	assert_string_equal(strrchr(fx_stored(&fx, "hello.txt"), '/') + 1, "RrwS8IAaz6hzzVrL-nQPwg");
	d = mkdir_in(&fx, fx_root(&fx), "d");
	assert_int_equal(count_stored(fx_stored(&fx, "d")), 0);
	fx.ops->release(fx_create(&fx, d.node, "f", &e));
	assert_int_equal(fx.ops->rmdir(fx.view, fx_root(&fx), "d"), -ENOTEMPTY);
	fx_forget(&fx, &e);
	fx_forget(&fx, &d);
	fx_close(&fx);
}

static void paths_translate_both_ways(void **state)
{
	struct fixture fx;
	struct view_entry d, e;
	char name[200], path[300];
	char *cipher = NULL, *plain = NULL;

	(void)state;
	open_default(&fx);
	d = mkdir_in(&fx, fx_root(&fx), "dir");
	memset(name, 'n', 199), name[199] = '\0';
	fx.ops->release(fx_create(&fx, d.node, name, &e));
	(void)snprintf(path, sizeof(path), "dir/%s", name);
	assert_int_equal(view_encrypt_path(fx.view, path, &cipher), 0);
	assert_int_equal(view_decrypt_path(fx.view, cipher, &plain), 0);
	assert_string_equal(plain, path);
	free(cipher), free(plain);
	assert_int_equal(view_encrypt_path(fx.view, "", &cipher), 0);
	assert_string_equal(cipher, "");
	free(cipher);
	assert_int_equal(view_encrypt_path(fx.view, "nodir/x", &cipher), -ENOENT);
	assert_true(view_decrypt_path(fx.view, "garbage", &plain) < 0);
	fx_forget(&fx, &e);
	fx_forget(&fx, &d);
	fx_close(&fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_names_leave_nothing_behind),
		cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(undecryptable_entries_are_hidden_not_fatal),
		cmocka_unit_test(bad_names_can_be_asked_for),
		cmocka_unit_test(plaintext_names_are_verbatim),
		cmocka_unit_test(deterministic_names_need_no_iv_files),
		cmocka_unit_test(paths_translate_both_ways),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
