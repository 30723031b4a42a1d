/* iv.h - directory IVs. */
#ifndef FORMAT_IV_H
#define FORMAT_IV_H

#include <stdint.h>
#include <sys/types.h>

#include "format/name.h"

/* What was read from gocryptfs.diriv (n bytes, up to 17 asked for) is an IV: 0, or -EUCLEAN (not 16 bytes,
 * all zero). */
int iv_check(const uint8_t *in, ssize_t n, uint8_t ret[static NAME_IV_LEN]);
void iv_new(uint8_t ret[static NAME_IV_LEN]); /* random, never all zero */

#endif
