/* test_layout.c - block arithmetic against a slow model that walks the file, and at the far end of off_t. */
#include "unit.h"

#include "format/layout.h"

static const uint32_t nonce_lens[] = { 16, 24 };
enum { N_LAYOUTS = 2 };

/* Ciphertext bytes, one plaintext byte after the other. */
static uint64_t model_cipher(const struct layout *l, uint64_t plain)
{
	uint64_t cipher = plain ? 18 : 0;

	for (uint64_t i = 0; i < plain; i++)
		cipher += 1 + (i % 4096 == 0 ? l->overhead : 0);
	return cipher;
}

/* Plaintext bytes, one ciphertext byte after the other. */
static uint64_t model_plain(const struct layout *l, uint64_t cipher, bool header,
			    enum layout_size_state *state)
{
	uint64_t plain = 0, in_block = 0;

	*state = LAYOUT_OK;
	if (header && cipher > 0 && cipher < 18)
		*state = LAYOUT_TRUNCATED_HEADER;
	if (header && cipher == 18)
		*state = LAYOUT_HEADER_ONLY;
	for (uint64_t i = header ? 18 : 0; i < cipher; i++) {
		if (++in_block > l->overhead)
			plain++;
		if (in_block == l->cipher_block)
			in_block = 0;
	}
	if (in_block > 0 && in_block <= l->overhead) {
		*state = LAYOUT_TORN_BLOCK;
		plain++;
	}
	return plain;
}

static void test_constants(void **state)
{
	struct layout gcm = layout_of(16), xchacha = layout_of(24);

	(void)state;
	assert_int_equal(gcm.overhead, 32);
	assert_int_equal(gcm.cipher_block, 4128);
	assert_int_equal(xchacha.overhead, 40);
	assert_int_equal(xchacha.cipher_block, 4136);
	assert_int_equal(layout_block_no(4095), 0);
	assert_int_equal(layout_block_no(4096), 1);
	assert_int_equal(layout_block_offset(&gcm, 0), 18);
	assert_int_equal(layout_block_offset(&gcm, 3), 18 + 3 * 4128);
	assert_int_equal(layout_run_blocks(0), 0);
	assert_int_equal(layout_run_blocks(4097), 2);
}

static void test_sizes_against_model(void **state)
{
	(void)state;
	for (int i = 0; i < N_LAYOUTS; i++) {
		struct layout l = layout_of(nonce_lens[i]);

		for (uint64_t n = 0; n<3 * 4136 + 100; n += n % 4096> 60 && n % 4096 < 4000 ? 13 : 1) {
			enum layout_size_state got, want;

			assert_int_equal(layout_cipher_size(&l, n), model_cipher(&l, n));
			assert_int_equal(layout_plain_size(&l, n, &got), model_plain(&l, n, true, &want));
			assert_int_equal(got, want);
			assert_int_equal(layout_plain_size(&l, n, NULL), model_plain(&l, n, true, &want));
			assert_int_equal(layout_run_plain_len(&l, n), model_plain(&l, n, false, &want));
			assert_int_equal(layout_run_cipher_len(&l, n),
					 n ? layout_cipher_size(&l, n) - LAYOUT_HEADER_LEN : 0);
		}
	}
}

static void test_inverse(void **state)
{
	uint64_t seed = 42;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct layout l = layout_of(nonce_lens[i % 2]);
		uint64_t plain = unit_random(&seed) >> (1 + unit_random(&seed) % 63);
		enum layout_size_state got;

		if (plain > layout_max_plain(&l))
			continue;
		assert_int_equal(layout_plain_size(&l, layout_cipher_size(&l, plain), &got), plain);
		assert_int_equal(got, LAYOUT_OK);
	}
}

static void test_extremes(void **state)
{
	(void)state;
	for (int i = 0; i < N_LAYOUTS; i++) {
		struct layout l = layout_of(nonce_lens[i]);
		uint64_t max = layout_max_plain(&l);
		enum layout_size_state got;

		assert_true(layout_cipher_size(&l, max) <= INT64_MAX);
		assert_true(layout_cipher_size(&l, max + 1) > INT64_MAX);
		assert_int_equal(layout_plain_size(&l, layout_cipher_size(&l, max), &got), max);
		assert_int_equal(got, LAYOUT_OK);
		/* Whatever a hostile file system reports, the answer is a number and not more than was
		 * reported. */
		for (uint64_t n = INT64_MAX - 10000; n <= INT64_MAX; n += 7)
			assert_true(layout_plain_size(&l, n, NULL) < n);
		assert_true(layout_plain_size(&l, UINT64_MAX, NULL) < UINT64_MAX);
		/* Each step outside does not wrap to something small. */
		for (uint64_t n = UINT64_MAX; n > UINT64_MAX - 100000; n -= 4095)
			assert_int_equal(layout_cipher_size(&l, n), UINT64_MAX);
		assert_true(layout_cipher_size(&l, UINT64_MAX / 2 + 1) > INT64_MAX);
		assert_true(layout_block_offset(&l, layout_block_no(max)) < INT64_MAX);
	}
}

static void test_monotone(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct layout l = layout_of(nonce_lens[i % 2]);
		uint64_t n = unit_random(&seed) >> (1 + unit_random(&seed) % 63);

		assert_true(layout_cipher_size(&l, n + 1) > layout_cipher_size(&l, n) || n == UINT64_MAX);
		/* Shown sizes never shrink as the file grows, but for the torn block, which shows 1 from the
		 * start. */
		assert_true(layout_plain_size(&l, n + 1, NULL) >= layout_plain_size(&l, n, NULL));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("block sizes are those of the format", test_constants),
		TEST("sizes up to three blocks agree with counting byte by byte", test_sizes_against_model),
		TEST("plain to cipher and back is the identity", test_inverse),
		TEST("sizes near the end of off_t do not wrap", test_extremes),
		TEST("a longer file is never shown shorter", test_monotone),
	};

	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
