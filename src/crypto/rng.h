/* rng.h - the only source of randomness. */
#ifndef CRYPTO_RNG_H
#define CRYPTO_RNG_H

#include <stddef.h>
#include <stdint.h>

/* n fresh random bytes from libcrypto's CSPRNG. Aborts the process if the generator fails: going on could
 * reuse a nonce. */
void rng_bytes(void *out, size_t n);

/* Fresh nonces: n of them, each len bytes, written at out, out+stride, out+2*stride ... Drawn from a
 * per-thread prefetch of several KiB whose used bytes are wiped; a forked child starts with an empty prefetch
 * (pthread_atfork), so no nonce is used twice. Never an all-zero nonce. */
void rng_nonces(uint8_t *out, size_t n, size_t len, size_t stride);

/* Uniform number for names of temporary files. */
uint64_t rng_u64(void);

#endif
