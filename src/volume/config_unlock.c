/* config_unlock.c - the master key in and out of its wrapping (gocryptfs format, sections 1 and 2). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exitcode.h"
#include "crypto/aead.h"
#include "crypto/kdf.h"
#include "crypto/rng.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/secret.h"
#include "volume/config.h"
#include "volume/config_priv.h"

enum { MASTER_KEY_LEN = 32, SALT_LEN = 32, LOGN_MIN = 10, LOGN_MAX = 28, LONG_NAME_MAX_DEFAULT = 255 };

/* Whatever the content cipher, the master key is wrapped with AES-256-GCM as if it were block 0 of a file
 * without an id: the additional data is the block number, eight zero bytes. */
static const uint8_t wrap_ad[8];

/* Stores from before HKDF (gocryptfs 1.3) use 96-bit nonces. */
static size_t wrap_nonce_len(const struct config *c)
{
	return c->flags & CONFIG_HKDF ? 16 : 12;
}

static int fail(struct err *err, int exitcode, int r)
{
	if (err)
		err->exitcode = exitcode;
	return r;
}

/* Memory is capped in kdf_scrypt(); this caps time. A file with a small N and a huge P would keep the program
 * busy for years. 2^28 is eight times the work of the largest N (2^22, with R = 8) that fits the memory
 * limit. */
static int check_work(const struct config *c, int exitcode, struct err *err)
{
	uint64_t work;

	if (__builtin_mul_overflow((uint64_t)c->scrypt_n, (uint64_t)c->scrypt_r, &work) ||
	    __builtin_mul_overflow(work, (uint64_t)c->scrypt_p, &work) || work > (uint64_t)1 << 28)
		return err_set_exit(err, -E2BIG, exitcode,
				    "scrypt: N=%" PRId64 " R=%" PRId64 " P=%" PRId64
				    " ask for more time or memory than is reasonable",
				    c->scrypt_n, c->scrypt_r, c->scrypt_p);
	return 0;
}

/* The key that encrypts the master key. `exitcode` is for parameters scrypt refuses. */
static int derive_kek(const struct config *c, const struct secret *password, int exitcode,
		      struct secret **ret, struct err *err)
{
	const struct kdf_scrypt par = {
		.salt = (uint8_t *)c->salt, /* only read */
		.salt_len = c->salt_len,
		.n = (uint64_t)c->scrypt_n,
		.r = (uint32_t)c->scrypt_r,
		.p = (uint32_t)c->scrypt_p,
	};
	auto_secret struct secret *hash = NULL;
	int r;

	r = check_work(c, exitcode, err);
	if (r < 0)
		return r;
	r = kdf_scrypt(&hash, password, &par, MASTER_KEY_LEN, err);
	if (r < 0)
		return fail(err, r == -ENOMEM ? EXITCODE_SCRYPT : exitcode, r);
	if (c->flags & CONFIG_HKDF) {
		r = kdf_derive(ret, hash, "AES-GCM file content encryption", MASTER_KEY_LEN);
		if (r < 0)
			return err_set_exit(err, r, EXITCODE_OTHER, "key derivation failed");
		return 0;
	}
	*ret = take(hash);
	return 0;
}

int config_unlock(const struct config *c, const struct secret *password, struct secret **ret, struct err *err)
{
	size_t nonce_len = wrap_nonce_len(c);
	auto_secret struct secret *kek = NULL;
	auto_secret struct secret *key = NULL;
	int r;

	/* Upstream derives the key and then says "Password incorrect." */
	if (c->encrypted_key_len != nonce_len + MASTER_KEY_LEN + AEAD_TAG_LEN)
		return err_set_exit(err, -EUCLEAN, EXITCODE_PASSWORD,
				    "EncryptedKey has %zu bytes instead of %zu: the config file is damaged",
				    c->encrypted_key_len, nonce_len + MASTER_KEY_LEN + AEAD_TAG_LEN);
	key = secret_new(MASTER_KEY_LEN);
	if (!key)
		return err_set_exit(err, -ENOMEM, EXITCODE_OTHER, "out of memory");
	r = derive_kek(c, password, EXITCODE_DEPRECATED, &kek, err);
	if (r < 0)
		return r;
	r = aead_gcm_open(kek->data, c->encrypted_key, nonce_len, wrap_ad, sizeof(wrap_ad),
			  c->encrypted_key + nonce_len, c->encrypted_key_len - nonce_len, key->data);
	if (r == -EBADMSG)
		return err_set_exit(err, -EACCES, EXITCODE_PASSWORD, "Password incorrect.");
	if (r < 0)
		return err_set_exit(err, r, EXITCODE_OTHER, "failed to unlock master key: AES-GCM failed");
	*ret = take(key);
	return 0;
}

/* Wrap into c, whose scrypt parameters, salt and flags are set. */
static int wrap(struct config *c, const struct secret *master_key, const struct secret *password,
		struct err *err)
{
	size_t nonce_len = wrap_nonce_len(c);
	auto_secret struct secret *kek = NULL;
	int r;

