/* kdf_scrypt.c - scrypt, from libsodium if there, else from libcrypto. */
#include "crypto/kdf.h"

#include <errno.h>
#ifdef HAVE_LIBSODIUM
#include <sodium.h>
#else
#include <openssl/err.h>
#include <openssl/evp.h>
#endif

#include "util/err.h"
#include "util/secret.h"

/* Checks the parameters (RFC 7914, section 2) and gives the bytes of memory it takes at most. */
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

#ifdef HAVE_LIBSODIUM
/* Its code for SSE2 takes little more than half the time of libcrypto's plain C. */
static int derive(const struct secret *password, const struct kdf_scrypt *par, uint64_t need,
		  const struct secret *out)
{
	(void)need;
	if (sodium_init() < 0)
		return -EIO;
	errno = 0;
	if (crypto_pwhash_scryptsalsa208sha256_ll(password->data, password->len, par->salt, par->salt_len,
						  par->n, par->r, par->p, out->data, out->len) == 0)
		return 0;
	return errno == ENOMEM ? -ENOMEM : -EIO;
}
#else
static int derive(const struct secret *password, const struct kdf_scrypt *par, uint64_t need,
		  const struct secret *out)
{
	int rc;

	ERR_clear_error();
	if (EVP_PBE_scrypt((const char *)password->data, password->len, par->salt, par->salt_len, par->n,
			   par->r, par->p, need, out->data, out->len) == 1)
		return 0;
	rc = ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE ? -ENOMEM : -EIO;
	ERR_clear_error();
	return rc;
}
#endif

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
	rc = derive(password, par, need, out);
	if (rc < 0) {
		secret_free(out);
		return err_set(err, rc, "scrypt: %s (%llu MiB needed)",
			       rc == -ENOMEM ? "out of memory" : "the library failed",
			       (unsigned long long)(need >> 20));
	}
	*ret = out;
	return 0;
}
