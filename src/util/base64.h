/* base64.h - RFC 4648 base64: section 5 (URL-safe) for names, section 4 for the config file. Strict decoding.
 */
#ifndef UTIL_BASE64_H
#define UTIL_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Length of the encoding of n bytes, without terminator. */
static inline size_t base64_len(size_t n, bool padded)
{
	return padded ? (n + 2) / 3 * 4 : (n * 4 + 2) / 3;
}
/* Upper bound for the decoding of n characters. */
static inline size_t base64_max_decoded(size_t n)
{
	return n / 4 * 3 + 3;
}

/* URL-safe alphabet. Writes base64_len() characters and a NUL to ret; returns that length. */
size_t base64url_encode(char *ret, const uint8_t *src, size_t n, bool padded);

/* URL-safe alphabet, strict: no foreign character (CR, LF included), '=' exactly when padded, unused trailing
 * bits zero. ret has base64_max_decoded(n) bytes. Returns the decoded length or -EUCLEAN. */
ssize_t base64url_decode(uint8_t *ret, const char *src, size_t n, bool padded);

/* Standard alphabet with padding (gocryptfs.conf, tickets), same rules. */
size_t base64std_encode(char *ret, const uint8_t *src, size_t n);
ssize_t base64std_decode(uint8_t *ret, const char *src, size_t n);

#endif
