/* kdf.c - key derivation and hashes, all from libcrypto. */
#include "crypto/kdf.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/err.h"
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

/* Checks the parameters (RFC 7914, section 2) and gives the bytes of memory libcrypto will ask for. */
static int scrypt_need(const struct kdf_scrypt *par, uint64_t *ret_need, struct err *err)
{
	uint64_t r = par->r, p = par->p, blocks, counted, need;

	if (par->n < 2 || (par->n & (par->n - 1)) != 0)
		return err_set(err, -EINVAL, "scrypt: N is not a power of two above 1");
	if (r == 0 || p == 0)
		return err_set(err, -EINVAL, "scrypt: r and p must not be zero");
	if (r * p >= (uint64_t)1 << 30) /* both below 2^32: no overflow */
		return err_set(err, -E2BIG, "scrypt: p * r is 2^30 or more");
	if (r < 4 && par->n >= (uint64_t)1 << (16 * r)) /* N < 2^(128 * r / 8) */
		return err_set(err, -EINVAL, "scrypt: N is too large for r");
	/* V takes 128*r*N bytes and B 128*r*p. One B of p = 1 is not counted against the limit, so that N =
	 * 2^22 with r = 8, which is the limit in round figures, passes. */
	if (__builtin_add_overflow(par->n, p - 1, &blocks) ||
	    __builtin_mul_overflow(blocks, 128 * r, &counted) || counted > KDF_SCRYPT_MEM_MAX)
		return err_set(err, -E2BIG, "scrypt: the parameters ask for more than %llu MiB of memory",
			       (unsigned long long)(KDF_SCRYPT_MEM_MAX >> 20));
	/* libcrypto adds two blocks of working space. */
	need = counted + 3 * 128 * r;
	*ret_need = need;
	return 0;
}

int kdf_scrypt(struct secret **ret, const struct secret *password, const struct kdf_scrypt *par,
	       size_t out_len, struct err *err)
{
	struct secret *out;
	uint64_t need = 0;
	int rc = scrypt_need(par, &need, err);

	if (rc < 0)
		return rc;
	if (out_len == 0)
		return err_set(err, -EINVAL, "scrypt: no output asked for");
	out = secret_new(out_len);
	if (!out)
		return err_set(err, -ENOMEM, "scrypt: out of memory");
	ERR_clear_error();
	if (EVP_PBE_scrypt((const char *)password->data, password->len, par->salt, par->salt_len, par->n,
			   par->r, par->p, need, out->data, out_len) != 1) {
		rc = ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE ? -ENOMEM : -EIO;
		ERR_clear_error();
		secret_free(out);
		return err_set(err, rc, "scrypt: %s (%llu MiB needed)",
			       rc == -ENOMEM ? "out of memory" : "libcrypto failed",
			       (unsigned long long)(need >> 20));
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
