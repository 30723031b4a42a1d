/* sealbox.h - sealing to a public key: X25519, HKDF-SHA256, AES-256-GCM (ticket format, section "Sealing").
 */
#ifndef CRYPTO_SEALBOX_H
#define CRYPTO_SEALBOX_H

#include <stddef.h>
#include <stdint.h>

struct secret;

enum { SEALBOX_KEY_LEN = 32, SEALBOX_TAG_LEN = 16 };

/* A new key pair: *ret_private holds 32 bytes (RFC 7748). 0, -ENOMEM or -EIO. */
int sealbox_keypair(struct secret **ret_private, uint8_t ret_public[static SEALBOX_KEY_LEN]);

/* The public key that belongs to a private key of 32 bytes. 0, -EINVAL or -EIO. */
int sealbox_public(const struct secret *priv, uint8_t ret_public[static SEALBOX_KEY_LEN]);

/* An ephemeral key for one sealing. The caller places its public key in the associated data, then seals. */
struct sealbox;
int sealbox_new(struct sealbox **ret, uint8_t ret_ephemeral[static SEALBOX_KEY_LEN]); /* 0, -ENOMEM, -EIO */
void sealbox_free(struct sealbox *s); /* wipes; NULL is fine */

/* Encrypt n bytes to `recipient`; out has n + SEALBOX_TAG_LEN bytes. info (a C string) separates uses of one
 * key. May be called once per sealbox: key and nonce follow from the key pair, a second message would repeat
 * the nonce. 0, -EALREADY (second call), -EINVAL (recipient is a point of small order), -EIO. */
int sealbox_seal(struct sealbox *s, const uint8_t recipient[static SEALBOX_KEY_LEN], const char *info,
		 const uint8_t *ad, size_t ad_len, const uint8_t *in, size_t n, uint8_t *out);

/* Decrypt n >= SEALBOX_TAG_LEN bytes with the recipient's private key; out has n - SEALBOX_TAG_LEN bytes.
 * 0, -EBADMSG (altered, or not for this key), -EINVAL (lengths, small order), -EIO. */
int sealbox_open(const struct secret *priv, const uint8_t ephemeral[static SEALBOX_KEY_LEN], const char *info,
		 const uint8_t *ad, size_t ad_len, const uint8_t *in, size_t n, uint8_t *out);

#endif
