/* io.c - reading and writing runs of blocks of one backing file: one system call and one pass of the cipher
 * per request. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/secret.h"
#include "util/zero.h"
#include "view/io.h"

enum {
	IO_CIPHER_LEN = IO_CIPHER_PAD + IO_BLOCKS * IO_CIPHER_BLOCK_MAX,
	IO_PLAIN_LEN = IO_BLOCKS * LAYOUT_BLOCK,
	IO_SAVED_LEN = 3 * 4096, /* two cipher blocks */
	IO_MAP_LEN = (IO_CIPHER_LEN + 4095) / 4096 * 4096 + IO_PLAIN_LEN + IO_SAVED_LEN,
};

static pthread_key_t buf_key;
static pthread_once_t buf_once = PTHREAD_ONCE_INIT;
static _Thread_local struct io_buf *buf_mine;

static void buf_free(void *p)
{
	struct io_buf *b = p;

	secret_wipe(b->plain, b->plain_used);
	(void)munmap(b->plain, IO_MAP_LEN);
	free(b);
}

static void buf_init(void)
{
	(void)pthread_key_create(&buf_key, buf_free);
}

static struct io_buf *buf_new(void)
{
	struct io_buf *b = calloc(1, sizeof(*b));
	void *map;

	(void)pthread_once(&buf_once, buf_init);
	if (!b)
		return NULL;
	map = mmap(NULL, IO_MAP_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED) {
		free(b);
		return NULL;
	}
	(void)madvise(map, IO_MAP_LEN, MADV_DONTDUMP);
	b->plain = map;
	b->saved = b->plain + IO_PLAIN_LEN;
	b->cipher = b->saved + IO_SAVED_LEN;
	(void)pthread_setspecific(buf_key, b);
	return buf_mine = b;
}

struct io_buf *io_buf_get(const struct view_node *node)
{
	struct io_buf *b = buf_mine ? buf_mine : buf_new();

	if (b && b->ino != node->id.ino) {
		secret_wipe(b->plain, b->plain_used);
		b->ino = node->id.ino;
		b->plain_used = 0;
	}
	return b;
}

void view_thread_rest(void)
{
	if (!buf_mine)
		return;
	(void)madvise(buf_mine->plain, IO_MAP_LEN, MADV_DONTNEED); /* read as zeros from now on */
	buf_mine->plain_used = 0;
}

int io_damage(struct view_file *f, int e, uint64_t block)
{
	if (e == -EBADMSG || e == -EUCLEAN) {
		atomic_fetch_add_explicit(&f->v->errors, 1, memory_order_relaxed);
		if (e == -EUCLEAN)
			view_warn(f->v, "inode %llu: corrupt file header",
				  (unsigned long long)f->of->node->id.ino);
		else
			view_warn(f->v, "inode %llu: corrupt block #%llu",
				  (unsigned long long)f->of->node->id.ino, (unsigned long long)block);
	}
	return e;
}

static bool is_weak(const struct view_file *f, uint64_t len)
{
	return f->v->weak_pages && (len == 0 || view_is_shared(f->v));
}

static void drop(struct view_file *f, uint64_t start, uint64_t len)
{
	const uint64_t page =
	    2 << 20; /* only what lies in the range as a whole is dropped: pages, large folios */

	if (!is_weak(f, len))
		return;
	if (len)
		len = ((start + len + page - 1) & ~(page - 1)) - (start & ~(page - 1));
	(void)posix_fadvise(f->fd, (off_t)(start & ~(page - 1)), (off_t)len, POSIX_FADV_DONTNEED);
}

void io_refresh(struct view_file *f, uint64_t start, uint64_t len)
{
	drop(f, start, len);
	if (is_weak(f, len))
		(void)stat_open(f->v, f->fd, NULL, NULL); /* the kernel reads up to the size it knows */
}

void io_id_set(struct openfile *of, const uint8_t id[static LAYOUT_FILE_ID_LEN])
{
	pthread_mutex_lock(&of->id_lock);
	memcpy(of->id, id, LAYOUT_FILE_ID_LEN);
	of->have_id = true;
	pthread_mutex_unlock(&of->id_lock);
}

void io_id_forget(struct openfile *of)
{
	pthread_mutex_lock(&of->id_lock);
	of->have_id = false;
	pthread_mutex_unlock(&of->id_lock);
}

int io_id_cached(struct openfile *of, uint8_t ret[static LAYOUT_FILE_ID_LEN])
{
	bool have;

	pthread_mutex_lock(&of->id_lock);
	have = of->have_id;
	if (have)
		memcpy(ret, of->id, LAYOUT_FILE_ID_LEN);
	pthread_mutex_unlock(&of->id_lock);
	return have;
}

