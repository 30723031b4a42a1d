/* aead_siv.c - AES-SIV with a 64-byte key, the blocks of a run computed side by side: with libcrypto alone,
 * or with intel-ipsec-mb. */
#include "crypto/aead_backend.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ossl_code.h"
#include "crypto/s2v.h"
#include "crypto/siv_mb.h"
#include "util/secret.h"

_Static_assert((int)AEAD_BATCH <= (int)S2V_LANES, "a batch must fit into the lanes");

enum { HALF_KEY = 32 };

struct siv_ctx {
	struct s2v *s2v;
	EVP_CIPHER_CTX *ctr;
	struct siv_mb *mb; /* NULL: libcrypto does everything */
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
	siv_mb_free(c->mb);
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

#ifdef HAVE_IPSEC_MB
static void *siv_make_mb(const void *secret)
{
	const struct secret *key = secret;
	struct siv_ctx *c = siv_make(key);

	if (!c)
		return NULL;
	c->mb = siv_mb_new(key->data);
	if (c->mb)
		return c;
	siv_free(c);
	return NULL;
}
#endif

/* CTR over n messages from their synthetic IVs with bits 31 and 63 cleared (RFC 5297, section 2.5). */
static bool siv_ctr(const struct siv_ctx *c, const struct aead_job *jobs, size_t n, bool seal)
{
	uint8_t q[AEAD_BATCH][S2V_BLOCK];
	int len;

	if (n > AEAD_BATCH)
		return false;
	for (size_t i = 0; i < n; i++) {
		memcpy(q[i], jobs[i].tag, sizeof(q[i]));
		q[i][8] &= 0x7f;
		q[i][12] &= 0x7f;
	}
	if (c->mb)
		return siv_mb_ctr(c->mb, jobs, n, q, seal);
	for (size_t i = 0; i < n; i++) {
		const struct aead_job *j = &jobs[i];
		uint8_t *out = seal ? j->cipher : j->plain;

		if (EVP_EncryptInit_ex(c->ctr, NULL, NULL, NULL, q[i]) != 1)
			return false;
		if (j->n && EVP_EncryptUpdate(c->ctr, out, &len, seal ? j->plain : j->cipher, (int)j->n) != 1)
			return false;
	}
	return true;
}

static bool same_shape(const struct aead_job *a, const struct aead_job *b)
{
	return a->n == b->n && a->ad_len == b->ad_len && !a->nonce == !b->nonce &&
	       a->nonce_len == b->nonce_len;
}

static void xor_end(uint8_t *msg, size_t n, const uint8_t d[static S2V_BLOCK])
{
	for (size_t i = 0; i < S2V_BLOCK; i++)
		msg[n - S2V_BLOCK + i] ^= d[i];
}

/* The synthetic IVs of n messages of one shape, 16 bytes or longer, as CMAC(plain xorend D). That message is
 * made where the ciphertext will be, or, when opening, for a moment in the plaintext itself. */
static bool ivs_mb(const struct siv_ctx *c, const struct aead_job *jobs, const struct s2v_string *ad,
		   size_t n_ad, size_t n, uint8_t (*iv)[S2V_BLOCK], bool seal)
{
	uint8_t d[AEAD_BATCH][S2V_BLOCK], *msg[AEAD_BATCH];
	size_t len = jobs[0].n;
	bool ok;

	if (s2v_ads(c->s2v, ad, n_ad, n, d) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		msg[i] = seal ? jobs[i].cipher : jobs[i].plain;
		if (seal)
			memcpy(msg[i], jobs[i].plain, len);
		xor_end(msg[i], len, d[i]);
	}
	ok = siv_mb_cmac(c->mb, msg, len, n, iv);
	for (size_t i = 0; i < n && !seal; i++)
		xor_end(msg[i], len, d[i]);
	return ok;
}

/* The synthetic IVs of up to AEAD_BATCH messages; stretches of equal shape go together (all blocks of a file
 * but the last). */
static bool siv_ivs(const struct siv_ctx *c, const struct aead_job *jobs, size_t n, uint8_t (*iv)[S2V_BLOCK],
		    bool seal)
{
	const uint8_t *ad[AEAD_BATCH], *nonce[AEAD_BATCH], *plain[AEAD_BATCH];

	if (n > AEAD_BATCH)
		return false;
	for (size_t i = 0; i < n; i++) {
		ad[i] = jobs[i].ad;
		nonce[i] = jobs[i].nonce;
		plain[i] = jobs[i].plain;
	}
	for (size_t from = 0, to; from < n; from = to) {
		const struct aead_job *first = &jobs[from];
		struct s2v_string str[2] = { { ad + from, first->ad_len },
					     { nonce + from, first->nonce_len } };
		struct s2v_in in = { str, first->nonce ? 2 : 1, { plain + from, first->n } };

		for (to = from + 1; to < n && same_shape(first, &jobs[to]); to++)
			;
		if (c->mb && to - from >= SIV_MB_LANES && first->n >= S2V_BLOCK) {
			if (!ivs_mb(c, first, str, in.n_ad, to - from, iv + from, seal))
				return false;
		} else if (s2v_lanes(c->s2v, &in, to - from, iv + from) < 0) {
			return false;
		}
	}
	return true;
}

static int siv_seal(void *ctx, const struct aead_job *jobs, size_t n)
{
	const struct siv_ctx *c = ctx;
	uint8_t iv[AEAD_BATCH][S2V_BLOCK];

	if (!siv_ivs(c, jobs, n, iv, true))
		return -EIO;
	for (size_t i = 0; i < n; i++)
		memcpy(jobs[i].tag, iv[i], AEAD_TAG_LEN);
	return siv_ctr(c, jobs, n, true) ? 0 : -EIO;
}

static ssize_t siv_open(void *ctx, const struct aead_job *jobs, size_t n)
{
	const struct siv_ctx *c = ctx;
	uint8_t iv[AEAD_BATCH][S2V_BLOCK];

	if (!siv_ctr(c, jobs, n, false) || !siv_ivs(c, jobs, n, iv, false))
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

#ifdef HAVE_IPSEC_MB
const struct aead_backend aead_siv_mb = {
	.name = "AES-SIV-512-ipsec-mb",
	.alg = AEAD_AES_SIV_512,
	.usable = siv_mb_usable,
	.code = siv_mb_code,
	.ctx_make = siv_make_mb,
	.ctx_free = siv_free,
	.seal = siv_seal,
	.open = siv_open,
};
#endif
