/* aead.h - the content ciphers behind one table: runs of blocks in, runs of blocks out. */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct secret;
struct err;

enum aead_alg {
	AEAD_AES256_GCM,  /* key 32, nonce 16 (GHASH-derived J0), tag 16 behind the ciphertext */
	AEAD_AES_SIV_512, /* RFC 5297, key 64, nonce 16 as second AD string, tag 16 before the ciphertext */
	AEAD_XCHACHA20_POLY1305 /* key 32, nonce 24 (HChaCha20 + RFC 8439), tag 16 behind */
};
enum {
	AEAD_TAG_LEN = 16,
	AEAD_NONCE_MAX = 24,
	AEAD_FILE_ID_LEN = 16,
	AEAD_AD_MAX = 24, /* u64 big-endian block number || optional 16-byte file id */
};

static inline size_t aead_nonce_len(enum aead_alg alg)
{
	return alg == AEAD_XCHACHA20_POLY1305 ? 24 : 16;
}
static inline size_t aead_key_len(enum aead_alg alg)
{
	return alg == AEAD_AES_SIV_512 ? 64 : 32;
}

/* One implementation of one algorithm (OpenSSL, intel-ipsec-mb, batched SIV ...). Opaque outside crypto/. */
struct aead_backend;

/* All back ends compiled in for alg, best guess first; NULL-terminated. Names as -speed prints them,
 * e.g. "AES-GCM-256-OpenSSL". */
const struct aead_backend *const *aead_backends(enum aead_alg alg);
const char *aead_backend_name(const struct aead_backend *be);
bool aead_backend_usable(const struct aead_backend *be); /* this CPU can run it */
/* Which of its library's implementations runs on this CPU, as the library itself tells: "VAES-AVX512",
 * "AVX2", "AES-NI-AVX", "portable" ...; a static string, "" if unknown or not usable. */
const char *aead_backend_code(const struct aead_backend *be);
/* The back end to use on this machine: usable, output equal to OpenSSL's in a self-test, fastest in a short
 * (< 2 ms) trial; decided once per process and algorithm, thread-safe. GOCRYPTFS has no environment knob for
 * it. */
const struct aead_backend *aead_backend_select(enum aead_alg alg);

/* A keyed cipher. Immutable and shared by threads; per-thread working state is kept inside. */
struct aead;
/* backend NULL means aead_backend_select(). The key is copied into a secret. 0, -EINVAL (key length),
 * -ENOMEM, -EIO. */
int aead_new(struct aead **ret, enum aead_alg alg, const struct aead_backend *backend,
	     const struct secret *key);
void aead_free(struct aead *a);
enum aead_alg aead_get_alg(const struct aead *a);
const struct aead_backend *aead_get_backend(const struct aead *a);

/* A run of consecutive blocks. Block i has plaintext plain[i*block_len .. ) and stored form
 * cipher[i*(block_len+overhead) .. ) = nonce||ciphertext||tag (GCM, XChaCha) or nonce||tag||ciphertext (SIV),
 * overhead = nonce_len + 16. Every block is block_len bytes but the last, which may be shorter (>= 1).
 * AD of block i = u64be(first + i) || file_id (file_id NULL: the 8 bytes alone). */
struct aead_run {
	uint64_t first;
	const uint8_t *file_id; /* AEAD_FILE_ID_LEN bytes or NULL */
	size_t block_len;
	size_t n_plain; /* total plaintext bytes; number of blocks = ceil(n_plain / block_len) */
	uint8_t *plain;
	uint8_t *cipher;
};

/* Encrypt. The nonces must already stand in place at the start of each stored block (the caller draws them,
 * rng.h). plain and cipher must not overlap. 0 or -EIO (library failure; cipher is then wiped). */
int aead_seal_run(const struct aead *a, const struct aead_run *run);

/* Decrypt. Returns 0, or -EBADMSG: *ret_bad (may be NULL) = index in the run of the first block that fails;
 * plaintext of the blocks before it is valid, the rest of `plain` is wiped. -EIO: library failure, all of
 * `plain` is wiped. No special treatment of zero blocks here. */
int aead_open_run(const struct aead *a, const struct aead_run *run, size_t *ret_bad);

/* Single message with caller's AD list, for the wrapped master key, tickets and test vectors: AES-256-GCM
 * with any nonce length 1..64; ad may be NULL. out of seal has n + 16 bytes. 0, -EINVAL (nonce length, or
 * lengths above INT_MAX), -EIO. */
int aead_gcm_seal(const uint8_t key[static 32], const uint8_t *nonce, size_t nonce_len, const uint8_t *ad,
		  size_t ad_len, const uint8_t *in, size_t n, uint8_t *out);
/* in has n >= 16 bytes (tag last); out n - 16 bytes, wiped on failure. 0, -EBADMSG, -EINVAL or -EIO. */
int aead_gcm_open(const uint8_t key[static 32], const uint8_t *nonce, size_t nonce_len, const uint8_t *ad,
		  size_t ad_len, const uint8_t *in, size_t n, uint8_t *out);

#endif
