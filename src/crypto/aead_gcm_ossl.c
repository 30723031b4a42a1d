/* aead_gcm_ossl.c - AES-256-GCM from libcrypto, for runs of blocks and for single messages. */
#include "crypto/aead_backend.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "crypto/ossl_code.h"
#include "util/secret.h"

enum { NONCE_MAX = 64 };

struct gcm_ctx {
	EVP_CIPHER_CTX *evp[2]; /* [0] decrypts, [1] encrypts; keyed once */
	size_t nonce_len[2];	/* as set in evp[] */
};

static bool always(void)
{
	return true;
}

static void gcm_free(void *p)
{
	struct gcm_ctx *c = p;

	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->evp[0]);
	EVP_CIPHER_CTX_free(c->evp[1]);
	free(c);
}

static struct gcm_ctx *gcm_new(const uint8_t key[static 32])
{
	struct gcm_ctx *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	for (int enc = 0; enc < 2; enc++) {
		c->evp[enc] = EVP_CIPHER_CTX_new();
		if (!c->evp[enc] ||
		    EVP_CipherInit_ex(c->evp[enc], EVP_aes_256_gcm(), NULL, key, NULL, enc) != 1) {
			gcm_free(c);
			return NULL;
		}
	}
	return c;
}

static void *gcm_make(const void *secret)
{
	const struct secret *key = secret;

	return gcm_new(key->data);
}

/* A new message: only the nonce changes (and its length, between test vectors), and the AD goes in. */
static bool gcm_start(struct gcm_ctx *c, int enc, const struct aead_job *j)
{
	EVP_CIPHER_CTX *evp = c->evp[enc];
	int len;

	if (c->nonce_len[enc] != j->nonce_len) {
		c->nonce_len[enc] = 0;
		if (j->nonce_len == 0 || j->nonce_len > NONCE_MAX ||
		    EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_IVLEN, (int)j->nonce_len, NULL) != 1)
			return false;
		c->nonce_len[enc] = j->nonce_len;
	}
	if (EVP_CipherInit_ex(evp, NULL, NULL, NULL, j->nonce, enc) != 1)
		return false;
	return j->ad_len == 0 || EVP_CipherUpdate(evp, NULL, &len, j->ad, (int)j->ad_len) == 1;
}

static int gcm_seal(void *ctx, const struct aead_job *jobs, size_t n)
{
	struct gcm_ctx *c = ctx;
	uint8_t none[1];
	int len;

	for (const struct aead_job *j = jobs; j < jobs + n; j++) {
		if (!gcm_start(c, 1, j))
			return -EIO;
		if (j->n && EVP_EncryptUpdate(c->evp[1], j->cipher, &len, j->plain, (int)j->n) != 1)
			return -EIO;
		if (EVP_EncryptFinal_ex(c->evp[1], none, &len) != 1)
			return -EIO;
		if (EVP_CIPHER_CTX_ctrl(c->evp[1], EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, j->tag) != 1)
			return -EIO;
	}
	return 0;
}

static ssize_t gcm_open(void *ctx, const struct aead_job *jobs, size_t n)
{
	struct gcm_ctx *c = ctx;
	uint8_t none[1];
	int len;

	for (size_t i = 0; i < n; i++) {
		const struct aead_job *j = &jobs[i];

		if (!gcm_start(c, 0, j))
			return -EIO;
		if (j->n && EVP_DecryptUpdate(c->evp[0], j->plain, &len, j->cipher, (int)j->n) != 1)
			return -EIO;
		if (EVP_CIPHER_CTX_ctrl(c->evp[0], EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN, j->tag) != 1)
			return -EIO;
		if (EVP_DecryptFinal_ex(c->evp[0], none, &len) != 1)
			return (ssize_t)i;
	}
	return (ssize_t)n;
}

const struct aead_backend aead_gcm_ossl = {
	.name = "AES-GCM-256-OpenSSL",
	.alg = AEAD_AES256_GCM,
	.usable = always,
	.code = ossl_code_gcm,
	.ctx_make = gcm_make,
	.ctx_free = gcm_free,
	.seal = gcm_seal,
	.open = gcm_open,
};

static bool single_valid(size_t nonce_len, size_t ad_len, size_t n)
{
	return nonce_len >= 1 && nonce_len <= NONCE_MAX && ad_len <= INT_MAX && n <= INT_MAX;
}

int aead_gcm_seal(const uint8_t key[static 32], const uint8_t *nonce, size_t nonce_len, const uint8_t *ad,
		  size_t ad_len, const uint8_t *in, size_t n, uint8_t *out)
{
	/* gcm_seal only reads plain; the table's type serves both directions. */
	struct aead_job job = {
		.nonce = nonce, .nonce_len = nonce_len, .ad = ad, .ad_len = ad ? ad_len : 0, .n = n
	};
	struct gcm_ctx *c;
	int rc;

	if (!single_valid(nonce_len, job.ad_len, n))
		return -EINVAL;
	c = gcm_new(key);
	if (!c)
		return -EIO;
	job.plain = (uint8_t *)(uintptr_t)in;
	job.cipher = out;
	job.tag = out + n;
	rc = gcm_seal(c, &job, 1);
	if (rc < 0)
		secret_wipe(out, n + AEAD_TAG_LEN);
	gcm_free(c);
	return rc;
}

int aead_gcm_open(const uint8_t key[static 32], const uint8_t *nonce, size_t nonce_len, const uint8_t *ad,
		  size_t ad_len, const uint8_t *in, size_t n, uint8_t *out)
{
	struct aead_job job = { .nonce = nonce, .nonce_len = nonce_len, .ad = ad, .ad_len = ad ? ad_len : 0 };
	struct gcm_ctx *c;
	ssize_t good;

	if (n < AEAD_TAG_LEN)
		return -EBADMSG;
	job.n = n - AEAD_TAG_LEN;
	if (!single_valid(nonce_len, job.ad_len, job.n))
		return -EINVAL;
	c = gcm_new(key);
	if (!c)
		return -EIO;
	job.plain = out;
	job.cipher = (uint8_t *)(uintptr_t)in;
	job.tag = job.cipher + job.n;
	good = gcm_open(c, &job, 1);
	gcm_free(c);
	if (good == 1)
		return 0;
	secret_wipe(out, job.n);
	return good < 0 ? (int)good : -EBADMSG;
}
