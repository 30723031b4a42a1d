/* test_shared.c - two views of one store, as on two nodes, at once: nothing lost, nothing torn, nothing left
 * behind. */
#include "unit.h"

#include "util/cleanup.h"
#include "view_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum { VIEWS = 2 };

struct cluster {
	struct fixture fx; /* view 0 is fx.view */
	struct view *view[VIEWS];
};

static void cluster_open(struct cluster *c)
{
	struct volume_options vo = fx_options();

	fx_open(&c->fx, &vo, &(struct view_options){ .sharing = VIEW_SHARED });
	c->view[0] = c->fx.view;
	for (int i = 1; i < VIEWS; i++)
		assert_int_equal(view_open_forward(&c->view[i], c->fx.vol, c->fx.dirfd,
						   &(struct view_options){ .sharing = VIEW_SHARED }, NULL),
				 0);
}

static void cluster_close(struct cluster *c)
{
	for (int i = 1; i < VIEWS; i++)
		view_close(c->view[i]);
	fx_close(&c->fx);
}

struct worker {
	struct cluster *c;
	int id;
	size_t record, count;
	int errors;
};

static void run(struct cluster *c, void *(*fn)(void *), size_t record, size_t count, int *ret_errors)
{
	pthread_t t[VIEWS];
	struct worker w[VIEWS];

	*ret_errors = 0;
	for (int i = 0; i < VIEWS; i++) {
		w[i] = (struct worker){ c, i, record, count, 0 };
		assert_int_equal(pthread_create(&t[i], NULL, fn, &w[i]), 0);
	}
	for (int i = 0; i < VIEWS; i++) {
		pthread_join(t[i], NULL);
		*ret_errors += w[i].errors;
	}
}

static struct view_file *open_shared(struct view *v, const char *name, int flags, struct view_entry *e)
{
	struct view_file *f = NULL;

	if (view_ops(v)->create(v, NULL, view_root(v), name, O_RDWR | O_CREAT | flags, 0644, e, &f) < 0)
		return NULL;
	return f;
}

static void close_shared(struct view *v, struct view_file *f, struct view_entry *e)
{
	view_ops(v)->release(f);
	view_ops(v)->forget(v, e->node, 1);
}

/* Records of one byte value each, the writers' interleaved. */
static void *write_strided(void *arg)
{
	struct worker *w = arg;
	struct view *v = w->c->view[w->id];
	struct view_entry e;
	struct view_file *f = open_shared(v, "strided", 0, &e);
	auto_free uint8_t *buf = malloc(w->record);

	if (!f) {
		w->errors++;
		return NULL;
	}
	for (size_t i = 0; i < w->count; i++) {
		memset(buf, (int)(1 + (i * VIEWS + (size_t)w->id) % 250), w->record);
		if (view_ops(v)->write(f, NULL, (i * VIEWS + (size_t)w->id) * w->record, buf, w->record) !=
		    (ssize_t)w->record)
			w->errors++;
	}
	close_shared(v, f, &e);
	return NULL;
}

static void strided(size_t record, size_t count)
{
	struct cluster c;
	struct view_entry e;
	int errors, wrong = 0;
	const uint8_t *data;

	cluster_open(&c);
	run(&c, write_strided, record, count, &errors);
	assert_int_equal(errors, 0);
	struct view_file *f = open_shared(c.view[0], "strided", 0, &e);

	for (size_t i = 0; i < count * VIEWS; i++)
		for (size_t off = 0; off < record;) {
			size_t want = record - off < VIEW_IO_MAX ? record - off : VIEW_IO_MAX;
			ssize_t n = c.fx.ops->read(f, i * record + off, want, &data);

			assert_int_equal(n, want);
			for (size_t k = 0; k < want; k++)
				wrong += data[k] != 1 + i % 250;
			off += want;
		}
	assert_int_equal(wrong, 0);
	close_shared(c.view[0], f, &e);
	cluster_close(&c);
}

