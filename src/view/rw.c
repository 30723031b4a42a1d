/* rw.c - read and write of an open file, exclusive or shared with other nodes. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "util/fd.h"
#include "view/io.h"

/* Ciphertext of the run into the buffer, and the file's id. The first read of a file from its start takes the
 * header along, so that a small file costs one system call. Returns bytes of ciphertext, 0 at the end, or
 * negative errno. */
static ssize_t fetch(struct view_file *f, struct io_buf *b, bool fresh_id, uint64_t first, size_t n_blocks,
		     uint8_t id[static LAYOUT_FILE_ID_LEN])
{
	const struct layout *l = view_layout(f->v);
	uint8_t *blocks = io_buf_blocks(b);
	uint8_t *header = blocks - LAYOUT_HEADER_LEN;
	ssize_t n;
	int r = fresh_id ? 0 : io_id_cached(f->of, id);

	io_refresh(f, first ? layout_block_offset(l, first) : 0,
		   LAYOUT_HEADER_LEN + n_blocks * l->cipher_block);
	if (r == 0 && first == 0) {
		n = fd_pread(f->fd, header, LAYOUT_HEADER_LEN + n_blocks * l->cipher_block, 0);
		if (n <= LAYOUT_HEADER_LEN)
			return n < 0 ? n : 0;
		r = header_parse(header, id);
		if (r < 0)
			return r;
		io_id_set(f->of, id);
		return n - LAYOUT_HEADER_LEN;
	}
	if (r == 0)
		r = io_id_get(f, true, id);
	if (r <= 0)
		return r;
	return fd_pread(f->fd, blocks, n_blocks * l->cipher_block, (off_t)layout_block_offset(l, first));
}

/* Read and decrypt the run of blocks from `first`. Returns plaintext bytes now in b->plain. */
static ssize_t read_run(struct view_file *f, struct io_buf *b, bool fresh_id, uint64_t first, size_t n_blocks,
			uint64_t *ret_bad)
{
	uint8_t id[LAYOUT_FILE_ID_LEN];
	size_t good = 0;
	ssize_t n = fetch(f, b, fresh_id, first, n_blocks, id);
	int r;

	*ret_bad = first;
	if (n <= 0)
		return n;
	if (b->plain_used <
	    layout_run_plain_len(view_layout(f->v), (size_t)n)) /* wiped before another file's turn */
		b->plain_used = layout_run_plain_len(view_layout(f->v), (size_t)n);
	r = content_open(&f->v->vol->content, first, id, io_buf_blocks(b), (size_t)n, b->plain, &good);
	*ret_bad = first + good / LAYOUT_BLOCK;
	return r < 0 ? r : (ssize_t)good;
}

static ssize_t read_locked(struct view_file *f, struct io_buf *b, uint64_t first, size_t n_blocks,
			   uint64_t *ret_bad)
{
	const struct layout *l = view_layout(f->v);
	uint64_t start = layout_block_offset(l, first), len = n_blocks * l->cipher_block;
	ssize_t n = lock_range(f->v, f->fd, false, start, len);

	if (n < 0)
		return n;
	n = read_run(f, b, true, first, n_blocks, ret_bad);
	unlock_range(f->v, f->fd, start, len);
	return n;
}

/* What looks damaged may be another node's write in progress: look again with the range locked. */
static ssize_t read_again(struct view_file *f, struct io_buf *b, uint64_t first, size_t n_blocks,
			  uint64_t *ret_bad)
{
	ssize_t n;

	pthread_rwlock_wrlock(&f->of->content); /* alone on this descriptor: its locks are not counted */
	n = read_locked(f, b, first, n_blocks, ret_bad);
	if (n == -EBADMSG && end_finish(f, b, *ret_bad) == 0)
		n = read_locked(f, b, first, n_blocks, ret_bad);
	pthread_rwlock_unlock(&f->of->content);
	return n;
}

