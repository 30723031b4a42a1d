/* sealbox.c - the sealed box of a ticket, from libcrypto's X25519, HKDF and AES-256-GCM. */
#include "crypto/sealbox.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "crypto/aead.h"
#include "crypto/kdf.h"
#include "util/cleanup.h"
#include "util/secret.h"

enum { SEAL_NONCE_LEN = 12, SEAL_OKM_LEN = 32 + SEAL_NONCE_LEN };

struct sealbox {
	struct secret *priv;
	uint8_t pub[SEALBOX_KEY_LEN];
	bool used;
};

static void cleanup_pkey(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
static void cleanup_pkey_ctx(EVP_PKEY_CTX **c)
{
	EVP_PKEY_CTX_free(*c);
}
#define auto_pkey     __attribute__((cleanup(cleanup_pkey)))
#define auto_pkey_ctx __attribute__((cleanup(cleanup_pkey_ctx)))

static int public_of(const EVP_PKEY *k, uint8_t ret[static SEALBOX_KEY_LEN])
{
	size_t n = SEALBOX_KEY_LEN;

	return EVP_PKEY_get_raw_public_key(k, ret, &n) == 1 && n == SEALBOX_KEY_LEN ? 0 : -EIO;
}

int sealbox_keypair(struct secret **ret_private, uint8_t ret_public[static SEALBOX_KEY_LEN])
{
	auto_pkey EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	auto_secret struct secret *priv = secret_new(SEALBOX_KEY_LEN);
	size_t n = SEALBOX_KEY_LEN;

	if (!priv)
		return -ENOMEM;
	if (!k || EVP_PKEY_get_raw_private_key(k, priv->data, &n) != 1 || n != SEALBOX_KEY_LEN)
		return -EIO;
	if (public_of(k, ret_public) < 0)
		return -EIO;
	*ret_private = take(priv);
	return 0;
}

int sealbox_public(const struct secret *priv, uint8_t ret_public[static SEALBOX_KEY_LEN])
{
	auto_pkey EVP_PKEY *k = NULL;

	if (priv->len != SEALBOX_KEY_LEN)
		return -EINVAL;
	k = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, priv->data, priv->len);
	return k ? public_of(k, ret_public) : -EIO;
}

int sealbox_new(struct sealbox **ret, uint8_t ret_ephemeral[static SEALBOX_KEY_LEN])
{
	struct sealbox *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = sealbox_keypair(&s->priv, s->pub);
	if (r < 0) {
		free(s);
		return r;
	}
	memcpy(ret_ephemeral, s->pub, SEALBOX_KEY_LEN);
	*ret = s;
	return 0;
}

void sealbox_free(struct sealbox *s)
{
	if (!s)
		return;
	secret_free(s->priv);
	free(s);
}

/* X25519; *ret = 32 bytes. OpenSSL refuses an all-zero result, as RFC 7748 section 6.1 asks. */
static int agree(struct secret **ret, const struct secret *priv, const uint8_t peer[static SEALBOX_KEY_LEN])
{
	auto_pkey EVP_PKEY *mine = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, priv->data, priv->len);
	auto_pkey EVP_PKEY *theirs =
	    EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, SEALBOX_KEY_LEN);
	auto_pkey_ctx EVP_PKEY_CTX *ctx = mine ? EVP_PKEY_CTX_new(mine, NULL) : NULL;
	auto_secret struct secret *shared = secret_new(SEALBOX_KEY_LEN);
	size_t n = SEALBOX_KEY_LEN;

	if (!shared)
		return -ENOMEM;
	if (!theirs || !ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, theirs) != 1)
		return -EIO;
	if (EVP_PKEY_derive(ctx, shared->data, &n) != 1 || n != SEALBOX_KEY_LEN)
		return -EINVAL;
	*ret = take(shared);
	return 0;
}

/* Key and nonce of one box: RFC 5869 over the shared secret, both public keys as salt so that they are bound
 * in. */
static int box_key(struct secret **ret, const struct secret *priv, const uint8_t peer[static SEALBOX_KEY_LEN],
		   const uint8_t ephemeral[static SEALBOX_KEY_LEN],
		   const uint8_t recipient[static SEALBOX_KEY_LEN], const char *info)
{
	auto_secret struct secret *shared = NULL;
	auto_secret struct secret *okm = secret_new(SEAL_OKM_LEN);
	uint8_t salt[2 * SEALBOX_KEY_LEN];
	int r;

	if (!okm)
		return -ENOMEM;
	r = agree(&shared, priv, peer);
	if (r < 0)
		return r;
	memcpy(salt, ephemeral, SEALBOX_KEY_LEN);
	memcpy(salt + SEALBOX_KEY_LEN, recipient, SEALBOX_KEY_LEN);
	r = kdf_hkdf_sha256(shared->data, shared->len, salt, sizeof(salt), (const uint8_t *)info,
			    strlen(info), okm->data, okm->len);
	if (r < 0)
		return r;
	*ret = take(okm);
	return 0;
}

int sealbox_seal(struct sealbox *s, const uint8_t recipient[static SEALBOX_KEY_LEN], const char *info,
		 const uint8_t *ad, size_t ad_len, const uint8_t *in, size_t n, uint8_t *out)
{
	auto_secret struct secret *okm = NULL;
	int r;

	if (s->used)
		return -EALREADY;
	r = box_key(&okm, s->priv, recipient, s->pub, recipient, info);
	if (r < 0)
		return r;
	s->used = true;
	return aead_gcm_seal(okm->data, okm->data + 32, SEAL_NONCE_LEN, ad, ad_len, in, n, out);
}

int sealbox_open(const struct secret *priv, const uint8_t ephemeral[static SEALBOX_KEY_LEN], const char *info,
		 const uint8_t *ad, size_t ad_len, const uint8_t *in, size_t n, uint8_t *out)
{
	auto_secret struct secret *okm = NULL;
	uint8_t recipient[SEALBOX_KEY_LEN];
	int r;

	if (n < SEALBOX_TAG_LEN)
		return -EINVAL;
	r = sealbox_public(priv, recipient);
	if (r < 0)
		return r;
	r = box_key(&okm, priv, ephemeral, ephemeral, recipient, info);
	if (r < 0)
		return r;
	return aead_gcm_open(okm->data, okm->data + 32, SEAL_NONCE_LEN, ad, ad_len, in, n, out);
}
