/* steps_name.c - the steps on names, attributes and directories; see steps.h. */
#include "steps.h"

#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "view_fixture.h"

#define LONG_A	  "a-long-name-" LONG_TAIL
#define LONG_B	  "b-long-name-" LONG_TAIL
#define T50	  "12345678901234567890123456789012345678901234567890"
#define LONG_TAIL T50 T50 T50 T50

static bool only(struct fixture *fx, const char *yes, const char *no)
{
	struct stat st;

	return (!yes || step_there(fx, yes, &st)) && (!no || !step_there(fx, no, &st));
}

static int run_mkdir(struct fixture *fx)
{
	struct view_entry e, sub;
	int r = fx->ops->mkdir(fx->view, NULL, fx_root(fx), "d", 0755, &e);

	if (r < 0)
		return r;
	r = fx->ops->mkdir(fx->view, NULL, e.node, "sub", 0750, &sub);
	if (r == 0)
		fx_forget(fx, &sub);
	fx_forget(fx, &e);
	return r;
}
static bool d_there(struct fixture *fx)
{
	struct view_dir *d;
	struct view_entry e;
	int r = fx->ops->lookup(fx->view, fx_root(fx), "d", &e);

	if (r < 0)
		return false;
	r = fx->ops->opendir(fx->view, e.node, &d);
	if (r == 0)
		fx->ops->releasedir(d);
	fx_forget(fx, &e);
	return r == 0;
}
static bool d_gone(struct fixture *fx)
{
	return only(fx, NULL, "d");
}
static void prepare_two_dirs(struct fixture *fx, const char *name)
{
	struct view_entry e;

	assert_int_equal(fx->ops->mkdir(fx->view, NULL, fx_root(fx), name, 0755, &e), 0);
	fx_forget(fx, &e);
	assert_int_equal(fx->ops->mkdir(fx->view, NULL, fx_root(fx), "e", 0755, &e), 0);
	fx_forget(fx, &e);
}
static void prepare_dir(struct fixture *fx)
{
	prepare_two_dirs(fx, "d");
}
static int run_rmdir(struct fixture *fx)
{
	return fx->ops->rmdir(fx->view, fx_root(fx), "d");
}
static int run_rename_dir(struct fixture *fx)
{
	return fx->ops->rename(fx->view, fx_root(fx), "e", fx_root(fx), "d", 0);
}
static bool both_dirs(struct fixture *fx)
{
	return d_there(fx) && only(fx, "e", NULL);
}
static bool one_dir(struct fixture *fx)
{
	return d_there(fx) && only(fx, NULL, "e");
}
static bool e_there(struct fixture *fx) /* the empty target went, the rename did not follow */
{
	return only(fx, "e", "d");
}

static void prepare_long_dir(struct fixture *fx)
{
	prepare_two_dirs(fx, LONG_B);
}
static int run_rename_long_dir(struct fixture *fx)
{
	return fx->ops->rename(fx->view, fx_root(fx), "e", fx_root(fx), LONG_B, 0);
}
static bool both_long_dirs(struct fixture *fx)
{
	return only(fx, LONG_B, NULL) && only(fx, "e", NULL);
}
static bool one_long_dir(struct fixture *fx)
{
	return only(fx, LONG_B, "e");
}
static bool e_alone(struct fixture *fx)
{
	return only(fx, "e", LONG_B);
}

static void prepare_two(struct fixture *fx)
{
	step_make(fx, "f", 5000);
	step_make(fx, LONG_A, 6000);
}
static bool two_before(struct fixture *fx)
{
	return step_is_v1(fx, "f", 5000) && step_is_v1(fx, LONG_A, 6000);
}
static int run_rename(struct fixture *fx)
{
	return fx->ops->rename(fx->view, fx_root(fx), LONG_A, fx_root(fx), "f", 0);
}
static bool rename_after(struct fixture *fx)
{
	return step_is_v1(fx, "f", 6000) && only(fx, NULL, LONG_A);
}
static int run_rename_long(struct fixture *fx)
{
	return fx->ops->rename(fx->view, fx_root(fx), LONG_A, fx_root(fx), LONG_B, 0);
}
static bool rename_long_after(struct fixture *fx)
{
	return step_is_v1(fx, LONG_B, 6000) && only(fx, NULL, LONG_A);
}
static int run_exchange(struct fixture *fx)
{
	return fx->ops->rename(fx->view, fx_root(fx), LONG_A, fx_root(fx), "f", RENAME_EXCHANGE);
}
static bool exchange_after(struct fixture *fx)
{
	return step_is_v1(fx, "f", 6000) && step_is_v1(fx, LONG_A, 5000);
}
static int run_unlink(struct fixture *fx)
{
	return fx->ops->unlink(fx->view, fx_root(fx), LONG_A);
}
static bool unlink_after(struct fixture *fx)
{
	return step_is_v1(fx, "f", 5000) && only(fx, NULL, LONG_A);
}
static int run_link(struct fixture *fx)
{
	struct view_entry e, made;
	int r = fx->ops->lookup(fx->view, fx_root(fx), "f", &e);

	if (r < 0)
		return r;
	r = fx->ops->link(fx->view, NULL, e.node, fx_root(fx), LONG_B, &made);
	if (r == 0)
		fx_forget(fx, &made);
	fx_forget(fx, &e);
	return r;
}
static bool link_before(struct fixture *fx)
{
	return step_f_small(fx) && only(fx, NULL, LONG_B);
}
static bool link_after(struct fixture *fx)
{
	return step_f_small(fx) && step_is_v1(fx, LONG_B, 5000);
}
static int run_symlink(struct fixture *fx)
{
	struct view_entry e;
	char target[4097];
	ssize_t n;
	int r = fx->ops->symlink(fx->view, NULL, fx_root(fx), LONG_B, "the/target", &e);

	if (r < 0)
		return r;
	n = fx->ops->readlink(fx->view, e.node, target, sizeof(target));
	fx_forget(fx, &e);
	return n < 0 ? (int)n : 0;
}
static bool symlink_before(struct fixture *fx)
{
	return only(fx, NULL, LONG_B);
}
static bool symlink_after(struct fixture *fx)
{
	struct stat st;

	return step_there(fx, LONG_B, &st) && S_ISLNK(st.st_mode) && st.st_size == 10;
}
static int run_fifo(struct fixture *fx)
{
	struct view_entry e;
	int r = fx->ops->mknod(fx->view, NULL, fx_root(fx), LONG_B, S_IFIFO | 0600, 0, &e);

	if (r == 0)
		fx_forget(fx, &e);
	return r;
}
static bool fifo_after(struct fixture *fx)
{
	struct stat st;

	return step_there(fx, LONG_B, &st) && S_ISFIFO(st.st_mode);
}

