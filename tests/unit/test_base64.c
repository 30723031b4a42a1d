/* test_base64.c - base64: RFC 4648 vectors, and that nothing but the one right encoding is accepted. */
#include "unit.h"

#include <errno.h>

#include "util/base64.h"

/* RFC 4648 section 10. */
static const struct {
	const char *plain, *encoded;
} rfc4648[] = { { "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" } };

static void test_rfc_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rfc4648) / sizeof(rfc4648[0]); i++) {
		const char *plain = rfc4648[i].plain, *encoded = rfc4648[i].encoded;
		size_t bare = strcspn(encoded, "=");
		uint8_t back[16];
		char text[16];

		assert_int_equal(base64std_encode(text, (const uint8_t *)plain, strlen(plain)),
				 strlen(encoded));
		assert_string_equal(text, encoded);
		assert_int_equal(base64_len(strlen(plain), true), strlen(encoded));
		assert_int_equal(base64std_decode(back, encoded, strlen(encoded)), strlen(plain));
		assert_memory_equal(back, plain, strlen(plain));

		assert_int_equal(base64url_encode(text, (const uint8_t *)plain, strlen(plain), false), bare);
		assert_memory_equal(text, encoded, bare);
		assert_int_equal(base64_len(strlen(plain), false), bare);
		assert_int_equal(base64url_decode(back, encoded, bare, false), strlen(plain));
		assert_memory_equal(back, plain, strlen(plain));
	}
}

static void test_alphabets(void **state)
{
	static const uint8_t ends[] = { 0xfb, 0xef, 0xff }; /* 62, 62, 63, 63 */
	uint8_t back[8];
	char text[8];

	(void)state;
	(void)base64url_encode(text, ends, 3, true);
	assert_string_equal(text, "--__");
	(void)base64std_encode(text, ends, 3);
	assert_string_equal(text, "++//");
	assert_int_equal(base64url_decode(back, "--__", 4, false), 3);
	assert_memory_equal(back, ends, 3);
	assert_int_equal(base64std_decode(back, "--__", 4), -EUCLEAN);
	assert_int_equal(base64url_decode(back, "++//", 4, true), -EUCLEAN);
}

static void test_round_trip(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (size_t n = 0; n < 600; n++) {
		uint8_t in[600], back[600 / 4 * 4 + 8];
		char text[900];

		unit_random_bytes(&seed, in, n);
		for (int padded = 0; padded < 2; padded++) {
			size_t len = base64url_encode(text, in, n, padded);

			assert_int_equal(len, base64_len(n, padded));
			assert_int_equal(strlen(text), len);
			assert_true(base64_max_decoded(len) >= n);
			assert_int_equal(base64url_decode(back, text, len, padded), n);
			assert_memory_equal(back, in, n);
		}
	}
}

/* What decodes must encode to the very same text, or one name would have two forms on disk. */
static bool canonical(const char *text, size_t len, bool padded)
{
	uint8_t bytes[16];
	char again[32];
	ssize_t n = base64url_decode(bytes, text, len, padded);

	if (n < 0) {
		assert_int_equal(n, -EUCLEAN);
		return false;
	}
	assert_int_equal(base64url_encode(again, bytes, (size_t)n, padded), len);
	assert_memory_equal(again, text, len);
	return true;
}

static void test_exhaustive_tails(void **state)
{
	unsigned int accepted = 0;

	(void)state;
	for (unsigned int i = 0; i < 65536; i++) {
		char text[4] = { (char)(i >> 8), (char)i, '=', '=' };

		accepted += canonical(text, 2, false);
		assert_int_equal(canonical(text, 4, true), canonical(text, 2, false));
	}
	assert_int_equal(accepted, 256); /* as many as there are bytes */
	accepted = 0;
	for (unsigned int i = 0; i < 1 << 24; i += 1 + (i >> 8) % 3) {
		char text[4] = { (char)(i >> 16), (char)(i >> 8), (char)i, '=' };

		accepted += canonical(text, 3, false);
	}
	assert_true(accepted > 0 && accepted < 65536);
}

static void test_malleable(void **state)
{
	static const struct {
		const char *text;
		bool padded;
	} bad[] = {
		{ "Zh", false },      { "Zm9", false },		 { "Zh==", true },
		{ "Zm9=", true },     { "Zg==", false },	 { "Zg=", false },
		{ "Zg", true },	      { "Zg=", true },		 { "Zg===", true },
		{ "====", true },     { "A===", true },		 { "=", false },
		{ "Zg==Zg==", true }, { "Zm9v\n", false },	 { "Zm9v\r\n", false },
		{ "Zm\n9v", false },  { "Zm9vZ", false },	 { "Zm9v Zg", false },
		{ "Z", false },	      { "Zm9vYg==\n", true },	 { "Zm\n9", false },
		{ "\rZg", false },    { "Zm9v\xc3\xa9", false }, { "Zm=v", true },
	};
	uint8_t out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(base64url_decode(out, bad[i].text, strlen(bad[i].text), bad[i].padded),
				 -EUCLEAN);
	/* From the upstream fixture malleable_base64: the first is a name, the others are second spellings of
	 * it. */
	assert_int_equal(base64url_decode(out, "27AG8t-XZH7G9ou2OSD_zg", 22, false), 16);
	assert_int_equal(base64url_decode(out, "27AG8t-XZH7G9ou2OSD_zh", 22, false), -EUCLEAN);
	assert_int_equal(base64url_decode(out, "27AG8t-XZH7G9ou2OSD_z\ng", 23, false), -EUCLEAN);
	assert_int_equal(base64url_decode(out, "27AG8t-XZH7G9ou2OSD_z\rg", 23, false), -EUCLEAN);
}

static void test_every_byte(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	(void)state;
	for (int c = 0; c < 256; c++) {
		char text[4] = { 'A', 'A', 'A', (char)c };
		const char *at = c ? strchr(alphabet, c) : NULL;
		uint8_t out[8];

		if (at) {
			assert_int_equal(base64url_decode(out, text, 4, false), 3);
			assert_int_equal(out[2], at - alphabet);
		} else {
			assert_int_equal(base64url_decode(out, text, 4, false), -EUCLEAN);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("base64 agrees with the vectors of RFC 4648", test_rfc_vectors),
		TEST("the two alphabets differ in 62 and 63 and do not mix", test_alphabets),
		TEST("every length 0..599 survives encoding and decoding", test_round_trip),
		TEST("two and three characters decode only if they are the one encoding",
		     test_exhaustive_tails),
		TEST("padding, newlines and stray bits are rejected", test_malleable),
		TEST("each of 256 characters has its value or none", test_every_byte),
	};

	return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
