/* test_dirs.c - directories of the view: made, listed, renamed, removed, damaged. */
#include "names_fixture.h"

static void directories_come_whole_and_go_whole(void **state)
{
	struct fixture fx;
	struct view_entry d, f, again;
	struct stat st;

	(void)state;
	open_default(&fx);
	d = mkdir_in(&fx, fx_root(&fx), "d");
	assert_int_equal(fx.ops->mkdir(fx.view, NULL, fx_root(&fx), "d", 0755, &again), -EEXIST);
	assert_int_equal(count_stored(fx.dir), 2);
	assert_int_equal(stat(fx_stored(&fx, "d"), &st), 0);
	fx.ops->release(fx_create(&fx, d.node, "f", &f));
	assert_int_equal(fx.ops->rmdir(fx.view, fx_root(&fx), "d"), -ENOTEMPTY);
	assert_true(is_there(&fx, d.node, "f"));
	assert_int_equal(fx.ops->unlink(fx.view, d.node, "f"), 0);
	assert_int_equal(fx.ops->rmdir(fx.view, d.node, "f"), -ENOENT);
	assert_int_equal(fx.ops->rmdir(fx.view, fx_root(&fx), "d"), 0);
	assert_int_equal(count_stored(fx.dir), 1);
	/* inside what is gone nothing can be made */
	assert_int_equal(fx.ops->mkdir(fx.view, NULL, d.node, "x", 0755, &again), -ENOENT);
	fx_forget(&fx, &f);
	fx_forget(&fx, &d);
	fx_close(&fx);
}

static void a_removed_directory_answers_while_it_is_open(void **state)
{
	struct fixture fx;
	struct view_entry d;
	struct view_dir *open_dir, *left_open;
	struct stat st = { .st_mode = 0700 };
	struct list names;

	(void)state;
	open_default(&fx);
	for (int by_others = 0; by_others < 2; by_others++) {
		d = mkdir_in(&fx, fx_root(&fx), "d");
		assert_int_equal(fx.ops->opendir(fx.view, d.node, &open_dir), 0);
		if (by_others) { /* another node's rmdir */
			char command[4200];

			(void)snprintf(command, sizeof(command), "rm -r '%s'", fx_stored(&fx, "d"));
			assert_int_equal(system(command), 0);
		} else {
			assert_int_equal(fx.ops->rmdir(fx.view, fx_root(&fx), "d"), 0);
		}
		assert_int_equal(fx.ops->getattr(fx.view, d.node, NULL, &st), 0);
		assert_int_equal(st.st_nlink, 0);
		assert_int_equal(st.st_ino, d.st.st_ino);
		st.st_mode = 0700;
		assert_int_equal(fx.ops->setattr(fx.view, NULL, d.node, NULL, &st, VIEW_SET_MODE, &st), 0);
		assert_int_equal(st.st_mode, S_IFDIR | 0700);
		memset(&names, 0, sizeof(names));
		names.room = 1;
		assert_int_not_equal(fx.ops->readdir(open_dir, 0, take_name, &names), -EIO);
		assert_int_equal(names.n, 0);
		fx.ops->releasedir(open_dir);
		/* One that was removed here may still be a working directory. */
		assert_int_equal(fx.ops->getattr(fx.view, d.node, NULL, &st), by_others ? -ENOENT : 0);
		fx_forget(&fx, &d);
	}
	/* The kernel drops requests at an unmount: what is still open then is closed by the view. */
	assert_int_equal(fx.ops->opendir(fx.view, fx_root(&fx), &left_open), 0);
	fx_close(&fx);
}

static void modes_are_mirrored(void **state)
{
	struct fixture fx;
	struct view_entry e;
	static const mode_t modes[] = { 0755, 0700, 0500, 0000, 01777, 02770 };

	(void)state;
	open_default(&fx);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		mode_t old = umask(0);

		assert_int_equal(fx.ops->mkdir(fx.view, NULL, fx_root(&fx), "d", modes[i], &e), 0);
		umask(old);
		assert_int_equal(e.st.st_mode & 01777, modes[i] & 01777);
		fx_forget(&fx, &e);
		assert_int_equal(fx.ops->rmdir(fx.view, fx_root(&fx), "d"), 0);
	}
	assert_int_equal(count_stored(fx.dir), 1);
	fx_close(&fx);
}

