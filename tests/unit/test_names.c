/* test_names.c - the name space of the view: long names, directories, links, renames, identity, damage,
 * xattrs. */
#include "unit.h"

#include "util/cleanup.h"
#include "view_fixture.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static void open_default(struct fixture *fx)
{
	struct volume_options vo = fx_options();

	fx_open(fx, &vo, &(struct view_options){ .max_dir_fds = 4 });
}

static struct view_entry mkdir_in(struct fixture *fx, struct view_node *parent, const char *name)
{
	struct view_entry e;

	assert_int_equal(fx->ops->mkdir(fx->view, NULL, parent, name, 0755, &e), 0);
	return e;
}

static bool is_there(struct fixture *fx, struct view_node *parent, const char *name)
{
	struct view_entry e;
	int r = fx->ops->lookup(fx->view, parent, name, &e);

	if (r == 0)
		fx_forget(fx, &e);
	else
		assert_int_equal(r, -ENOENT);
	return r == 0;
}

struct list {
	char names[4096][256];
	int n;
	int room; /* entries per call */
	off_t last;
};

static bool take_name(void *arg, const char *name, const char *cname, uint64_t ino, unsigned char type,
		      off_t off)
{
	struct list *l = arg;

	(void)cname;
	(void)ino;
	(void)type;
	if (l->room-- == 0)
		return false;
	l->last = off;
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		strcpy(l->names[l->n++], name);
	return true;
}

/* All names of a directory, asked for in small pieces. */
static void list_dir(struct fixture *fx, struct view_node *node, struct list *l)
{
	struct view_dir *d;
	off_t before;

	memset(l, 0, sizeof(*l));
	assert_int_equal(fx->ops->opendir(fx->view, node, &d), 0);
	do {
		before = l->last;
		l->room = 7;
		assert_int_equal(fx->ops->readdir(d, l->last, take_name, l), 0);
	} while (l->last != before);
	fx->ops->releasedir(d);
}

/* How many entries the backing directory has, the view's own included. */
static int count_stored(const char *path)
{
	DIR *d = opendir(path);
	int n = -2;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

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
		cmocka_unit_test(long_names_leave_nothing_behind),
		cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(directories_come_whole_and_go_whole),
		cmocka_unit_test(a_removed_directory_answers_while_it_is_open),
		cmocka_unit_test(modes_are_mirrored),
		cmocka_unit_test(rename_replaces_an_empty_directory_only),
		cmocka_unit_test(deep_trees_need_few_descriptors),
		cmocka_unit_test(hard_links_are_one_file),
		cmocka_unit_test(a_reused_inode_number_is_another_node),
		cmocka_unit_test(what_moved_behind_our_back_is_found_again),
		cmocka_unit_test(a_damaged_iv_is_eio_never_enosys),
		cmocka_unit_test(a_directory_being_removed_is_no_damage),
		cmocka_unit_test(symlinks_keep_target_size_and_access_time),
		cmocka_unit_test(padded_targets_have_their_true_size),
		cmocka_unit_test(xattrs_round_trip),
		cmocka_unit_test(readdirplus_counts_lookups),
		cmocka_unit_test(undecryptable_entries_are_hidden_not_fatal),
		cmocka_unit_test(bad_names_can_be_asked_for),
		cmocka_unit_test(plaintext_names_are_verbatim),
		cmocka_unit_test(deterministic_names_need_no_iv_files),
		cmocka_unit_test(paths_translate_both_ways),
		cmocka_unit_test(names_that_form_a_ring_are_no_trap),
		cmocka_unit_test(of_many_links_the_last_is_found),
		cmocka_unit_test(a_refused_rmdir_disturbs_nobody),
		cmocka_unit_test(a_read_only_view_has_nothing_to_change_it_with),
		cmocka_unit_test(create_without_excl_opens_what_is_there),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
