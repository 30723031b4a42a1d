/* zero.h - "is it all zero": ids, IVs and nonces must not be, holes and padding are. Any thread; nothing
 * secret. */
#ifndef UTIL_ZERO_H
#define UTIL_ZERO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* True if n bytes at p, n a multiple of 8, are zero; looks no further than the first word that is not.
 */
static inline bool zero_words(const uint8_t *p, size_t n)
{
	uint64_t word;

	for (size_t i = 0; i < n; i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		if (word)
			return false;
	}
	return true;
}

/* The same for any n, 0 included. */
static inline bool zero_bytes(const uint8_t *p, size_t n)
{
	const size_t words = n & ~(sizeof(uint64_t) - 1);

	for (size_t i = words; i < n; i++)
		if (p[i])
			return false;
	return zero_words(p, words);
}

#endif
