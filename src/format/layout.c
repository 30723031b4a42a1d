/* layout.c - where a plaintext byte lies in the ciphertext file; see gocryptfs format, section 4 of
 * site-docs/formats.md. */
#include "format/layout.h"

enum { TAG_LEN = 16 };

struct layout layout_of(uint32_t nonce_len)
{
	uint32_t overhead = nonce_len + TAG_LEN;

	return (struct layout){ .nonce_len = nonce_len,
				.overhead = overhead,
				.cipher_block = LAYOUT_BLOCK + overhead };
}

/* Plaintext bytes in n ciphertext bytes that start at a block boundary. */
static uint64_t plain_of_blocks(const struct layout *l, uint64_t n, bool *ret_torn)
{
	uint64_t full = n / l->cipher_block;
	uint64_t rest = n % l->cipher_block;

	*ret_torn = rest > 0 && rest <= l->overhead;
	if (*ret_torn)
		rest = l->overhead + 1; /* shown as one byte, so that the damage is met and not overlooked */
	return full * LAYOUT_BLOCK + (rest ? rest - l->overhead : 0);
}

uint64_t layout_max_plain(const struct layout *l)
{
	uint64_t room = (uint64_t)INT64_MAX - LAYOUT_HEADER_LEN;
	uint64_t full = room / l->cipher_block;
	uint64_t rest = room % l->cipher_block;

	return full * LAYOUT_BLOCK + (rest > l->overhead ? rest - l->overhead : 0);
}

uint64_t layout_plain_size(const struct layout *l, uint64_t n, enum layout_size_state *ret_state)
{
	enum layout_size_state state = LAYOUT_OK;
	uint64_t plain = 0;
	bool torn = false;

	if (n == LAYOUT_HEADER_LEN) {
		state = LAYOUT_HEADER_ONLY;
	} else if (n > LAYOUT_HEADER_LEN) {
		plain = plain_of_blocks(l, n - LAYOUT_HEADER_LEN, &torn);
		state = torn ? LAYOUT_TORN_BLOCK : LAYOUT_OK;
	} else if (n > 0) {
		state = LAYOUT_TRUNCATED_HEADER;
	}
	if (ret_state)
		*ret_state = state;
	return plain;
}

uint64_t layout_cipher_size(const struct layout *l, uint64_t n)
{
	uint64_t blocks = n / LAYOUT_BLOCK + (n % LAYOUT_BLOCK != 0);
	uint64_t size;

	if (n == 0)
		return 0;
	/* No block count times 40 can wrap; the sum can. Callers turn back at layout_max_plain(), long
	 * before. */
	if (__builtin_add_overflow(n, blocks * l->overhead + LAYOUT_HEADER_LEN, &size))
		return UINT64_MAX;
	return size;
}

size_t layout_run_plain_len(const struct layout *l, size_t n)
{
	bool torn;

	return (size_t)plain_of_blocks(l, n, &torn);
}