static void rename_replaces_an_empty_directory_only(void **state)
{
	struct fixture fx;
	struct view_entry a, b, f;

	(void)state;
	open_default(&fx);
	a = mkdir_in(&fx, fx_root(&fx), "a");
	b = mkdir_in(&fx, fx_root(&fx), "b");
	fx.ops->release(fx_create(&fx, b.node, "f", &f));
	assert_int_equal(fx.ops->rename(fx.view, fx_root(&fx), "a", fx_root(&fx), "b", 0), -ENOTEMPTY);
	assert_int_equal(fx.ops->rename(fx.view, fx_root(&fx), "b", fx_root(&fx), "a", RENAME_NOREPLACE),
			 -EEXIST);
	assert_int_equal(fx.ops->rename(fx.view, fx_root(&fx), "b", fx_root(&fx), "a", 0), 0);
	assert_false(is_there(&fx, fx_root(&fx), "b"));
	assert_true(is_there(&fx, b.node, "f"));
	/* a directory moved under another is still found through its old node */
	struct view_entry c = mkdir_in(&fx, fx_root(&fx), "c");

	assert_int_equal(fx.ops->rename(fx.view, fx_root(&fx), "a", c.node, "moved", 0), 0);
	assert_true(is_there(&fx, b.node, "f"));
	assert_true(is_there(&fx, c.node, "moved"));
	fx_forget(&fx, &c);
	fx_forget(&fx, &f);
	fx_forget(&fx, &a);
	fx_forget(&fx, &b);
	fx_close(&fx);
}

static void deep_trees_need_few_descriptors(void **state)
{
	struct fixture fx;
	struct view_entry e[60], f;

	(void)state;
	open_default(&fx); /* 4 directories cached */
	for (int i = 0; i < 60; i++)
		e[i] = mkdir_in(&fx, i ? e[i - 1].node : fx_root(&fx), "sub");
	fx.ops->release(fx_create(&fx, e[59].node, "leaf", &f));
	for (int i = 0; i < 60; i += 7)
		assert_true(is_there(&fx, e[i].node, i == 59 ? "leaf" : "sub"));
	assert_true(is_there(&fx, e[59].node, "leaf"));
	int fds = 0;

	for (int fd = 3; fd < 512; fd++)
		fds += fcntl(fd, F_GETFD) >= 0;
	assert_true(fds < 16);
	/* a rename at the top is seen at the bottom */
	assert_int_equal(fx.ops->rename(fx.view, fx_root(&fx), "sub", fx_root(&fx), "top", 0), 0);
	assert_true(is_there(&fx, e[59].node, "leaf"));
	fx_forget(&fx, &f);
	for (int i = 59; i >= 0; i--)
		fx_forget(&fx, &e[i]);
	struct view_stats stats;

	view_get_stats(fx.view, &stats);
	assert_int_equal(stats.nodes, 0);
	fx_close(&fx);
}