static void strided_records_survive_two_writers(void **state)
{
	(void)state;
	strided(512, 1500);
	strided(4096, 500);
	strided(47008, 100);
	strided(1 << 20, 4);
}

static void *append_lines(void *arg)
{
	struct worker *w = arg;
	struct view *v = w->c->view[w->id];
	struct view_entry e;
	struct view_file *f = open_shared(v, "log", O_APPEND, &e);
	char line[65];

	for (size_t i = 0; f && i < w->count; i++) {
		(void)snprintf(line, sizeof(line), "%d %-60zu\n", w->id, i);
		if (view_ops(v)->write(f, NULL, VIEW_APPEND, (const uint8_t *)line, 63) != 63)
			w->errors++;
	}
	if (f)
		close_shared(v, f, &e);
	else
		w->errors++;
	return NULL;
}

static void no_appended_line_is_lost(void **state)
{
	struct cluster c;
	struct view_entry e;
	const uint8_t *data;
	size_t next[VIEWS] = { 0 };
	const size_t count = 800;
	int errors;

	(void)state;
	cluster_open(&c);
	run(&c, append_lines, 63, count, &errors);
	assert_int_equal(errors, 0);
	struct view_file *f = open_shared(c.view[1], "log", 0, &e);

	assert_int_equal(e.st.st_size, VIEWS * count * 63);
	for (size_t i = 0; i < VIEWS * count; i++) {
		char line[64] = "";
		size_t k;

		assert_int_equal(c.fx.ops->read(f, i * 63, 63, &data), 63);
		memcpy(line, data, 63);
		int who = line[0] - '0';

		assert_in_range(who, 0, VIEWS - 1);
		assert_int_equal(sscanf(line + 2, "%zu", &k), 1);
		assert_int_equal(k, next[who]++); /* each writer's lines in their order */
	}
	close_shared(c.view[1], f, &e);
	cluster_close(&c);
}

static void *create_many(void *arg)
{
	struct worker *w = arg;
	struct view *v = w->c->view[w->id];
	char name[32];

	for (size_t i = 0; i < w->count; i++) {
		struct view_entry e;

		(void)snprintf(name, sizeof(name), "c%zu", i);
		struct view_file *f = open_shared(v, name, 0, &e);

		if (!f) {
			w->errors++;
			continue;
		}
		if (view_ops(v)->write(f, NULL, (uint64_t)w->id * 4096, (const uint8_t *)"mine", 4) != 4)
			w->errors++;
		close_shared(v, f, &e);
	}
	return NULL;
}

static void creating_the_same_file_twice_makes_one(void **state)
{
	struct cluster c;
	const uint8_t *data;
	char name[32];
	int errors;

	(void)state;
	cluster_open(&c);
	run(&c, create_many, 0, 300, &errors);
	assert_int_equal(errors, 0);
	for (int i = 0; i < 300; i++) {
		struct view_entry e;

		(void)snprintf(name, sizeof(name), "c%d", i);
		struct view_file *f = open_shared(c.view[0], name, 0, &e);

		assert_int_equal(e.st.st_size, 4100);
		assert_int_equal(c.fx.ops->read(f, 0, 4096, &data), 4096);
		assert_memory_equal(data, "mine", 4);
		assert_int_equal(c.fx.ops->read(f, 4096, 4096, &data), 4);
		assert_memory_equal(data, "mine", 4);
		close_shared(c.view[0], f, &e);
	}
	cluster_close(&c);
}

