/* steps.c - see steps.h. Files hold version V of a pattern, so that old and new bytes can be told apart. */
#include "steps.h"

#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "view_fixture.h"

enum { BIG = 200000, CHANGE_FROM = 5000, CHANGE_TO = 105000 };

static uint8_t pattern(int version, size_t i)
{
	return (uint8_t)(1 + version * 100 + (i * 7 + i / 251) % 90);
}

static int open_by(struct fixture *fx, struct view_node *dir, const char *name, int flags,
		   struct view_file **ret)
{
	struct view_entry e;
	int r = fx->ops->lookup(fx->view, dir, name, &e);

	if (r == 0) {
		r = fx->ops->open(fx->view, e.node, flags, ret, NULL);
		fx_forget(fx, &e);
	}
	return r;
}

static int put(struct view_file *f, const struct view_ops *ops, int version, size_t from, size_t to)
{
	uint8_t *buf = malloc(to - from + 1);
	ssize_t n = 0;

	if (!buf)
		return -ENOMEM;
	for (size_t i = from; i < to; i++)
		buf[i - from] = pattern(version, i);
	/* As the kernel does: what is left of a short write is asked for once more. */
	for (size_t at = from; at < to && n >= 0; at += n > 0 ? (size_t)n : 0) {
		n = ops->write(f, NULL, at, buf + (at - from), to - at);
		if (n == 0)
			n = -EIO;
	}
	free(buf);
	return n < 0 ? (int)n : 0;
}

void step_make(struct fixture *fx, const char *name, size_t size)
{
	struct view_entry e;
	struct view_file *f = fx_create(fx, fx_root(fx), name, &e);

	assert_int_equal(put(f, fx->ops, 1, 0, size), 0);
	fx->ops->release(f);
	fx_forget(fx, &e);
}

bool step_there(struct fixture *fx, const char *name, struct stat *ret)
{
	struct view_entry e;
	int r = fx->ops->lookup(fx->view, fx_root(fx), name, &e);

	if (r == 0) {
		*ret = e.st;
		fx_forget(fx, &e);
	}
	assert_true(r == 0 || r == -ENOENT);
	return r == 0;
}

/* Every byte is version 1 outside [from, to) and of one of the allowed versions (bits 0: zero, 1, 2) inside.
 */
static bool holds(struct fixture *fx, const char *name, size_t min, size_t max, size_t from, size_t to,
		  int versions)
{
	struct view_file *f;
	const uint8_t *buf;
	bool good = true;
	ssize_t n;
	size_t at = 0;

	if (open_by(fx, fx_root(fx), name, O_RDONLY, &f) < 0)
		return false;
	while (good && (n = fx->ops->read(f, at, 65536, &buf)) > 0)
		for (ssize_t i = 0; i < n && good; i++, at++) {
			int v = at >= from && at < to ? versions : 2;

			good = ((v & 1) && buf[i] == 0) || ((v & 2) && buf[i] == pattern(1, at)) ||
			       ((v & 4) && buf[i] == pattern(2, at));
		}
	fx->ops->release(f);
	return good && n == 0 && at >= min && at <= max;
}

bool step_is_v1(struct fixture *fx, const char *name, size_t size)
{
	return holds(fx, name, size, size, 0, 0, 0);
}

void step_prepare_none(struct fixture *fx)
{
	step_make(fx, "witness", 5000);
}
static void prepare_big(struct fixture *fx)
{
	step_make(fx, "f", BIG);
}
void step_prepare_small(struct fixture *fx)
{
	step_make(fx, "f", 5000);
}
bool step_f_small(struct fixture *fx)
{
	return step_is_v1(fx, "f", 5000);
}
static bool f_big(struct fixture *fx)
{
	return step_is_v1(fx, "f", BIG);
}

/* --- data --- */

