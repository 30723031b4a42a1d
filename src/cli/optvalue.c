/* optvalue.c - texts to values, by the rules of Go's strconv, time and path/filepath packages. */
#include "cli/optvalue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exitcode.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "volume/text.h"

int optvalue_bool(const char *s, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		if (strcmp(s, yes[i]) == 0 || strcmp(s, no[i]) == 0) {
			*ret = strcmp(s, yes[i]) == 0;
			return 0;
		}
	}
	return -EINVAL;
}

/* Number base from the prefix, which is skipped; a lone "0" is decimal. */
static unsigned int base_of(const char **s)
{
	const char *p = *s;

	if (p[0] != '0' || p[1] == '\0')
		return 10;
	*s += 2;
	switch (p[1]) {
	case 'x':
	case 'X':
		return 16;
	case 'b':
	case 'B':
		return 2;
	case 'o':
	case 'O':
		return 8;
	default:
		*s -= 1;
		return 8;
	}
}

static unsigned int digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned int)(c - 'A') + 10;
	return 99;
}

/* No sign. -ERANGE only once the whole text is known to be a number, as Go does it. */
static int parse_digits(const char *s, uint64_t *ret)
{
	unsigned int base = base_of(&s);
	bool over = false;
	uint64_t n = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (digit(*s) >= base)
			return -EINVAL;
		over |= __builtin_mul_overflow(n, base, &n) || __builtin_add_overflow(n, digit(*s), &n);
	}
	*ret = n;
	return over ? -ERANGE : 0;
}

int optvalue_uint(const char *s, int64_t max, int64_t *ret)
{
	uint64_t n;
	int r = parse_digits(s, &n);

	if (r < 0)
		return r;
	if (n > (uint64_t)max)
		return -ERANGE;
	*ret = (int64_t)n;
	return 0;
}

int optvalue_int(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = *s == '-';
	uint64_t n;
	int64_t v;
	int r = parse_digits(s + (*s == '-' || *s == '+'), &n);

	if (r < 0)
		return r;
	if (n > (uint64_t)INT64_MAX)
		return -ERANGE;
	v = negative ? -(int64_t)n : (int64_t)n;
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

struct unit {
	const char *name;
	int64_t ns;
};
static const struct unit units[] = {
	{ "ns", 1 },	       { "us", 1000 },	    { "\xc2\xb5s", 1000 }, /* U+00B5 */
	{ "\xce\xbcs", 1000 },						   /* U+03BC */
	{ "ms", 1000000 },     { "s", 1000000000 }, { "m", 60LL * 1000000000 }, { "h", 3600LL * 1000000000 },
};

static int duration_error(struct err *err, const char *what, const char *s)
{
	auto_free char *quoted = text_quote(s, strlen(s));

	return err_set_exit(err, -EINVAL, EXITCODE_USAGE, "time: %s duration %s", what, quoted ? quoted : "");
}

static const struct unit *find_unit(const char *s, size_t n)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strlen(units[i].name) == n && strncmp(units[i].name, s, n) == 0)
			return &units[i];
	}
	return NULL;
}

static int unit_error(struct err *err, const char *unit, size_t n, const char *s)
{
	auto_free char *quoted_unit = text_quote(unit, n);
	auto_free char *quoted = text_quote(s, strlen(s));

	return err_set_exit(err, -EINVAL, EXITCODE_USAGE, "time: unknown unit %s in duration %s",
			    quoted_unit ? quoted_unit : "", quoted ? quoted : "");
}

/* One "1.5h": adds to *sum, moves *p behind it. Returns -EINVAL (text set) or 0. */
static int duration_part(const char **p, const char *whole, int64_t *sum, struct err *err)
{
	int64_t n = 0, fraction = 0, scale = 1, value;
	const struct unit *unit;
	bool digits = false;
	size_t len;

	for (; **p >= '0' && **p <= '9'; ++*p, digits = true) {
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, **p - '0', &n))
			return duration_error(err, "invalid", whole);
	}
	if (**p == '.') {
		for (++*p; **p >= '0' && **p <= '9'; ++*p, digits = true) {
			if (scale < 1000000000000) { /* finer than that makes no nanosecond */
				fraction = fraction * 10 + (**p - '0');
				scale *= 10;
			}
		}
	}
	if (!digits)
		return duration_error(err, "invalid", whole);
	len = strcspn(*p, ".0123456789");
	if (len == 0)
		return duration_error(err, "missing unit in", whole);
	unit = find_unit(*p, len);
	if (!unit)
		return unit_error(err, *p, len, whole);
	*p += len;
	if (__builtin_mul_overflow(n, unit->ns, &value) ||
	    __builtin_add_overflow(value, (int64_t)((double)fraction * ((double)unit->ns / (double)scale)),
				   &value) ||
	    __builtin_add_overflow(*sum, value, sum))
		return duration_error(err, "invalid", whole);
	return 0;
}

int optvalue_duration(const char *s, int64_t *ret_ns, struct err *err)
{
	bool negative = *s == '-';
	const char *p = s + (*s == '-' || *s == '+');
	int64_t sum = 0;
	int r;

	if (strcmp(p, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	if (!*p)
		return duration_error(err, "invalid", s);
	while (*p) {
		r = duration_part(&p, s, &sum, err);
		if (r < 0)
			return r;
	}
	*ret_ns = negative ? -sum : sum;
	return 0;
}

/* One character of a bracket expression; NULL if there is none that may stand here. */
static const char *glob_char(const char *p)
{
	if (*p == '\0' || *p == '-' || *p == ']')
		return NULL;
	if (*p == '\\' && *++p == '\0')
		return NULL;
	do
		p++;
	while (((unsigned char)*p & 0xc0) == 0x80); /* the rest of a UTF-8 character */
	return *p ? p : NULL;
}

/* p is behind '['; returns the place behind ']' or NULL. */
static const char *glob_brackets(const char *p)
{
	p += *p == '^';
	for (int n = 0; *p != ']' || n == 0; n++) {
		p = glob_char(p);
		if (p && *p == '-')
			p = glob_char(p + 1);
		if (!p)
			return NULL;
	}
	return p + 1;
}

bool optvalue_glob_ok(const char *pattern)
{
	const char *p = pattern;

	while (*p) {
		if (*p == '[') {
			p = glob_brackets(p + 1);
			if (!p)
				return false;
		} else if (*p == '\\' && p[1] == '\0') {
			return false;
		} else {
			p += *p == '\\' ? 2 : 1;
		}
	}
	return true;
}

static int parse_id(const char *s, const char *what, unsigned int *ret, struct err *err)
{
	int64_t id;

	if (optvalue_int(s, 0, INT32_MAX, &id) < 0)
		return err_set_exit(err, -EINVAL, EXITCODE_USAGE,
				    "force_owner: Unable to parse %s %s as positive integer", what, s);
	*ret = (unsigned int)id;
	return 0;
}

int optvalue_owner(const char *s, uid_t *ret_uid, gid_t *ret_gid, struct err *err)
{
	const char *colon = strchr(s, ':');
	auto_free char *uid = NULL;
	int r;

	if (!colon)
		return err_set_exit(err, -EINVAL, EXITCODE_USAGE, "force_owner must be in form UID:GID");
	uid = strndup(s, (size_t)(colon - s));
	if (!uid)
		return err_set_exit(err, -ENOMEM, EXITCODE_OTHER, "out of memory");
	r = parse_id(uid, "UID", ret_uid, err);
	return r < 0 ? r : parse_id(colon + 1, "GID", ret_gid, err);
}
