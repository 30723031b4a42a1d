/* reader.h - a bounded reader of big-endian fields: once it has run out it stays bad and yields zeros. */
#ifndef GRANT_READER_H
#define GRANT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *p;
	size_t n; /* bytes left */
	bool bad;
};

static inline const uint8_t *reader_take(struct reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || n > r->n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	r->n -= n;
	return p;
}

static inline uint64_t reader_uint(struct reader *r, size_t width)
{
	const uint8_t *p = reader_take(r, width);
	uint64_t v = 0;
	size_t i;

	for (i = 0; p && i < width; i++)
		v = v << 8 | p[i];
	return v;
}

static inline void reader_bytes(struct reader *r, uint8_t *ret, size_t n)
{
	const uint8_t *p = reader_take(r, n);

	if (p)
		memcpy(ret, p, n);
	else
		memset(ret, 0, n);
}

/* And the writer that mirrors it; the caller has made sure of the room. */
static inline uint8_t *writer_uint(uint8_t *p, uint64_t v, size_t width)
{
	size_t i;

	for (i = width; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
	return p + width;
}

static inline uint8_t *writer_bytes(uint8_t *p, const void *src, size_t n)
{
	if (n)
		memcpy(p, src, n);
	return p + n;
}

#endif
