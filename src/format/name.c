/* name.c - file names: PKCS#7, EME, base64url, hashed long names, reserved names (gocryptfs format, sections
 * 5 and 9 of site-docs/formats.md). */
#include "format/name.h"

#include <errno.h>
#include <string.h>

#include "crypto/eme.h"
#include "crypto/kdf.h"
#include "format/name_pad.h"
#include "util/base64.h"

static const uint8_t iv_none[NAME_IV_LEN];

int names_init(struct names *n, const struct secret *key)
{
	struct eme *eme;
	int r = eme_new(&eme, key);

	if (r == 0)
		n->eme = eme;
	return r;
}

void names_done(struct names *n)
{
	eme_free(n->eme);
	n->eme = NULL;
}

static bool plain_ok(const char *plain, size_t len)
{
	if (len == 0 || memchr(plain, '/', len) || memchr(plain, '\0', len))
		return false;
	return !(plain[0] == '.' && (len == 1 || (len == 2 && plain[1] == '.')));
}

/* RFC 5652 section 6.3. ret has len + 16 bytes. */
static size_t pad_name(const char *plain, size_t len, uint8_t *ret)
{
	size_t pad = EME_BLOCK - len % EME_BLOCK;

	memcpy(ret, plain, len);
	memset(ret + len, (int)pad, pad);
	return len + pad;
}

/* Length without padding; n >= 1. */
static ssize_t unpad_name(const uint8_t *padded, size_t n)
{
	size_t pad = padded[n - 1];

	/* A whole name of padding would be an empty name, which no writer makes. */
	if (pad < 1 || pad > EME_BLOCK || pad >= n)
		return -EBADMSG;
	for (size_t i = n - pad; i < n; i++)
		if (padded[i] != pad)
			return -EBADMSG;
	return (ssize_t)(n - pad);
}

ssize_t name_seal(const struct names *n, const uint8_t tweak[static NAME_IV_LEN], const char *plain,
		  size_t len, char *ret)
{
	uint8_t buf[NAME_PLAIN_MAX + EME_BLOCK];
	size_t padded = pad_name(plain, len, buf);
	int r = eme_encrypt(n->eme, tweak, buf, buf, padded);

	return r < 0 ? r : (ssize_t)base64url_encode(ret, buf, padded, !n->raw64);
}

ssize_t name_unseal(const struct names *n, const uint8_t tweak[static NAME_IV_LEN], const char *text,
		    size_t len, uint8_t ret[static NAME_PLAIN_MAX + 1])
{
	uint8_t buf[NAME_FULL_MAX]; /* more than base64_max_decoded(NAME_FULL_MAX) */
	ssize_t got;
	int r;

	if (len > NAME_FULL_MAX)
		return -EUCLEAN;
	got = base64url_decode(buf, text, len, !n->raw64);
	if (got < 0)
		return got;
	if (got == 0 || got % EME_BLOCK || got > NAME_PLAIN_MAX + 1)
		return -EUCLEAN;
	r = eme_decrypt(n->eme, tweak, buf, ret, (size_t)got);
	return r < 0 ? r : unpad_name(ret, (size_t)got);
}

/* Plaintext names: stored as they are. */
static int encrypt_verbatim(bool in_root, const char *plain, size_t len, struct cname *ret)
{
	if (in_root && len == strlen(NAME_CONF) && memcmp(plain, NAME_CONF, len) == 0)
		return -EPERM;
	memcpy(ret->name, plain, len);
	ret->name[len] = '\0';
	ret->full[0] = '\0';
	ret->is_long = false;
	return 0;
}

int name_encrypt(const struct names *n, const uint8_t iv[static NAME_IV_LEN], bool in_root, const char *plain,
		 size_t len, struct cname *ret)
{
	ssize_t r;

	if (!plain_ok(plain, len))
		return -EINVAL;
	if (len > NAME_PLAIN_MAX)
		return -ENAMETOOLONG;
	if (n->plaintext)
		return encrypt_verbatim(in_root, plain, len, ret);
	r = name_seal(n, n->deterministic ? iv_none : iv, plain, len, ret->full);
	if (r < 0)
		return (int)r;
	if (n->long_names && (size_t)r > n->long_max) {
		ret->is_long = true;
		name_hash(n, ret->full, (size_t)r, ret->name);
		return 0;
	}
	if (r > NAME_CIPHER_MAX)
		return -ENAMETOOLONG;
	memcpy(ret->name, ret->full, (size_t)r + 1);
	ret->full[0] = '\0';
	ret->is_long = false;
	return 0;
}

ssize_t name_decrypt(const struct names *n, const uint8_t iv[static NAME_IV_LEN], const char *cipher,
		     size_t len, char ret[static NAME_PLAIN_MAX + 1])
{
	uint8_t plain[NAME_PLAIN_MAX + 1];
	ssize_t got;

	if (n->plaintext) {
		if (len > NAME_PLAIN_MAX)
			return -EUCLEAN;
		memcpy(plain, cipher, len);
		got = (ssize_t)len;
	} else {
		got = name_unseal(n, n->deterministic ? iv_none : iv, cipher, len, plain);
		if (got < 0)
			return got;
	}
	if (!plain_ok((const char *)plain, (size_t)got))
		return -EBADMSG;
	memcpy(ret, plain, (size_t)got);
	ret[got] = '\0';
	return got;
}

void name_hash(const struct names *n, const char *full, size_t len, char ret[static NAME_CIPHER_MAX + 1])
{
	const size_t prefix = strlen(NAME_LONG_PREFIX);
	uint8_t hash[32];

	kdf_sha256(hash, full, len);
	memcpy(ret, NAME_LONG_PREFIX, prefix);
	(void)base64url_encode(ret + prefix, hash, sizeof(hash), !n->raw64);
}

static bool has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* gocryptfs.diriv.rmdir.NUMBER: where rmdir parks the IV file for a moment; a crash can leave it behind. */
static bool is_rmdir_leftover(const char *entry)
{
	const char *number;

	if (!has_prefix(entry, NAME_RMDIR_PREFIX))
		return false;
	number = entry + strlen(NAME_RMDIR_PREFIX);
	return *number && number[strspn(number, "0123456789")] == '\0';
}

enum name_class name_classify(const struct names *n, bool in_root, const char *entry)
{
	const size_t suffix = strlen(NAME_LONG_SUFFIX);

	/* Every reserved name starts like this one, and almost no entry does. */
	if (!has_prefix(entry, "gocryptfs."))
		return NAME_ORDINARY;
	if (in_root && strcmp(entry, NAME_CONF) == 0)
		return NAME_HIDDEN;
	if (n->plaintext)
		return NAME_ORDINARY;
	if (!n->deterministic && (strcmp(entry, NAME_DIRIV) == 0 || is_rmdir_leftover(entry)))
		return NAME_HIDDEN;
	if (n->long_names && has_prefix(entry, NAME_LONG_PREFIX)) {
		size_t len = strlen(entry);

		return strcmp(entry + len - suffix, NAME_LONG_SUFFIX) == 0 ? NAME_HIDDEN : NAME_HASHED;
	}
	return NAME_ORDINARY;
}
