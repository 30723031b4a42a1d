/* test_rw.c - file content through the view: every boundary against a model, truncation, damage, crashes. */
#include "unit.h"

#include "util/cleanup.h"
#include "view_fixture.h"

#include <sys/stat.h>

enum { MODEL_MAX = 64 * 1024 };

struct model {
	uint8_t bytes[MODEL_MAX];
	size_t size;
};

static void model_write(struct model *m, size_t off, const uint8_t *buf, size_t n)
{
	if (off > m->size)
		memset(m->bytes + m->size, 0, off - m->size);
	memcpy(m->bytes + off, buf, n);
	if (off + n > m->size)
		m->size = off + n;
}

static void model_truncate(struct model *m, size_t size)
{
	if (size > m->size)
		memset(m->bytes + m->size, 0, size - m->size);
	m->size = size;
}

/* Read the whole file in odd pieces and compare; stat must agree. */
static void check(struct fixture *fx, struct view_node *node, struct view_file *f, const struct model *m)
{
	struct stat st;
	const uint8_t *data;
	size_t off = 0, step = 1;

	assert_int_equal(fx->ops->getattr(fx->view, node, f, &st), 0);
	assert_int_equal(st.st_size, m->size);
	while (off < m->size) {
		size_t want = step < m->size - off ? step : m->size - off;
		ssize_t n = fx->ops->read(f, off, step, &data);

		assert_int_equal(n, want);
		assert_memory_equal(data, m->bytes + off, want);
		off += want;
		step = step * 3 + 1;
	}
	assert_int_equal(fx->ops->read(f, m->size, 4096, &data), 0);
}

static const size_t edges[] = { 0, 1, 17, 18, 4095, 4096, 4097, 8191, 8192, 8193, 12288, 20000 };
#define N_EDGES (sizeof(edges) / sizeof(edges[0]))

static void all_edges(const struct volume_options *vo, const struct view_options *opt)
{
	struct fixture fx;
	struct model *m = calloc(1, sizeof(*m));
	uint8_t buf[MODEL_MAX / 2];

	fx_open(&fx, vo, opt);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i % 251 + 1);
	for (size_t a = 0; a < N_EDGES; a++)
		for (size_t b = 0; b < N_EDGES; b++) {
			struct view_entry e;
			struct view_file *f = fx_create(&fx, fx_root(&fx), "f", &e);
			struct stat st;

			m->size = 0;
			/* write `edges[b]` bytes at offset `edges[a]`, then overwrite its middle, then
			 * truncate both ways */
			if (edges[b]) {
				assert_int_equal(fx.ops->write(f, NULL, edges[a], buf, edges[b]), edges[b]);
				model_write(m, edges[a], buf, edges[b]);
			}
			check(&fx, e.node, f, m);
			assert_int_equal(fx.ops->write(f, NULL, edges[a] / 2, buf + 7, edges[b] / 2 + 1),
					 edges[b] / 2 + 1);
			model_write(m, edges[a] / 2, buf + 7, edges[b] / 2 + 1);
			check(&fx, e.node, f, m);
			st.st_size = (off_t)edges[b];
			assert_int_equal(
			    fx.ops->setattr(fx.view, NULL, e.node, b % 2 ? f : NULL, &st, VIEW_SET_SIZE, &st),
			    0);
			model_truncate(m, edges[b]);
			check(&fx, e.node, f, m);
			st.st_size = (off_t)edges[a];
			assert_int_equal(fx.ops->setattr(fx.view, NULL, e.node, f, &st, VIEW_SET_SIZE, &st),
					 0);
			model_truncate(m, edges[a]);
			check(&fx, e.node, f, m);
			fx.ops->release(f);
			assert_int_equal(fx.ops->open(fx.view, e.node, O_RDONLY, &f, NULL), 0);
			check(&fx, e.node, f, m);
			fx.ops->release(f);
			assert_int_equal(fx.ops->unlink(fx.view, fx_root(&fx), "f"), 0);
			fx_forget(&fx, &e);
		}
	fx_close(&fx);
	free(m);
}

static void every_edge_gcm(void **state)
{
	struct volume_options vo = fx_options();

	(void)state;
	all_edges(&vo, &(struct view_options){ 0 });
}

static void every_edge_siv(void **state)
{
	struct volume_options vo = fx_options();

	(void)state;
	vo.aessiv = true;
	all_edges(&vo, &(struct view_options){ 0 });
}

static void every_edge_xchacha(void **state)
{
	struct volume_options vo = fx_options();

	(void)state;
	vo.xchacha = true;
	all_edges(&vo, &(struct view_options){ 0 });
}

static void every_edge_shared(void **state)
{
	struct volume_options vo = fx_options();

	(void)state;
	all_edges(&vo, &(struct view_options){ .sharing = VIEW_SHARED });
}

