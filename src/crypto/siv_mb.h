/* siv_mb.h - the two halves of AES-SIV, CMAC and CTR, by intel-ipsec-mb: many messages in its lanes at once.
 */
#ifndef CRYPTO_SIV_MB_H
#define CRYPTO_SIV_MB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/aead_backend.h"
#include "crypto/s2v.h"

/* With fewer messages than this its lanes stay empty and s2v.h is faster (measured: 0.75 GB/s for one, 1.5
 * for two, 2.7 for four, 10 for sixteen and more). */
enum { SIV_MB_LANES = 4 };

/* Expanded keys and a job queue; one per thread. */
struct siv_mb;

bool siv_mb_usable(void);      /* this processor can run it, and it was compiled in */
const char *siv_mb_code(void); /* see aead_backend.h; of a usable one only */
/* key: 64 bytes, S2V's half first (RFC 5297, section 2.6). NULL if the library or memory fails. */
struct siv_mb *siv_mb_new(const uint8_t key[static 64]);
void siv_mb_free(struct siv_mb *s); /* wipes; NULL is fine */

/* CMAC of n <= AEAD_BATCH messages of len >= 1 bytes each. */
bool siv_mb_cmac(struct siv_mb *s, uint8_t *const *msg, size_t len, size_t n, uint8_t (*ret)[S2V_BLOCK]);

/* AES-CTR from q[i], over message i of n <= AEAD_BATCH: from plain to cipher if `seal`, else the other way.
 * The library counts in the last 32 bits of q only; SIV clears the highest of them, and no message is so long
 * that they overflow. */
bool siv_mb_ctr(struct siv_mb *s, const struct aead_job *jobs, size_t n, uint8_t (*q)[S2V_BLOCK], bool seal);

#endif
