/* crypto_test.h - what the unit tests of src/crypto share: checked hexadecimal, secrets, files. */
#ifndef TESTS_CRYPTO_TEST_H
#define TESTS_CRYPTO_TEST_H

#include "unit.h"

#include "util/secret.h"

/* Decodes n characters; returns the number of bytes. */
static inline size_t unhex_n(uint8_t *out, size_t max, const char *hex, size_t n)
{
	assert_true(n % 2 == 0 && n / 2 <= max);
	for (size_t i = 0; i < n / 2; i++) {
		char digits[3] = { hex[2 * i], hex[2 * i + 1], 0 }, *end;

		out[i] = (uint8_t)strtoul(digits, &end, 16);
		assert_ptr_equal(end, digits + 2);
	}
	return n / 2;
}

static inline size_t unhex(uint8_t *out, size_t max, const char *hex)
{
	return unhex_n(out, max, hex, strlen(hex));
}

static inline struct secret *secret_hex(const char *hex)
{
	struct secret *s = secret_new(strlen(hex) / 2);

	assert_non_null(s);
	unhex(s->data, s->len, hex);
	return s;
}

static inline void assert_hex(const uint8_t *got, size_t n, const char *hex)
{
	uint8_t want[8192];

	assert_int_equal(unhex(want, sizeof(want), hex), n);
	assert_memory_equal(got, want, n);
}

static inline void count_up(uint8_t *p, size_t n, unsigned int from)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(from + i);
}

/* The master key of gocryptfs' published test file systems: 00 01 .. 1f. */
static inline struct secret *test_master_key(void)
{
	struct secret *s = secret_new(32);

	assert_non_null(s);
	count_up(s->data, 32, 0);
	return s;
}

/* A file of the source tree, or NULL. */
static inline FILE *open_source(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", top ? top : ".", name);
	return fopen(path, "r");
}

#endif
