/* bulk_data.c - moving and comparing the bytes of a file, holes left out. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cryptstore/bulk.h"
#include "format/layout.h"

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* All n bytes. A short count means that the rest fails: trying it tells why. */
static int write_all(struct bulk *b, const struct bulk_files *f, uint64_t off, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t done = view_ops(f->to)->write(f->dst, &b->self, off, p, n);

		if (done <= 0)
			return done < 0 ? (int)done : -EIO;
		p += done;
		n -= (size_t)done;
		off += (uint64_t)done;
	}
	return 0;
}

static int copy_run(struct bulk *b, const struct bulk_files *f, uint64_t off, uint64_t end,
		    const char **ret_what)
{
	while (off < end) {
		const uint8_t *p;
		ssize_t n;
		int r;

		if (bulk_stopped())
			return -ECANCELED;
		*ret_what = "cannot be read";
		n = view_ops(f->from)->read(f->src, off, min_u64(BULK_CHUNK, end - off), &p);
		if (n <= 0)
			return n < 0 ? (int)n : -ESTALE;
		*ret_what = "cannot be written";
		r = write_all(b, f, off, p, (size_t)n);
		if (r < 0)
			return r;
		off += (uint64_t)n;
		atomic_fetch_add_explicit(&b->n.bytes, (uint_fast64_t)n, memory_order_relaxed);
	}
	return 0;
}

/* The next data at or after off, rounded to blocks: [*ret_start, *ret_end), both `end` if there are none. A
 * file system that cannot tell has data everywhere. */
static void next_data(struct view *v, struct view_file *f, uint64_t off, uint64_t end, uint64_t *ret_start,
		      uint64_t *ret_end)
{
	off_t start = view_ops(v)->lseek(f, (off_t)off, SEEK_DATA), stop;

	*ret_end = end;
	*ret_start = start == -ENXIO ? end : start < 0 ? off : (uint64_t)start;
	if (*ret_start >= end) {
		*ret_start = end;
		return;
	}
	*ret_start -= *ret_start % LAYOUT_BLOCK; /* not below off, which is a multiple */
	if (start < 0)
		return;
	stop = view_ops(v)->lseek(f, start, SEEK_HOLE);
	if (stop > start)
		*ret_end = min_u64(((uint64_t)stop + LAYOUT_BLOCK - 1) / LAYOUT_BLOCK * LAYOUT_BLOCK, end);
}

int bulk_copy(struct bulk *b, const struct bulk_files *f, uint64_t off, uint64_t end, const char **ret_what)
{
	int r = 0;

	if (!f->sparse)
		return copy_run(b, f, off, end, ret_what);
	while (r == 0 && off < end) {
		uint64_t start, stop;

		next_data(f->from, f->src, off, end, &start, &stop);
		atomic_fetch_add_explicit(&b->n.bytes, start - off, memory_order_relaxed);
		if (start < end)
			r = copy_run(b, f, start, stop, ret_what);
		off = stop;
	}
	return r;
}

static int compare_run(const struct bulk_files *f, uint64_t off, uint64_t end, const char **ret_what)
{
	while (off < end) {
		size_t want = (size_t)min_u64(BULK_CHUNK, end - off);
		const uint8_t *p, *q;
		ssize_t n, m;

		if (bulk_stopped())
			return -ECANCELED;
		*ret_what = "cannot be read";
		n = view_ops(f->from)->read(f->src, off, want, &p);
		if (n <= 0)
			return n < 0 ? (int)n : -ESTALE;
		*ret_what = "the copy cannot be read back";
		m = view_ops(f->to)->read(f->dst, off, (size_t)n, &q);
		if (m < 0)
			return (int)m;
		if (m != n || memcmp(p, q, (size_t)n) != 0)
			return 1;
		off += (uint64_t)n;
	}
	return 0;
}

int bulk_compare(const struct bulk_files *f, uint64_t off, uint64_t end, const char **ret_what)
{
	int r = 0;

	if (!f->sparse)
		return compare_run(f, off, end, ret_what);
	while (r == 0 && off < end) { /* where both have holes, both have zeros */
		uint64_t s1, e1, s2, e2, start, stop;

		next_data(f->from, f->src, off, end, &s1, &e1);
		next_data(f->to, f->dst, off, end, &s2, &e2);
		start = min_u64(s1, s2);
		stop = s1 < s2 ? e1 : e2;
		if (start < end)
			r = compare_run(f, start, stop, ret_what);
		off = stop;
	}
	return r;
}
