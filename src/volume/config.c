/* config.c - feature flags, and which combinations of settings may be opened (gocryptfs format, section 1).
 */
#include "volume/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/err.h"
#include "volume/config_priv.h"

static const struct {
	unsigned int flag;
	const char *name;
} known_flags[] = {
	{ CONFIG_PLAINTEXTNAMES, "PlaintextNames" },
	{ CONFIG_DIRIV, "DirIV" },
	{ CONFIG_EMENAMES, "EMENames" },
	{ CONFIG_GCMIV128, "GCMIV128" },
	{ CONFIG_LONGNAMES, "LongNames" },
	{ CONFIG_LONGNAMEMAX, "LongNameMax" },
	{ CONFIG_AESSIV, "AESSIV" },
	{ CONFIG_RAW64, "Raw64" },
	{ CONFIG_HKDF, "HKDF" },
	{ CONFIG_FIDO2, "FIDO2" },
	{ CONFIG_XCHACHA, "XChaCha20Poly1305" },
};
enum { N_KNOWN_FLAGS = sizeof(known_flags) / sizeof(known_flags[0]) };

/* Lowest scrypt parameters accepted, so that a doctored file cannot weaken the password (upstream's limits).
 * The key length is always that of AES-256. */
enum {
	SCRYPT_MIN_N = 1 << 10,
	SCRYPT_MIN_R = 8,
	SCRYPT_MIN_P = 1,
	SCRYPT_MIN_SALT = 32,
	SCRYPT_KEY_LEN = 32
};

unsigned int config_flag_from_name(const char *name, size_t n)
{
	for (size_t i = 0; i < N_KNOWN_FLAGS; i++)
		if (strlen(known_flags[i].name) == n && memcmp(known_flags[i].name, name, n) == 0)
			return known_flags[i].flag;
	return 0;
}

const char *config_flag_name(unsigned int flag)
{
	for (size_t i = 0; i < N_KNOWN_FLAGS; i++)
		if (known_flags[i].flag == flag)
			return known_flags[i].name;
	return "";
}

int config_validate_params(const struct config *c, int exitcode, struct err *err)
{
	if (c->version != 2)
		return err_set_exit(err, -EINVAL, exitcode, "Unsupported on-disk format %" PRId64,
				    c->version);
	if (c->scrypt_n < SCRYPT_MIN_N)
		return err_set_exit(err, -EINVAL, exitcode,
				    "Fatal: scryptn below 10 is too low to make sense");
	if (c->scrypt_n & (c->scrypt_n - 1))
		return err_set_exit(err, -EINVAL, exitcode,
				    "Fatal: scrypt parameter N must be a power of two: value=%" PRId64,
				    c->scrypt_n);
	if (c->scrypt_r < SCRYPT_MIN_R)
		return err_set_exit(err, -EINVAL, exitcode,
				    "Fatal: scrypt parameter R below minimum: value=%" PRId64 ", min=%d",
				    c->scrypt_r, SCRYPT_MIN_R);
	if (c->scrypt_p < SCRYPT_MIN_P)
		return err_set_exit(err, -EINVAL, exitcode,
				    "Fatal: scrypt parameter P below minimum: value=%" PRId64 ", min=%d",
				    c->scrypt_p, SCRYPT_MIN_P);
	if (c->scrypt_r > UINT32_MAX || c->scrypt_p > UINT32_MAX)
		return err_set_exit(err, -EINVAL, exitcode,
				    "Fatal: scrypt parameters R=%" PRId64 " P=%" PRId64 " are out of range",
				    c->scrypt_r, c->scrypt_p);
	if (c->salt_len < SCRYPT_MIN_SALT)
		return err_set_exit(err, -EINVAL, exitcode,
				    "Fatal: scrypt salt length below minimum: value=%zu, min=%d", c->salt_len,
				    SCRYPT_MIN_SALT);
	if (c->key_len < SCRYPT_KEY_LEN)
		return err_set_exit(err, -EINVAL, exitcode,
				    "Fatal: scrypt parameter KeyLen below minimum: value=%" PRId64 ", min=%d",
				    c->key_len, SCRYPT_KEY_LEN);
	if (c->key_len != SCRYPT_KEY_LEN)
		return err_set_exit(err, -EINVAL, exitcode,
				    "Fatal: scrypt parameter KeyLen must be %d: value=%" PRId64,
				    SCRYPT_KEY_LEN, c->key_len);
	return 0;
}

static int refuse(int exitcode, struct err *err, const char *text)
{
	return err_set_exit(err, -EINVAL, exitcode, "%s", text);
}

static int validate_content_flags(unsigned int flags, int exitcode, struct err *err)
{
	if ((flags & CONFIG_XCHACHA) && (flags & CONFIG_AESSIV))
		return refuse(exitcode, err, "Can't have both XChaCha20Poly1305 and AESSIV feature flags");
	if ((flags & CONFIG_AESSIV) && !(flags & CONFIG_GCMIV128))
		return refuse(exitcode, err, "AESSIV requires GCMIV128 feature flag");
	if ((flags & CONFIG_XCHACHA) && (flags & CONFIG_GCMIV128))
		return refuse(exitcode, err, "XChaCha20Poly1305 conflicts with GCMIV128 feature flag");
	if ((flags & CONFIG_XCHACHA) && !(flags & CONFIG_HKDF))
		return refuse(exitcode, err, "XChaCha20Poly1305 requires HKDF feature flag");
	if (!(flags & (CONFIG_XCHACHA | CONFIG_AESSIV | CONFIG_GCMIV128)))
		return refuse(exitcode, err,
			      "AES-GCM requires GCMIV128 feature flag. Deprecated filesystem: it was made by "
			      "gocryptfs v0.6 "
			      "or earlier; upgrade it with gocryptfs v0.11 as "
			      "https://github.com/rfjakob/gocryptfs/wiki/Upgrading describes");
	return 0;
}

int config_validate_flags(const struct config *c, int exitcode, struct err *err)
{
	static const unsigned int for_encrypted_names[] = { CONFIG_EMENAMES, CONFIG_DIRIV, CONFIG_LONGNAMES,
							    CONFIG_RAW64, CONFIG_LONGNAMEMAX };
	int r = validate_content_flags(c->flags, exitcode, err);

	if (r < 0)
		return r;
	for (size_t i = 0; (c->flags & CONFIG_PLAINTEXTNAMES) && i < 5; i++)
		if (c->flags & for_encrypted_names[i])
			return err_set_exit(err, -EINVAL, exitcode,
					    "PlaintextNames conflicts with %s feature flag",
					    config_flag_name(for_encrypted_names[i]));
	if (c->long_name_max && !(c->flags & CONFIG_LONGNAMEMAX))
		return err_set_exit(err, -EINVAL, exitcode,
				    "LongNameMax=%u but the LongNameMax feature flag is NOT set",
				    c->long_name_max);
	if (!c->long_name_max && (c->flags & CONFIG_LONGNAMEMAX))
		return refuse(exitcode, err, "LongNameMax=0 but the LongNameMax feature flag IS set");
	return 0;
}

const char *config_cipher_name(const struct config *c)
{
	if (c->flags & CONFIG_XCHACHA)
		return "XChaCha20-Poly1305";
	return c->flags & CONFIG_AESSIV ? "AES-SIV-512" : "AES-GCM-256";
}

void config_done(struct config *c)
{
	if (!c)
		return;
	free(c->creator);
	free(c->flags_text);
	free(c->fido2_json);
	memset(c, 0, sizeof(*c));
}
