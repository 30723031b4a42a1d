/* aead_xchacha_mb.c - XChaCha20-Poly1305: our HChaCha20 in front of intel-ipsec-mb's ChaCha20-Poly1305. */
#ifdef HAVE_IPSEC_MB
#include "crypto/aead_backend.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/aead_xchacha.h"
#include "crypto/imb.h"
#include "util/secret.h"

struct xmb_ctx {
	struct chacha20_poly1305_context_data state;
	struct xchacha_keys derived;
	const struct secret *key;
};

/* The library's vector code may want whole cache lines. */
enum { CTX_ALIGN = 64, CTX_SIZE = (sizeof(struct xmb_ctx) + CTX_ALIGN - 1) / CTX_ALIGN * CTX_ALIGN };

static bool xmb_usable(void)
{
	return imb_get() != NULL;
}

static const char *xmb_code(void)
{
	const void *function;

	memcpy(&function, &imb_get()->chacha20_poly1305_enc_update,
	       sizeof(function)); /* C has no other way */
	return imb_code(function);
}

static void *xmb_make(const void *secret)
{
	struct xmb_ctx *c = aligned_alloc(CTX_ALIGN, CTX_SIZE);

	if (c)
		c->key = secret;
	return c;
}

static void xmb_free(void *p)
{
	if (p)
		secret_wipe(p, sizeof(struct xmb_ctx));
	free(p);
}

static int xmb_seal(void *ctx, const struct aead_job *jobs, size_t n)
{
	const IMB_MGR *m = imb_get();
	struct xmb_ctx *c = ctx;

	if (!xchacha_derive(&c->derived, c->key->data, jobs, n))
		return -EIO;
	for (size_t i = 0; i < n; i++) {
		const struct aead_job *j = &jobs[i];
		const uint8_t *subkey = c->derived.subkey[i];

		m->chacha20_poly1305_init(subkey, &c->state, c->derived.nonce[i], j->ad, j->ad_len);
		if (j->n)
			m->chacha20_poly1305_enc_update(subkey, &c->state, j->cipher, j->plain, j->n);
		m->chacha20_poly1305_finalize(&c->state, j->tag, AEAD_TAG_LEN);
	}
	return 0;
}

static ssize_t xmb_open(void *ctx, const struct aead_job *jobs, size_t n)
{
	const IMB_MGR *m = imb_get();
	struct xmb_ctx *c = ctx;
	uint8_t tag[AEAD_TAG_LEN];

	if (!xchacha_derive(&c->derived, c->key->data, jobs, n))
		return -EIO;
	for (size_t i = 0; i < n; i++) {
		const struct aead_job *j = &jobs[i];
		const uint8_t *subkey = c->derived.subkey[i];

		m->chacha20_poly1305_init(subkey, &c->state, c->derived.nonce[i], j->ad, j->ad_len);
		if (j->n)
			m->chacha20_poly1305_dec_update(subkey, &c->state, j->plain, j->cipher, j->n);
		m->chacha20_poly1305_finalize(&c->state, tag, AEAD_TAG_LEN);
		if (CRYPTO_memcmp(tag, j->tag, AEAD_TAG_LEN) != 0)
			return (ssize_t)i;
	}
	return (ssize_t)n;
}

const struct aead_backend aead_xchacha_mb = {
	.name = "XChaCha20-Poly1305-ipsec-mb",
	.alg = AEAD_XCHACHA20_POLY1305,
	.usable = xmb_usable,
	.code = xmb_code,
	.ctx_make = xmb_make,
	.ctx_free = xmb_free,
	.seal = xmb_seal,
	.open = xmb_open,
};

#endif