static void a_damaged_iv_is_eio_never_enosys(void **state)
{
	struct fixture fx;
	struct view_entry d, e;
	struct view_dir *dir;
	char path[4200];

	(void)state;
	open_default(&fx);
	d = mkdir_in(&fx, fx_root(&fx), "d");
	(void)snprintf(path, sizeof(path), "%s/%s", fx_stored(&fx, "d"), NAME_DIRIV);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 15), 0);
	view_close(fx.view); /* IVs are cached for the life of a view */
	fx_mount(&fx, &(struct view_options){ 0 });
	assert_int_equal(fx.ops->lookup(fx.view, fx_root(&fx), "d", &d), 0);
	assert_int_equal(fx.ops->opendir(fx.view, d.node, &dir), -EUCLEAN);
	assert_int_equal(fx.ops->lookup(fx.view, d.node, "x", &e), -EUCLEAN);
	assert_int_equal(fx.ops->mkdir(fx.view, NULL, d.node, "x", 0755, &e), -EUCLEAN);
	assert_int_equal(truncate(path, 16), 0); /* one zero byte at the end: a wrong IV, but one */
	assert_int_equal(fx.ops->opendir(fx.view, d.node, &dir), 0);
	fx.ops->releasedir(dir);
	fx_forget(&fx, &d);
	view_close(fx.view);
	fx_mount(&fx, &(struct view_options){ 0 });
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fx.ops->lookup(fx.view, fx_root(&fx), "d", &d), 0);
	assert_int_equal(fx.ops->opendir(fx.view, d.node, &dir), -EUCLEAN);
	assert_int_equal(fx.ops->lookup(fx.view, d.node, "x", &e), -ENOENT);
	fx_forget(&fx, &d);
	assert_int_equal(fx.ops->rmdir(fx.view, fx_root(&fx), "d"), 0); /* empty: can be cleared away */
	fx_close(&fx);
}

/* As another node's rmdir leaves it between its steps: hidden, its IV taken out. */
static void a_directory_being_removed_is_no_damage(void **state)
{
	struct fixture fx;
	struct view_entry d;
	struct view_dir *dir;
	char name[4200], hidden[4200], iv[4300];

	(void)state;
	open_default(&fx);
	d = mkdir_in(&fx, fx_root(&fx), "d");
	fx_forget(&fx, &d);
	(void)snprintf(name, sizeof(name), "%s", fx_stored(&fx, "d"));
	(void)snprintf(hidden, sizeof(hidden), "%s", name);
	(void)snprintf(strrchr(hidden, '/'), 64, "/%s1", NAME_RMDIR_PREFIX);
	(void)snprintf(iv, sizeof(iv), "%s/%s", name, NAME_DIRIV);
	view_close(fx.view); /* IVs are cached for the life of a view */
	fx_mount(&fx, &(struct view_options){ .sharing = VIEW_SHARED });
	assert_int_equal(fx.ops->lookup(fx.view, fx_root(&fx), "d", &d), 0);
	assert_int_equal(unlink(iv), 0);
	assert_int_equal(fx.ops->opendir(fx.view, d.node, &dir), -EUCLEAN); /* its descriptor is cached now */
	assert_int_equal(rename(name, hidden), 0);
	assert_int_equal(fx.ops->opendir(fx.view, d.node, &dir), -ENOENT);
	fx_forget(&fx, &d);
	fx_close(&fx);
}

static bool take_plus(void *arg, const char *name, const struct view_entry *e, uint64_t ino,
		      unsigned char type, off_t off)
{
	struct view_node **nodes = arg;

	(void)ino;
	(void)type;
	(void)off;
	if (name[0] != '.')
		nodes[atoi(name)] = e->node;
	return true;
}

static void readdirplus_counts_lookups(void **state)
{
	struct fixture fx;
	struct view_entry e[30];
	struct view_node *nodes[30] = { 0 };
	struct view_dir *d;
	struct view_stats stats;
	char name[8];

	(void)state;
	open_default(&fx);
	for (int i = 0; i < 30; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		fx.ops->release(fx_create(&fx, fx_root(&fx), name, &e[i]));
	}
	assert_int_equal(fx.ops->opendir(fx.view, fx_root(&fx), &d), 0);
	assert_int_equal(fx.ops->readdirplus(d, 0, take_plus, nodes), 0);
	fx.ops->releasedir(d);
	for (int i = 0; i < 30; i++) {
		assert_ptr_equal(nodes[i], e[i].node);
		fx.ops->forget(fx.view, e[i].node, 2);
	}
	view_get_stats(fx.view, &stats);
	assert_int_equal(stats.nodes, 0);
	fx_close(&fx);
}

