/* hchacha.h - HChaCha20, the key derivation in front of XChaCha20-Poly1305. */
#ifndef CRYPTO_HCHACHA_H
#define CRYPTO_HCHACHA_H

#include <stddef.h>
#include <stdint.h>

/* draft-irtf-cfrg-xchacha-03, section 2.2, for n nonces of 16 bytes: the 20 rounds of ChaCha over constants,
 * key and nonce; out[i] is the first and the last row of the state, without the final addition. The caller
 * wipes out. Constant time. */
void hchacha20(uint8_t (*out)[32], const uint8_t key[static 32], const uint8_t *const *nonce, size_t n);

#endif
