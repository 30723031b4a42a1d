/* identity.c - store identity and hex. */
#include "grant/identity.h"

#include <errno.h>
#include <string.h>

#include "crypto/kdf.h"
#include "util/secret.h"

enum { MASTER_KEY_LEN = 32 };

int identity_of(const struct secret *master_key, uint8_t ret[static IDENTITY_LEN])
{
	static const char info[] = "cryptstore store identity v1";

	if (master_key->len != MASTER_KEY_LEN)
		return -EINVAL;
	return kdf_hkdf_sha256(master_key->data, master_key->len, NULL, 0, (const uint8_t *)info,
			       sizeof(info) - 1, ret, IDENTITY_LEN);
}

char *identity_hex(char *buf, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		buf[2 * i] = digits[bytes[i] >> 4];
		buf[2 * i + 1] = digits[bytes[i] & 15];
	}
	buf[2 * n] = '\0';
	return buf;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int identity_unhex(uint8_t *ret, size_t n, const char *s, size_t len)
{
	size_t i;

	if (len != 2 * n)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		int high = digit(s[2 * i]), low = digit(s[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		ret[i] = (uint8_t)(high * 16 + low);
	}
	return 0;
}
