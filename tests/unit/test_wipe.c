/* test_wipe.c - what must not stay in memory is looked for in all of it: keys once a volume is closed, the
 * plaintext of one file once its buffers serve another. */
#include "unit.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "crypto/kdf.h"
#include "crypto/rng.h"
#include "util/cleanup.h"
#include "view_fixture.h"

/* What is looked for is kept with all bits turned, so that this is not found. */
enum { NEEDLE = 32, CHUNK = 1 << 20 };
struct needle {
	uint8_t turned[NEEDLE];
};

static struct needle needle_of(const uint8_t *p)
{
	struct needle n;

	for (size_t i = 0; i < NEEDLE; i++)
		n.turned[i] = (uint8_t)~p[i];
	return n;
}

static bool matches(const uint8_t *p, const struct needle *n)
{
	for (size_t i = 0; i < NEEDLE; i++)
		if ((p[i] ^ n->turned[i]) != 0xff)
			return false;
	return true;
}

static size_t count_in(const uint8_t *p, size_t len, const struct needle *n)
{
	const uint8_t *end = p + len;
	size_t found = 0;

	while (p + NEEDLE <= end && (p = memchr(p, n->turned[0] ^ 0xff, (size_t)(end - p) - NEEDLE + 1))) {
		found += matches(p, n);
		p++;
	}
	return found;
}

/* How often the bytes are in the writable memory of this process. */
static size_t in_memory(const struct needle *n)
{
	static uint8_t *chunk;
	FILE *maps = fopen("/proc/self/maps", "re");
	auto_fd int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	unsigned long from, to;
	char line[512], may[5];
	size_t found = 0;

	if (!chunk)
		chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_non_null(maps);
	assert_true(mem >= 0);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %4s", &from, &to, may) != 3 || may[0] != 'r' || may[1] != 'w')
			continue;
		for (unsigned long at = from; at < to; at += CHUNK - NEEDLE) {
			size_t want = to - at < CHUNK ? to - at : CHUNK;
			ssize_t got;

			if (at < (uintptr_t)chunk + CHUNK && at + want > (uintptr_t)chunk)
				continue; /* copies of what was looked at before */
			got = pread(mem, chunk, want, (off_t)at);
			if (got > 0)
				found += count_in(chunk, (size_t)got, n);
		}
	}
	(void)fclose(maps);
	secret_wipe(chunk, CHUNK);
	return found;
}

static void need_plain_memory(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* shadow memory is too much to look at */
#endif
}

/* --- keys --- */

struct keys {
	struct needle master, content, names;
};

static void take_needle(struct needle *ret, const struct secret *master, const char *info, size_t len)
{
	auto_secret struct secret *key = NULL;

	assert_int_equal(kdf_derive(&key, master, info, len), 0);
	*ret = needle_of(key->data);
}

static void keys_of(struct keys *ret, const struct secret *master, const char *info, size_t len)
{
	ret->master = needle_of(master->data);
	take_needle(&ret->content, master, info, len);
	take_needle(&ret->names, master, "EME filename encryption", 32);
}

/* Every thread has contexts of its own. */
static void *use(void *arg)
{
	struct fixture *fx = arg;
	uint8_t data[10000] = { 1, 2, 3 };
	const uint8_t *back;
	struct view_entry e;
	struct view_file *f;

	if (fx->ops->create(fx->view, NULL, fx_root(fx), "file", O_RDWR | O_CREAT, 0600, &e, &f) < 0)
		return NULL;
	if (fx->ops->write(f, NULL, 0, data, sizeof(data)) != sizeof(data) ||
	    fx->ops->read(f, 0, sizeof(data), &back) != sizeof(data))
		return NULL;
	fx->ops->release(f);
	fx->ops->forget(fx->view, e.node, 1);
	return fx;
}

static void open_with_new_key(struct fixture *fx, const struct volume_options *vo, const char *info,
			      size_t len, struct keys *ret)
{
	auto_secret struct secret *master = secret_new(32);

	rng_bytes(master->data, 32);
	keys_of(ret, master, info, len);
	view_close(fx->view);
	volume_close(fx->vol);
	assert_int_equal(volume_open(&fx->vol, vo, master, NULL), 0);
	fx_mount(fx, &(struct view_options){ .conf_hidden = true });
}

