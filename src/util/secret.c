/* secret.c - key bytes in pages of their own: locked, kept out of core dumps, wiped. */
#include "util/secret.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static atomic_bool any_unlocked;

struct secret *secret_new(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct secret *s;
	size_t map_len;
	void *map;

	if (len == 0 || len > SIZE_MAX - page)
		return NULL;
	map_len = (len + page - 1) / page * page;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	map = mmap(NULL, map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED) {
		free(s);
		return NULL;
	}
	(void)madvise(map, map_len, MADV_DONTDUMP); /* defence in depth: core dumps are off anyway */
	s->data = map;
	s->len = len;
	s->map_len = map_len;
	s->locked = mlock(map, map_len) == 0;
	if (!s->locked)
		atomic_store(&any_unlocked, true);
	return s;
}

struct secret *secret_copy(const void *src, size_t len)
{
	struct secret *s = secret_new(len);

	if (s)
		memcpy(s->data, src, len);
	return s;
}

void secret_free(struct secret *s)
{
	if (!s)
		return;
	/* All of the map: the owner may have lowered len. */
	secret_wipe(s->data, s->map_len);
	(void)munmap(s->data, s->map_len); /* unlocks as well */
	free(s);
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	volatile uint8_t diff = 0;

	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		diff = (uint8_t)(diff | (a->data[i] ^ b->data[i]));
	return diff == 0;
}

bool secret_any_unlocked(void)
{
	return atomic_load(&any_unlocked);
}

void secret_wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}