	if (master_key->len != MASTER_KEY_LEN)
		return err_set_exit(err, -EINVAL, EXITCODE_MASTERKEY,
				    "Master key has length %zu but we require length %d", master_key->len,
				    MASTER_KEY_LEN);
	r = derive_kek(c, password, EXITCODE_SCRYPT, &kek, err);
	if (r < 0)
		return r;
	rng_bytes(c->encrypted_key, nonce_len);
	r = aead_gcm_seal(kek->data, c->encrypted_key, nonce_len, wrap_ad, sizeof(wrap_ad), master_key->data,
			  master_key->len, c->encrypted_key + nonce_len);
	if (r < 0)
		return err_set_exit(err, r, EXITCODE_WRITECONF, "could not encrypt the master key");
	c->encrypted_key_len = nonce_len + MASTER_KEY_LEN + AEAD_TAG_LEN;
	return 0;
}

static int set_logn(struct config *c, int logn, struct err *err)
{
	if (logn < LOGN_MIN)
		return err_set_exit(err, -EINVAL, EXITCODE_WRITECONF,
				    "Fatal: scryptn below %d is too low to make sense", LOGN_MIN);
	if (logn > LOGN_MAX)
		return err_set_exit(err, -EINVAL, EXITCODE_WRITECONF,
				    "Fatal: scryptn above %d is not supported", LOGN_MAX);
	c->scrypt_n = (int64_t)1 << logn;
	return 0;
}

/* Flags of a new store, in upstream's order. */
static size_t flags_of_new(const struct config_new *opt, unsigned int ret[static 8])
{
	size_t n = 0;

	ret[n++] = CONFIG_HKDF;
	ret[n++] = opt->xchacha ? CONFIG_XCHACHA : CONFIG_GCMIV128;
	if (opt->plaintextnames) {
		ret[n++] = CONFIG_PLAINTEXTNAMES;
	} else {
		if (!opt->deterministic_names)
			ret[n++] = CONFIG_DIRIV;
		if (opt->long_name_max && opt->long_name_max != LONG_NAME_MAX_DEFAULT)
			ret[n++] = CONFIG_LONGNAMEMAX;
		ret[n++] = CONFIG_EMENAMES;
		ret[n++] = CONFIG_LONGNAMES;
		ret[n++] = CONFIG_RAW64;
	}
	if (opt->aessiv)
		ret[n++] = CONFIG_AESSIV;
	return n;
}

static int set_flags(struct config *c, const unsigned int *flags, size_t n, struct err *err)
{
	size_t size = 1, used = 0;

	for (size_t i = 0; i < n; i++)
		size += strlen(config_flag_name(flags[i])) + 1;
	c->flags_text = malloc(size);
	if (!c->flags_text)
		return err_set_exit(err, -ENOMEM, EXITCODE_WRITECONF, "out of memory");
	for (size_t i = 0; i < n; i++) {
		c->flags |= flags[i];
		used += (size_t)snprintf(c->flags_text + used, size - used, "%s%s", i ? " " : "",
					 config_flag_name(flags[i]));
	}
	return 0;
}

static int fill_new(struct config *c, const struct config_new *opt, struct err *err)
{
	unsigned int flags[8];
	size_t n_flags = flags_of_new(opt, flags);
	int r;

	c->version = 2;
	c->scrypt_r = 8;
	c->scrypt_p = 1;
	c->key_len = MASTER_KEY_LEN;
	c->salt_len = SALT_LEN;
	rng_bytes(c->salt, SALT_LEN);
	r = set_logn(c, opt->scrypt_logn, err);
	if (r < 0)
		return r;
	r = set_flags(c, flags, n_flags, err);
	if (r < 0)
		return r;
	if (c->flags & CONFIG_LONGNAMEMAX) {
		if (opt->long_name_max > LONG_NAME_MAX_DEFAULT)
			return err_set_exit(err, -EINVAL, EXITCODE_WRITECONF,
					    "LongNameMax=%u is out of range", opt->long_name_max);
		c->long_name_max = opt->long_name_max;
	}
	c->creator = strdup(opt->creator);
	if (!c->creator)
		return err_set_exit(err, -ENOMEM, EXITCODE_WRITECONF, "out of memory");
	r = config_validate_params(c, EXITCODE_WRITECONF, err);
	return r < 0 ? r : config_validate_flags(c, EXITCODE_WRITECONF, err);
}

int config_create(struct config *ret, const struct config_new *opt, const struct secret *master_key,
		  const struct secret *password, struct err *err)
{
	struct config c = { 0 };
	int r;

	memset(ret, 0, sizeof(*ret));
	r = fill_new(&c, opt, err);
	if (r == 0)
		r = wrap(&c, master_key, password, err);
	if (r < 0) {
		config_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

int config_rewrap(struct config *c, const struct secret *master_key, const struct secret *password, int logn,
		  struct err *err)
{
	struct config fresh = *c; /* shares the strings of c, which stay as they are */
	int r;

	rng_bytes(fresh.salt, SALT_LEN);
	fresh.salt_len = SALT_LEN;
	if (logn) {
		r = set_logn(&fresh, logn, err);
		if (r < 0)
			return r;
	}
	r = wrap(&fresh, master_key, password, err);
	if (r < 0)
		return r;
	*c = fresh;
	return 0;
}