static int run_create(struct fixture *fx)
{
	struct view_entry e;
	struct view_file *f;
	int r = fx->ops->create(fx->view, NULL, fx_root(fx), "new", O_RDWR | O_CREAT, 0644, &e, &f);

	if (r < 0)
		return r;
	r = put(f, fx->ops, 1, 0, 10);
	fx->ops->release(f);
	fx_forget(fx, &e);
	return r;
}
static bool create_before(struct fixture *fx)
{
	struct stat st;

	return !step_there(fx, "new", &st);
}
static bool create_after(struct fixture *fx)
{
	return step_is_v1(fx, "new", 10);
}
static bool create_between(struct fixture *fx)
{
	return step_is_v1(fx, "new", 0);
}

static int change(struct fixture *fx, size_t from, size_t to, int flags)
{
	struct view_file *f;
	int r = open_by(fx, fx_root(fx), "f", flags, &f);

	if (r < 0)
		return r;
	r = put(f, fx->ops, 2, from, to);
	fx->ops->release(f);
	return r;
}
static int run_overwrite(struct fixture *fx)
{
	return change(fx, CHANGE_FROM, CHANGE_TO, O_RDWR);
}
static bool overwrite_after(struct fixture *fx)
{
	return holds(fx, "f", BIG, BIG, CHANGE_FROM, CHANGE_TO, 4);
}
static bool overwrite_between(struct fixture *fx)
{
	return holds(fx, "f", BIG, BIG, CHANGE_FROM, CHANGE_TO, 2 | 4);
}
static int run_append(struct fixture *fx)
{
	return change(fx, 5000, 30000, O_RDWR);
}
static bool append_after(struct fixture *fx)
{
	return holds(fx, "f", 30000, 30000, 5000, 30000, 4);
}
static bool append_between(struct fixture *fx)
{
	return holds(fx, "f", 5000, 30000, 5000, 30000, 4);
}
static int run_sync_write(struct fixture *fx)
{
	return change(fx, 100, 200, O_RDWR | O_SYNC);
}
static bool sync_after(struct fixture *fx)
{
	return holds(fx, "f", 5000, 5000, 100, 200, 4);
}
static int run_far(struct fixture *fx)
{
	return change(fx, 50000, 60000, O_RDWR);
}
static bool far_after(struct fixture *fx)
{
	return holds(fx, "f", 60000, 60000, 5000, 60000, 1 | 4);
}
static bool far_between(struct fixture *fx)
{
	return holds(fx, "f", 5000, 60000, 5000, 60000, 1 | 4);
}

static int truncate_to(struct fixture *fx, off_t size)
{
	struct stat st = { .st_size = size };
	struct view_entry e;
	int r = fx->ops->lookup(fx->view, fx_root(fx), "f", &e);

	if (r < 0)
		return r;
	r = fx->ops->setattr(fx->view, NULL, e.node, NULL, &st, VIEW_SET_SIZE, &st);
	fx_forget(fx, &e);
	return r;
}
static int run_shrink(struct fixture *fx)
{
	return truncate_to(fx, 10001);
}
static bool shrink_after(struct fixture *fx)
{
	return step_is_v1(fx, "f", 10001);
}
static bool shrink_between(struct fixture *fx)
{
	return holds(fx, "f", 10001, BIG, 0, 0, 0);
}
static int run_grow(struct fixture *fx)
{
	return truncate_to(fx, 100001);
}
static bool grow_after(struct fixture *fx)
{
	return holds(fx, "f", 100001, 100001, 5000, 100001, 1);
}
static bool grow_between(struct fixture *fx)
{
	return holds(fx, "f", 5000, 100001, 5000, 100001, 1);
}
static int run_empty(struct fixture *fx)
{
	return truncate_to(fx, 0);
}
static bool empty_after(struct fixture *fx)
{
	return step_is_v1(fx, "f", 0);
}
static int run_allocate(struct fixture *fx)
{
	struct view_file *f;
	int r = open_by(fx, fx_root(fx), "f", O_RDWR, &f);

	if (r < 0)
		return r;
	r = fx->ops->fallocate(f, 0, 0, 100001);
	fx->ops->release(f);
	return r;
}
static int run_read(struct fixture *fx)
{
	struct view_file *f;
	const uint8_t *buf;
	int r = open_by(fx, fx_root(fx), "f", O_RDONLY, &f);
	ssize_t n;

	if (r < 0)
		return r;
	n = fx->ops->read(f, 3000, 100000, &buf);
	if (n >= 0)
		assert_int_equal(n, 100000);
	for (ssize_t i = 0; i < n; i++)
		if (buf[i] != pattern(1, (size_t)i + 3000))
			fail_msg("byte %zd read wrong", i);
	r = n < 0 ? (int)n : fx->ops->fsync(f, false);
	fx->ops->release(f);
	return r;
}

