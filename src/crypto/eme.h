/* eme.h - EME (Halevi-Rogaway ECB-mix-ECB) with AES-256: wide-block encryption of names. */
#ifndef CRYPTO_EME_H
#define CRYPTO_EME_H

#include <stddef.h>
#include <stdint.h>

struct secret;

enum { EME_BLOCK = 16, EME_MAX_BLOCKS = 128, EME_MAX = EME_BLOCK * EME_MAX_BLOCKS };

struct eme;						 /* keyed; immutable, shared by threads */
int eme_new(struct eme **ret, const struct secret *key); /* 32 bytes; 0, -EINVAL, -ENOMEM, -EIO */
void eme_free(struct eme *e);

/* n = 16..2048 bytes, a multiple of 16; out may equal in. 0, -EINVAL (length) or -EIO. format.md section 5;
 * Halevi and Rogaway, "A Parallelizable Enciphering Mode", 2003. Thread-safe. */
int eme_encrypt(const struct eme *e, const uint8_t tweak[static 16], const uint8_t *in, uint8_t *out,
		size_t n);
int eme_decrypt(const struct eme *e, const uint8_t tweak[static 16], const uint8_t *in, uint8_t *out,
		size_t n);

#endif
