/* zero.h - "is it all zero": ids, IVs and nonces must not be, holes are. Private to format/. */
#ifndef FORMAT_ZERO_H
#define FORMAT_ZERO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* True if n >= 8 bytes at p, n a multiple of 8, are zero; looks no further than the first word that is not.
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

#endif
