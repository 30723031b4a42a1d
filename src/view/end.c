/* end.c - the last block of a file: filled up before anything goes behind it, and what a crash left of it. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "view/io.h"

/* Length of the valid short block at the start of the `n` bytes in b->saved, 0 if there is none. */
static size_t find_short_block(const struct content *c, const struct io_state *st, struct io_buf *b,
			       uint64_t block, ssize_t n)
{
	size_t good;

	io_buf_holds(b, LAYOUT_BLOCK);
	for (size_t raw = n > 0 ? (size_t)n - 1 : 0; raw > c->layout.overhead; raw--)
		if (content_open(c, block, st->id, b->saved, raw, b->plain, &good) == 0)
			return raw;
	return 0;
}

/* Where the file has to end if its last block is a valid short block with stale bytes behind it; 0, -EBADMSG
 * or errno. */
static int find_end(struct view_file *f, struct io_buf *b, int fd, const struct io_state *st, uint64_t *ret)
{
	const struct content *c = &f->v->vol->content;
	const uint64_t block = io_last_block(st), start = layout_block_offset(&c->layout, block);
	const size_t raw =
	    find_short_block(c, st, b, block, fd_pread(fd, b->saved, c->layout.cipher_block, (off_t)start));

	*ret = start + raw;
	return raw ? 0 : -EBADMSG;
}

/* Cut it there. fd: open for writing, the block locked. */
static int finish(struct view_file *f, struct io_buf *b, int fd, const struct io_state *st)
{
	uint64_t end = 0;
	int r = find_end(f, b, fd, st, &end);

	if (r < 0)
		return r;
	if (ftruncate(fd, (off_t)end) < 0)
		return -errno;
	view_warn(f->v, "inode %llu: finished a truncate that was interrupted",
		  (unsigned long long)f->of->node->id.ino);
	return 0;
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
	uint64_t end;
	int r;

	if (!b)
		return false;
	pthread_rwlock_rdlock(&f->of->content);
	r = state_ending_in(f, block, &st);
	if (r == 0)
		r = find_end(f, b, f->fd, &st, &end);
	pthread_rwlock_unlock(&f->of->content);
	return r == 0;
}

int end_settle(struct view_file *f, struct io_buf *b, struct io_state *st)
{
	int r = finish(f, b, f->fd, st);

	return r < 0 ? r : io_state_get(f, st);
}

void end_step_over(struct view_file *f, struct io_state *st)
{
	const uint64_t block = st->plain_size / LAYOUT_BLOCK;

	view_warn(f->v, "inode %llu: the last block, #%llu, was left damaged; going on behind it",
		  (unsigned long long)f->of->node->id.ino, (unsigned long long)block);
	st->plain_size = (block + 1) * LAYOUT_BLOCK;
	f->of->end_known = true;
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

/* A last block that is full is not needed for what goes behind it, so nobody would notice that it is what an
 * interrupted truncate left: looked at once per open file, unless that began empty. What else is wrong with
 * it concerns those who read it. */
static int look_at(struct view_file *f, struct io_buf *b, const struct io_state *st)
{
	size_t raw_len;
	ssize_t n = 0;

	if (!f->of->end_known && st->plain_size)
		n = io_block_read(f, st, io_last_block(st), b->plain, b->saved, &raw_len);
	io_buf_holds(b, LAYOUT_BLOCK);
	f->of->end_known = true;
	return n == -EBADMSG ? -EBADMSG : 0;
}

int end_pad(struct view_file *f, struct io_buf *b, struct io_state *st, uint64_t off)
{
	int r = st->plain_size % LAYOUT_BLOCK == 0 && off >= st->plain_size ? look_at(f, b, st)
									    : fill(f, b, st, off);

	if (r != -EBADMSG)
		return r;
	if (end_settle(f, b, st) == 0)
		return fill(f, b, st, off);
	if (st->plain_size % LAYOUT_BLOCK)
		end_step_over(f, st);
	return 0;
}
