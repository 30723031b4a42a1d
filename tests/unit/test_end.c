/* test_end.c - what a crash leaves at the end of a file, and what later writes make of it. */
#include "unit.h"

#include "util/cleanup.h"
#include "view_fixture.h"

#include <sys/stat.h>

enum { BLOCK = 4096, CIPHER = 4128, HEADER = 18 };

/* "f" of `size` bytes 'o', open for reading and writing. */
struct end {
	struct fixture fx;
	struct view_entry e;
	struct view_file *f;
	bool shared;
	char path[4096]; /* of its ciphertext */
	int fd;
};

static void end_open(struct end *t, enum view_sharing sharing, size_t size)
{
	struct volume_options vo = fx_options();
	uint8_t buf[4 * BLOCK];

	t->shared = sharing == VIEW_SHARED;
	fx_open(&t->fx, &vo, &(struct view_options){ .sharing = sharing });
	t->f = fx_create(&t->fx, fx_root(&t->fx), "f", &t->e);
	memset(buf, 'o', sizeof(buf));
	assert_int_equal(t->fx.ops->write(t->f, NULL, 0, buf, size), size);
	(void)snprintf(t->path, sizeof(t->path), "%s", fx_stored(&t->fx, "f"));
	t->fd = open(t->path, O_RDWR | O_CLOEXEC);
	assert_true(t->fd >= 0);
}

static void end_close(struct end *t)
{
	close(t->fd);
	t->fx.ops->release(t->f);
	fx_forget(&t->fx, &t->e);
	fx_close(&t->fx);
}

/* A write that would have made the last block longer was cut in two: the file ends in a part of it. */
static void tear(struct end *t, uint64_t block, size_t len)
{
	uint8_t rubbish[CIPHER];

	memset(rubbish, 0xa5, sizeof(rubbish));
	assert_int_equal(pwrite(t->fd, rubbish, len, (off_t)(HEADER + block * CIPHER)), len);
	assert_int_equal(ftruncate(t->fd, (off_t)(HEADER + block * CIPHER + len)), 0);
}

/* Then somebody else goes on. */
static void half_truncate(struct end *t, off_t size)
{
	fx_half_truncate(&t->fx, t->e.node, t->path, size);
	if (t->shared)
		return;		  /* another node did this, and is dead */
	t->fx.ops->release(t->f); /* this one did, so it is another process that goes on */
	assert_int_equal(t->fx.ops->open(t->fx.view, t->e.node, O_RDWR, &t->f, NULL), 0);
}

static ssize_t put(struct end *t, uint64_t off, size_t n)
{
	uint8_t buf[2 * BLOCK];

	memset(buf, 'n', sizeof(buf));
	return t->fx.ops->write(t->f, NULL, off, buf, n);
}

/* n bytes at off are all c. */
static void is_all(struct end *t, uint64_t off, size_t n, uint8_t c)
{
	const uint8_t *data;

	assert_int_equal(t->fx.ops->read(t->f, off, n, &data), n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(data[i], c);
}

static off_t size_of(struct end *t)
{
	struct stat st;

	assert_int_equal(t->fx.ops->getattr(t->fx.view, t->e.node, t->f, &st), 0);
	return st.st_size;
}

static void an_interrupted_truncate_is_finished(void **state)
{
	struct end t;

	(void)state;
	end_open(&t, VIEW_EXCLUSIVE, 2 * BLOCK);
	half_truncate(&t, 5000);
	is_all(&t, BLOCK, 5000 - BLOCK, 'o');
	assert_int_equal(size_of(&t), 5000);
	end_close(&t);
}

static void a_write_finishes_it_too(void **state)
{
	const enum view_sharing modes[] = { VIEW_EXCLUSIVE, VIEW_SHARED };
	const uint64_t at[] = { 4500, 5000, 6000, 8000, VIEW_APPEND, 8192, 20000 };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(at) / sizeof(at[0]); i++) {
		const uint64_t off = at[i / 2];
		const uint64_t from = off == VIEW_APPEND ? 5000 : off;
		struct end t;

		end_open(&t, modes[i % 2], 2 * BLOCK);
		half_truncate(&t, 5000);
		assert_int_equal(put(&t, off, 100), 100);
		assert_int_equal(size_of(&t), from + 100 > 5000 ? from + 100 : 5000);
		is_all(&t, 0, from < 5000 ? from : 5000, 'o');
		if (from > 5000)
			is_all(&t, 5000, from - 5000 > BLOCK ? BLOCK : from - 5000, 0);
		is_all(&t, from, 100, 'n');
		end_close(&t);
	}
}

static void another_truncate_does(void **state)
{
	const uint64_t to[] = { 4096, 4500, 5000, 6000, 8191, 8192, 8193, 20000 };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(to) / sizeof(to[0]); i++) {
		struct stat st = { .st_size = (off_t)to[i / 2] };
		struct end t;

		end_open(&t, i % 2 ? VIEW_SHARED : VIEW_EXCLUSIVE, 2 * BLOCK);
		half_truncate(&t, 5000);
		assert_int_equal(t.fx.ops->setattr(t.fx.view, NULL, t.e.node, t.f, &st, VIEW_SET_SIZE, &st),
				 0);
		assert_int_equal(size_of(&t), to[i / 2]);
		is_all(&t, 0, to[i / 2] < 5000 ? to[i / 2] : 5000, 'o');
		if (to[i / 2] > 5000)
			is_all(&t, 5000, to[i / 2] - 5000, 0);
		end_close(&t);
	}
}

