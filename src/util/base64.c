/* base64.c - RFC 4648 base64 without tables: keys and ciphertext do not choose what is fetched from memory.
 */
#include "util/base64.h"

#include <errno.h>

/* The two characters in which the alphabets differ (RFC 4648 tables 1 and 2). */
struct alphabet {
	int c62, c63;
};
static const struct alphabet alphabet_url = { '-', '_' };
static const struct alphabet alphabet_std = { '+', '/' };

/* All ones if lo <= x <= hi, else 0; arguments 0..255. */
static int in_range(int x, int lo, int hi)
{
	return ((lo - 1 - x) & (x - hi - 1)) >> 8;
}

static char encode6(const struct alphabet *a, uint32_t bits)
{
	int v = (int)(bits & 63);

	return (char)((in_range(v, 0, 25) & (v + 'A')) | (in_range(v, 26, 51) & (v - 26 + 'a')) |
		      (in_range(v, 52, 61) & (v - 52 + '0')) | (in_range(v, 62, 62) & a->c62) |
		      (in_range(v, 63, 63) & a->c63));
}

enum { BAD = 64 }; /* the lowest bit that no value has; decode6() may set higher ones with it */

/* Value of a character, or something with BAD set. */
static uint32_t decode6(const struct alphabet *a, char ch)
{
	int c = (unsigned char)ch;

	/* One more than the value in each term, so that no term at all gives -1. */
	return (uint32_t)(((in_range(c, 'A', 'Z') & (c - 'A' + 1)) |
			   (in_range(c, 'a', 'z') & (c - 'a' + 27)) |
			   (in_range(c, '0', '9') & (c - '0' + 53)) | (in_range(c, a->c62, a->c62) & 63) |
			   (in_range(c, a->c63, a->c63) & 64)) -
			  1);
}

static size_t encode(const struct alphabet *a, char *ret, const uint8_t *src, size_t n, bool padded)
{
	char *out = ret;

	for (; n >= 3; n -= 3, src += 3) {
		uint32_t w = (uint32_t)src[0] << 16 | (uint32_t)src[1] << 8 | src[2];

		*out++ = encode6(a, w >> 18);
		*out++ = encode6(a, w >> 12);
		*out++ = encode6(a, w >> 6);
		*out++ = encode6(a, w);
	}
	if (n) {
		uint32_t w = (uint32_t)src[0] << 16 | (n == 2 ? (uint32_t)src[1] << 8 : 0);

		*out++ = encode6(a, w >> 18);
		*out++ = encode6(a, w >> 12);
		if (n == 2)
			*out++ = encode6(a, w >> 6);
		else if (padded)
			*out++ = '=';
		if (padded)
			*out++ = '=';
	}
	*out = '\0';
	return (size_t)(out - ret);
}

/* The last 2 or 3 characters (without '='): unused bits must be zero. Returns bytes written or -EUCLEAN. */
static ssize_t decode_tail(const struct alphabet *a, uint8_t *ret, const char *src, size_t n)
{
	uint32_t v0 = decode6(a, src[0]), v1 = decode6(a, src[1]);
	uint32_t v2 = n == 3 ? decode6(a, src[2]) : 0;

	if ((v0 | v1 | v2) & BAD)
		return -EUCLEAN;
	ret[0] = (uint8_t)(v0 << 2 | v1 >> 4);
	if (n == 2)
		return v1 & 15 ? -EUCLEAN : 1;
	ret[1] = (uint8_t)((v1 & 15) << 4 | v2 >> 2);
	return v2 & 3 ? -EUCLEAN : 2;
}

static ssize_t decode(const struct alphabet *a, uint8_t *ret, const char *src, size_t n, bool padded)
{
	uint8_t *out = ret;
	ssize_t tail;
	uint32_t bad = 0;

	if (padded) {
		if (n % 4)
			return -EUCLEAN;
		if (n && src[n - 1] == '=')
			n -= src[n - 2] == '=' ? 2 : 1;
	}
	if (n % 4 == 1)
		return -EUCLEAN;
	for (; n >= 4; n -= 4, src += 4) {
		uint32_t v0 = decode6(a, src[0]), v1 = decode6(a, src[1]);
		uint32_t v2 = decode6(a, src[2]), v3 = decode6(a, src[3]);

		bad |= v0 | v1 | v2 | v3;
		*out++ = (uint8_t)(v0 << 2 | v1 >> 4);
		*out++ = (uint8_t)((v1 & 15) << 4 | v2 >> 2);
		*out++ = (uint8_t)((v2 & 3) << 6 | v3);
	}
	if (bad & BAD)
		return -EUCLEAN;
	if (n) {
		tail = decode_tail(a, out, src, n);
		if (tail < 0)
			return tail;
		out += tail;
	}
	return out - ret;
}

size_t base64url_encode(char *ret, const uint8_t *src, size_t n, bool padded)
{
	return encode(&alphabet_url, ret, src, n, padded);
}

ssize_t base64url_decode(uint8_t *ret, const char *src, size_t n, bool padded)
{
	return decode(&alphabet_url, ret, src, n, padded);
}

size_t base64std_encode(char *ret, const uint8_t *src, size_t n)
{
	return encode(&alphabet_std, ret, src, n, true);
}

ssize_t base64std_decode(uint8_t *ret, const char *src, size_t n)
{
	return decode(&alphabet_std, ret, src, n, true);
}
