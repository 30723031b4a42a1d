/* unit.h - what unit tests share: cmocka with sentences for names, hex, a quick generator. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One line of a table of tests: TEST("a sentence that says what holds", function). */
#define TEST(sentence, fn)                                                                                   \
	{                                                                                                    \
		sentence, fn, NULL, NULL, NULL                                                               \
	}

/* Bytes from hex digits; buf has room. Returns their number. */
static inline size_t unit_hex(uint8_t *buf, const char *hex)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned int byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			abort();
		buf[i] = (uint8_t)byte;
	}
	return n;
}

/* xorshift64*: the same numbers in each run, so that a failure can be repeated. */
static inline uint64_t unit_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static inline void unit_random_bytes(uint64_t *state, uint8_t *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (uint8_t)(unit_random(state) >> 32);
}

#endif
