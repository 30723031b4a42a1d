/* name_xattr.c - names of extended attributes (gocryptfs format, section 8 of site-docs/formats.md). */
#include <errno.h>
#include <linux/limits.h>
#include <string.h>

#include "format/name.h"
#include "format/name_pad.h"

static const uint8_t xattr_tweak[NAME_IV_LEN] = { 'x', 'a', 't', 't', 'r', '_', 'n', 'a',
						  'm', 'e', '_', 'i', 'v', '_', 'x', 'x' };

bool name_is_acl(const char *xattr)
{
	return strcmp(xattr, "system.posix_acl_access") == 0 ||
	       strcmp(xattr, "system.posix_acl_default") == 0;
}

static int copy_out(const char *src, size_t len, char *ret, size_t size)
{
	if (len >= size)
		return -ERANGE;
	memcpy(ret, src, len);
	ret[len] = '\0';
	return 0;
}

int name_encrypt_xattr(const struct names *n, const char *plain, char *ret, size_t size)
{
	const size_t prefix = strlen(NAME_XATTR_PREFIX), len = strlen(plain);
	char stored[sizeof(NAME_XATTR_PREFIX) + NAME_FULL_MAX] = NAME_XATTR_PREFIX;
	ssize_t r;

	if (len == 0)
		return -EINVAL;
	if (name_is_acl(plain))
		return copy_out(plain, len, ret, size);
	if (len > NAME_PLAIN_MAX)
		return -ERANGE; /* what Linux says for a name over XATTR_NAME_MAX */
	r = name_seal(n, xattr_tweak, plain, len, stored + prefix);
	if (r < 0)
		return (int)r;
	if (prefix + (size_t)r > XATTR_NAME_MAX)
		return -ERANGE;
	return copy_out(stored, prefix + (size_t)r, ret, size);
}

ssize_t name_decrypt_xattr(const struct names *n, const char *stored, char *ret, size_t size)
{
	const size_t prefix = strlen(NAME_XATTR_PREFIX), len = strlen(stored);
	uint8_t plain[NAME_PLAIN_MAX + 1];
	ssize_t got;
	int r;

	if (name_is_acl(stored)) {
		r = copy_out(stored, len, ret, size);
		return r < 0 ? r : (ssize_t)len;
	}
	if (strncmp(stored, NAME_XATTR_PREFIX, prefix) != 0)
		return -ENODATA;
	got = name_unseal(n, xattr_tweak, stored + prefix, len - prefix, plain);
	if (got < 0)
		return got;
	if (memchr(plain, '\0', (size_t)got))
		return -EBADMSG;
	plain[got] = '\0'; /* there is room: at least one byte was padding */
	/* gocryptfs before 2.0 encrypted ACL names, too; shown, such a copy would shadow the real ACL. */
	if (name_is_acl((const char *)plain))
		return -EUCLEAN;
	r = copy_out((const char *)plain, (size_t)got, ret, size);
	return r < 0 ? r : got;
}
