/* text.c - see text.h. */
#include "volume/text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *text_errno(int code, char buf[static TEXT_ERRNO_MAX])
{
	/* GNU strerror_r: returns the text, which need not be in the buffer. */
	const char *text = strerror_r(code < 0 ? -code : code, buf, TEXT_ERRNO_MAX);

	if (text != buf)
		(void)snprintf(buf, TEXT_ERRNO_MAX, "%s", text);
	buf[0] = (char)tolower((unsigned char)buf[0]);
	return buf;
}

/* Length of the printable UTF-8 sequence at s (at most n bytes), 0 if it is none. Controls, surrogates and
 * over-long forms are none (RFC 3629 section 4). */
static size_t printable_len(const unsigned char *s, size_t n)
{
	static const uint32_t smallest[] = { 0, 0x20, 0xa1, 0x800, 0x10000 };
	uint32_t rune;
	size_t len;

	if (s[0] < 0x80) {
		len = 1;
		rune = s[0];
	} else if (s[0] < 0xc2 || s[0] > 0xf4) {
		return 0;
	} else {
		len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
		rune = s[0] & (0x7fu >> len);
	}
	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		rune = rune << 6 | (s[i] & 0x3f);
	}
	if (rune < smallest[len] || rune == 0x7f || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
		return 0;
	return len;
}

char *text_quote(const char *s, size_t n)
{
	static const char special[] = "\a\b\f\n\r\t\v\\\"";
	static const char letter[] = "abfnrtv\\\"";
	char *ret, *p;
	size_t size;

	if (__builtin_mul_overflow(n, 4, &size) || __builtin_add_overflow(size, 3, &size))
		return NULL;
	p = ret = malloc(size);
	if (!ret)
		return NULL;
	*p++ = '"';
	for (size_t i = 0; i < n;) {
		const char *found = s[i] ? strchr(special, s[i]) : NULL;
		size_t len = found ? 0 : printable_len((const unsigned char *)s + i, n - i);

		if (found) {
			*p++ = '\\';
			*p++ = letter[found - special];
			i++;
		} else if (len) {
			memcpy(p, s + i, len);
			p += len;
			i += len;
		} else {
			p += sprintf(p, "\\x%02x", (unsigned char)s[i++]);
		}
	}
	*p++ = '"';
	*p = '\0';
	return ret;
}
