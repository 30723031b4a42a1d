/* aead_siv_ossl.c - AES-SIV with a 64-byte key as libcrypto has it: slow, but somebody else's; the batched
 * one is held to it. */
#include "crypto/aead_backend.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "crypto/ossl_code.h"
#include "util/secret.h"

struct siv_ctx {
	EVP_CIPHER_CTX *keyed[2]; /* [0] decrypts, [1] encrypts; never used for a message */
	EVP_CIPHER_CTX *work;	  /* a copy of a keyed one per message: S2V cannot be rewound */
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
	EVP_CIPHER_CTX_free(c->keyed[0]);
	EVP_CIPHER_CTX_free(c->keyed[1]);
	EVP_CIPHER_CTX_free(c->work);
	free(c);
}

static void *siv_make(const void *secret)
{
	const struct secret *key = secret;
	struct siv_ctx *c = calloc(1, sizeof(*c));
	/* The name counts the bits of one of the two AES keys. */
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-SIV", NULL);
	bool ok = c && cipher;

	for (int enc = 0; ok && enc < 2; enc++) {
		c->keyed[enc] = EVP_CIPHER_CTX_new();
		ok = c->keyed[enc] &&
		     EVP_CipherInit_ex(c->keyed[enc], cipher, NULL, key->data, NULL, enc) == 1;
	}
	if (ok) {
		c->work = EVP_CIPHER_CTX_new();
		ok = c->work != NULL;
	}
	EVP_CIPHER_free(cipher);
	if (ok)
		return c;
	siv_free(c);
	return NULL;
}

/* libcrypto takes an update of length 0 for no message at all: it would give no tag, and check none. Blocks
 * of files are never empty, so this back end refuses. RFC 5297, section 2.6: the strings of S2V in order, the
 * nonce last before the plaintext. */
static bool siv_start(const struct siv_ctx *c, int enc, const struct aead_job *j)
{
	int len;

	if (j->n == 0)
		return false;
	if (EVP_CIPHER_CTX_copy(c->work, c->keyed[enc]) != 1)
		return false;
	if (EVP_CipherUpdate(c->work, NULL, &len, j->ad, (int)j->ad_len) != 1)
		return false;
	return !j->nonce || EVP_CipherUpdate(c->work, NULL, &len, j->nonce, (int)j->nonce_len) == 1;
}

static int siv_seal(void *ctx, const struct aead_job *jobs, size_t n)
{
	const struct siv_ctx *c = ctx;
	int len;

	for (const struct aead_job *j = jobs; j < jobs + n; j++) {
		if (!siv_start(c, 1, j))
			return -EIO;
		if (EVP_EncryptUpdate(c->work, j->cipher, &len, j->plain, (int)j->n) != 1)
			return -EIO;
		if (EVP_CIPHER_CTX_ctrl(c->work, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, j->tag) != 1)
			return -EIO;
	}
	return 0;
}

static ssize_t siv_open(void *ctx, const struct aead_job *jobs, size_t n)
{
	const struct siv_ctx *c = ctx;
	uint8_t none[1];
	int len;

	for (size_t i = 0; i < n; i++) {
		const struct aead_job *j = &jobs[i];

		if (!siv_start(c, 0, j))
			return -EIO;
		if (EVP_CIPHER_CTX_ctrl(c->work, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN, j->tag) != 1)
			return -EIO;
		/* The update compares the tags; final repeats its verdict. */
		if (EVP_DecryptUpdate(c->work, j->plain, &len, j->cipher, (int)j->n) != 1 ||
		    EVP_DecryptFinal_ex(c->work, none, &len) != 1) {
			ERR_clear_error(); /* a forged block leaves entries behind */
			return (ssize_t)i;
		}
	}
	return (ssize_t)n;
}

const struct aead_backend aead_siv_ossl = {
	.name = "AES-SIV-512-OpenSSL",
	.alg = AEAD_AES_SIV_512,
	.usable = always,
	.code = ossl_code_aes,
	.ctx_make = siv_make,
	.ctx_free = siv_free,
	.seal = siv_seal,
	.open = siv_open,
};
