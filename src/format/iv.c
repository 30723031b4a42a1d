/* iv.c - directory IVs; see gocryptfs format, section 6 of site-docs/formats.md. */
#include "format/iv.h"

#include <errno.h>
#include <string.h>

#include "crypto/rng.h"
#include "util/zero.h"

int iv_check(const uint8_t *in, ssize_t n, uint8_t ret[static NAME_IV_LEN])
{
	if (n != NAME_IV_LEN || zero_words(in, NAME_IV_LEN))
		return -EUCLEAN;
	memcpy(ret, in, NAME_IV_LEN);
	return 0;
}

void iv_new(uint8_t ret[static NAME_IV_LEN])
{
	do {
		rng_bytes(ret, NAME_IV_LEN);
	} while (zero_words(ret, NAME_IV_LEN));
}
