/* hchacha.h - HChaCha20, the key derivation in front of XChaCha20-Poly1305. */
#ifndef CRYPTO_HCHACHA_H
#define CRYPTO_HCHACHA_H

#include <stdint.h>

/* draft-irtf-cfrg-xchacha-03, section 2.2: the 20 rounds of ChaCha over constants, key and nonce; out is the
 * first and the last row of the state, without the final addition. The caller wipes out. Constant time. */
void hchacha20(uint8_t out[static 32], const uint8_t key[static 32], const uint8_t nonce[static 16]);

#endif
