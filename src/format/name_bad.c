/* name_bad.c - -badname: how an undecryptable entry is shown, and what entry a shown name may stand for
 * (gocryptfs format, section 5 of site-docs/formats.md). */
#include <errno.h>
#include <string.h>

#include "crypto/eme.h"
#include "format/name.h"
#include "util/base64.h"

/* a || b (n_b bytes) || suffix into ret. */
static int join(char ret[static NAME_PLAIN_MAX + 1], const char *a, size_t n_a, const char *b, size_t n_b)
{
	if (n_a + n_b + strlen(NAME_BAD_SUFFIX) > NAME_PLAIN_MAX)
		return -ENAMETOOLONG;
	memmove(ret, a, n_a);
	memcpy(ret + n_a, b, n_b);
	memcpy(ret + n_a + n_b, NAME_BAD_SUFFIX, sizeof(NAME_BAD_SUFFIX));
	return 0;
}

int name_bad_show(const struct names *n, const uint8_t iv[static NAME_IV_LEN], const char *cipher,
		  char ret[static NAME_PLAIN_MAX + 1])
{
	const size_t shortest = base64_len(EME_BLOCK, !n->raw64), len = strlen(cipher);
	char plain[NAME_PLAIN_MAX + 1];

	for (size_t split = len; !n->plaintext && split-- > shortest;) {
		ssize_t got = name_decrypt(n, iv, cipher, split, plain);

		if (got >= 0)
			return join(ret, plain, (size_t)got, cipher + split, len - split);
	}
	return join(ret, cipher, len, "", 0);
}

/* Is entry really shown as `shown`? Not if it is reserved or has a name of its own: neither may get a second
 * one. */
static bool shows_as(const struct names *n, const uint8_t iv[static NAME_IV_LEN], const char *entry,
		     const char *shown)
{
	char plain[NAME_PLAIN_MAX + 1];

	if (name_classify(n, true, entry) != NAME_ORDINARY ||
	    name_decrypt(n, iv, entry, strlen(entry), plain) >= 0)
		return false;
	return name_bad_show(n, iv, entry, plain) == 0 && strcmp(plain, shown) == 0;
}

bool name_bad_candidate(const struct names *n, const uint8_t iv[static NAME_IV_LEN], const char *shown,
			size_t i, char ret[static NAME_CIPHER_MAX + 1])
{
	const size_t suffix = strlen(NAME_BAD_SUFFIX), len = strlen(shown);
	struct cname cname = { 0 };
	size_t body, rest;

	if (n->plaintext || len <= suffix || len > NAME_PLAIN_MAX ||
	    strcmp(shown + len - suffix, NAME_BAD_SUFFIX) != 0)
		return false;
	body = len - suffix;
	if (i >= body)
		return false;
	/* i = 0: nothing of the name was decrypted; else the first i bytes were. */
	rest = body - i;
	ret[0] = '\0';
	if (i > 0 && (name_encrypt(n, iv, false, shown, i, &cname) < 0 || cname.is_long))
		return true;
	if (strlen(cname.name) + rest > NAME_CIPHER_MAX)
		return true;
	memcpy(ret, cname.name, strlen(cname.name));
	memcpy(ret + strlen(cname.name), shown + i, rest);
	ret[strlen(cname.name) + rest] = '\0';
	if (!shows_as(n, iv, ret, shown))
		ret[0] = '\0';
	return true;
}
