/* layout.h - where a plaintext byte lies in the ciphertext file: pure arithmetic (format.md section 4). */
#ifndef FORMAT_LAYOUT_H
#define FORMAT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LAYOUT_BLOCK = 4096,	/* plaintext bytes of a full block */
	LAYOUT_HEADER_LEN = 18, /* u16be version 2 || 16-byte file id */
	LAYOUT_FILE_ID_LEN = 16,
};

/* Plain data, set once. overhead = nonce + tag: 32 (GCM, SIV) or 40 (XChaCha). */
struct layout {
	uint32_t nonce_len;
	uint32_t overhead;
	uint32_t cipher_block; /* LAYOUT_BLOCK + overhead: 4128 or 4136 */
};
struct layout layout_of(uint32_t nonce_len);

/* Largest plaintext size whose ciphertext still fits an int64_t file size; beyond it callers say -EFBIG. */
uint64_t layout_max_plain(const struct layout *l);

/* Block that holds plaintext offset off; offset of a block's ciphertext in the file. */
static inline uint64_t layout_block_no(uint64_t off)
{
	return off / LAYOUT_BLOCK;
}
static inline uint64_t layout_block_offset(const struct layout *l, uint64_t block)
{
	return LAYOUT_HEADER_LEN + block * l->cipher_block;
}

/* What a cipher file size means. */
enum layout_size_state {
	LAYOUT_OK,
	LAYOUT_TRUNCATED_HEADER, /* 1..17 bytes: corrupt, shown as size 0 */
	LAYOUT_HEADER_ONLY,	 /* 18 bytes: empty */
	LAYOUT_TORN_BLOCK, /* last block has 1..overhead bytes: shown as one plaintext byte, reads fail */
};
/* Plaintext size of a ciphertext file of n bytes; ret_state may be NULL. */
uint64_t layout_plain_size(const struct layout *l, uint64_t n, enum layout_size_state *ret_state);
/* Ciphertext size of a plaintext file of n bytes (0 stays 0). */
uint64_t layout_cipher_size(const struct layout *l, uint64_t n);

/* Number of blocks and ciphertext bytes for a run of n plaintext bytes starting at a block boundary. */
static inline size_t layout_run_blocks(size_t n)
{
	return (n + LAYOUT_BLOCK - 1) / LAYOUT_BLOCK;
}
static inline size_t layout_run_cipher_len(const struct layout *l, size_t n)
{
	return n + layout_run_blocks(n) * l->overhead;
}
/* Plaintext bytes in n ciphertext bytes starting at a block boundary; a torn last block (1..overhead bytes)
 * counts 1. */
size_t layout_run_plain_len(const struct layout *l, size_t n);

#endif