static void names_that_form_a_ring_are_no_trap(void **state)
{
	struct volume_options vo = fx_options();
	struct fixture fx;
	struct view_entry a, b, c, again;
	char from[4096], to[4096];
	struct stat st;

	(void)state;
	fx_open(&fx, &vo, &(struct view_options){ .sharing = VIEW_SHARED, .max_dir_fds = 1 });
	c = mkdir_in(&fx, fx_root(&fx), "c");
	a = mkdir_in(&fx, fx_root(&fx), "a");
	b = mkdir_in(&fx, a.node, "b");
	assert_int_equal(fx.ops->lookup(fx.view, b.node, "x", &again),
			 -ENOENT); /* now b's descriptor is cached */
	/* Elsewhere b moves up, and a into b; here somebody works on in b. */
	strcpy(from, fx_stored(&fx, "a/b"));
	strcpy(to, fx_stored(&fx, "b"));
	assert_int_equal(rename(from, to), 0);
	strcpy(from, fx_stored(&fx, "a"));
	strcpy(to, fx_stored(&fx, "b/a"));
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(fx.ops->lookup(fx.view, b.node, "a", &again), 0);
	assert_ptr_equal(again.node, a.node);
	fx_forget(&fx, &again);
	assert_int_equal(fx.ops->lookup(fx.view, c.node, "x", &again), -ENOENT); /* b's descriptor goes */
	(void)alarm(20);
	assert_int_equal(fx.ops->getattr(fx.view, a.node, NULL, &st), -ESTALE);
	(void)alarm(0);
	assert_int_equal(fx.ops->lookup(fx.view, fx_root(&fx), "b", &again), 0);
	assert_int_equal(fx.ops->getattr(fx.view, a.node, NULL, &st), 0);
	fx_forget(&fx, &again);
	fx_forget(&fx, &a);
	fx_forget(&fx, &b);
	fx_forget(&fx, &c);
	fx_close(&fx);
}

static void a_refused_rmdir_disturbs_nobody(void **state)
{
	struct fixture fx;
	struct view_entry d, e;
	char dir[4096], path[5000];

	(void)state;
	open_default(&fx);
	d = mkdir_in(&fx, fx_root(&fx), "d");
	strcpy(dir, fx_stored(&fx, "d"));
	/* Directories other nodes are about to make; some of them are read before the file, whatever the
	 * order. */
	for (int i = 0; i < 20; i++) {
		(void)snprintf(path, sizeof(path), "%s/gocryptfs.diriv.rmdir.%d", dir, i);
		assert_int_equal(mkdir(path, 0700), 0);
		if (i == 10)
			fx.ops->release(fx_create(&fx, d.node, "f", &e));
	}
	assert_int_equal(fx.ops->rmdir(fx.view, fx_root(&fx), "d"), -ENOTEMPTY);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(path, sizeof(path), "%s/gocryptfs.diriv.rmdir.%d", dir, i);
		assert_int_equal(access(path, F_OK), 0);
	}
	assert_int_equal(fx.ops->unlink(fx.view, d.node, "f"), 0);
	assert_int_equal(fx.ops->rmdir(fx.view, fx_root(&fx), "d"), 0);
	fx_forget(&fx, &e);
	fx_forget(&fx, &d);
	fx_close(&fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories_come_whole_and_go_whole),
		cmocka_unit_test(a_removed_directory_answers_while_it_is_open),
		cmocka_unit_test(modes_are_mirrored),
		cmocka_unit_test(rename_replaces_an_empty_directory_only),
		cmocka_unit_test(deep_trees_need_few_descriptors),
		cmocka_unit_test(a_damaged_iv_is_eio_never_enosys),
		cmocka_unit_test(a_directory_being_removed_is_no_damage),
		cmocka_unit_test(readdirplus_counts_lookups),
		cmocka_unit_test(names_that_form_a_ring_are_no_trap),
		cmocka_unit_test(a_refused_rmdir_disturbs_nobody),
	};

	return cmocka_run_group_tests_name("dirs", tests, NULL, NULL);
}