static void keys_go(const struct volume_options *vo, const char *info, size_t len)
{
	struct fixture fx;
	struct keys k;
	pthread_t thread;
	void *done = NULL;

	need_plain_memory();
	fx_open(&fx, vo, &(struct view_options){ .conf_hidden = true });
	open_with_new_key(&fx, vo, info, len, &k);
	assert_int_equal(pthread_create(&thread, NULL, use, &fx), 0);
	assert_int_equal(pthread_join(thread, &done), 0);
	assert_ptr_equal(done, &fx);
	assert_ptr_equal(use(&fx), &fx);
	assert_int_equal(in_memory(&k.master), 0);		      /* an open volume does not need it */
	assert_true(in_memory(&k.content) + in_memory(&k.names) > 0); /* so the looking works */
	fx_close(&fx);
	assert_int_equal(in_memory(&k.master), 0);
	assert_int_equal(in_memory(&k.content), 0);
	assert_int_equal(in_memory(&k.names), 0);
}

static void gcm_keys_go(void **state)
{
	const struct volume_options vo = fx_options();

	(void)state;
	keys_go(&vo, "AES-GCM file content encryption", 32);
}

static void siv_keys_go(void **state)
{
	struct volume_options vo = fx_options();

	(void)state;
	vo.aessiv = true;
	keys_go(&vo, "AES-SIV file content encryption", 64);
}

static void xchacha_keys_go(void **state)
{
	struct volume_options vo = fx_options();

	(void)state;
	vo.xchacha = true;
	keys_go(&vo, "XChaCha20-Poly1305 file content encryption", 32);
}

/* --- plaintext --- */

enum { BIG = 700000, SMALL = 5000 };

static void write_some(struct fixture *fx, const char *name, size_t n, struct needle *ret,
		       struct view_entry *e, struct view_file **ret_file)
{
	uint8_t *data = malloc(n);

	assert_non_null(data);
	rng_bytes(data, n);
	*ret = needle_of(data + n / 2);
	*ret_file = fx_create(fx, fx_root(fx), name, e);
	assert_int_equal(fx->ops->write(*ret_file, NULL, 0, data, n), n);
	/* A part of a block: what is stored of it is read and merged. */
	assert_int_equal(fx->ops->write(*ret_file, NULL, n / 2 - 100, data + n / 2 - 100, 50), 50);
	secret_wipe(data, n);
	free(data);
}

static void read_all(struct fixture *fx, struct view_file *f, size_t n)
{
	const uint8_t *data;

	assert_int_equal(fx->ops->read(f, 0, n, &data), n);
}

static void another_file_finds_clean_buffers(void **state)
{
	const struct volume_options vo = fx_options();
	struct needle first, second;
	struct view_entry a, b;
	struct view_file *f, *g;
	struct fixture fx;

	(void)state;
	need_plain_memory();
	fx_open(&fx, &vo, &(struct view_options){ .conf_hidden = true });
	write_some(&fx, "first", BIG, &first, &a, &f);
	read_all(&fx, f, BIG);
	assert_true(in_memory(&first) > 0); /* its own buffers may hold it */
	write_some(&fx, "second", SMALL, &second, &b, &g);
	assert_int_equal(in_memory(&first), 0);
	read_all(&fx, f, BIG);
	assert_int_equal(in_memory(&second), 0);
	read_all(&fx, g, SMALL);
	assert_int_equal(in_memory(&first), 0);
	/* Truncation decrypts a block as well. */
	struct stat st = { .st_size = BIG / 2 + 100 };
	assert_int_equal(fx.ops->setattr(fx.view, NULL, a.node, f, &st, VIEW_SET_SIZE, &st), 0);
	read_all(&fx, g, 1);
	assert_int_equal(in_memory(&first), 0);
	fx.ops->release(f);
	fx.ops->release(g);
	fx_forget(&fx, &a);
	fx_forget(&fx, &b);
	fx_close(&fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("AES-GCM: no key is left when the volume is closed", gcm_keys_go),
		TEST("AES-SIV: likewise", siv_keys_go),
		TEST("XChaCha20-Poly1305: likewise", xchacha_keys_go),
		TEST("another file finds none of the last one's plaintext in the buffers",
		     another_file_finds_clean_buffers),
	};

	return cmocka_run_group_tests_name("wipe", tests, NULL, NULL);
}
