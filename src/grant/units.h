/* units.h - durations, sizes and dates as people write them in the policy and on the command line. */
#ifndef GRANT_UNITS_H
#define GRANT_UNITS_H

#include <stddef.h>
#include <stdint.h>

enum { UNITS_TIME_LEN = sizeof("2026-01-02T03:04:05Z"), UNITS_DURATION_LEN = 32 };

/* "90s", "5m", "12h", "7d", "2w" and sums in falling order ("1d12h"); a bare number is refused.
 * Seconds, 1..10^9, or -EINVAL. n bytes, no terminator needed. */
int units_duration(const char *s, size_t n, int64_t *ret);
/* "64M", "2G", "512K", "1T" (powers of 1024) or bytes; -EINVAL, or -ERANGE beyond int64_t. */
int units_size(const char *s, size_t n, int64_t *ret);
/* "2026-01-02" (midnight) or "2026-01-02T03:04:05Z", always UTC; seconds since 1970 or -EINVAL. */
int units_time(const char *s, size_t n, int64_t *ret);

/* Back to text; both return buf. A time outside years 1970 to 9999 is printed as "(no date)". */
char *units_time_text(char buf[static UNITS_TIME_LEN], int64_t t);
char *units_duration_text(char buf[static UNITS_DURATION_LEN], int64_t seconds);

#endif
