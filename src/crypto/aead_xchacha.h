/* aead_xchacha.h - what both XChaCha20-Poly1305 back ends share: from a 24-byte nonce to RFC 8439's key and
 * nonce. */
#ifndef CRYPTO_AEAD_XCHACHA_H
#define CRYPTO_AEAD_XCHACHA_H

#include <stdint.h>
#include <string.h>

#include "crypto/hchacha.h"

/* draft-irtf-cfrg-xchacha-03, section 2.3: HChaCha20 over nonce[0..16), then nonce 00 00 00 00 ||
 * nonce[16..24). The caller wipes subkey. */
static inline void xchacha_derive(uint8_t subkey[static 32], uint8_t nonce12[static 12],
				  const uint8_t key[static 32], const uint8_t nonce24[static 24])
{
	hchacha20(subkey, key, nonce24);
	memset(nonce12, 0, 4);
	memcpy(nonce12 + 4, nonce24 + 16, 8);
}

#endif
