/* units.c - durations, sizes and dates: strict parsing, no locale, no silent overflow. */
#include "grant/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DURATION_MAX = 1000000000 };

static const struct {
	char unit;
	int64_t seconds;
} duration_units[] = { { 'w', 604800 }, { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
enum { N_DURATION_UNITS = sizeof(duration_units) / sizeof(duration_units[0]) };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits at *s; advances. -EINVAL if there are none, -ERANGE beyond int64_t. */
static int number(const char **s, const char *end, int64_t *ret)
{
	int64_t v = 0;

	if (*s == end || !is_digit(**s))
		return -EINVAL;
	for (; *s < end && is_digit(**s); (*s)++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, **s - '0', &v))
			return -ERANGE;
	*ret = v;
	return 0;
}

int units_duration(const char *s, size_t n, int64_t *ret)
{
	const char *end = s + n;
	int64_t total = 0, v;
	size_t unit = 0;

	if (n == 0)
		return -EINVAL;
	while (s < end) {
		if (number(&s, end, &v) < 0 || s == end || v > DURATION_MAX)
			return -EINVAL;
		while (unit < N_DURATION_UNITS && duration_units[unit].unit != *s)
			unit++;
		if (unit == N_DURATION_UNITS)
			return -EINVAL;
		total += v * duration_units[unit++].seconds; /* at most 5 * 10^9 * 604800: no overflow */
		s++;
	}
	if (total < 1 || total > DURATION_MAX)
		return -EINVAL;
	*ret = total;
	return 0;
}

int units_size(const char *s, size_t n, int64_t *ret)
{
	static const char letters[] = "KMGT";
	const char *end = s + n, *letter;
	int64_t v;
	int r = number(&s, end, &v);

	if (r < 0)
		return r;
	if (s < end) {
		letter = strchr(letters, *s);
		if (!letter || s + 1 != end)
			return -EINVAL;
		if (__builtin_mul_overflow(v, (int64_t)1 << (10 * (letter - letters + 1)), &v))
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

/* Exactly `width` digits. */
static bool fixed(const char *s, int width, int *ret)
{
	*ret = 0;
	for (; width > 0; width--, s++) {
		if (!is_digit(*s))
			return false;
		*ret = *ret * 10 + (*s - '0');
	}
	return true;
}

int units_time(const char *s, size_t n, int64_t *ret)
{
	char b[UNITS_TIME_LEN] = "0000-00-00T00:00:00Z", back[UNITS_TIME_LEN];
	struct tm tm = { 0 };
	int64_t t;

	if (n != 10 && n != sizeof(b) - 1)
		return -EINVAL;
	memcpy(b, s, n);
	if (b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[19] != 'Z')
		return -EINVAL;
	if (!fixed(b, 4, &tm.tm_year) || !fixed(b + 5, 2, &tm.tm_mon) || !fixed(b + 8, 2, &tm.tm_mday) ||
	    !fixed(b + 11, 2, &tm.tm_hour) || !fixed(b + 14, 2, &tm.tm_min) || !fixed(b + 17, 2, &tm.tm_sec))
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	t = (int64_t)timegm(&tm);
	/* timegm() carries 31 April over to 1 May; a date that does not come back as written is none. */
	if (t < 0 || memcmp(units_time_text(back, t), b, sizeof(b) - 1) != 0)
		return -EINVAL;
	*ret = t;
	return 0;
}

char *units_time_text(char buf[static UNITS_TIME_LEN], int64_t t)
{
	time_t tt = (time_t)t;
	struct tm tm;

	if (t < 0 || t > INT64_C(253402300799) || !gmtime_r(&tt, &tm) ||
	    strftime(buf, UNITS_TIME_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(buf, UNITS_TIME_LEN, "(no date)");
	return buf;
}

char *units_duration_text(char buf[static UNITS_DURATION_LEN], int64_t seconds)
{
	size_t n = 0;
	unsigned int i;

	buf[0] = '\0';
	if (seconds <= 0 || seconds > DURATION_MAX) {
		(void)snprintf(buf, UNITS_DURATION_LEN, "%llds", (long long)seconds);
		return buf;
	}
	for (i = 1; i < N_DURATION_UNITS; i++) { /* days are clearer than weeks */
		int64_t v = seconds / duration_units[i].seconds;

		if (v == 0)
			continue;
		n += (size_t)snprintf(buf + n, UNITS_DURATION_LEN - n, "%lld%c", (long long)v,
				      duration_units[i].unit);
		seconds -= v * duration_units[i].seconds;
	}
	return buf;
}