static void *storm_long_names(void *arg)
{
	struct worker *w = arg;
	struct view *v = w->c->view[w->id];
	char name[256];

	for (size_t i = 0; i < w->count; i++) {
		struct view_entry e;
		int r;

		memset(name, 'a' + (int)(i % 3), 200), name[200] = '\0';
		if (i % 2) {
			r = view_ops(v)->mkdir(v, NULL, view_root(v), name, 0755, &e);
			if (r == 0)
				view_ops(v)->forget(v, e.node, 1);
			else if (r != -EEXIST)
				w->errors++;
			r = view_ops(v)->rmdir(v, view_root(v), name);
			if (r != 0 && r != -ENOENT && r != -ENOTDIR)
				w->errors++;
		} else {
			struct view_file *f = NULL;

			r = view_ops(v)->create(v, NULL, view_root(v), name, O_RDWR | O_CREAT, 0644, &e, &f);
			if (r == 0)
				close_shared(v, f, &e);
			else if (r != -EEXIST && r != -EISDIR)
				w->errors++; /* a directory: a legal answer to a race; "not there" is not */
			r = view_ops(v)->unlink(v, view_root(v), name);
			if (r != 0 && r != -ENOENT && r != -EISDIR)
				w->errors++;
		}
	}
	return NULL;
}

static void racing_long_names_leave_no_orphans(void **state)
{
	struct cluster c;
	int errors, left = 0;
	struct dirent *d;
	DIR *dir;

	(void)state;
	cluster_open(&c);
	run(&c, storm_long_names, 0, 1500, &errors);
	assert_int_equal(errors, 0);
	dir = opendir(c.fx.dir);
	while ((d = readdir(dir)))
		left++;
	closedir(dir);
	assert_int_equal(left, 3); /* ".", "..", gocryptfs.diriv */
	cluster_close(&c);
}

struct truncator {
	struct cluster *c;
	atomic_bool *stop;
	int errors;
};

static void *truncate_again_and_again(void *arg)
{
	struct truncator *t = arg;
	struct view *v = t->c->view[1];
	struct view_entry e;
	struct view_file *f = open_shared(v, "f", 0, &e);
	struct stat st;

	for (off_t size = 1; f && !atomic_load(t->stop); size = size * 7 % 30011) {
		st.st_size = size;
		if (view_ops(v)->setattr(v, NULL, e.node, f, &st, VIEW_SET_SIZE, &st) < 0)
			t->errors++;
	}
	if (f)
		close_shared(v, f, &e);
	return NULL;
}

static void truncate_against_write_never_damages(void **state)
{
	struct cluster c;
	atomic_bool stop = false;
	struct truncator t = { &c, &stop, 0 };
	struct view_entry e;
	uint8_t buf[10000];
	const uint8_t *data;
	pthread_t thread;

	(void)state;
	cluster_open(&c);
	struct view_file *f = open_shared(c.view[0], "f", 0, &e);

	memset(buf, 'w', sizeof(buf));
	assert_int_equal(pthread_create(&thread, NULL, truncate_again_and_again, &t), 0);
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(
		    c.fx.ops->write(f, NULL, (uint64_t)(i * 37 % 20000), buf, (size_t)(i % 9999 + 1)),
		    i % 9999 + 1);
		for (uint64_t off = 0;; off += 8192) {
			ssize_t n = c.fx.ops->read(f, off, 8192, &data);

			assert_true(n >= 0);
			for (ssize_t k = 0; k < n; k++)
				assert_true(data[k] == 'w' || data[k] == 0);
			if (n < 8192)
				break;
		}
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(t.errors, 0);
	close_shared(c.view[0], f, &e);
	cluster_close(&c);
}

