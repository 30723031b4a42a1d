/* header.h - the 18-byte header of a ciphertext file. */
#ifndef FORMAT_HEADER_H
#define FORMAT_HEADER_H

#include <stdint.h>

#include "format/layout.h"

/* 0 and the file id, or -EUCLEAN: version not 2, or id all zero (format.md section 4). */
int header_parse(const uint8_t in[static LAYOUT_HEADER_LEN], uint8_t ret_id[static LAYOUT_FILE_ID_LEN]);
void header_pack(uint8_t out[static LAYOUT_HEADER_LEN], const uint8_t id[static LAYOUT_FILE_ID_LEN]);
/* A new random id, never all zero. */
void header_new_id(uint8_t ret_id[static LAYOUT_FILE_ID_LEN]);

#endif
