/* header.c - the 18-byte header of a ciphertext file; see gocryptfs format, section 4 of
 * site-docs/formats.md. */
#include "format/header.h"

#include <errno.h>
#include <string.h>

#include "crypto/rng.h"
#include "util/zero.h"

enum { VERSION_LEN = 2, HEADER_VERSION = 2 };

int header_parse(const uint8_t in[static LAYOUT_HEADER_LEN], uint8_t ret_id[static LAYOUT_FILE_ID_LEN])
{
	if (in[0] != 0 || in[1] != HEADER_VERSION)
		return -EUCLEAN;
	if (zero_words(in + VERSION_LEN, LAYOUT_FILE_ID_LEN))
		return -EUCLEAN;
	memcpy(ret_id, in + VERSION_LEN, LAYOUT_FILE_ID_LEN);
	return 0;
}

void header_pack(uint8_t out[static LAYOUT_HEADER_LEN], const uint8_t id[static LAYOUT_FILE_ID_LEN])
{
	out[0] = 0;
	out[1] = HEADER_VERSION;
	memcpy(out + VERSION_LEN, id, LAYOUT_FILE_ID_LEN);
}

void header_new_id(uint8_t ret_id[static LAYOUT_FILE_ID_LEN])
{
	do {
		rng_bytes(ret_id, LAYOUT_FILE_ID_LEN);
	} while (zero_words(ret_id, LAYOUT_FILE_ID_LEN));
}