ssize_t rw_read(struct view_file *f, uint64_t off, size_t n, const uint8_t **ret)
{
	const uint64_t first = off / LAYOUT_BLOCK;
	const size_t skip = (size_t)(off % LAYOUT_BLOCK);
	struct io_buf *b = io_buf_get(f->of->node);
	size_t n_blocks;
	uint64_t bad;
	ssize_t have;

	if (!b)
		return -ENOMEM;
	if (n > VIEW_IO_MAX)
		n = VIEW_IO_MAX;
	if (n == 0 || off >= layout_max_plain(view_layout(f->v)))
		return 0;
	n_blocks = (skip + n + LAYOUT_BLOCK - 1) / LAYOUT_BLOCK;
	pthread_rwlock_rdlock(&f->of->content);
	have = read_run(f, b, false, first, n_blocks, &bad);
	pthread_rwlock_unlock(&f->of->content);
	if (have == -EBADMSG || have == -EUCLEAN)
		have = read_again(f, b, first, n_blocks, &bad);
	if (have < 0)
		return io_damage(f, (int)have, bad);
	if ((size_t)have <= skip)
		return 0;
	if ((size_t)have - skip < n)
		n = (size_t)have - skip;
	*ret = b->plain + skip;
	atomic_fetch_add_explicit(&f->v->bytes_read, n, memory_order_relaxed);
	return (ssize_t)n;
}

/* First ciphertext byte a write of [off, off+n) may touch, and where its last block ends (0: the file grows,
 * from its last block up to infinity: whoever appends owns the end). */
static void write_range(const struct layout *l, const struct io_state *st, uint64_t off, size_t n,
			uint64_t *ret_start, uint64_t *ret_len)
{
	uint64_t start = layout_block_offset(l, off / LAYOUT_BLOCK);

	*ret_len = 0;
	if (off + n > st->plain_size || st->need_header) {
		uint64_t tail = layout_block_offset(l, io_last_block(st));

		*ret_start = st->need_header ? 0 : tail < start ? tail : start;
		return;
	}
	*ret_start = start;
	*ret_len = layout_block_offset(l, (off + n - 1) / LAYOUT_BLOCK + 1) - start;
}

/* How the file looked when it was last locked, if that is enough to tell what to lock: it costs no request.
 * Where it grows, too much would be locked if others have made it longer meanwhile; those who append do not
 * mind. */
static bool guess(const struct view_file *f, uint64_t off, size_t n, struct io_state *ret)
{
	const uint64_t size = f->of->locked_size;

	*ret = (struct io_state){ .cipher_size = size,
				  .plain_size = layout_plain_size(view_layout(f->v), size, NULL) };
	return off == VIEW_APPEND ? size > LAYOUT_HEADER_LEN : off + n <= ret->plain_size;
}

/* Shared modes: lock what will be written, and make sure the file is still what the range was computed from.
 */
static int begin_shared(struct view_file *f, struct io_state *st, uint64_t off, size_t n, uint64_t *ret_start,
			uint64_t *ret_len)
{
	const struct layout *l = view_layout(f->v);
	int r = guess(f, off, n, st) ? 0 : io_state_get(f, st);

	while (r == 0) {
		struct io_state before = *st;
		const uint64_t from = off == VIEW_APPEND ? st->plain_size : off;

		write_range(l, st, from, n, ret_start, ret_len);
		r = lock_range(f->v, f->fd, true, *ret_start, *ret_len);
		if (r < 0)
			return r;
		r = io_state_get(f, st);
		f->of->locked_size = r == 0 ? st->cipher_size : 0;
		/* Growth is fine when we hold the end; anything else that moved the range starts over. */
		if (r == 0 && (*ret_len == 0 ? st->plain_size >= before.plain_size &&
						   st->need_header <= before.need_header
					     : from + n <= st->plain_size))
			return 0;
		unlock_range(f->v, f->fd, *ret_start, *ret_len);
	}
	return r;
}

