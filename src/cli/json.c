/* json.c - values for JSON output (RFC 8259): escapes, and base64 for what is not UTF-8. */
#include "cli/json.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/base64.h"
#include "util/cleanup.h"

/* Length of the UTF-8 sequence at p (RFC 3629: no overlong forms, no surrogates, up to U+10FFFF), 0 if there
 * is none. */
static size_t utf8_len(const unsigned char *p)
{
	unsigned int low = 0x80, high = 0xbf; /* of the second byte */
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	if (p[0] == 0xed)
		high = 0x9f;
	if (p[0] == 0xf0)
		low = 0x90;
	if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

static bool is_utf8(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	while (*p) {
		size_t n = utf8_len(p);

		if (n == 0)
			return false;
		p += n;
	}
	return true;
}

static void put_string(FILE *f, const char *s)
{
	(void)putc('"', f);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			(void)fprintf(f, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			(void)fprintf(f, "\\u%04x", c);
		else
			(void)putc(c, f);
	}
	(void)putc('"', f);
}

void json_text(FILE *f, const char *name, const char *value)
{
	size_t n = strlen(value);
	auto_free char *encoded = NULL;

	if (is_utf8(value)) {
		(void)fprintf(f, "\"%s\":", name);
		put_string(f, value);
		return;
	}
	encoded = malloc(base64_len(n, true) + 1);
	if (encoded)
		(void)base64std_encode(encoded, (const uint8_t *)value, n);
	(void)fprintf(f, "\"%s_b64\":\"%s\"", name, encoded ? encoded : "");
}
