/* identity.h - what a store is called outside itself: derived from its master key, the same on every node and
 * for ever. */
#ifndef GRANT_IDENTITY_H
#define GRANT_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

struct secret;

enum { IDENTITY_LEN = 16 };

/* HKDF-SHA256 of the 32-byte master key with its own info string (ticket format, "The body"). 0, -EINVAL or
 * -EIO. */
int identity_of(const struct secret *master_key, uint8_t ret[static IDENTITY_LEN]);

/* Lower-case hex of n bytes and a NUL into buf[2 * n + 1]; returns buf. */
char *identity_hex(char *buf, const uint8_t *bytes, size_t n);
/* Back: exactly 2 * n hex digits at s (len given). 0, or -EINVAL with ret undefined. */
int identity_unhex(uint8_t *ret, size_t n, const char *s, size_t len);

#endif