/* --- attributes, directories --- */

static int run_attrs(struct fixture *fx)
{
	struct stat st = { .st_mode = 0600, .st_mtim = { 1000, 5 }, .st_uid = geteuid() }, out;
	struct view_entry e;
	char value[16], list[256];
	ssize_t n;
	int r = fx->ops->lookup(fx->view, fx_root(fx), "f", &e);

	if (r < 0)
		return r;
	r = fx->ops->setattr(fx->view, NULL, e.node, NULL, &st, VIEW_SET_MODE | VIEW_SET_MTIME | VIEW_SET_UID,
			     &out);
	if (r == 0)
		r = fx->ops->setxattr(fx->view, NULL, e.node, "user.a", "value", 5, 0);
	if (r == 0 && (n = fx->ops->getxattr(fx->view, e.node, "user.a", value, sizeof(value))) != 5)
		r = n < 0 ? (int)n : -EPROTO;
	if (r == 0 && (n = fx->ops->listxattr(fx->view, e.node, list, sizeof(list))) < 7)
		r = n < 0 ? (int)n : -EPROTO;
	if (r == 0)
		r = fx->ops->removexattr(fx->view, NULL, e.node, "user.a");
	if (r == 0)
		r = fx->ops->access(fx->view, NULL, e.node, R_OK);
	fx_forget(fx, &e);
	return r == -ENODATA || r == -EOPNOTSUPP ? -EPROTO : r;
}

static bool count_entry(void *arg, const char *name, const struct view_entry *e, uint64_t ino,
			unsigned char type, off_t off)
{
	struct {
		struct fixture *fx;
		unsigned int n;
	} *c = arg;

	(void)name;
	(void)ino;
	(void)type;
	(void)off;
	c->n++;
	if (e)
		c->fx->ops->forget(c->fx->view, e->node, 1);
	return true;
}
static int run_list(struct fixture *fx)
{
	struct {
		struct fixture *fx;
		unsigned int n;
	} c = { fx, 0 };
	struct statvfs vfs;
	struct view_dir *d;
	int r = fx->ops->opendir(fx->view, fx_root(fx), &d);

	if (r < 0)
		return r;
	r = fx->ops->readdirplus(d, 0, count_entry, &c);
	if (r == 0)
		r = fx->ops->fsyncdir(d, false);
	fx->ops->releasedir(d);
	return r < 0 ? r : fx->ops->statfs(fx->view, fx_root(fx), &vfs);
}

const struct step steps_name[] = {
	{ "mkdir", step_prepare_none, run_mkdir, d_gone, d_there, NULL },
	{ "rmdir", prepare_dir, run_rmdir, d_there, d_gone, NULL },
	{ "rename onto a directory", prepare_dir, run_rename_dir, both_dirs, one_dir, e_there },
	{ "rename onto a directory with a long name", prepare_long_dir, run_rename_long_dir, both_long_dirs,
	  one_long_dir, e_alone },
	{ "rename onto a file", prepare_two, run_rename, two_before, rename_after, NULL },
	{ "rename to a long name", prepare_two, run_rename_long, two_before, rename_long_after, NULL },
	{ "exchange", prepare_two, run_exchange, two_before, exchange_after, NULL },
	{ "unlink", prepare_two, run_unlink, two_before, unlink_after, NULL },
	{ "link", step_prepare_small, run_link, link_before, link_after, NULL },
	{ "symlink", step_prepare_none, run_symlink, symlink_before, symlink_after, NULL },
	{ "mknod", step_prepare_none, run_fifo, symlink_before, fifo_after, NULL },
	{ "attributes", step_prepare_small, run_attrs, step_f_small, step_f_small, NULL },
	{ "list", prepare_two, run_list, two_before, two_before, NULL },
};
const size_t n_steps_name = sizeof(steps_name) / sizeof(steps_name[0]);
