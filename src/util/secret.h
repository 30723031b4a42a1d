/* secret.h - the one type that owns key bytes: locked, not dumped, wiped. */
#ifndef UTIL_SECRET_H
#define UTIL_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* len bytes at data, in pages of their own: mlock(2) (best effort), MADV_DONTDUMP, MADV_WIPEONFORK off (a
 * child that needs the key has it; see secret_seal_from_fork), wiped and unmapped by secret_free. */
struct secret {
	uint8_t *data;
	size_t len; /* may be lowered by the owner, never raised */
	size_t map_len;
	bool locked; /* false: the process limit RLIMIT_MEMLOCK was too small */
};

/* New zeroed secret of len >= 1 bytes; NULL if memory is short. Owned by the caller, freed with secret_free.
 */
struct secret *secret_new(size_t len);

/* New secret holding a copy of len bytes; the source is not wiped. NULL if memory is short. */
struct secret *secret_copy(const void *src, size_t len);

/* Wipe and release. NULL is fine. */
void secret_free(struct secret *s);

/* Constant-time comparison of contents; lengths may differ (then false). */
bool secret_equal(const struct secret *a, const struct secret *b);

/* True if any secret of this process could not be locked in memory so far; the program says so once. */
bool secret_any_unlocked(void);

/* Wipe n bytes so that the compiler cannot leave it out (explicit_bzero). */
void secret_wipe(void *p, size_t n);

static inline void cleanup_secret(struct secret **s)
{
	secret_free(*s);
}
#define auto_secret __attribute__((cleanup(cleanup_secret)))

#endif
