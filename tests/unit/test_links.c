/* test_links.c - what a name stands for: identity, hard links, symbolic links, extended attributes. */
#include "names_fixture.h"

#include <sys/xattr.h>

static void hard_links_are_one_file(void **state)
{
	struct fixture fx;
	struct view_entry a, b;
	struct view_file *f;
	struct stat st;
	const uint8_t *data;

	(void)state;
	open_default(&fx);
	f = fx_create(&fx, fx_root(&fx), "a", &a);
	assert_int_equal(fx.ops->write(f, NULL, 0, (const uint8_t *)"hello", 5), 5);
	fx.ops->release(f);
	assert_int_equal(fx.ops->link(fx.view, NULL, a.node, fx_root(&fx), "b", &b), 0);
	assert_ptr_equal(a.node, b.node);
	assert_int_equal(b.st.st_nlink, 2);
	assert_int_equal(fx.ops->unlink(fx.view, fx_root(&fx), "b"), 0);
	assert_int_equal(fx.ops->getattr(fx.view, a.node, NULL, &st), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(fx.ops->open(fx.view, a.node, O_RDONLY, &f, NULL), 0);
	assert_int_equal(fx.ops->unlink(fx.view, fx_root(&fx), "a"), 0);
	assert_int_equal(fx.ops->getattr(fx.view, a.node, NULL, &st), 0); /* open, without a name */
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(fx.ops->read(f, 0, 10, &data), 5);
	fx.ops->release(f);
	assert_int_equal(fx.ops->getattr(fx.view, a.node, NULL, &st), -ENOENT);
	fx_forget(&fx, &a);
	fx_forget(&fx, &b);
	fx_close(&fx);
}

/* A new file must never be taken for an old one the kernel still remembers. */
static void a_reused_inode_number_is_another_node(void **state)
{
	struct fixture fx;
	struct view_entry old, new;
	struct view_file *f;
	const uint8_t *data;

	(void)state;
	open_default(&fx);
	for (int i = 0; i < 50; i++) {
		fx.ops->release(fx_create(&fx, fx_root(&fx), "x", &old));
		assert_int_equal(fx.ops->unlink(fx.view, fx_root(&fx), "x"), 0);
		f = fx_create(&fx, fx_root(&fx), "x", &new);
		assert_ptr_not_equal(old.node, new.node);
		assert_int_equal(fx.ops->write(f, NULL, 0, (const uint8_t *)"new", 3), 3);
		assert_int_equal(fx.ops->read(f, 0, 9, &data), 3);
		fx.ops->release(f);
		assert_int_equal(fx.ops->open(fx.view, old.node, O_RDONLY, &f, NULL), -ENOENT);
		assert_int_equal(fx.ops->unlink(fx.view, fx_root(&fx), "x"), 0);
		fx_forget(&fx, &old);
		fx_forget(&fx, &new);
	}
	fx_close(&fx);
}

static void what_moved_behind_our_back_is_found_again(void **state)
{
	struct fixture fx;
	struct view_entry a, d, again;
	char from[4096], to[4096];
	struct stat st;

	(void)state;
	open_default(&fx);
	d = mkdir_in(&fx, fx_root(&fx), "d");
	fx.ops->release(fx_create(&fx, fx_root(&fx), "a", &a));
	strcpy(from, fx_stored(&fx, "a"));
	strcpy(to, fx_stored(&fx, "b"));
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(fx.ops->getattr(fx.view, a.node, NULL, &st), -ENOENT);
	assert_int_equal(fx.ops->lookup(fx.view, fx_root(&fx), "b", &again), 0);
	assert_ptr_equal(again.node, a.node);
	assert_int_equal(fx.ops->getattr(fx.view, a.node, NULL, &st), 0);
	fx_forget(&fx, &again);
	fx_forget(&fx, &a);
	fx_forget(&fx, &d);
	fx_close(&fx);
}

static void symlinks_keep_target_size_and_access_time(void **state)
{
	struct fixture fx;
	struct view_entry e;
	char target[4096], big[4000];
	struct timespec ts[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct stat st;

	(void)state;
	open_default(&fx);
	assert_int_equal(fx.ops->symlink(fx.view, NULL, fx_root(&fx), "l", "/target/path", &e), 0);
	assert_int_equal(e.st.st_size, 12);
	assert_int_equal(utimensat(AT_FDCWD, fx_stored(&fx, "l"), ts, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(fx.ops->getattr(fx.view, e.node, NULL, &st), 0);
	assert_int_equal(st.st_size, 12);
	assert_int_equal(fx.ops->getattr(fx.view, e.node, NULL, &st), 0);
	assert_int_equal(st.st_atim.tv_sec, 1000);
	assert_int_equal(fx.ops->readlink(fx.view, e.node, target, sizeof(target)), 12);
	assert_string_equal(target, "/target/path");
	fx_forget(&fx, &e);
	memset(big, 'x', sizeof(big) - 1), big[sizeof(big) - 1] = '\0';
	assert_int_equal(fx.ops->symlink(fx.view, NULL, fx_root(&fx), "big", big, &e), -ENAMETOOLONG);
	big[3000] = '\0';
	assert_int_equal(fx.ops->symlink(fx.view, NULL, fx_root(&fx), "big", big, &e), 0);
	assert_int_equal(fx.ops->readlink(fx.view, e.node, target, sizeof(target)), 3000);
	fx_forget(&fx, &e);
	/* a target that is no ciphertext */
	assert_int_equal(symlink("plain", fx_stored(&fx, "bad")), 0);
	assert_int_equal(fx.ops->lookup(fx.view, fx_root(&fx), "bad", &e), 0);
	assert_true(fx.ops->readlink(fx.view, e.node, target, sizeof(target)) < 0);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

static void padded_targets_have_their_true_size(void **state)
{
	struct volume_options vo = fx_options();
	struct fixture fx;
	struct view_entry e;
	char target[16] = "";
	struct stat st;

	(void)state;
	vo.raw64 = false;
	fx_open(&fx, &vo, &(struct view_options){ 0 });
	for (int n = 1; n < 10; n++) {
		target[n - 1] = 'x';
		assert_int_equal(fx.ops->symlink(fx.view, NULL, fx_root(&fx), target, target, &e), 0);
		assert_int_equal(e.st.st_size, n);
		assert_int_equal(fx.ops->getattr(fx.view, e.node, NULL, &st), 0);
		assert_int_equal(st.st_size, n);
		fx_forget(&fx, &e);
	}
	fx_close(&fx);
}

static void xattrs_round_trip(void **state)
{
	struct fixture fx;
	struct view_entry e;
	char buf[70000], list[1024];
	ssize_t n;

	(void)state;
	open_default(&fx);
	fx.ops->release(fx_create(&fx, fx_root(&fx), "f", &e));
	n = fx.ops->setxattr(fx.view, NULL, e.node, "user.foo", "bar", 3, 0);
	if (n == -EOPNOTSUPP) {
		fx_forget(&fx, &e);
		fx_close(&fx);
		print_message("# the file system under TMPDIR has no user attributes: not tested there\n");
		return;
	}
	assert_int_equal(n, 0);
	assert_int_equal(fx.ops->setxattr(fx.view, NULL, e.node, "user.foo", "baz", 3, XATTR_CREATE),
			 -EEXIST);
	assert_int_equal(fx.ops->setxattr(fx.view, NULL, e.node, "user.nil", "x", 1, XATTR_REPLACE),
			 -ENODATA);
	assert_int_equal(fx.ops->setxattr(fx.view, NULL, e.node, "user.empty", "", 0, 0), 0);
	assert_int_equal(fx.ops->getxattr(fx.view, e.node, "user.foo", NULL, 0), 3);
	assert_int_equal(fx.ops->getxattr(fx.view, e.node, "user.foo", buf, 2), -ERANGE);
	assert_int_equal(fx.ops->getxattr(fx.view, e.node, "user.foo", buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "bar", 3);
	assert_int_equal(fx.ops->getxattr(fx.view, e.node, "user.empty", buf, sizeof(buf)), 0);
	assert_int_equal(fx.ops->getxattr(fx.view, e.node, "user.none", buf, sizeof(buf)), -ENODATA);
	assert_int_equal(fx.ops->getxattr(fx.view, e.node, "security.capability", buf, sizeof(buf)),
			 -EOPNOTSUPP);
	n = fx.ops->listxattr(fx.view, e.node, list, sizeof(list));
	assert_int_equal(n, sizeof("user.foo") + sizeof("user.empty"));
	assert_int_equal(fx.ops->listxattr(fx.view, e.node, NULL, 0), n);
	assert_int_equal(fx.ops->listxattr(fx.view, e.node, list, 5), -ERANGE);
	/* format vector: names are independent of the directory */
	assert_true(
	    getxattr(fx_stored(&fx, "f"), "user.gocryptfs.49MtW6o4r3wu_Jt77wclOA", buf, sizeof(buf)) == 35);
	assert_int_equal(
	    setxattr(fx_stored(&fx, "f"), "user.gocryptfs.49MtW6o4r3wu_Jt77wclOA", "garbage", 7, 0), 0);
	assert_int_equal(fx.ops->getxattr(fx.view, e.node, "user.foo", buf, sizeof(buf)), -EBADMSG);
	assert_int_equal(fx.ops->removexattr(fx.view, NULL, e.node, "user.foo"), 0);
	assert_int_equal(fx.ops->removexattr(fx.view, NULL, e.node, "user.foo"), -ENODATA);
	memset(buf, 'v', sizeof(buf));
	assert_int_equal(fx.ops->setxattr(fx.view, NULL, e.node, "user.big", buf, 65536, 0), -E2BIG);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

static void a_read_only_view_has_nothing_to_change_it_with(void **state)
{
	struct volume_options vo = fx_options();
	const struct view_ops *ops;
	struct fixture fx;
	struct view_entry e;
	struct view_file *f;

	(void)state;
	open_default(&fx);
	fx.ops->release(fx_create(&fx, fx_root(&fx), "f", &e));
	fx_forget(&fx, &e);
	view_close(fx.view);
	fx_mount(&fx, &(struct view_options){ .read_only = true });
	ops = fx.ops;
	assert_false(ops->setattr || ops->mknod || ops->mkdir || ops->symlink || ops->link || ops->unlink ||
		     ops->rmdir || ops->rename || ops->create || ops->write || ops->fallocate ||
		     ops->setxattr || ops->removexattr);
	assert_int_equal(ops->lookup(fx.view, fx_root(&fx), "f", &e), 0);
	assert_int_equal(ops->open(fx.view, e.node, O_RDWR, &f, NULL), -EROFS);
	assert_int_equal(ops->open(fx.view, e.node, O_RDONLY, &f, NULL), 0);
	ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
	fx_open(&fx, &vo, &(struct view_options){ .read_only = false });
	assert_non_null(fx.ops->write);
	fx_close(&fx);
}

static void of_many_links_the_last_is_found(void **state)
{
	struct fixture fx;
	struct view_entry e, l;
	struct view_file *f;
	struct stat st;
	char name[16];

	(void)state;
	open_default(&fx);
	fx.ops->release(fx_create(&fx, fx_root(&fx), "first", &e));
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(fx.ops->link(fx.view, NULL, e.node, fx_root(&fx), name, &l), 0);
		fx_forget(&fx, &l);
	}
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(fx.ops->unlink(fx.view, fx_root(&fx), name), 0);
	}
	/* The kernel looks names up again after ESTALE, not after ENOENT. */
	assert_int_equal(fx.ops->open(fx.view, e.node, O_RDONLY, &f, NULL), -ESTALE);
	assert_int_equal(fx.ops->getattr(fx.view, e.node, NULL, &st), -ESTALE);
	assert_int_equal(fx.ops->lookup(fx.view, fx_root(&fx), "first", &l), 0);
	assert_ptr_equal(l.node, e.node);
	assert_int_equal(fx.ops->open(fx.view, e.node, O_RDONLY, &f, NULL), 0);
	fx.ops->release(f);
	fx_forget(&fx, &l);
	assert_int_equal(fx.ops->unlink(fx.view, fx_root(&fx), "first"), 0);
	assert_int_equal(fx.ops->getattr(fx.view, e.node, NULL, &st), -ENOENT);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

static void create_without_excl_opens_what_is_there(void **state)
{
	struct fixture fx;
	struct view_entry a, b;
	struct view_file *f, *g;

	(void)state;
	open_default(&fx);
	f = fx_create(&fx, fx_root(&fx), "f", &a);
	assert_int_equal(fx.ops->create(fx.view, NULL, fx_root(&fx), "f", O_RDWR | O_CREAT, 0644, &b, &g), 0);
	assert_ptr_equal(a.node, b.node);
	fx.ops->release(g);
	assert_int_equal(
	    fx.ops->create(fx.view, NULL, fx_root(&fx), "f", O_RDWR | O_CREAT | O_EXCL, 0644, &b, &g),
	    -EEXIST);
	fx.ops->release(f);
	fx_forget(&fx, &a);
	fx_forget(&fx, &a);
	fx_close(&fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hard_links_are_one_file),
		cmocka_unit_test(a_reused_inode_number_is_another_node),
		cmocka_unit_test(what_moved_behind_our_back_is_found_again),
		cmocka_unit_test(symlinks_keep_target_size_and_access_time),
		cmocka_unit_test(padded_targets_have_their_true_size),
		cmocka_unit_test(xattrs_round_trip),
		cmocka_unit_test(a_read_only_view_has_nothing_to_change_it_with),
		cmocka_unit_test(of_many_links_the_last_is_found),
		cmocka_unit_test(create_without_excl_opens_what_is_there),
	};

	return cmocka_run_group_tests_name("links", tests, NULL, NULL);
}
