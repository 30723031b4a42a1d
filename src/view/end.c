/* end.c - the last block of a file: filled up before anything goes behind it, and what a crash left of it. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "util/zero.h"
#include "view/io.h"

/* Length of the valid block at the start of the `n` bytes in b->saved: n, less if it is a short one with
 * stale bytes behind it, 0 if there is none. */
static size_t valid_len(const struct content *c, const struct io_state *st, struct io_buf *b, size_t n)
{
	size_t good;

	io_buf_holds(b, LAYOUT_BLOCK);
	for (size_t raw = n; raw > c->layout.overhead; raw--)
		if (content_open(c, io_last_block(st), st->id, b->saved, raw, b->plain, &good) == 0)
			return raw;
	return 0;
}

/* -EBADMSG is our word for a block that is damaged; the backing file system says it of its own checksums. */
static int not_ours(int r)
{
	return r == -EBADMSG ? -EIO : r;
}

/* Stale bytes of a real file are ciphertext, or a hole. Zeros may also be the rest of an old page that a
 * client holds while another node has made the block longer. */
static bool is_doubtful(const struct view_file *f, const uint8_t *stale, size_t n)
{
	return n && f->v->weak_pages && view_is_shared(f->v) && zero_bytes(stale, n);
}

/* A second look at the last block, whose stored bytes come to b->saved: where the file has to end for it to
 * be valid. 0, -EBADMSG if it is damaged for good, or errno. */
static int find_end(struct view_file *f, struct io_buf *b, int fd, const struct io_state *st, uint64_t *ret)
{
	const struct layout *l = view_layout(f->v);
	const uint64_t start = layout_block_offset(l, io_last_block(st));
	const size_t len = io_stored_len(l, st, io_last_block(st));
	ssize_t n = io_stored_read(f, fd, st, io_last_block(st), b->saved);
	size_t valid;

	if (n < 0)
		return not_ours((int)n);
	valid = valid_len(&f->v->vol->content, st, b, len);
	if (valid && is_doubtful(f, b->saved + valid, len - valid))
		return -EIO;
	*ret = start + valid;
	return valid ? 0 : -EBADMSG;
}

/* End the file there. fd: open for writing, the block locked. */
static int finish(struct view_file *f, struct io_buf *b, int fd, const struct io_state *st)
{
	uint64_t end;
	int r = find_end(f, b, fd, st, &end);

	if (r < 0 || end == st->cipher_size)
		return r;
	r = io_cut(fd, end);
	if (r == 0)
		view_warn(f->v, "inode %llu: finished a truncate that was interrupted",
			  (unsigned long long)f->of->node->id.ino);
	return not_ours(r);
}

static int state_ending_in(struct view_file *f, uint64_t block, struct io_state *ret)
{
	int r = io_state_get(f, ret);

	if (r < 0)
		return r;
	return ret->plain_size && io_last_block(ret) == block ? 0 : -EBADMSG;
}

int end_finish(struct view_file *f, struct io_buf *b, uint64_t block)
{
	struct io_state st;
	char path[32];
	int r;

	if (f->v->opt.read_only)
		return -EBADMSG;
	auto_fd int fd = fd_openat(AT_FDCWD, fd_proc_path(path, f->fd), O_RDWR, 0);

	if (fd < 0)
		return fd;
	r = lock_range(f->v, fd, true, 0, 0); /* given up when fd is closed */
	if (r == 0)
		r = state_ending_in(f, block, &st);
	return r < 0 ? r : finish(f, b, fd, &st);
}

bool end_is_pending(struct view_file *f, uint64_t block)
{
	struct io_buf *b = io_buf_get(f->of->node);
	struct io_state st;
	uint64_t end = 0;
	int r;

	if (!b)
		return false;
	pthread_rwlock_rdlock(&f->of->content);
	r = state_ending_in(f, block, &st);
	if (r == 0)
		r = find_end(f, b, f->fd, &st, &end);
	pthread_rwlock_unlock(&f->of->content);
	return r == 0 && end < st.cipher_size;
}

int end_settle(struct view_file *f, struct io_buf *b, struct io_state *st)
{
	int r = finish(f, b, f->fd, st);

	return r < 0 ? r : not_ours(io_state_get(f, st));
}

int end_step_over(struct view_file *f, struct io_buf *b, struct io_state *st)
{
	const uint64_t block = io_last_block(st);

	if (zero_bytes(b->saved,
		       io_stored_len(view_layout(f->v), st,
				     block))) /* made longer it would be a hole, and damage no more */
		return -EBADMSG;
	view_warn(f->v, "inode %llu: the last block, #%llu, was left damaged; going on behind it",
		  (unsigned long long)f->of->node->id.ino, (unsigned long long)block);
	st->plain_size = (block + 1) * LAYOUT_BLOCK;
	return 0;
}

int end_look(struct view_file *f, struct io_buf *b, struct io_state *st)
{
	size_t raw_len;
	ssize_t n = 0;
	int r = 0;

	if (st->plain_size == 0 || (f->of->end_known && !view_is_shared(f->v))) {
		f->of->end_known = true;
		return 0;
	}
	n = io_block_read(f, st, io_last_block(st), b->plain, b->saved, &raw_len);
	io_buf_holds(b, LAYOUT_BLOCK);
	if (n == -EBADMSG)
		r = end_settle(f, b, st);
	else if (n < 0)
		r = (int)n;
	if (r == 0)
		f->of->end_known = true;
	return r == -EBADMSG ? 0 : r; /* damaged for good: that concerns those who need it */
}

static int fill(struct view_file *f, struct io_buf *b, struct io_state *st, uint64_t off)
{
	static const uint8_t zeros[LAYOUT_BLOCK];
	size_t tail = (size_t)(st->plain_size % LAYOUT_BLOCK);
	ssize_t n;

	if (tail == 0 || off == VIEW_APPEND || off / LAYOUT_BLOCK <= st->plain_size / LAYOUT_BLOCK)
		return 0;
	n = io_write_run(f, b, st, st->plain_size, zeros, LAYOUT_BLOCK - tail);
	return n < 0 ? (int)n : 0;
}

int end_pad(struct view_file *f, struct io_buf *b, struct io_state *st, uint64_t off, uint64_t *ret_before)
{
	int r = 0;

	if (st->plain_size % LAYOUT_BLOCK == 0 && off >= st->plain_size)
		r = end_look(f, b, st);
	*ret_before = st->plain_size;
	if (r == 0)
		r = fill(f, b, st, off);
	if (r != -EBADMSG)
		return r;
	r = end_settle(f, b, st);
	*ret_before = st->plain_size;
	if (r == 0)
		return fill(f, b, st, off);
	return r == -EBADMSG ? end_step_over(f, b, st) : r;
}