/* As if another node were in the middle of a rmdir of d/sub that must fail, since a file got into it. */
static void rmdir_never_takes_the_iv_of_what_another_node_brings_back(void **state)
{
	const char *hidden = "gocryptfs.diriv.rmdir.123";
	struct cluster c;
	struct view_entry d, sub, e;
	struct view_file *f = NULL;
	char store[4096], from[4096], to[4200], iv[4300];

	(void)state;
	cluster_open(&c);
	assert_int_equal(c.fx.ops->mkdir(c.view[0], NULL, fx_root(&c.fx), "d", 0755, &d), 0);
	assert_int_equal(c.fx.ops->mkdir(c.view[0], NULL, d.node, "sub", 0755, &sub), 0);
	assert_int_equal(c.fx.ops->create(c.view[0], NULL, sub.node, "f", O_RDWR | O_CREAT, 0644, &e, &f), 0);
	close_shared(c.view[0], f, &e);
	(void)snprintf(from, sizeof(from), "%s", fx_stored(&c.fx, "d/sub"));
	(void)snprintf(store, sizeof(store), "%s", fx_stored(&c.fx, "d"));
	(void)snprintf(to, sizeof(to), "%s/%s", store, hidden);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(c.fx.ops->rmdir(c.view[1], view_root(c.view[1]), "d"), -ENOTEMPTY);
	(void)snprintf(iv, sizeof(iv), "%s/%s", to, NAME_DIRIV);
	assert_int_equal(access(iv, F_OK), 0);
	assert_int_equal(rename(to, from), 0);
	assert_int_equal(c.fx.ops->lookup(c.view[1], view_root(c.view[1]), "d", &e), 0);
	c.fx.ops->forget(c.view[1], e.node, 1);
	c.fx.ops->forget(c.view[0], sub.node, 1);
	c.fx.ops->forget(c.view[0], d.node, 1);
	cluster_close(&c);
}

/* A write that cannot be done must not cut off what another node has put behind it meanwhile. */
static void a_failed_write_leaves_the_end_to_others(void **state)
{
	struct cluster c;
	struct view_entry e0, e1;
	uint8_t block[4096] = { 7 };
	char path[4096];
	struct stat st;
	int fd;

	(void)state;
	cluster_open(&c);
	struct view_file *f0 = open_shared(c.view[0], "f", 0, &e0);
	struct view_file *f1 = open_shared(c.view[1], "f", 0, &e1);

	assert_int_equal(c.fx.ops->write(f0, NULL, 0, block, sizeof(block)), sizeof(block));
	(void)snprintf(path, sizeof(path), "%s", fx_stored(&c.fx, "f"));
	fd = open(path, O_RDWR | O_CLOEXEC); /* block 0 is damaged now: a part of it cannot be replaced */
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, 100), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 100), 1);
	close(fd);
	assert_int_equal(c.fx.ops->write(f1, NULL, 4096, block, sizeof(block)), sizeof(block));
	assert_int_equal(c.fx.ops->write(f0, NULL, 10, block, 10), -EBADMSG);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 18 + 2 * 4128);
	close_shared(c.view[0], f0, &e0);
	close_shared(c.view[1], f1, &e1);
	cluster_close(&c);
}

static void resize_by(struct cluster *c, int view, struct view_entry *e, off_t size)
{
	struct stat st = { .st_size = size };

	assert_int_equal(c->fx.ops->setattr(c->view[view], NULL, e->node, NULL, &st, VIEW_SET_SIZE, &st), 0);
}

/* What to lock is chosen by the size last seen: whatever another node made of the file since, the right bytes
 * are written. */
