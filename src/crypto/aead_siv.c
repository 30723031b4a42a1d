/* aead_siv.c - AES-SIV with a 64-byte key, the S2V of all blocks of a run computed side by side. */
#include "crypto/aead_backend.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ossl_code.h"
#include "crypto/s2v.h"
#include "util/secret.h"

_Static_assert((int)AEAD_BATCH <= (int)S2V_LANES, "a batch must fit into the lanes");

enum { HALF_KEY = 32 };

struct siv_ctx {
	struct s2v *s2v;
	EVP_CIPHER_CTX *ctr;
};

static bool always(void)
{
	return true;
}

static void siv_free(void *p)
{
	struct siv_ctx *c = p;

	if (!c)
		return;
	s2v_free(c->s2v);
	EVP_CIPHER_CTX_free(c->ctr);
	free(c);
}

/* RFC 5297, section 2.6: the first half of the key is S2V's, the second CTR's. */
static void *siv_make(const void *secret)
{
	const struct secret *key = secret;
	struct siv_ctx *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->s2v = s2v_new(key->data, HALF_KEY);
	c->ctr = EVP_CIPHER_CTX_new();
	if (c->s2v && c->ctr &&
	    EVP_EncryptInit_ex(c->ctr, EVP_aes_256_ctr(), NULL, key->data + HALF_KEY, NULL) == 1)
		return c;
	siv_free(c);
	return NULL;
}

/* CTR from the synthetic IV with bits 31 and 63 cleared (RFC 5297, section 2.5). */
static bool siv_ctr(const struct siv_ctx *c, const uint8_t iv[static S2V_BLOCK], const uint8_t *in,
		    uint8_t *out, size_t n)
{
	uint8_t q[S2V_BLOCK];
	int len;

	memcpy(q, iv, sizeof(q));
	q[8] &= 0x7f;
	q[12] &= 0x7f;
	if (EVP_EncryptInit_ex(c->ctr, NULL, NULL, NULL, q) != 1)
		return false;
	return n == 0 || EVP_EncryptUpdate(c->ctr, out, &len, in, (int)n) == 1;
}

static bool same_shape(const struct aead_job *a, const struct aead_job *b)
{
	return a->n == b->n && a->ad_len == b->ad_len && !a->nonce == !b->nonce &&
	       a->nonce_len == b->nonce_len;
}

/* The synthetic IVs of up to AEAD_BATCH messages; stretches of equal shape go together (all blocks of a file
 * but the last). */
static bool siv_ivs(const struct siv_ctx *c, const struct aead_job *jobs, size_t n, uint8_t (*iv)[S2V_BLOCK])
{
	const uint8_t *ad[AEAD_BATCH], *nonce[AEAD_BATCH], *plain[AEAD_BATCH];
	size_t from = 0;

	if (n > AEAD_BATCH)
		return false;
	for (size_t i = 0; i < n; i++) {
		ad[i] = jobs[i].ad;
		nonce[i] = jobs[i].nonce;
		plain[i] = jobs[i].plain;
	}
	while (from < n) {
		const struct aead_job *first = &jobs[from];
		struct s2v_string str[2] = { { ad + from, first->ad_len },
					     { nonce + from, first->nonce_len } };
		struct s2v_in in = { str, first->nonce ? 2 : 1, { plain + from, first->n } };
		size_t to = from + 1;

		while (to < n && same_shape(first, &jobs[to]))
			to++;
		if (s2v_lanes(c->s2v, &in, to - from, iv + from) < 0)
			return false;
		from = to;
	}
	return true;
}

static int siv_seal(void *ctx, const struct aead_job *jobs, size_t n)
{
	const struct siv_ctx *c = ctx;
	uint8_t iv[AEAD_BATCH][S2V_BLOCK];

	if (!siv_ivs(c, jobs, n, iv))
		return -EIO;
	for (size_t i = 0; i < n; i++) {
		const struct aead_job *j = &jobs[i];

		memcpy(j->tag, iv[i], AEAD_TAG_LEN);
		if (!siv_ctr(c, iv[i], j->plain, j->cipher, j->n))
			return -EIO;
	}
	return 0;
}

static ssize_t siv_open(void *ctx, const struct aead_job *jobs, size_t n)
{
	const struct siv_ctx *c = ctx;
	uint8_t iv[AEAD_BATCH][S2V_BLOCK];

	for (size_t i = 0; i < n; i++)
		if (!siv_ctr(c, jobs[i].tag, jobs[i].cipher, jobs[i].plain, jobs[i].n))
			return -EIO;
	if (!siv_ivs(c, jobs, n, iv))
		return -EIO;
	for (size_t i = 0; i < n; i++)
		if (CRYPTO_memcmp(iv[i], jobs[i].tag, AEAD_TAG_LEN) != 0) {
			secret_wipe(iv, sizeof(iv)); /* the right tag of a forgery */
			return (ssize_t)i;
		}
	return (ssize_t)n;
}

const struct aead_backend aead_siv_batched = {
	.name = "AES-SIV-512-batched",
	.alg = AEAD_AES_SIV_512,
	.usable = always,
	.code = ossl_code_aes,
	.ctx_make = siv_make,
	.ctx_free = siv_free,
	.seal = siv_seal,
	.open = siv_open,
};