int io_id_get(struct view_file *f, bool fresh, uint8_t ret[static LAYOUT_FILE_ID_LEN])
{
	uint8_t header[LAYOUT_HEADER_LEN];
	ssize_t n;
	int r;

	if (!fresh && io_id_cached(f->of, ret))
		return 1;
	io_refresh(f, 0, LAYOUT_HEADER_LEN);
	n = fd_pread(f->fd, header, sizeof(header), 0);
	if (n < 0)
		return (int)n;
	if (n < LAYOUT_HEADER_LEN)
		return 0; /* 1..17 bytes: shown as empty */
	r = header_parse(header, ret);
	if (r < 0)
		return r;
	io_id_set(f->of, ret);
	return 1;
}

int io_state_get(struct view_file *f, struct io_state *ret)
{
	struct stat st;
	int r;

	r = stat_open(f->v, f->fd, &st, NULL);
	if (r < 0)
		return r;
	ret->cipher_size = (uint64_t)st.st_size;
	ret->plain_size = layout_plain_size(view_layout(f->v), ret->cipher_size, NULL);
	ret->sparse = (uint64_t)st.st_blocks * 512 < ret->cipher_size;
	ret->need_header = false;
	if (ret->cipher_size > 0 && ret->cipher_size < LAYOUT_HEADER_LEN)
		return -EUCLEAN;
	if (ret->cipher_size > 0) {
		r = io_id_get(f, false, ret->id);
		if (r == 1)
			return 0;
		if (ret->cipher_size > LAYOUT_HEADER_LEN)
			return r < 0 ? r
				     : -EIO; /* cut behind our back this moment: never replace the header */
	}
	/* Nothing there, or a lone header that is damaged: no content depends on it. */
	io_id_forget(f->of);
	header_new_id(ret->id);
	ret->need_header = true;
	return 0;
}

