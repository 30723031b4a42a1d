/* volume.c - from master key and options to keyed ciphers (gocryptfs format, section 2). */
#include "volume/volume.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/exitcode.h"
#include "crypto/kdf.h"
#include "util/err.h"
#include "util/secret.h"
#include "volume/config.h"

enum { MASTER_KEY_LEN = 32, NAMES_KEY_LEN = 32, LONG_NAME_MAX_DEFAULT = 255 };

void volume_options_from_config(struct volume_options *ret, const struct config *c)
{
	*ret = (struct volume_options){
		.plaintextnames = c->flags & CONFIG_PLAINTEXTNAMES,
		.deterministic_names = !(c->flags & (CONFIG_PLAINTEXTNAMES | CONFIG_DIRIV)),
		.aessiv = c->flags & CONFIG_AESSIV,
		.xchacha = c->flags & CONFIG_XCHACHA,
		.raw64 = c->flags & CONFIG_RAW64,
		.hkdf = c->flags & CONFIG_HKDF,
		/* The LongNames flag is never looked at: upstream hashes unless told not to at mount. */
		.long_names = true,
		.long_name_max = c->long_name_max ? c->long_name_max : LONG_NAME_MAX_DEFAULT,
	};
}

static enum aead_alg content_alg(const struct volume_options *opt)
{
	if (opt->xchacha)
		return AEAD_XCHACHA20_POLY1305;
	return opt->aessiv ? AEAD_AES_SIV_512 : AEAD_AES256_GCM;
}

/* Stores from before HKDF use the master key itself; AES-SIV, which needs 64 bytes, its SHA-512. */
static int content_key(const struct volume_options *opt, const struct secret *master_key, struct secret **ret)
{
	static const char *const info[] = {
		[AEAD_AES256_GCM] = "AES-GCM file content encryption",
		[AEAD_AES_SIV_512] = "AES-SIV file content encryption",
		[AEAD_XCHACHA20_POLY1305] = "XChaCha20-Poly1305 file content encryption",
	};
	enum aead_alg alg = content_alg(opt);

	if (opt->hkdf)
		return kdf_derive(ret, master_key, info[alg], aead_key_len(alg));
	if (alg == AEAD_AES_SIV_512) {
		*ret = secret_new(aead_key_len(alg));
		if (*ret)
			kdf_sha512((*ret)->data, master_key->data, master_key->len);
	} else {
		*ret = secret_copy(master_key->data, master_key->len);
	}
	return *ret ? 0 : -ENOMEM;
}

/* Extended attributes have encrypted names even where file names are in the clear, so there is always a names
 * key. */
static int names_key(const struct volume_options *opt, const struct secret *master_key, struct secret **ret)
{
	if (opt->hkdf)
		return kdf_derive(ret, master_key, "EME filename encryption", NAMES_KEY_LEN);
	*ret = secret_copy(master_key->data, master_key->len);
	return *ret ? 0 : -ENOMEM;
}

static int set_up(struct volume *v, const struct secret *master_key)
{
	const struct volume_options *opt = &v->opt;
	auto_secret struct secret *key_names = NULL;
	auto_secret struct secret *key_content = NULL;
	int r;

	r = content_key(opt, master_key, &key_content);
	if (r < 0)
		return r;
	r = content_init(&v->content, content_alg(opt), opt->backend, key_content, opt->raw64);
	if (r < 0)
		return r;
	v->names = (struct names){
		.plaintext = opt->plaintextnames,
		.deterministic = opt->deterministic_names,
		.raw64 = opt->raw64,
		.long_names = opt->long_names,
		.long_max = opt->long_name_max ? opt->long_name_max : LONG_NAME_MAX_DEFAULT,
	};
	r = names_key(opt, master_key, &key_names);
	return r < 0 ? r : names_init(&v->names, key_names);
}

int volume_open(struct volume **ret, const struct volume_options *opt, const struct secret *master_key,
		struct err *err)
{
	struct volume *v;
	int r;

	if (master_key->len != MASTER_KEY_LEN)
		return err_set_exit(err, -EINVAL, EXITCODE_MASTERKEY,
				    "Master key has length %zu but we require length %d", master_key->len,
				    MASTER_KEY_LEN);
	if (opt->xchacha && (opt->aessiv || !opt->hkdf))
		return err_set_exit(err, -EINVAL, EXITCODE_USAGE, "XChaCha20-Poly1305 %s",
				    opt->aessiv ? "and AES-SIV exclude each other" : "requires HKDF");
	v = calloc(1, sizeof(*v));
	if (!v)
		return err_set_exit(err, -ENOMEM, EXITCODE_OTHER, "out of memory");
	v->opt = *opt;
	r = set_up(v, master_key);
	if (r < 0) {
		volume_close(v);
		return err_set_exit(err, r, EXITCODE_OTHER, "could not set up the ciphers: %s",
				    r == -ENOMEM ? "out of memory" : "cryptographic library failed");
	}
	*ret = v;
	return 0;
}

void volume_close(struct volume *v)
{
	if (!v)
		return;
	content_done(&v->content);
	names_done(&v->names);
	free(v);
}