/* --- after a truncate to 5000 that was cut between its last two steps: 8192 bytes are shown --- */

static void prepare_half(struct fixture *fx)
{
	struct view_entry e;

	step_make(fx, "f", 8192);
	assert_int_equal(fx->ops->lookup(fx->view, fx_root(fx), "f", &e), 0);
	fx_half_truncate(fx, e.node, fx_stored(fx, "f"), 5000);
	fx_forget(fx, &e);
}
static int run_behind(struct fixture *fx)
{
	return change(fx, 8192, 20000, O_RDWR);
}
static bool behind_after(struct fixture *fx)
{
	return holds(fx, "f", 20000, 20000, 5000, 20000, 1 | 4);
}
static bool behind_between(struct fixture *fx)
{
	return holds(fx, "f", 5000, 20000, 5000, 20000, 1 | 4);
}
static int run_as_shown(struct fixture *fx)
{
	return truncate_to(fx, 8192);
}
static bool shown_after(struct fixture *fx)
{
	return holds(fx, "f", 8192, 8192, 5000, 8192, 1);
}
static bool shown_between(struct fixture *fx)
{
	return holds(fx, "f", 5000, 8192, 5000, 8192, 1);
}
static int run_shorter(struct fixture *fx)
{
	return truncate_to(fx, 4500);
}
static bool shorter_after(struct fixture *fx)
{
	return step_is_v1(fx, "f", 4500);
}

const struct step steps_data[] = {
	{ "create", step_prepare_none, run_create, create_before, create_after, create_between },
	{ "overwrite", prepare_big, run_overwrite, f_big, overwrite_after, overwrite_between },
	{ "append", step_prepare_small, run_append, step_f_small, append_after, append_between },
	{ "O_SYNC write", step_prepare_small, run_sync_write, step_f_small, sync_after, NULL },
	{ "write far beyond the end", step_prepare_small, run_far, step_f_small, far_after, far_between },
	{ "shrink", prepare_big, run_shrink, f_big, shrink_after, shrink_between },
	{ "grow", step_prepare_small, run_grow, step_f_small, grow_after, grow_between },
	{ "truncate to 0", step_prepare_small, run_empty, step_f_small, empty_after, NULL },
	{ "fallocate", step_prepare_small, run_allocate, step_f_small, grow_after, grow_between },
	{ "read and fsync", prepare_big, run_read, f_big, f_big, NULL },
	{ "half truncated: write on", prepare_half, run_append, step_f_small, append_after, append_between,
	  true },
	{ "half truncated: write behind", prepare_half, run_behind, step_f_small, behind_after,
	  behind_between, true },
	{ "half truncated: write far beyond", prepare_half, run_far, step_f_small, far_after, far_between,
	  true },
	{ "half truncated: grow", prepare_half, run_grow, step_f_small, grow_after, grow_between, true },
	{ "half truncated: fallocate", prepare_half, run_allocate, step_f_small, grow_after, grow_between,
	  true },
	{ "half truncated: truncate to what is shown", prepare_half, run_as_shown, step_f_small, shown_after,
	  shown_between, true },
	{ "half truncated: shrink", prepare_half, run_shorter, step_f_small, shorter_after, NULL, true },
};
const size_t n_steps_data = sizeof(steps_data) / sizeof(steps_data[0]);
