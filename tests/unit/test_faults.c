/* test_faults.c - what a store that fails does to files: writes that stop midway, calls an old kernel lacks,
 * attributes that cannot be had. The calls of libc are stood in for here, so nothing needs a broken disk. */
#include "unit.h"

#include "util/cleanup.h"
#include "view_fixture.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { BLOCK = 4096, STORED = 4096 + 32, HEADER = 18 };

/* Writes at or behind `wall` fail with ENOSPC once or for good; 0: none. */
static off_t wall;
static bool wall_stays;

ssize_t pwrite(int fd, const void *buf, size_t n, off_t off)
{
	if (wall && off + (off_t)n > wall) {
		if (off >= wall) {
			if (!wall_stays)
				wall = 0;
			errno = ENOSPC;
			return -1;
		}
		n = (size_t)(wall - off);
	}
	return syscall(SYS_pwrite64, fd, buf, n, off);
}

static bool no_attributes; /* statx of an open file fails */

int statx(int dirfd, const char *restrict path, int flags, unsigned int mask, struct statx *restrict ret)
{
	if (no_attributes && !*path) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_statx, dirfd, path, flags, mask, ret);
}

/* As Linux before 5.8: AT_EMPTY_PATH is unknown. */
int utimensat(int dirfd, const char *path, const struct timespec times[2], int flags)
{
	if (flags & ~AT_SYMLINK_NOFOLLOW) {
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_utimensat, dirfd, path, times, flags);
}

static void open_default(struct fixture *fx)
{
	struct volume_options vo = fx_options();

	fx_open(fx, &vo, &(struct view_options){ .noprealloc = true });
}

static uint8_t old_byte(size_t i)
{
	return (uint8_t)(i % 251 + 1);
}

/* A file of n known bytes. */
static struct view_file *known_file(struct fixture *fx, struct view_entry *e, size_t n)
{
	struct view_file *f = fx_create(fx, fx_root(fx), "f", e);
	auto_free uint8_t *buf = malloc(n);

	for (size_t i = 0; i < n; i++)
		buf[i] = old_byte(i);
	assert_int_equal(fx->ops->write(f, NULL, 0, buf, n), n);
	return f;
}

static void expect_bytes(struct fixture *fx, struct view_file *f, size_t from, size_t to, int want)
{
	const uint8_t *data;

	assert_int_equal(fx->ops->read(f, from, to - from, &data), to - from);
	for (size_t i = from; i < to; i++)
		assert_int_equal(data[i - from], want < 0 ? old_byte(i) : want);
}

