/* aead_xchacha_ossl.c - XChaCha20-Poly1305: our HChaCha20 in front of libcrypto's ChaCha20-Poly1305. */
#include "crypto/aead_backend.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "crypto/aead_xchacha.h"
#include "crypto/ossl_code.h"
#include "util/secret.h"

struct xchacha_ctx {
	const struct secret *key;
	EVP_CIPHER_CTX *evp; /* re-keyed for every message */
	struct xchacha_keys derived;
};

static bool always(void)
{
	return true;
}

static void xchacha_free(void *p)
{
	struct xchacha_ctx *c = p;

	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->evp);
	secret_wipe(c, sizeof(*c));
	free(c);
}

static void *xchacha_make(const void *secret)
{
	struct xchacha_ctx *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->key = secret;
	c->evp = EVP_CIPHER_CTX_new();
	if (!c->evp || EVP_EncryptInit_ex(c->evp, EVP_chacha20_poly1305(), NULL, NULL, NULL) != 1) {
		xchacha_free(c);
		return NULL;
	}
	return c;
}

/* Message i of a batch whose keys are derived. */
static bool xchacha_start(const struct xchacha_ctx *c, int enc, const struct aead_job *j, size_t i)
{
	int len;

	return EVP_CipherInit_ex(c->evp, NULL, NULL, c->derived.subkey[i], c->derived.nonce[i], enc) == 1 &&
	       (j->ad_len == 0 || EVP_CipherUpdate(c->evp, NULL, &len, j->ad, (int)j->ad_len) == 1);
}

static int xchacha_seal(void *ctx, const struct aead_job *jobs, size_t n)
{
	struct xchacha_ctx *c = ctx;
	uint8_t none[1];
	int len;

	if (!xchacha_derive(&c->derived, c->key->data, jobs, n))
		return -EIO;
	for (size_t i = 0; i < n; i++) {
		const struct aead_job *j = &jobs[i];

		if (!xchacha_start(c, 1, j, i))
			return -EIO;
		if (j->n && EVP_EncryptUpdate(c->evp, j->cipher, &len, j->plain, (int)j->n) != 1)
			return -EIO;
		if (EVP_EncryptFinal_ex(c->evp, none, &len) != 1)
			return -EIO;
		if (EVP_CIPHER_CTX_ctrl(c->evp, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, j->tag) != 1)
			return -EIO;
	}
	return 0;
}

static ssize_t xchacha_open(void *ctx, const struct aead_job *jobs, size_t n)
{
	struct xchacha_ctx *c = ctx;
	uint8_t none[1];
	int len;

	if (!xchacha_derive(&c->derived, c->key->data, jobs, n))
		return -EIO;
	for (size_t i = 0; i < n; i++) {
		const struct aead_job *j = &jobs[i];

		if (!xchacha_start(c, 0, j, i))
			return -EIO;
		if (EVP_CIPHER_CTX_ctrl(c->evp, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN, j->tag) != 1)
			return -EIO;
		if (j->n && EVP_DecryptUpdate(c->evp, j->plain, &len, j->cipher, (int)j->n) != 1)
			return -EIO;
		if (EVP_DecryptFinal_ex(c->evp, none, &len) != 1)
			return (ssize_t)i;
	}
	return (ssize_t)n;
}

const struct aead_backend aead_xchacha_ossl = {
	.name = "XChaCha20-Poly1305-OpenSSL",
	.alg = AEAD_XCHACHA20_POLY1305,
	.usable = always,
	.code = ossl_code_chacha,
	.ctx_make = xchacha_make,
	.ctx_free = xchacha_free,
	.seal = xchacha_seal,
	.open = xchacha_open,
};
