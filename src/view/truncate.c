/* truncate.c - sizes: truncate both ways, fallocate, seeking holes. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "view/io.h"

/* To nothing. Other nodes may have cached the file id, so in the shared modes the header stays. */
static int to_zero(struct view_file *f, const struct io_state *st)
{
	if (view_is_shared(f->v) && st->cipher_size >= LAYOUT_HEADER_LEN)
		return io_cut(f->fd, LAYOUT_HEADER_LEN);
	io_id_forget(f->of);
	return io_cut(f->fd, 0);
}

/* Cut behind the block first (a valid file at any moment), then put the short block in place of the long one:
 * encrypted before anything is touched, written over it, made durable, and only then the rest cut off. A
 * crash before the cut is healed by end_finish(); a full disk cannot stop an overwrite. */
static int shrink(struct view_file *f, struct io_buf *b, const struct io_state *st, uint64_t size)
{
	const struct layout *l = view_layout(f->v);
	const uint64_t block = size / LAYOUT_BLOCK;
	const uint64_t start = layout_block_offset(l, block);
	const size_t keep = (size_t)(size % LAYOUT_BLOCK);
	uint8_t *out = io_buf_blocks(b);
	size_t raw_len;
	ssize_t have;
	int r;

	if (keep == 0)
		return io_cut(f->fd, start);
	have = io_block_read(f, st, block, b->plain, b->saved, &raw_len);
	io_buf_holds(b, LAYOUT_BLOCK);
	if (have < 0)
		return (int)have;
	if ((size_t)have < keep)
		return -EIO; /* shorter than the size says */
	if (content_seal(&f->v->vol->content, block, st->id, b->plain, keep, out) < 0)
		return -EIO;
	if (st->cipher_size > start + raw_len) {
		r = io_cut(f->fd, start + raw_len);
		if (r == 0 &&
		    fdatasync(f->fd) < 0) /* or the block below might be stored before it is the last */
			r = -errno;
		if (r < 0)
			return r;
	}
	r = fd_pwrite(f->fd, out, keep + l->overhead, (off_t)start, NULL);
	if (r == 0 && fdatasync(f->fd) < 0)
		r = -errno;
	if (r == 0)
		r = io_cut(f->fd, start + keep + l->overhead);
	if (r < 0) {
		(void)fd_pwrite(f->fd, b->saved, raw_len, (off_t)start, NULL);
		f->of->end_known = false;
	}
	return r;
}

void truncate_unpad(struct view_file *f, struct io_buf *b, const struct io_state *st, uint64_t size)
{
	if (st->plain_size > size)
		(void)shrink(f, b, st, size); /* else zeros stay behind: no worse than a hole */
}

static int extend(struct view_file *f, struct io_buf *b, struct io_state *st, uint64_t size,
		  uint64_t *ret_before)
{
	static const uint8_t zero;
	uint8_t header[LAYOUT_HEADER_LEN];
	ssize_t n;
	int r;

	if (size > layout_max_plain(view_layout(f->v)))
		return -EFBIG;
	r = end_pad(f, b, st, size - 1, ret_before);
	if (r < 0)
		return r;
	if (size % LAYOUT_BLOCK) {
		n = io_write_run(f, b, st, size - 1, &zero, 1);
		return n < 0 ? (int)n : 0;
	}
	if (st->plain_size % LAYOUT_BLOCK) { /* the end lies in the old last block: fill it */
		n = io_write_run(f, b, st, size - 1, &zero, 1);
		return n < 0 ? (int)n : 0;
	}
	if (st->need_header) {
		header_pack(header, st->id);
		r = fd_pwrite(f->fd, header, sizeof(header), 0, NULL);
		if (r < 0) {
			(void)io_cut(f->fd, st->cipher_size);
			return r;
		}
		io_id_set(f->of, st->id);
	}
	return io_cut(f->fd, layout_cipher_size(view_layout(f->v), size)); /* whole zero blocks are holes */
}

static int grow(struct view_file *f, struct io_buf *b, struct io_state *st, uint64_t size)
{
	uint64_t before = st->plain_size;
	int r = extend(f, b, st, size, &before);

	if (r < 0)
		truncate_unpad(f, b, st, before);
	return r;
}

/* The new size lies in the last block or behind it: what is there now? */
static int look(struct view_file *f, struct io_buf *b, struct io_state *st, uint64_t size)
{
	return size > io_last_block(st) * LAYOUT_BLOCK ? end_look(f, b, st) : 0;
}

static int resize(struct view_file *f, struct io_buf *b, struct io_state *st, uint64_t size)
{
	int r;

	if (size == 0)
		return to_zero(f, st);
	r = look(f, b, st, size);
	if (r < 0)
		return r;
	if (size > st->plain_size)
		return grow(f, b, st, size);
	if (size == st->plain_size)
		return io_cut(f->fd, st->cipher_size); /* the times move all the same (POSIX) */
	return shrink(f, b, st, size);
}