static void the_size_seen_last_may_be_wrong(void **state)
{
	const uint8_t *text = (const uint8_t *)"0123456789", *data;
	struct cluster c;
	struct view_entry e0, e1;
	uint8_t block[20000];

	(void)state;
	memset(block, 'b', sizeof(block));
	cluster_open(&c);
	struct view_file *f0 = open_shared(c.view[0], "f", 0, &e0);
	struct view_file *f1 = open_shared(c.view[1], "f", 0, &e1);

	assert_int_equal(c.fx.ops->write(f0, NULL, 0, block, sizeof(block)), sizeof(block));
	resize_by(&c, 1, &e1, 100);
	assert_int_equal(c.fx.ops->write(f0, NULL, 10000, text, 10), 10); /* grows now */
	assert_int_equal(c.fx.ops->read(f1, 90, 20000, &data), 10010 - 90);
	assert_memory_equal(data, "bbbbbbbbbb", 10);
	for (int i = 10; i < 10000 - 90; i++)
		assert_int_equal(data[i], 0);
	assert_memory_equal(data + 10000 - 90, text, 10);
	resize_by(&c, 1, &e1, 0);
	assert_int_equal(c.fx.ops->write(f0, NULL, VIEW_APPEND, text, 10), 10);
	assert_int_equal(c.fx.ops->read(f1, 0, 100, &data), 10);
	assert_int_equal(c.fx.ops->write(f1, NULL, 8192, block, sizeof(block)), sizeof(block));
	assert_int_equal(c.fx.ops->write(f0, NULL, 9000, text, 10), 10); /* lies within now */
	assert_int_equal(c.fx.ops->write(f0, NULL, VIEW_APPEND, text, 10), 10);
	assert_int_equal(c.fx.ops->read(f1, 28190, 100, &data), 12);
	assert_memory_equal(data, "bb0123456789", 12);
	assert_int_equal(c.fx.ops->read(f1, 8999, 12, &data), 12);
	assert_memory_equal(data, "b0123456789b", 12);
	close_shared(c.view[0], f0, &e0);
	close_shared(c.view[1], f1, &e1);
	cluster_close(&c);
}

static void application_locks_reach_the_other_view(void **state)
{
	struct cluster c;
	struct view_entry e0, e1;
	struct flock lk = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5 };
	struct flock ask = lk;

	(void)state;
	cluster_open(&c);
	struct view_file *f0 = open_shared(c.view[0], "f", 0, &e0);
	struct view_file *f1 = open_shared(c.view[1], "f", 0, &e1);

	assert_int_equal(c.fx.ops->setlk(f0, 1, &lk, false), 0);
	assert_int_equal(c.fx.ops->setlk(f0, 1, &lk, false), 0); /* the same owner again */
	assert_int_equal(c.fx.ops->setlk(f1, 7, &lk, false), -EAGAIN);
	assert_int_equal(c.fx.ops->setlk(f0, 2, &lk, false), -EAGAIN); /* another process on this node */
	assert_int_equal(c.fx.ops->getlk(f1, 7, &ask), 0);
	assert_int_equal(ask.l_type, F_WRLCK);
	assert_int_equal(ask.l_start, 10);
	assert_int_equal(ask.l_len, 5);
	/* application locks and our own do not meet */
	assert_int_equal(c.fx.ops->write(f1, NULL, 0, (const uint8_t *)"0123456789abcdef", 16), 16);
	assert_int_equal(c.fx.ops->flush(f0, 1), 0); /* close(2) ends them */
	assert_int_equal(c.fx.ops->setlk(f1, 7, &lk, false), 0);
	lk.l_type = F_UNLCK;
	assert_int_equal(c.fx.ops->setlk(f1, 7, &lk, false), 0);
	assert_int_equal(c.fx.ops->flock(f0, 1, 2 | 4), 0); /* LOCK_EX | LOCK_NB */
	assert_int_equal(c.fx.ops->flock(f1, 1, 1 | 4), -EWOULDBLOCK);
	assert_int_equal(c.fx.ops->flock(f0, 1, 8), 0);
	assert_int_equal(c.fx.ops->flock(f1, 1, 1 | 4), 0);
	close_shared(c.view[0], f0, &e0);
	close_shared(c.view[1], f1, &e1);
	cluster_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strided_records_survive_two_writers),
		cmocka_unit_test(no_appended_line_is_lost),
		cmocka_unit_test(creating_the_same_file_twice_makes_one),
		cmocka_unit_test(racing_long_names_leave_no_orphans),
		cmocka_unit_test(truncate_against_write_never_damages),
		cmocka_unit_test(rmdir_never_takes_the_iv_of_what_another_node_brings_back),
		cmocka_unit_test(a_failed_write_leaves_the_end_to_others),
		cmocka_unit_test(the_size_seen_last_may_be_wrong),
		cmocka_unit_test(application_locks_reach_the_other_view),
	};

	return cmocka_run_group_tests_name("shared", tests, NULL, NULL);
}