static void so_does_an_allocation(void **state)
{
	const uint64_t to[] = { 4500, 8192, 8193, 20000 };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(to) / sizeof(to[0]); i++) {
		struct end t;

		end_open(&t, i % 2 ? VIEW_SHARED : VIEW_EXCLUSIVE, 2 * BLOCK);
		half_truncate(&t, 5000);
		assert_int_equal(t.fx.ops->fallocate(t.f, 0, 0, to[i / 2]), 0);
		assert_int_equal(size_of(&t), to[i / 2] < 5000 ? 5000 : to[i / 2]);
		is_all(&t, 0, 5000, 'o');
		end_close(&t);
	}
}

static void a_torn_end_stops_nobody_behind_it(void **state)
{
	const enum view_sharing modes[] = { VIEW_EXCLUSIVE, VIEW_SHARED };
	const size_t torn[] = { 1, 20, 33, 2000, CIPHER - 1 };
	const uint8_t *data;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(torn) / sizeof(torn[0]); i++) {
		struct end t;
		struct stat st = { .st_size = 20000 };

		end_open(&t, modes[i % 2], 5000);
		tear(&t, 1, torn[i / 2]);
		assert_int_equal(put(&t, 12000, 500), 500);
		assert_int_equal(size_of(&t), 12500);
		is_all(&t, 0, BLOCK, 'o');
		assert_int_equal(t.fx.ops->read(t.f, BLOCK, 10, &data), -EBADMSG); /* it is not hidden */
		is_all(&t, 8192, 12000 - 8192, 0);
		is_all(&t, 12000, 500, 'n');
		assert_int_equal(put(&t, 5000, 10), -EBADMSG);	/* nor laundered */
		assert_int_equal(put(&t, BLOCK, BLOCK), BLOCK); /* but replaced as a whole */
		is_all(&t, BLOCK, BLOCK, 'n');
		tear(&t, 3, torn[i / 2]);
		assert_int_equal(t.fx.ops->setattr(t.fx.view, NULL, t.e.node, t.f, &st, VIEW_SET_SIZE, &st),
				 0);
		assert_int_equal(size_of(&t), 20000);
		assert_int_equal(t.fx.ops->read(t.f, 12288, 10, &data), -EBADMSG);
		is_all(&t, 16384, 20000 - 16384, 0);
		end_close(&t);
	}
}

/* One that appends cannot choose another place. Alone, it is told; among others, it goes on in the next
 * block. */
static void an_append_to_a_torn_end(void **state)
{
	struct stat st = { .st_size = BLOCK };
	struct end t;
	const uint8_t *data;

	(void)state;
	end_open(&t, VIEW_EXCLUSIVE, 5000);
	tear(&t, 1, 700);
	assert_int_equal(put(&t, VIEW_APPEND, 100), -EBADMSG);
	assert_int_equal(lseek(t.fd, 0, SEEK_END), HEADER + CIPHER + 700);
	/* until the block is given up, as site-docs/user.md says */
	assert_int_equal(t.fx.ops->setattr(t.fx.view, NULL, t.e.node, t.f, &st, VIEW_SET_SIZE, &st), 0);
	assert_int_equal(put(&t, VIEW_APPEND, 100), 100);
	is_all(&t, 0, BLOCK, 'o');
	is_all(&t, BLOCK, 100, 'n');
	end_close(&t);
	end_open(&t, VIEW_SHARED, 5000);
	tear(&t, 1, 700);
	assert_int_equal(put(&t, VIEW_APPEND, 100), 100);
	assert_int_equal(put(&t, VIEW_APPEND, 100), 100);
	assert_int_equal(size_of(&t), 8392);
	is_all(&t, 0, BLOCK, 'o');
	assert_int_equal(t.fx.ops->read(t.f, BLOCK, BLOCK, &data), -EBADMSG);
	is_all(&t, 8192, 200, 'n');
	end_close(&t);
}

/* A crash of the file server can leave a size with no bytes behind it: longer, that would be a hole, and no
 * longer known as damage. */
static void an_end_of_zeros_stays_damage(void **state)
{
	const uint8_t zeros[2000] = { 0 }, *data;
	struct end t;

	(void)state;
	end_open(&t, VIEW_SHARED, 5000);
	tear(&t, 1, sizeof(zeros));
	assert_int_equal(pwrite(t.fd, zeros, sizeof(zeros), HEADER + CIPHER), sizeof(zeros));
	assert_int_equal(put(&t, 20000, 100), -EBADMSG);
	assert_int_equal(put(&t, VIEW_APPEND, 100), -EBADMSG);
	assert_int_equal(lseek(t.fd, 0, SEEK_END), HEADER + CIPHER + (off_t)sizeof(zeros));
	assert_int_equal(t.fx.ops->read(t.f, BLOCK, 10, &data), -EBADMSG);
	end_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interrupted_truncate_is_finished),
		cmocka_unit_test(a_write_finishes_it_too),
		cmocka_unit_test(another_truncate_does),
		cmocka_unit_test(so_does_an_allocation),
		cmocka_unit_test(a_torn_end_stops_nobody_behind_it),
		cmocka_unit_test(an_append_to_a_torn_end),
		cmocka_unit_test(an_end_of_zeros_stays_damage),
	};

	return cmocka_run_group_tests_name("end", tests, NULL, NULL);
}
