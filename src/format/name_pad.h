/* name_pad.h - what file names and xattr names share: PKCS#7, EME, base64url. Private to format/. */
#ifndef FORMAT_NAME_PAD_H
#define FORMAT_NAME_PAD_H

#include "format/name.h"

/* Pad (PKCS#7, RFC 5652 section 6.3, always at least one byte), encrypt, encode at most NAME_PLAIN_MAX bytes.
 * ret has NAME_FULL_MAX+1 bytes. Returns the length or -EIO. */
ssize_t name_seal(const struct names *n, const uint8_t tweak[static NAME_IV_LEN], const char *plain,
		  size_t len, char *ret);
/* Back. Returns the length, -EUCLEAN (not base64, wrong length) or -EBADMSG (padding). No NUL is added, and
 * what stands in ret behind the length is padding. */
ssize_t name_unseal(const struct names *n, const uint8_t tweak[static NAME_IV_LEN], const char *text,
		    size_t len, uint8_t ret[static NAME_PLAIN_MAX + 1]);

#endif