static void a_write_that_stops_in_its_last_block_keeps_what_follows(void **state)
{
	static uint8_t buf[2 * BLOCK + 100];
	struct view_entry e;
	struct view_file *f;
	struct fixture fx;
	struct stat st;

	(void)state;
	open_default(&fx);
	f = known_file(&fx, &e, 3 * BLOCK);
	memset(buf, 0xEE, sizeof(buf));
	wall = HEADER + 2 * STORED + 1000;
	assert_int_equal(fx.ops->write(f, NULL, 0, buf, sizeof(buf)), 2 * BLOCK);
	wall = 0;
	expect_bytes(&fx, f, 0, 2 * BLOCK, 0xEE);
	expect_bytes(&fx, f, 2 * BLOCK, 3 * BLOCK, -1);
	assert_int_equal(fx.ops->getattr(fx.view, e.node, f, &st), 0);
	assert_int_equal(st.st_size, 3 * BLOCK);
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

static void a_block_replaced_as_a_whole_is_finished(void **state)
{
	static uint8_t buf[3 * BLOCK];
	struct view_entry e;
	struct view_file *f;
	struct fixture fx;

	(void)state;
	open_default(&fx);
	f = known_file(&fx, &e, 4 * BLOCK);
	memset(buf, 0xEE, sizeof(buf));
	wall = HEADER + STORED + 1000;
	assert_int_equal(fx.ops->write(f, NULL, 0, buf, sizeof(buf)), 2 * BLOCK);
	wall = 0;
	expect_bytes(&fx, f, 0, 2 * BLOCK, 0xEE);
	expect_bytes(&fx, f, 2 * BLOCK, 4 * BLOCK, -1);
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

static void a_short_last_block_outlives_a_longer_one_that_failed(void **state)
{
	static uint8_t buf[4 * BLOCK];
	struct view_entry e;
	struct view_file *f;
	struct fixture fx;
	struct stat st;

	(void)state;
	memset(buf, 0xEE, sizeof(buf));
	for (size_t whole = 0; whole <= 2; whole++) { /* blocks before it that the same write replaces */
		const ssize_t want = whole ? (ssize_t)(whole * BLOCK) : -ENOSPC;

		open_default(&fx);
		f = known_file(&fx, &e, whole * BLOCK + 100);
		wall = (off_t)(HEADER + whole * STORED + 1000);
		wall_stays = true;
		assert_int_equal(fx.ops->write(f, NULL, 0, buf, sizeof(buf)), want);
		wall = 0;
		wall_stays = false;
		assert_int_equal(fx.ops->getattr(fx.view, e.node, f, &st), 0);
		assert_int_equal(st.st_size, whole * BLOCK + 100);
		if (whole)
			expect_bytes(&fx, f, 0, whole * BLOCK, 0xEE);
		expect_bytes(&fx, f, whole * BLOCK, whole * BLOCK + 100, -1);
		fx.ops->release(f);
		fx_forget(&fx, &e);
		fx_close(&fx);
	}
}

static void what_failed_beyond_the_end_leaves_the_size(void **state)
{
	const struct stat size = { .st_size = 3 * BLOCK + 5 };
	struct view_entry e;
	struct view_file *f;
	struct fixture fx;
	struct stat st;

	(void)state;
	open_default(&fx);
	f = known_file(&fx, &e, 100);
	wall = HEADER + STORED + 10;
	wall_stays = true;
	assert_int_equal(fx.ops->write(f, NULL, 2 * BLOCK, (const uint8_t *)"x", 1), -ENOSPC);
	assert_int_equal(fx.ops->getattr(fx.view, e.node, f, &st), 0);
	assert_int_equal(st.st_size, 100);
	assert_int_equal(fx.ops->setattr(fx.view, NULL, e.node, f, &size, VIEW_SET_SIZE, &st), -ENOSPC);
	assert_int_equal(fx.ops->getattr(fx.view, e.node, f, &st), 0);
	assert_int_equal(st.st_size, 100);
	wall = 0;
	wall_stays = false;
	expect_bytes(&fx, f, 0, 100, -1);
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

static void a_hole_that_could_not_be_filled_is_a_hole_again(void **state)
{
	static uint8_t buf[3 * BLOCK];
	struct stat size = { .st_size = 8 * BLOCK }, st;
	struct view_entry e;
	struct view_file *f;
	struct fixture fx;

	(void)state;
	for (int skip = 0; skip < 2; skip++) { /* the block that tears is a later one, or the first */
		open_default(&fx);
		f = fx_create(&fx, fx_root(&fx), "f", &e);
		assert_int_equal(fx.ops->setattr(fx.view, NULL, e.node, f, &size, VIEW_SET_SIZE, &st), 0);
		memset(buf, 0xEE, sizeof(buf));
		wall = HEADER + STORED + 1000;
		wall_stays = true;
		if (skip)
			assert_int_equal(fx.ops->write(f, NULL, BLOCK, buf, sizeof(buf)), -ENOSPC);
		else
			assert_int_equal(fx.ops->write(f, NULL, 0, buf, sizeof(buf)), BLOCK);
		wall = 0;
		wall_stays = false;
		expect_bytes(&fx, f, 0, BLOCK, skip ? 0 : 0xEE);
		expect_bytes(&fx, f, BLOCK, 8 * BLOCK, 0);
		fx.ops->release(f);
		fx_forget(&fx, &e);
		fx_close(&fx);
	}
}

static void a_truncate_that_could_not_look_has_failed(void **state)
{
	struct stat none = { .st_size = 0 }, st;
	struct view_entry e;
	struct view_file *f;
	struct fixture fx;

	(void)state;
	open_default(&fx);
	f = known_file(&fx, &e, 3 * BLOCK);
	for (int i = 0; i < 2; i++) { /* whatever lies on the stack */
		no_attributes = true;
		assert_int_equal(fx.ops->setattr(fx.view, NULL, e.node, f, &none, VIEW_SET_SIZE, &st), -EIO);
		no_attributes = false;
		expect_bytes(&fx, f, 0, 3 * BLOCK, -1);
	}
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

static void times_are_set_on_old_kernels(void **state)
{
	const struct stat want = { .st_atim = { 1111, 22 }, .st_mtim = { 3333, 44 } };
	struct view_entry e[3];
	struct view_file *f;
	struct fixture fx;
	struct stat st;

	(void)state;
	open_default(&fx);
	f = fx_create(&fx, fx_root(&fx), "f", &e[0]);
	fx.ops->release(f);
	assert_int_equal(fx.ops->mkdir(fx.view, NULL, fx_root(&fx), "d", 0755, &e[1]), 0);
	assert_int_equal(fx.ops->symlink(fx.view, NULL, fx_root(&fx), "l", "f", &e[2]), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fx.ops->setattr(fx.view, NULL, e[i].node, NULL, &want,
						 VIEW_SET_ATIME | VIEW_SET_MTIME, &st),
				 0);
		assert_int_equal(fx.ops->getattr(fx.view, e[i].node, NULL, &st), 0);
		assert_int_equal(st.st_atim.tv_sec, 1111);
		assert_int_equal(st.st_atim.tv_nsec, 22);
		assert_int_equal(st.st_mtim.tv_sec, 3333);
		assert_int_equal(st.st_mtim.tv_nsec, 44);
		fx_forget(&fx, &e[i]);
	}
	fx_close(&fx);
}

/* In a child of ours: a daemon of root that may not change its user id or groups (a container, say) makes
 * things for a user. Exits with 0 if it refuses. */
static _Noreturn void make_without_rights(struct fixture *fx, unsigned int lost)
{
	const struct view_caller who = { .uid = 12345, .gid = 12345, .pid = getpid() };
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];
	struct view_entry e;
	struct view_file *f;
	bool ok = syscall(SYS_capget, &head, caps) == 0;

	caps[0].effective &= ~lost;
	caps[0].permitted &= ~lost;
	ok = ok && syscall(SYS_capset, &head, caps) == 0;
	ok = ok && fx->ops->mkdir(fx->view, &who, fx_root(fx), "d", 0755, &e) == -EPERM;
	ok = ok && fx->ops->symlink(fx->view, &who, fx_root(fx), "l", "x", &e) == -EPERM;
	ok =
	    ok && fx->ops->create(fx->view, &who, fx_root(fx), "f", O_RDWR | O_CREAT, 0644, &e, &f) == -EPERM;
	ok = ok && fx->ops->lookup(fx->view, fx_root(fx), "f", &e) == -ENOENT;
	_exit(ok && geteuid() == 0 && getegid() == 0 ? 0 : 1);
}

static void nothing_is_made_in_the_name_of_another(void **state)
{
	static const unsigned int lost[] = { 1U << CAP_SETUID, 1U << CAP_SETGID };
	struct volume_options vo = fx_options();
	struct fixture fx;
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	fx_open(&fx, &vo, &(struct view_options){ .preserve_owner = true });
	assert_int_equal(fchmod(fx.dirfd, 0777), 0);
	for (size_t i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (pid == 0)
			make_without_rights(&fx, lost[i]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	fx_close(&fx);
}

static void who_cannot_be_seen_owns_what_it_makes(void **state)
{
	/* FUSE gives no process id for callers in another pid namespace. */
	const struct view_caller who = { .uid = 12345, .gid = 54321 };
	struct volume_options vo = fx_options();
	struct view_entry e;
	struct view_file *f;
	struct fixture fx;

	(void)state;
	if (geteuid() != 0)
		skip();
	fx_open(&fx, &vo, &(struct view_options){ .preserve_owner = true });
	assert_int_equal(fchmod(fx.dirfd, 0777), 0);
	assert_int_equal(fx.ops->mkdir(fx.view, &who, fx_root(&fx), "d", 0755, &e), 0);
	assert_int_equal(e.st.st_uid, 12345);
	assert_int_equal(e.st.st_gid, 54321);
	fx_forget(&fx, &e);
	assert_int_equal(fx.ops->create(fx.view, &who, fx_root(&fx), "f", O_RDWR | O_CREAT, 0644, &e, &f), 0);
	assert_int_equal(e.st.st_uid, 12345);
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

static void the_file_of_another_is_not_opened_by_create(void **state)
{
	const struct view_caller other = { .uid = 12345, .gid = 12345 };
	const struct view_caller us = { .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	struct view_entry e, again;
	struct view_file *f, *g;
	struct fixture fx;

	(void)state;
	open_default(&fx);
	f = known_file(&fx, &e, 5);
	/* The kernel looks the name up again then, and checks rights. */
	assert_int_equal(
	    fx.ops->create(fx.view, &other, fx_root(&fx), "f", O_RDWR | O_CREAT, 0644, &again, &g), -ESTALE);
	assert_int_equal(fx.ops->create(fx.view, &us, fx_root(&fx), "f", O_RDWR | O_CREAT, 0644, &again, &g),
			 0);
	fx.ops->release(g);
	fx.ops->release(f);
	fx_forget(&fx, &again);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

/* --- a file and what it must hold, under random faults
 * ------------------------------------------------------------ */

enum { SIZE_MAX_TRIED = 300000, STEPS = 1500 };

struct trial {
	struct fixture fx;
	struct view_entry e;
	struct view_file *f;
	uint64_t random;
	uint8_t model[SIZE_MAX_TRIED];
	size_t size;
	unsigned int failed;
};

static size_t below(struct trial *t, size_t n)
{
	return (size_t)(unit_random(&t->random) % n);
}

static size_t size_now(struct trial *t)
{
	struct stat st;

	assert_int_equal(t->fx.ops->getattr(t->fx.view, t->e.node, t->f, &st), 0);
	return (size_t)st.st_size;
}

static void try_write(struct trial *t)
{
	static uint8_t buf[100000];
	size_t off = below(t, t->size + 20000);
	size_t n = 1 + below(t, below(t, 4) ? 9000 : sizeof(buf));
	ssize_t done;

	if (below(t, 5) == 0)
		off &= ~(size_t)(BLOCK - 1);
	if (off + n > SIZE_MAX_TRIED)
		return;
	unit_random_bytes(&t->random, buf, n);
	done = t->fx.ops->write(t->f, NULL, off, buf, n);
	t->failed += done < (ssize_t)n;
	if (done <= 0)
		return;
	memcpy(t->model + off, buf, (size_t)done);
	if (off + (size_t)done > t->size)
		t->size = off + (size_t)done;
}

/* A shrinking one that failed may have cut a part of what was to go. */
static void try_truncate(struct trial *t)
{
	struct stat want = { .st_size = (off_t)below(t, t->size + 20000) }, st;
	size_t is;
	int r;

	if (below(t, 4) == 0)
		want.st_size &= ~(off_t)(BLOCK - 1);
	if (want.st_size > SIZE_MAX_TRIED)
		return;
	r = t->fx.ops->setattr(t->fx.view, NULL, t->e.node, t->f, &want, VIEW_SET_SIZE, &st);
	t->failed += r < 0;
	is = size_now(t);
	if (r == 0)
		assert_int_equal(is, want.st_size);
	else
		assert_true(is == t->size || (is < t->size && is > (size_t)want.st_size));
	if (is < t->size)
		memset(t->model + is, 0, t->size - is);
	t->size = is;
}

static void run_trial(const struct volume_options *vo, const struct view_options *opt)
{
	struct trial *t = calloc(1, sizeof(*t));
	const uint8_t *data;

	fx_open(&t->fx, vo, opt);
	t->f = fx_create(&t->fx, fx_root(&t->fx), "f", &t->e);
	t->random = 12345;
	for (size_t i = 0; i < STEPS; i++) {
		wall = below(t, 2) ? (off_t)below(t, t->size + 30000) : 0;
		if (below(t, 4))
			try_write(t);
		else
			try_truncate(t);
		wall = 0;
		assert_int_equal(size_now(t), t->size);
		assert_int_equal(t->fx.ops->read(t->f, 0, SIZE_MAX_TRIED, &data), t->size);
		assert_memory_equal(data, t->model, t->size);
	}
	assert_true(t->failed > STEPS / 10);
	t->fx.ops->release(t->f);
	fx_forget(&t->fx, &t->e);
	fx_close(&t->fx);
	free(t);
}

static void after_any_fault_the_file_is_what_was_said(void **state)
{
	struct volume_options gcm = fx_options(), xchacha = fx_options();

	(void)state;
	xchacha.xchacha = true;
	run_trial(&gcm, &(struct view_options){ .noprealloc = false });
	run_trial(&xchacha, &(struct view_options){ .noprealloc = true });
	run_trial(&gcm, &(struct view_options){ .noprealloc = true, .sharing = VIEW_SHARED });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("a write that stops in its last block keeps what follows",
		     a_write_that_stops_in_its_last_block_keeps_what_follows),
		TEST("a block replaced as a whole is finished", a_block_replaced_as_a_whole_is_finished),
		TEST("a truncate that could not look has failed", a_truncate_that_could_not_look_has_failed),
		TEST("times are set on old kernels", times_are_set_on_old_kernels),
		TEST("nothing is made in the name of another", nothing_is_made_in_the_name_of_another),
		TEST("who cannot be seen owns what it makes", who_cannot_be_seen_owns_what_it_makes),
		TEST("the file of another is not opened by create",
		     the_file_of_another_is_not_opened_by_create),
		TEST("a short last block outlives a longer one that failed",
		     a_short_last_block_outlives_a_longer_one_that_failed),
		TEST("what failed beyond the end leaves the size",
		     what_failed_beyond_the_end_leaves_the_size),
		TEST("after any fault the file is what was said", after_any_fault_the_file_is_what_was_said),
		TEST("a hole that could not be filled is a hole again",
		     a_hole_that_could_not_be_filled_is_a_hole_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
