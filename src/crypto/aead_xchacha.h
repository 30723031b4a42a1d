/* aead_xchacha.h - what both XChaCha20-Poly1305 back ends share: from 24-byte nonces to RFC 8439's keys and
 * nonces. */
#ifndef CRYPTO_AEAD_XCHACHA_H
#define CRYPTO_AEAD_XCHACHA_H

#include <stdbool.h>
#include <string.h>

#include "crypto/aead_backend.h"
#include "crypto/hchacha.h"

struct xchacha_keys {
	uint8_t subkey[AEAD_BATCH][32];
	uint8_t nonce[AEAD_BATCH][12];
};

/* draft-irtf-cfrg-xchacha-03, section 2.3: HChaCha20 over nonce[0..16), then nonce 00 00 00 00 ||
 * nonce[16..24). False if a nonce is not 24 bytes long or there are too many. The caller wipes k. */
static inline bool xchacha_derive(struct xchacha_keys *k, const uint8_t key[static 32],
				  const struct aead_job *jobs, size_t n)
{
	const uint8_t *nonce[AEAD_BATCH];

	if (n > AEAD_BATCH)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (jobs[i].nonce_len != AEAD_NONCE_MAX)
			return false;
		nonce[i] = jobs[i].nonce;
		memset(k->nonce[i], 0, 4);
		memcpy(k->nonce[i] + 4, jobs[i].nonce + 16, 8);
	}
	hchacha20(k->subkey, key, nonce, n);
	return true;
}

#endif