int io_cut(int fd, uint64_t cipher_size)
{
	while (ftruncate(fd, (off_t)cipher_size) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

size_t io_stored_len(const struct layout *l, const struct io_state *st, uint64_t no)
{
	const uint64_t left = st->cipher_size - layout_block_offset(l, no);

	return left < l->cipher_block ? (size_t)left : l->cipher_block;
}

ssize_t io_stored_read(struct view_file *f, int fd, const struct io_state *st, uint64_t no, uint8_t *raw)
{
	const struct layout *l = view_layout(f->v);
	const uint64_t start = layout_block_offset(l, no);
	const size_t len = io_stored_len(l, st, no);
	ssize_t n;

	drop(f, start, len);
	n = fd_pread(fd, raw, len, (off_t)start);
	if (n >= 0 && (size_t)n < len) { /* a FUSE client may go by an older size than it has just told us */
		io_refresh(f, start, len);
		n = fd_pread(fd, raw, len, (off_t)start);
	}
	return n >= 0 && (size_t)n < len ? -EIO : n; /* or the file was cut behind our back */
}

ssize_t io_block_read(struct view_file *f, const struct io_state *st, uint64_t no, uint8_t *plain,
		      uint8_t *raw, size_t *ret_raw)
{
	size_t good;
	ssize_t n;
	int r;

	*ret_raw = 0;
	if (no * LAYOUT_BLOCK >= st->plain_size)
		return 0;
	n = io_stored_read(f, f->fd, st, no, raw);
	if (n < 0)
		return n;
	*ret_raw = (size_t)n;
	r = content_open(&f->v->vol->content, no, st->id, raw, (size_t)n, plain, &good);
	if (r < 0)
		return io_damage(f, r, no);
	return (ssize_t)good;
}

/* A run being built: where it goes and what it replaces. */
struct run {
	uint64_t first, off, end;
	size_t cipher_len;
	size_t saved_len[2]; /* of the old first block and of `saved_last`, 0 if they are not kept in
				io_buf.saved */
	uint64_t saved_last;
	uint8_t *cipher;
};

static uint8_t *saved_at(const struct io_buf *b, size_t which)
{
	return b->saved + which * IO_CIPHER_BLOCK_MAX;
}

/* Merge part of a block with what is stored of it, encrypt. Returns bytes of ciphertext or -errno. */
static ssize_t seal_partial(struct view_file *f, struct io_buf *b, const struct io_state *st, struct run *run,
			    uint64_t no, const uint8_t *buf, uint8_t *out)
{
	const uint64_t start = no * LAYOUT_BLOCK;
	const size_t from = run->off > start ? (size_t)(run->off - start) : 0;
	const size_t to = run->end - start < LAYOUT_BLOCK ? (size_t)(run->end - start) : LAYOUT_BLOCK;
	const size_t which = no != run->first;
	ssize_t have = io_block_read(f, st, no, b->plain, saved_at(b, which), &run->saved_len[which]);
	size_t len;

	if (have < 0)
		return have;
	if (which)
		run->saved_last = no;
	if ((size_t)have < from)
		memset(b->plain + have, 0, from - (size_t)have);
	memcpy(b->plain + from, buf, to - from);
	len = (size_t)have > to ? (size_t)have : to;
	io_buf_holds(b, LAYOUT_BLOCK);
	if (content_seal(&f->v->vol->content, no, st->id, b->plain, len, out) < 0)
		return -EIO;
	return (ssize_t)(len + view_layout(f->v)->overhead);
}

/* Is what the run leaves of block `no` without a part that is stored now? */
static bool is_partial(const struct run *run, const struct io_state *st, uint64_t no)
{
	const uint64_t start = no * LAYOUT_BLOCK;
	uint64_t block_end = start + LAYOUT_BLOCK;

	if (block_end > st->plain_size)
		block_end = st->plain_size;
	return run->off > start || run->end < block_end;
}

static int seal_run(struct view_file *f, struct io_buf *b, const struct io_state *st, struct run *run,
		    const uint8_t *buf)
{
	const struct layout *l = view_layout(f->v);
	const uint64_t last = (run->end - 1) / LAYOUT_BLOCK;
	uint64_t no = run->first;
	uint8_t *out = run->cipher;
	ssize_t n;

	if (is_partial(run, st, no)) {
		n = seal_partial(f, b, st, run, no, buf, out);
		if (n < 0)
			return (int)n;
		out += n;
		no++;
		buf += no * LAYOUT_BLOCK - run->off; /* past the end if the run ends in its first block */
	}
	if (no <= last) {
		uint64_t stop = is_partial(run, st, last) ? last : last + 1; /* blocks no..stop-1 are whole */
		uint64_t end = stop * LAYOUT_BLOCK < run->end ? stop * LAYOUT_BLOCK : run->end;

		if (stop > no) {
			size_t len = (size_t)(end - no * LAYOUT_BLOCK);

			if (content_seal(&f->v->vol->content, no, st->id, buf, len, out) < 0)
				return -EIO;
			out += layout_run_cipher_len(l, len);
			buf += len;
		}
		if (stop == last) {
			n = seal_partial(f, b, st, run, last, buf, out);
			if (n < 0)
				return (int)n;
			out += n;
		}
	}
	run->cipher_len = (size_t)(out - run->cipher);
	return 0;
}

/* A short last block that becomes longer: nothing of it is needed for that, unless the write fails. */
static int save_end(struct view_file *f, const struct io_buf *b, const struct io_state *st, struct run *run)
{
	const uint64_t no = st->plain_size / LAYOUT_BLOCK;
	ssize_t n;

	if (st->plain_size % LAYOUT_BLOCK == 0 || run->end <= st->plain_size || no < run->first ||
	    (no == run->first && run->saved_len[0]))
		return 0;
	n = io_stored_read(f, f->fd, st, no, saved_at(b, 1)); /* it may be written back */
	if (n < 0)
		return (int)n;
	run->saved_len[1] = (size_t)n;
	run->saved_last = no;
	return 0;
}

/* Room first, so that a full disk refuses the write instead of tearing a block. Needless inside allocated
 * space, and wholly behind the end if write(2) fails in time: nothing stored is at stake there, and what came
 * in is cut off again (repair). */
static int reserve(struct view_file *f, const struct io_state *st, uint64_t start, uint64_t len)
{
	struct view *v = f->v;

	if (!atomic_load_explicit(&v->prealloc, memory_order_relaxed) ||
	    (start + len <= st->cipher_size && !st->sparse) || (start >= st->cipher_size && v->is_local))
		return 0;
	while (fallocate(f->fd, FALLOC_FL_KEEP_SIZE, (off_t)start, (off_t)len) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
			return -errno;
		if (atomic_exchange(&v->prealloc, false))
			view_warn(v, "preallocation is not supported by the file system of the store; "
				     "going on without (see -noprealloc)");
		return 0;
	}
	return 0;
}

/* The bytes of a hole, of which `rest` could not be replaced: all zero by chance in 1 of 2^128 blocks of
 * data. */
static bool was_hole(int fd, uint8_t *buf, size_t rest, uint64_t off)
{
	return rest >= 16 && fd_pread(fd, buf, rest, (off_t)off) == (ssize_t)rest &&
	       zero_words(buf, rest / 8 * 8);
}

/* A write stopped after `done` bytes of the run, perhaps within a block that was there before. Bring back
 * what was there if we kept it; else all its data was to go: finish it, or, if it was a hole, make it one
 * again. Returns the bytes of the run that are in. */
static size_t mend(struct view_file *f, const struct io_buf *b, const struct io_state *st,
		   const struct run *run, size_t done)
{
	const struct layout *l = view_layout(f->v);
	const uint64_t start = layout_block_offset(l, run->first);
	const size_t begin = done / l->cipher_block * l->cipher_block;
	const size_t end =
	    begin + l->cipher_block < run->cipher_len ? begin + l->cipher_block : run->cipher_len;
	const uint64_t no = run->first + begin / l->cipher_block;
	const size_t which = begin == 0 && run->saved_len[0] ? 0 : 1;
	const bool saved = run->saved_len[which] && (which == 0 || no == run->saved_last);
	uint8_t *buf = saved_at(b, which);
	size_t more = 0;

	if (done == begin || start + begin >= st->cipher_size)
		return done;
	if (saved) {
		(void)fd_pwrite(f->fd, buf, run->saved_len[which], (off_t)(start + begin), NULL);
		return begin;
	}
	if (fd_pwrite(f->fd, run->cipher + done, end - done, (off_t)(start + done), &more) == 0)
		return end;
	done += more;
	if (was_hole(f->fd, buf, end - done, start + done)) {
		memset(buf, 0, done - begin);
		(void)fd_pwrite(f->fd, buf, done - begin, (off_t)(start + begin), NULL);
	}
	return begin;
}

/* The write stopped after `done` bytes of [start, ...). Bring back a consistent file: whole new blocks stay,
 * a torn one is cut off if it is new. Returns how many whole blocks are in. */
static uint64_t repair(struct view_file *f, const struct io_state *st, const struct run *run, size_t done,
		       bool header_in)
{
	const struct layout *l = view_layout(f->v);
	const bool grows = layout_block_offset(l, run->first) + run->cipher_len > st->cipher_size;
	uint64_t whole = done / l->cipher_block;
	uint64_t torn = layout_block_offset(l, run->first + whole);
	uint64_t keep = st->cipher_size;

	/* The end is ours only if we were to move it: else another node may have, behind the range we hold.
	 */
	if (!grows)
		return whole;
	/* Another node may have read the new file id already: it stays the right one. */
	if (header_in && view_is_shared(f->v) && keep < LAYOUT_HEADER_LEN)
		keep = LAYOUT_HEADER_LEN;
	if (whole == 0 || torn < keep)
		torn = keep;
	if (io_cut(f->fd, torn) < 0)
		f->of->end_known = false;
	return whole;
}

static void account(struct io_state *st, const struct layout *l, uint64_t end)
{
	st->need_header = false;
	if (end > st->plain_size)
		st->plain_size = end;
	if (layout_cipher_size(l, st->plain_size) > st->cipher_size)
		st->cipher_size = layout_cipher_size(l, st->plain_size);
}

ssize_t io_write_run(struct view_file *f, struct io_buf *b, struct io_state *st, uint64_t off,
		     const uint8_t *buf, size_t n)
{
	const struct layout *l = view_layout(f->v);
	struct run run = {
		.first = off / LAYOUT_BLOCK, .off = off, .end = off + n, .cipher = io_buf_blocks(b)
	};
	uint64_t start = layout_block_offset(l, run.first);
	size_t head = 0, done = 0;
	bool header_in = !st->need_header;
	uint64_t whole;
	int r = seal_run(f, b, st, &run, buf);

	if (r == 0)
		r = save_end(f, b, st, &run);
	if (st->need_header && run.first == 0)
		head = LAYOUT_HEADER_LEN;
	else if (r == 0 && st->need_header) /* by itself: the gap up to the run stays a hole */
		r = reserve(f, st, 0, LAYOUT_HEADER_LEN);
	if (r == 0)
		r = reserve(f, st, start - head, head + run.cipher_len);
	if (st->need_header)
		header_pack(run.cipher - LAYOUT_HEADER_LEN, st->id);
	if (r == 0 && st->need_header && !head) {
		r = fd_pwrite(f->fd, run.cipher - LAYOUT_HEADER_LEN, LAYOUT_HEADER_LEN, 0, NULL);
		header_in = r == 0;
	}
	if (r == 0)
		r = fd_pwrite(f->fd, run.cipher - head, head + run.cipher_len, (off_t)(start - head), &done);
	header_in = header_in || (head && done >= head);
	done = done > head ? done - head : 0;
	if (r < 0)
		done = mend(f, b, st, &run, done);
	if (done && done == run.cipher_len) {
		if (st->need_header)
			io_id_set(f->of, st->id);
		account(st, l, run.end);
		return (ssize_t)n;
	}
	whole = repair(f, st, &run, done, header_in && st->need_header);
	if (!whole)
		return r;
	if (st->need_header)
		io_id_set(f->of, st->id);
	account(st, l, (run.first + whole) * LAYOUT_BLOCK);
	return (ssize_t)((run.first + whole) * LAYOUT_BLOCK - off);
}
