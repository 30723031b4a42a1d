/* eme.c - EME (Halevi-Rogaway ECB-mix-ECB) with AES-256: wide-block encryption of names. */
#include "crypto/eme.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/threadctx.h"
#include "util/secret.h"

enum { KEY_LEN = 32 };

struct eme {
	struct secret *key;
	struct secret *mask; /* L_0 .. L_127, one after the other: the same for every name */
	struct threadctx_owner *ctxs;
};

struct eme_ctx {
	EVP_CIPHER_CTX *ecb[2]; /* [0] decrypts, [1] encrypts */
};

static void ctx_free(void *p)
{
	struct eme_ctx *c = p;

	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->ecb[0]);
	EVP_CIPHER_CTX_free(c->ecb[1]);
	free(c);
}

static void *ctx_make(const void *arg)
{
	const struct secret *key = arg;
	struct eme_ctx *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	for (int enc = 0; enc < 2; enc++) {
		c->ecb[enc] = EVP_CIPHER_CTX_new();
		if (!c->ecb[enc] ||
		    EVP_CipherInit_ex(c->ecb[enc], EVP_aes_256_ecb(), NULL, key->data, NULL, enc) != 1 ||
		    EVP_CIPHER_CTX_set_padding(c->ecb[enc], 0) != 1) {
			ctx_free(c);
			return NULL;
		}
	}
	return c;
}

static bool ecb(const struct eme_ctx *c, bool encrypt, uint8_t *out, const uint8_t *in, size_t n)
{
	int len;

	return EVP_CipherUpdate(c->ecb[encrypt], out, &len, in, (int)n) == 1 && len == (int)n;
}

static void xor_into(uint8_t *out, const uint8_t *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] ^= in[i];
}

/* Times 2 in GF(2^128) with byte 0 the least significant ("multByTwo" of the EME paper); no branch on the
 * data. */
static void mult2(uint8_t out[static 16], const uint8_t in[static 16])
{
	uint8_t carry = 0;

	for (int i = 0; i < 16; i++) {
		uint8_t b = in[i];

		out[i] = (uint8_t)(b << 1 | carry);
		carry = b >> 7;
	}
	out[0] ^= (uint8_t)(0x87 & -carry);
}

static int make_mask(struct eme *e, const struct eme_ctx *c)
{
	uint8_t l[EME_BLOCK] = { 0 };
	bool ok = ecb(c, true, l, l, EME_BLOCK); /* the forward direction also for decryption */

	for (size_t j = 0; ok && j < EME_MAX_BLOCKS; j++) {
		mult2(l, l);
		memcpy(e->mask->data + j * EME_BLOCK, l, EME_BLOCK);
	}
	secret_wipe(l, sizeof(l));
	return ok ? 0 : -EIO;
}

int eme_new(struct eme **ret, const struct secret *key)
{
	struct eme *e;
	const struct eme_ctx *c;
	int rc = -ENOMEM;

	if (key->len != KEY_LEN)
		return -EINVAL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->key = secret_copy(key->data, key->len);
	e->mask = secret_new(EME_MAX);
	if (!e->key || !e->mask)
		goto fail;
	e->ctxs = threadctx_owner_new(ctx_make, ctx_free, e->key);
	if (!e->ctxs)
		goto fail;
	c = threadctx_get(e->ctxs);
	rc = c ? make_mask(e, c) : -EIO;
	if (rc < 0)
		goto fail;
	*ret = e;
	return 0;
fail:
	eme_free(e);
	return rc;
}

void eme_free(struct eme *e)
{
	if (!e)
		return;
	threadctx_owner_free(e->ctxs);
	secret_free(e->mask);
	secret_free(e->key);
	free(e);
}

/* The middle of the mode: x holds the m blocks after the first ECB pass and the mixed ones afterwards. */
static bool mix(const struct eme_ctx *c, bool encrypt, const uint8_t tweak[static EME_BLOCK], uint8_t *x,
		size_t n)
{
	uint8_t mp[EME_BLOCK], mc[EME_BLOCK], m[EME_BLOCK];
	bool ok;

	memcpy(mp, tweak, EME_BLOCK);
	for (size_t i = 0; i < n; i += EME_BLOCK)
		xor_into(mp, x + i, EME_BLOCK);
	ok = ecb(c, encrypt, mc, mp, EME_BLOCK);
	if (ok) {
		memcpy(m, mp, EME_BLOCK);
		xor_into(m, mc, EME_BLOCK);
		xor_into(mc, tweak, EME_BLOCK);
		for (size_t i = EME_BLOCK; i < n; i += EME_BLOCK) {
			mult2(m, m);
			xor_into(x + i, m, EME_BLOCK);
			xor_into(mc, x + i, EME_BLOCK);
		}
		memcpy(x, mc, EME_BLOCK);
	}
	secret_wipe(mp, sizeof(mp));
	secret_wipe(mc, sizeof(mc));
	secret_wipe(m, sizeof(m));
	return ok;
}

static int transform(const struct eme *e, bool encrypt, const uint8_t tweak[static EME_BLOCK],
		     const uint8_t *in, uint8_t *out, size_t n)
{
	const struct eme_ctx *c;
	uint8_t x[EME_MAX];
	bool ok;

	if (n == 0 || n > EME_MAX || n % EME_BLOCK != 0)
		return -EINVAL;
	c = threadctx_get(e->ctxs);
	if (!c)
		return -EIO;
	memcpy(x, in, n);
	xor_into(x, e->mask->data, n);
	ok = ecb(c, encrypt, x, x, n) && mix(c, encrypt, tweak, x, n) && ecb(c, encrypt, x, x, n);
	if (ok) {
		xor_into(x, e->mask->data, n);
		memcpy(out, x, n);
	}
	secret_wipe(x, n);
	return ok ? 0 : -EIO;
}

int eme_encrypt(const struct eme *e, const uint8_t tweak[static 16], const uint8_t *in, uint8_t *out,
		size_t n)
{
	return transform(e, true, tweak, in, out, n);
}

int eme_decrypt(const struct eme *e, const uint8_t tweak[static 16], const uint8_t *in, uint8_t *out,
		size_t n)
{
	return transform(e, false, tweak, in, out, n);
}
