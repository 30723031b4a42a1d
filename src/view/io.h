/* io.h - block I/O of one backing file: buffers, file id, single blocks. Used by rw.c, truncate.c and end.c
 * under the file's content lock. */
#ifndef VIEW_IO_H
#define VIEW_IO_H

#include "view/internal.h"

enum {
	IO_BLOCKS = VIEW_IO_MAX / LAYOUT_BLOCK + 2, /* an unaligned request touches up to two blocks more */
	IO_CIPHER_BLOCK_MAX = LAYOUT_BLOCK + AEAD_NONCE_MAX + AEAD_TAG_LEN,
	IO_CIPHER_PAD = 32, /* room for the header before the first block */
};

/* One per thread, mapped once, never given back; pages appear as they are touched. */
struct io_buf {
	uint8_t *cipher; /* IO_CIPHER_PAD + IO_BLOCKS * IO_CIPHER_BLOCK_MAX */
	uint8_t *plain;	 /* IO_BLOCKS * LAYOUT_BLOCK */
	uint8_t *saved;	 /* two cipher blocks: the old state of those a write replaces in part */
	uint64_t ino;	 /* whose plaintext lies in plain */
	size_t plain_used;
};
/* The calling thread's buffers, plaintext of other files wiped. NULL if memory is short. */
struct io_buf *io_buf_get(const struct view_node *node);
/* n bytes of plain were filled: to be wiped. */
static inline void io_buf_holds(struct io_buf *b, size_t n)
{
	if (b->plain_used < n)
		b->plain_used = n;
}
static inline uint8_t *io_buf_blocks(struct io_buf *b)
{
	return b->cipher + IO_CIPHER_PAD;
}

/* What a writer knows of the backing file while it holds the content lock (and, in the shared modes, the
 * range lock). */
struct io_state {
	uint64_t cipher_size, plain_size;
	bool need_header; /* there is none yet: id is new and goes out with the first write */
	bool sparse;	  /* fewer blocks allocated than the size needs */
	uint8_t id[LAYOUT_FILE_ID_LEN];
};
/* The block its last byte is in; 0 if it is empty. */
static inline uint64_t io_last_block(const struct io_state *st)
{
	return st->plain_size ? (st->plain_size - 1) / LAYOUT_BLOCK : 0;
}
/* Bytes stored of block `no`, which begins before the end: asking for no more spares a second read that only
 * finds the end. */
size_t io_stored_len(const struct layout *l, const struct io_state *st, uint64_t no);
/* ftruncate; 0 or negative errno. */
int io_cut(int fd, uint64_t cipher_size);
/* Look at the file. 0, -EUCLEAN (damaged header), or errno. */
int io_state_get(struct view_file *f, struct io_state *ret);
/* The header was written: remember the id for readers / forget it (truncated to nothing). */
void io_id_set(struct openfile *of, const uint8_t id[static LAYOUT_FILE_ID_LEN]);
void io_id_forget(struct openfile *of);
/* The cached id: 1, or 0 if it is not known. */
int io_id_cached(struct openfile *of, uint8_t ret[static LAYOUT_FILE_ID_LEN]);
/* Copy of the file's id: 1, 0 (file without header: empty), -EUCLEAN or errno. fresh: ask the disk, not the
 * cache. */
int io_id_get(struct view_file *f, bool fresh, uint8_t ret[static LAYOUT_FILE_ID_LEN]);

/* The stored bytes of block `no` anew, all of them: io_stored_len() or negative errno. */
ssize_t io_stored_read(struct view_file *f, int fd, const struct io_state *st, uint64_t no, uint8_t *raw);
/* Read and decrypt block `no`. Returns plaintext bytes (0 past the end), -EBADMSG. raw gets the stored form
 * and *ret_raw its length. */
ssize_t io_block_read(struct view_file *f, const struct io_state *st, uint64_t no, uint8_t *plain,
		      uint8_t *raw, size_t *ret_raw);

/* Encrypt and store [off, off+n), n <= VIEW_IO_MAX, no gap before it; st is updated. Returns bytes stored
 * (short only after an error that stopped it) or negative errno with nothing changed. */
ssize_t io_write_run(struct view_file *f, struct io_buf *b, struct io_state *st, uint64_t off,
		     const uint8_t *buf, size_t n);
/* truncate.c: what was to come behind that block failed: make it as short as it was, so that the file has
 * `size` again. */
void truncate_unpad(struct view_file *f, struct io_buf *b, const struct io_state *st, uint64_t size);

/* end.c. In all but end_finish the content lock is held for writing and, in the shared modes, the range lock
 * on the last block at least; whoever makes the file longer holds it from there on. */

/* Before anything goes behind the last block: finish what an interrupted truncate left of it, and look at the
 * file anew; fill it up with zeros if it is partial and lies before the block of `off` (VIEW_APPEND: it does
 * not), or step over it if it is damaged. *ret_before: the size to go back to if what follows fails. */
int end_pad(struct view_file *f, struct io_buf *b, struct io_state *st, uint64_t off, uint64_t *ret_before);
/* Finish what an interrupted truncate left of the last block, if anything. Nobody would notice it where that
 * block is not needed. Exclusive mode: once per open file, and not if that began empty. 0, also if the block
 * is damaged for good, or errno: then nothing may be put behind it. */
int end_look(struct view_file *f, struct io_buf *b, struct io_state *st);
/* A writer met -EBADMSG. 0: the last block is valid now, st looked at anew, write again. -EBADMSG: it was
 * looked at a second time and is damaged for good; its bytes are in b->saved. Or errno. */
int end_settle(struct view_file *f, struct io_buf *b, struct io_state *st);
/* After that -EBADMSG: the last block's bytes stay as they are, what follows begins at the next one. -EBADMSG
 * if it must not be made longer. */
int end_step_over(struct view_file *f, struct io_buf *b, struct io_state *st);
/* A reader met -EBADMSG in `block`: end_settle with a descriptor and a lock of its own. Content lock held for
 * writing. */
int end_finish(struct view_file *f, struct io_buf *b, uint64_t block);

/* What the kernel keeps of these ciphertext bytes may be older than what another node has stored: read them
 * anew. len 0: to the end, as at open; in exclusive mode only that is done. Does nothing where the backing
 * file system sees to it. */
void io_refresh(struct view_file *f, uint64_t start, uint64_t len);
/* Account for damage met and tell of it. Returns e. */
int io_damage(struct view_file *f, int e, uint64_t block);

#endif