static ssize_t put(struct view_file *f, struct io_buf *b, struct io_state *st, uint64_t off,
		   const uint8_t *buf, size_t n)
{
	uint64_t before = st->plain_size;
	ssize_t done;
	int r;

	if ((off == VIEW_APPEND ? before : off) + n > layout_max_plain(view_layout(f->v)))
		return -EFBIG;
	r = end_pad(f, b, st, off, &before);
	if (r < 0)
		return r;
	if (off == VIEW_APPEND)
		off = st->plain_size;
	done = io_write_run(f, b, st, off, buf, n);
	if (done < 0)
		truncate_unpad(f, b, st, before);
	return done;
}

/* The write reaches into the last block, and met a damaged one. */
static ssize_t put_again(struct view_file *f, struct io_buf *b, struct io_state *st, uint64_t off,
			 const uint8_t *buf, size_t n)
{
	int r = end_settle(f, b, st);

	if (r == -EBADMSG && off == VIEW_APPEND && view_is_shared(f->v))
		r = end_step_over(f, b, st); /* what another node left must not stop this one */
	return r < 0 ? r : put(f, b, st, off, buf, n);
}

static ssize_t write_chunk(struct view_file *f, struct io_buf *b, uint64_t off, const uint8_t *buf, size_t n)
{
	const bool shared = view_is_shared(f->v);
	uint64_t start = 0, len = 0;
	struct io_state st = { 0 };
	ssize_t done;
	int r;

	pthread_rwlock_wrlock(&f->of->content);
	r = shared ? begin_shared(f, &st, off, n, &start, &len) : io_state_get(f, &st);
	done = r < 0 ? r : put(f, b, &st, off, buf, n);
	if (r == 0 && done == -EBADMSG && (off == VIEW_APPEND || off + n > io_last_block(&st) * LAYOUT_BLOCK))
		done = put_again(f, b, &st, off, buf, n);
	if (done > 0)
		f->of->locked_size = st.cipher_size;
	if (shared && r == 0)
		unlock_range(f->v, f->fd, start, len);
	pthread_rwlock_unlock(&f->of->content);
	return done;
}

/* For the next open: what the kernel's pages are worth. Losing count is harmless. */
static void note_write(const struct view_file *f, uint64_t end)
{
	struct view_node *node = f->of->node;
	unsigned char n = atomic_load_explicit(&node->ragged, memory_order_relaxed);

	if (f->direct)
		return;
	atomic_store(&node->wrote, true);
	if (end % LAYOUT_BLOCK && n < 2) /* a block is as large as a page where this matters */
		atomic_store_explicit(&node->ragged, (unsigned char)(n + 1), memory_order_relaxed);
}

ssize_t rw_write(struct view_file *f, const struct view_caller *who, uint64_t off, const uint8_t *buf,
		 size_t n)
{
	struct io_buf *b = io_buf_get(f->of->node);
	size_t total = 0;

	(void)who;
	if (!b)
		return -ENOMEM;
	if (!f->writable)
		return -EBADF;
	if (off != VIEW_APPEND && off > layout_max_plain(view_layout(f->v)))
		return -EFBIG;
	while (total < n) {
		size_t chunk = n - total < VIEW_IO_MAX ? n - total : VIEW_IO_MAX;
		ssize_t done = write_chunk(f, b, off == VIEW_APPEND ? off : off + total, buf + total, chunk);

		if (done < 0 && total == 0)
			return done == -EUCLEAN ? io_damage(f, -EUCLEAN, 0) : done; /* blocks are told of */
		if (done < 0)
			break;
		total += (size_t)done;
		if ((size_t)done < chunk)
			break;
	}
	note_write(f, off + total);
	atomic_fetch_add_explicit(&f->v->bytes_written, total, memory_order_relaxed);
	if (f->sync && fdatasync(f->fd) < 0)
		return -errno;
	return (ssize_t)total;
}
