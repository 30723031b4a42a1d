/* test_eme.c - name encryption against independent vectors and names made by gocryptfs. */
#include "crypto_test.h"

#include <errno.h>
#include <pthread.h>

#include "crypto/eme.h"
#include "crypto/kdf.h"

static struct eme *new_eme(const uint8_t *key)
{
	struct secret *s = secret_copy(key, 32);
	struct eme *e = NULL;

	assert_non_null(s);
	assert_int_equal(eme_new(&e, s), 0);
	secret_free(s);
	return e;
}

static void check_line(const char *line)
{
	uint8_t v[4][EME_MAX], out[EME_MAX];
	size_t len[4];
	struct eme *e;

	for (int i = 0; i < 4; i++) {
		size_t n = strcspn(line, " \n");

		len[i] = unhex_n(v[i], sizeof(v[i]), line, n);
		line += n + 1;
	}
	assert_int_equal(len[0], 32);
	assert_int_equal(len[1], 16);
	assert_int_equal(len[2], len[3]);
	e = new_eme(v[0]);
	assert_int_equal(eme_encrypt(e, v[1], v[2], out, len[2]), 0);
	assert_memory_equal(out, v[3], len[2]);
	assert_int_equal(eme_decrypt(e, v[1], v[3], out, len[2]), 0);
	assert_memory_equal(out, v[2], len[2]);
	assert_int_equal(eme_encrypt(e, v[1], out, out, len[2]), 0); /* in place */
	assert_memory_equal(out, v[3], len[2]);
	eme_free(e);
}

static void vector_file(void **state)
{
	FILE *f = open_source("tests/vectors/eme.txt");
	char line[2 * (2 * EME_MAX + 64)];
	size_t n = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (line[0] != '#') {
			check_line(line);
			n++;
		}
	(void)fclose(f);
	assert_int_equal(n, 18);
}

/* PKCS#7-padded names under the key that gocryptfs derives from master key 00 01 .. 1f and directory IV 00 11
 * .. ff; the cipher side is the base64url name decoded. */
static void gocryptfs_names(void **state)
{
	static const struct {
		const char *plain, *cipher;
	} known[] = {
		{ "a", "bd9c3c66435207fdea3aaef0ea3c179a" },
		{ "hello.txt", "b7d5218f72c3461b19a70b70122d00f8" },
		{ "sym", "dfb4f11607631363c9c33ae82a5b6289" },
		{ "fifteenchars_xx", "556e7b2ab42a16846c1c4d3b8f486306" },
		{ "sixteenchars_xxx", "2d95fb508b2fce456f1536724bfc377231ceafc04c98ca9e198c469639de91ba" },
	};
	struct secret *master = test_master_key(), *key = NULL;
	uint8_t iv[16], in[64], out[64];
	struct eme *e = NULL;

	(void)state;
	for (int i = 0; i < 16; i++)
		iv[i] = (uint8_t)(0x11 * i);
	assert_int_equal(kdf_derive(&key, master, "EME filename encryption", 32), 0);
	assert_int_equal(eme_new(&e, key), 0);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t n = strlen(known[i].plain), padded = (n / 16 + 1) * 16;

		memset(in, (int)(padded - n), padded);
		memcpy(in, known[i].plain, n);
		assert_int_equal(eme_encrypt(e, iv, in, out, padded), 0);
		assert_hex(out, padded, known[i].cipher);
	}
	eme_free(e);
	secret_free(key);
	secret_free(master);
}

static void lengths(void **state)
{
	uint8_t key[32] = { 0 }, tweak[16] = { 0 }, buf[EME_MAX + 16] = { 0 };
	struct secret *wrong = secret_new(16);
	struct eme *e = new_eme(key), *none = NULL;

	(void)state;
	assert_int_equal(eme_encrypt(e, tweak, buf, buf, 0), -EINVAL);
	assert_int_equal(eme_encrypt(e, tweak, buf, buf, 15), -EINVAL);
	assert_int_equal(eme_decrypt(e, tweak, buf, buf, 17), -EINVAL);
	assert_int_equal(eme_decrypt(e, tweak, buf, buf, EME_MAX + 16), -EINVAL);
	assert_int_equal(eme_new(&none, wrong), -EINVAL);
	assert_null(none);
	secret_free(wrong);
	eme_free(e);
	eme_free(NULL);
}

struct work {
	const struct eme *e;
	unsigned int seed;
	int failures;
};

static void *round_trips(void *arg)
{
	struct work *w = arg;
	uint8_t tweak[16], in[256], out[256], back[256];

	count_up(tweak, sizeof(tweak), w->seed);
	for (unsigned int i = 0; i < 500; i++) {
		size_t n = 16 * (1 + i % 16);

		count_up(in, n, w->seed * i);
		if (eme_encrypt(w->e, tweak, in, out, n) < 0 || eme_decrypt(w->e, tweak, out, back, n) < 0 ||
		    memcmp(in, back, n) != 0)
			w->failures++;
	}
	return NULL;
}

static void threads_share(void **state)
{
	uint8_t key[32] = { 7 };
	struct eme *e = new_eme(key);
	struct work w[4];
	pthread_t t[4];

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		w[i] = (struct work){ e, i + 1, 0 };
		assert_int_equal(pthread_create(&t[i], NULL, round_trips, &w[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(t[i], NULL), 0);
		assert_int_equal(w[i].failures, 0);
	}
	eme_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("EME gives the vectors of tests/vectors/eme.txt in both directions", vector_file),
		TEST("names come out as gocryptfs writes them", gocryptfs_names),
		TEST("lengths that are no multiple of 16 or above 2048 are refused", lengths),
		TEST("threads share one keyed object", threads_share),
	};

	return cmocka_run_group_tests_name("eme", tests, NULL, NULL);
}