static void every_edge_noprealloc(void **state)
{
	struct volume_options vo = fx_options();

	(void)state;
	all_edges(&vo, &(struct view_options){ .noprealloc = true });
}

static void open_default(struct fixture *fx)
{
	struct volume_options vo = fx_options();

	fx_open(fx, &vo, &(struct view_options){ 0 });
}

static void fill(struct fixture *fx, struct view_file *f, uint8_t byte, size_t n)
{
	auto_free uint8_t *buf = malloc(n);

	memset(buf, byte, n);
	assert_int_equal(fx->ops->write(f, NULL, 0, buf, n), n);
}

static void big_request_spans_all_buffers(void **state)
{
	struct fixture fx;
	struct view_entry e;
	struct view_file *f;
	const size_t n = 3 * VIEW_IO_MAX + 12345;
	auto_free uint8_t *buf = malloc(n);
	const uint8_t *data;

	(void)state;
	for (size_t i = 0; i < n; i++)
		buf[i] = (uint8_t)(i * 2654435761u >> 24);
	open_default(&fx);
	f = fx_create(&fx, fx_root(&fx), "big", &e);
	assert_int_equal(fx.ops->write(f, NULL, 777, buf, n), n);
	for (size_t off = 0; off < n;) {
		ssize_t got = fx.ops->read(f, 777 + off, VIEW_IO_MAX, &data);

		assert_true(got > 0);
		assert_memory_equal(data, buf + off, got);
		off += (size_t)got;
	}
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

/* Upstream #1024: write, truncate by path, write through the old descriptor. */
static void truncate_by_path_under_an_open_descriptor(void **state)
{
	struct fixture fx;
	struct view_entry e, again;
	struct view_file *f;
	struct stat st = { .st_size = 10 };
	const uint8_t *data;
	uint8_t want[9000] = { 0 };

	(void)state;
	open_default(&fx);
	f = fx_create(&fx, fx_root(&fx), "f", &e);
	fill(&fx, f, 'x', 8000);
	assert_int_equal(fx.ops->lookup(fx.view, fx_root(&fx), "f", &again), 0);
	assert_ptr_equal(again.node, e.node);
	assert_int_equal(fx.ops->setattr(fx.view, NULL, again.node, NULL, &st, VIEW_SET_SIZE, &st), 0);
	assert_int_equal(fx.ops->write(f, NULL, 8000, (const uint8_t *)"tail", 4), 4);
	memset(want, 'x', 10);
	memcpy(want + 8000, "tail", 4);
	assert_int_equal(fx.ops->read(f, 0, 9000, &data), 8004);
	assert_memory_equal(data, want, 8004);
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_forget(&fx, &again);
	fx_close(&fx);
}

static void holes_stay_holes(void **state)
{
	struct fixture fx;
	struct view_entry e;
	struct view_file *f;
	struct stat st;
	const off_t far = 1 << 24;

	(void)state;
	open_default(&fx);
	f = fx_create(&fx, fx_root(&fx), "sparse", &e);
	assert_int_equal(fx.ops->write(f, NULL, 0, (const uint8_t *)"a", 1), 1);
	assert_int_equal(fx.ops->write(f, NULL, (uint64_t)far, (const uint8_t *)"b", 1), 1);
	assert_int_equal(fx.ops->getattr(fx.view, e.node, f, &st), 0);
	assert_int_equal(st.st_size, far + 1);
	assert_true(st.st_blocks * 512 < far / 4);
	assert_int_equal(fx.ops->lseek(f, 0, SEEK_DATA), 0);
	off_t hole = fx.ops->lseek(f, 0, SEEK_HOLE);

	assert_true(hole > 0 && hole <= 16384);
	off_t data = fx.ops->lseek(f, hole, SEEK_DATA);

	assert_true(data > hole && data <= far && data >= far - 16384);
	assert_int_equal(fx.ops->lseek(f, far, SEEK_DATA), far);
	assert_int_equal(fx.ops->lseek(f, far, SEEK_HOLE), far + 1);
	assert_int_equal(fx.ops->lseek(f, far + 1, SEEK_DATA), -ENXIO);
	assert_int_equal(fx.ops->lseek(f, -1, SEEK_DATA), -ENXIO);
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

static void a_grown_file_reads_as_zeros(void **state)
{
	struct fixture fx;
	struct view_entry e;
	struct view_file *f;
	static const uint8_t zeros[70000];
	const off_t sizes[] = { 1, 4096, 4097, 8192, 65536, 65537 };
	const uint8_t *data;

	(void)state;
	open_default(&fx);
	for (size_t i = 0; i < 6; i++) {
		struct stat st = { .st_size = sizes[i] };

		f = fx_create(&fx, fx_root(&fx), "g", &e);
		assert_int_equal(fx.ops->setattr(fx.view, NULL, e.node, f, &st, VIEW_SET_SIZE, &st), 0);
		assert_int_equal(st.st_size, sizes[i]);
		assert_int_equal(fx.ops->read(f, 0, 70000, &data), sizes[i]);
		assert_memory_equal(data, zeros, sizes[i]);
		fx.ops->release(f);
		assert_int_equal(fx.ops->unlink(fx.view, fx_root(&fx), "g"), 0);
		fx_forget(&fx, &e);
	}
	fx_close(&fx);
}

static void fallocate_grows_or_keeps(void **state)
{
	struct fixture fx;
	struct view_entry e;
	struct view_file *f;
	struct stat st;

	(void)state;
	open_default(&fx);
	f = fx_create(&fx, fx_root(&fx), "f", &e);
	fill(&fx, f, 'q', 100);
	assert_int_equal(fx.ops->fallocate(f, FALLOC_FL_KEEP_SIZE, 0, 100000), 0);
	assert_int_equal(fx.ops->getattr(fx.view, e.node, f, &st), 0);
	assert_int_equal(st.st_size, 100);
	assert_int_equal(fx.ops->fallocate(f, 0, 50, 10000), 0);
	assert_int_equal(fx.ops->getattr(fx.view, e.node, f, &st), 0);
	assert_int_equal(st.st_size, 10050);
	assert_int_equal(fx.ops->fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096),
			 -EOPNOTSUPP);
	assert_int_equal(fx.ops->fallocate(f, 0, UINT64_MAX - 5, 10), -EFBIG);
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

/* Overwrite one byte of the stored file. */
static void flip(const char *path, off_t off)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t b;

	assert_int_equal(pread(fd, &b, 1, off), 1);
	b ^= 1;
	assert_int_equal(pwrite(fd, &b, 1, off), 1);
	close(fd);
}

static void damage_is_found_and_stays_where_it_is(void **state)
{
	struct fixture fx;
	struct view_entry e;
	struct view_file *f;
	const uint8_t *data;
	struct view_stats stats;

	(void)state;
	open_default(&fx);
	f = fx_create(&fx, fx_root(&fx), "f", &e);
	fill(&fx, f, 'd', 3 * 4096);
	flip(fx_stored(&fx, "f"), 18 + 4128 + 100);
	assert_int_equal(fx.ops->read(f, 0, 4096, &data), 4096);
	assert_int_equal(fx.ops->read(f, 4096, 4096, &data), -EBADMSG);
	assert_int_equal(fx.ops->read(f, 0, 3 * 4096, &data), -EBADMSG);
	assert_int_equal(fx.ops->read(f, 8192, 4096, &data), 4096);
	/* a partial write into the damaged block must not launder it; a whole one replaces it */
	assert_int_equal(fx.ops->write(f, NULL, 5000, (const uint8_t *)"x", 1), -EBADMSG);
	view_get_stats(fx.view, &stats);
	assert_true(stats.errors >= 3);
	fx.ops->release(f);
	flip(fx_stored(&fx, "f"), 1);
	assert_int_equal(fx.ops->open(fx.view, e.node, O_RDWR, &f, NULL), 0);
	assert_int_equal(fx.ops->read(f, 0, 10, &data), -EUCLEAN);
	assert_int_equal(fx.ops->write(f, NULL, 0, (const uint8_t *)"x", 1), -EUCLEAN);
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

static void sizes_that_cannot_be_are_told(void **state)
{
	struct fixture fx;
	struct view_entry e;
	struct view_file *f;
	const uint8_t *data;
	struct stat st;

	(void)state;
	open_default(&fx);
	f = fx_create(&fx, fx_root(&fx), "f", &e);
	fill(&fx, f, 'x', 5000);
	assert_int_equal(truncate(fx_stored(&fx, "f"), 18 + 4128 + 20), 0);
	assert_int_equal(fx.ops->getattr(fx.view, e.node, f, &st), 0);
	assert_int_equal(st.st_size, 4097);
	assert_int_equal(fx.ops->read(f, 4096, 1, &data), -EBADMSG);
	assert_int_equal(truncate(fx_stored(&fx, "f"), 10), 0);
	assert_int_equal(fx.ops->getattr(fx.view, e.node, f, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(fx.ops->write(f, NULL, 0, (const uint8_t *)"x", 1), -EUCLEAN);
	st.st_size = 0; /* emptying it makes it whole again */
	assert_int_equal(fx.ops->setattr(fx.view, NULL, e.node, f, &st, VIEW_SET_SIZE, &st), 0);
	assert_int_equal(fx.ops->write(f, NULL, 0, (const uint8_t *)"x", 1), 1);
	assert_int_equal(truncate(fx_stored(&fx, "f"), 18), 0); /* header only: empty */
	assert_int_equal(fx.ops->read(f, 0, 1, &data), 0);
	assert_int_equal(fx.ops->write(f, NULL, 0, (const uint8_t *)"yz", 2), 2);
	assert_int_equal(fx.ops->read(f, 0, 9, &data), 2);
	assert_int_equal(fx.ops->write(f, NULL, INT64_MAX - 10, (const uint8_t *)"y", 1), -EFBIG);
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

static void shared_truncate_keeps_the_header(void **state)
{
	struct volume_options vo = fx_options();
	struct fixture fx;
	struct view_entry e;
	struct view_file *f;
	struct stat st = { 0 };
	uint8_t before[18], after[18];
	int fd;

	(void)state;
	fx_open(&fx, &vo, &(struct view_options){ .sharing = VIEW_SHARED });
	f = fx_create(&fx, fx_root(&fx), "f", &e);
	fill(&fx, f, 'x', 5000);
	fd = open(fx_stored(&fx, "f"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, before, 18, 0), 18);
	assert_int_equal(fx.ops->setattr(fx.view, NULL, e.node, f, &st, VIEW_SET_SIZE, &st), 0);
	assert_int_equal(st.st_size, 0);
	fill(&fx, f, 'y', 10);
	assert_int_equal(pread(fd, after, 18, 0), 18);
	assert_memory_equal(before, after, 18);
	close(fd);
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

static void readers_cannot_write(void **state)
{
	struct fixture fx;
	struct view_entry e;
	struct view_file *f;

	(void)state;
	open_default(&fx);
	fx.ops->release(fx_create(&fx, fx_root(&fx), "f", &e));
	assert_int_equal(fx.ops->open(fx.view, e.node, O_RDONLY, &f, NULL), 0);
	assert_int_equal(fx.ops->write(f, NULL, 0, (const uint8_t *)"x", 1), -EBADF);
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

static void kept_pages_only_while_nothing_changed(void **state)
{
	struct fixture fx;
	struct view_entry e;
	struct view_file *f;
	bool keep = true;

	(void)state;
	open_default(&fx);
	f = fx_create(&fx, fx_root(&fx), "f", &e);
	fill(&fx, f, 'k', 100);
	fx.ops->release(f);
	assert_int_equal(fx.ops->open(fx.view, e.node, O_RDONLY, &f, &keep), 0);
	assert_true(keep); /* only we have written */
	fx.ops->release(f);
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1000 } };

	assert_int_equal(utimensat(AT_FDCWD, fx_stored(&fx, "f"), ts, 0), 0);
	assert_int_equal(fx.ops->open(fx.view, e.node, O_RDONLY, &f, &keep), 0);
	assert_false(keep);
	fx.ops->release(f);
	assert_int_equal(fx.ops->open(fx.view, e.node, O_RDONLY, &f, &keep), 0);
	assert_true(keep);
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

static void a_resting_thread_keeps_no_plaintext(void **state)
{
	struct fixture fx;
	struct view_entry e;
	struct view_file *f;
	const uint8_t *data;

	(void)state;
	open_default(&fx);
	f = fx_create(&fx, fx_root(&fx), "f", &e);
	fill(&fx, f, 's', 9000);
	assert_int_equal(fx.ops->read(f, 0, 9000, &data), 9000);
	for (size_t i = 0; i < 9000; i++)
		assert_int_equal(data[i], 's');
	view_thread_rest();
	for (size_t i = 0; i < 9000; i++)
		assert_int_equal(data[i], 0); /* the buffer itself stays */
	assert_int_equal(fx.ops->read(f, 0, 9000, &data), 9000);
	assert_int_equal(data[8999], 's');
	fx.ops->release(f);
	fx_forget(&fx, &e);
	fx_close(&fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_edge_gcm),
		cmocka_unit_test(every_edge_siv),
		cmocka_unit_test(every_edge_xchacha),
		cmocka_unit_test(every_edge_shared),
		cmocka_unit_test(every_edge_noprealloc),
		cmocka_unit_test(big_request_spans_all_buffers),
		cmocka_unit_test(truncate_by_path_under_an_open_descriptor),
		cmocka_unit_test(holes_stay_holes),
		cmocka_unit_test(a_grown_file_reads_as_zeros),
		cmocka_unit_test(fallocate_grows_or_keeps),
		cmocka_unit_test(damage_is_found_and_stays_where_it_is),
		cmocka_unit_test(sizes_that_cannot_be_are_told),
		cmocka_unit_test(shared_truncate_keeps_the_header),
		cmocka_unit_test(readers_cannot_write),
		cmocka_unit_test(kept_pages_only_while_nothing_changed),
		cmocka_unit_test(a_resting_thread_keeps_no_plaintext),
	};

	return cmocka_run_group_tests_name("rw", tests, NULL, NULL);
}
