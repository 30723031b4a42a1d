/* kdf.h - key derivation and hashes, from libcrypto; scrypt from libsodium where built with it. */
#ifndef CRYPTO_KDF_H
#define CRYPTO_KDF_H

#include <stddef.h>
#include <stdint.h>

struct secret;
struct err;

/* RFC 5869 HKDF with SHA-256; salt and info may be NULL (length 0). Fills out_len bytes of out; on failure
 * out is wiped or untouched. */
int kdf_hkdf_sha256(const uint8_t *ikm, size_t ikm_len, const uint8_t *salt, size_t salt_len,
		    const uint8_t *info, size_t info_len, uint8_t *out,
		    size_t out_len); /* 0, -EINVAL (> 8160 bytes), -EIO */
/* The same without salt, info a C string, into a new secret of out_len bytes. 0, -EINVAL, -ENOMEM, -EIO. */
int kdf_derive(struct secret **ret, const struct secret *key, const char *info, size_t out_len);

/* RFC 7914. The most memory a config file may ask for: 128*N*r (+ 128*r*p) bytes. N = 2^28 with r = 8 would
 * be 256 GiB; a hostile config must not take a node down. */
#define KDF_SCRYPT_MEM_MAX ((uint64_t)4 << 30)
struct kdf_scrypt {
	uint8_t *salt;
	size_t salt_len;
	uint64_t n; /* a power of two, >= 2 */
	uint32_t r, p;
};
/* 0; -EINVAL (N no power of two, r or p zero), -E2BIG (over KDF_SCRYPT_MEM_MAX, or p*r >= 2^30), -ENOMEM;
 * with text. */
int kdf_scrypt(struct secret **ret, const struct secret *password, const struct kdf_scrypt *par,
	       size_t out_len, struct err *err);

void kdf_sha256(uint8_t out[static 32], const void *in, size_t n);
void kdf_sha512(uint8_t out[static 64], const void *in, size_t n);

#endif
