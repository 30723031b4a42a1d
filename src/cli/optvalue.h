/* optvalue.h - texts to values, by the rules of Go's strconv, time and path/filepath packages. */
#ifndef CLI_OPTVALUE_H
#define CLI_OPTVALUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/* 1 t T true TRUE True, 0 f F false FALSE False. 0 or -EINVAL. */
int optvalue_bool(const char *s, bool *ret);

/* Decimal, or with prefix 0x, 0b, 0o or 0; optional sign. 0, -EINVAL (no number) or -ERANGE (not in [min,
 * max]). */
int optvalue_int(const char *s, int64_t min, int64_t max, int64_t *ret);

/* Digits only (prefixes as above), no sign; 0, -EINVAL, -ERANGE (above max). */
int optvalue_uint(const char *s, int64_t max, int64_t *ret);

/* "500s", "2h45m", "1.5h", "10ms", "-3s", "0" in nanoseconds. 0 or -EINVAL with Go's wording. */
int optvalue_duration(const char *s, int64_t *ret_ns, struct err *err);

/* Is this a pattern filepath.Match takes ('*', '?', '[a-z]', '[^a]', backslash)? */
bool optvalue_glob_ok(const char *pattern);

/* "UID:GID", numbers in any of the bases above. 0 or -EINVAL with text, exit code 1. */
int optvalue_owner(const char *s, uid_t *ret_uid, gid_t *ret_gid, struct err *err);

#endif
