/* kdf.c - key derivation and hashes, all from libcrypto. */
#include "crypto/kdf.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/secret.h"

/* RFC 5869, section 2.3: at most 255 outputs of the hash. */
enum { HKDF_SHA256_MAX = 255 * 32 };

int kdf_hkdf_sha256(const uint8_t *ikm, size_t ikm_len, const uint8_t *salt, size_t salt_len,
		    const uint8_t *info, size_t info_len, uint8_t *out, size_t out_len)
{
	OSSL_PARAM par[5], *p = par;
	char digest[] = "SHA2-256";
	EVP_KDF *kdf = NULL;
	EVP_KDF_CTX *ctx = NULL;
	int rc = -EIO;

	if (out_len == 0 || out_len > HKDF_SHA256_MAX)
		return -EINVAL;
	/* OSSL_PARAM takes pointers to non-const for historical reasons; libcrypto only reads. */
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)ikm, ikm_len);
	if (salt && salt_len)
		*p++ =
		    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, salt_len);
	if (info && info_len)
		*p++ =
		    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, info_len);
	*p = OSSL_PARAM_construct_end();
	kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
	if (kdf)
		ctx = EVP_KDF_CTX_new(kdf);
	if (ctx && EVP_KDF_derive(ctx, out, out_len, par) == 1)
		rc = 0;
	else
		secret_wipe(out, out_len);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return rc;
}

int kdf_derive(struct secret **ret, const struct secret *key, const char *info, size_t out_len)
{
	struct secret *out;
	int rc;

	if (out_len == 0 || out_len > HKDF_SHA256_MAX)
		return -EINVAL;
	out = secret_new(out_len);
	if (!out)
		return -ENOMEM;
	rc = kdf_hkdf_sha256(key->data, key->len, NULL, 0, (const uint8_t *)info, strlen(info), out->data,
			     out_len);
	if (rc < 0) {
		secret_free(out);
		return rc;
	}
	*ret = out;
	return 0;
}

/* A hash cannot fail but for lack of memory or a libcrypto without it; callers compare or store the result,
 * so that going on with garbage is no choice. */
static void digest_or_die(const char *name, uint8_t *out, const void *in, size_t n)
{
	if (EVP_Q_digest(NULL, name, NULL, in, n, out, NULL) == 1)
		return;
	(void)fprintf(stderr, "libcrypto cannot compute %s, stopping here\n", name);
	abort();
}

void kdf_sha256(uint8_t out[static 32], const void *in, size_t n)
{
	digest_or_die("SHA256", out, in, n);
}

void kdf_sha512(uint8_t out[static 64], const void *in, size_t n)
{
	digest_or_die("SHA512", out, in, n);
}
