/* aead_backend.h - what one implementation of one content cipher offers; for crypto/ and its tests only. */
#ifndef CRYPTO_AEAD_BACKEND_H
#define CRYPTO_AEAD_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "crypto/aead.h"

/* Back ends get at most so many messages in one call. */
enum { AEAD_BATCH = 64 };

/* One message. File blocks have nonces of aead_nonce_len() bytes; test vectors use others as well. For
 * AES-SIV nonce may be NULL: then the AD is the only string in front of the plaintext (RFC 5297,
 * section 1.3.3). n <= INT_MAX. */
struct aead_job {
	const uint8_t *nonce;
	size_t nonce_len;
	const uint8_t *ad;
	size_t ad_len;
	uint8_t *plain;
	uint8_t *cipher; /* n bytes, without nonce and tag */
	uint8_t *tag;	 /* AEAD_TAG_LEN bytes */
	size_t n;
};

struct aead_backend {
	const char *name;
	enum aead_alg alg;
	bool (*usable)(void);
	const char *(*code)(void); /* aead_backend_code() of a usable one */
	/* From the cipher's key to what contexts are made of; one per aead, read-only afterwards. NULL: the
	 * key itself. */
	struct secret *(*expand)(const struct secret *key);
	/* A thread's working state; made from a struct secret (see expand), wiped by ctx_free. */
	void *(*ctx_make)(const void *secret);
	void (*ctx_free)(void *ctx);
	/* 0 or -EIO. */
	int (*seal)(void *ctx, const struct aead_job *jobs, size_t n);
	/* Number of good messages in front of the first bad one (n: all are good), or -EIO. plain of the bad
	 * one and of those after it holds rubbish that the caller must wipe. */
	ssize_t (*open)(void *ctx, const struct aead_job *jobs, size_t n);
};

extern const struct aead_backend aead_gcm_ossl, aead_siv_batched, aead_siv_ossl, aead_xchacha_ossl;
#ifdef HAVE_IPSEC_MB
extern const struct aead_backend aead_gcm_mb, aead_siv_mb, aead_xchacha_mb;
#endif

/* Messages with any AD through the back end and this thread's context, n <= AEAD_BATCH. Results as in the
 * table. */
int aead_seal_jobs(const struct aead *a, const struct aead_job *jobs, size_t n);
ssize_t aead_open_jobs(const struct aead *a, const struct aead_job *jobs, size_t n);

/* Known answer, then the same output as `reference` on runs of blocks, then refusal of a changed block. */
bool aead_selftest(const struct aead_backend *be, const struct aead_backend *reference);

#endif