int rw_truncate(struct view_file *f, uint64_t size)
{
	struct io_buf *b = io_buf_get(f->of->node);
	struct io_state st = { 0 };
	int r;

	if (!b)
		return -ENOMEM;
	pthread_rwlock_wrlock(&f->of->content);
	r = lock_range(f->v, f->fd, true, 0, 0);
	if (r == 0) {
		r = io_state_get(f, &st);
		if (r == 0 || (size == 0 && st.cipher_size)) /* a damaged file may be emptied */
			r = resize(f, b, &st, size);
		unlock_range(f->v, f->fd, 0, 0);
	}
	pthread_rwlock_unlock(&f->of->content);
	return r;
}

int rw_fallocate(struct view_file *f, int mode, uint64_t off, uint64_t n)
{
	const struct layout *l = view_layout(f->v);
	struct io_buf *b = io_buf_get(f->of->node);
	struct io_state st;
	uint64_t end, start;
	int r;

	if (mode & ~FALLOC_FL_KEEP_SIZE)
		return -EOPNOTSUPP;
	if (!b)
		return -ENOMEM;
	if (__builtin_add_overflow(off, n, &end) || end > layout_max_plain(l))
		return -EFBIG;
	if (n == 0)
		return -EINVAL;
	start = layout_block_offset(l, off / LAYOUT_BLOCK);
	pthread_rwlock_wrlock(&f->of->content);
	r = lock_range(f->v, f->fd, true, 0, 0);
	if (r == 0) {
		r = io_state_get(f, &st);
		if (r == 0)
			r = look(f, b, &st, end);
		if (r == 0 && fallocate(f->fd, FALLOC_FL_KEEP_SIZE, (off_t)start,
					(off_t)(layout_cipher_size(l, end) - start)) < 0)
			r = -errno;
		if (r == 0 && !(mode & FALLOC_FL_KEEP_SIZE) && end > st.plain_size)
			r = grow(f, b, &st, end);
		unlock_range(f->v, f->fd, 0, 0);
	}
	pthread_rwlock_unlock(&f->of->content);
	return r;
}

static uint64_t block_at(const struct layout *l, off_t cipher_pos)
{
	return cipher_pos <= LAYOUT_HEADER_LEN ? 0
					       : ((uint64_t)cipher_pos - LAYOUT_HEADER_LEN) / l->cipher_block;
}

/* Data: the first block at or after `block` of which any byte is allocated. */
static off_t seek_data(struct view_file *f, uint64_t block)
{
	const struct layout *l = view_layout(f->v);
	off_t pos = lseek(f->fd, (off_t)layout_block_offset(l, block), SEEK_DATA);

	return pos < 0 ? -errno : (off_t)(block_at(l, pos) * LAYOUT_BLOCK);
}

/* Hole: the first whole block at or after `block` that lies in a hole of the backing file; the end of the
 * file counts. */
static off_t seek_hole(struct view_file *f, uint64_t block, uint64_t plain_size)
{
	const struct layout *l = view_layout(f->v);

	while (block * LAYOUT_BLOCK < plain_size) {
		uint64_t start = layout_block_offset(l, block);
		off_t hole = lseek(f->fd, (off_t)start, SEEK_HOLE);
		off_t data;

		if (hole < 0)
			return errno == ENXIO ? (off_t)plain_size : -errno;
		block = block_at(l, hole + (off_t)l->cipher_block - 1); /* rounded up to a block start */
		if (hole <= (off_t)start)
			block = block_at(l, (off_t)start);
		start = layout_block_offset(l, block);
		data = lseek(f->fd, (off_t)start, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? (off_t)(block * LAYOUT_BLOCK) : -errno;
		if (data >= (off_t)(start + l->cipher_block))
			return (off_t)(block * LAYOUT_BLOCK);
		block = block_at(l, data); /* the hole is smaller than a block: go on behind it */
		if (layout_block_offset(l, block) <= start)
			block = block_at(l, (off_t)start) + 1;
	}
	return (off_t)plain_size;
}

off_t rw_lseek(struct view_file *f, off_t off, int whence)
{
	struct stat st;
	uint64_t size;
	off_t pos;
	int r;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	r = stat_open(f->v, f->fd, &st, NULL);
	if (r < 0)
		return r;
	size = layout_plain_size(view_layout(f->v), (uint64_t)st.st_size, NULL);
	if (off < 0 || (uint64_t)off >= size)
		return -ENXIO;
	if (whence == SEEK_DATA)
		pos = seek_data(f, (uint64_t)off / LAYOUT_BLOCK);
	else
		pos = seek_hole(f, (uint64_t)off / LAYOUT_BLOCK, size);
	if (pos >= (off_t)size) {
		if (whence == SEEK_DATA)
			return -ENXIO;
		pos = (off_t)size;
	}
	return pos < 0 || pos > off ? pos : off;
}
