/* content.c - runs of content blocks: nonces in, holes out, one call of the cipher for each stretch between
 * holes. */
#include "format/content.h"

#include <errno.h>
#include <string.h>

#include "crypto/rng.h"
#include "util/zero.h"
#include "util/secret.h"

int content_init(struct content *c, enum aead_alg alg, const struct aead_backend *backend,
		 const struct secret *key, bool raw64)
{
	struct aead *aead;
	int r = aead_new(&aead, alg, backend, key);

	if (r < 0)
		return r;
	*c = (struct content){ .layout = layout_of((uint32_t)aead_nonce_len(alg)),
			       .aead = aead,
			       .raw64 = raw64 };
	return 0;
}

void content_done(struct content *c)
{
	aead_free(c->aead);
	*c = (struct content){ 0 };
}

int content_seal(const struct content *c, uint64_t first, const uint8_t file_id[static LAYOUT_FILE_ID_LEN],
		 const uint8_t *plain, size_t n_plain, uint8_t *cipher)
{
	const struct aead_run run = { .first = first,
				      .file_id = file_id,
				      .block_len = LAYOUT_BLOCK,
				      .n_plain = n_plain,
				      .plain = (uint8_t *)plain,
				      .cipher = cipher };

	if (n_plain == 0)
		return 0;
	rng_nonces(cipher, layout_run_blocks(n_plain), c->layout.nonce_len, c->layout.cipher_block);
	return aead_seal_run(c->aead, &run);
}

enum block_kind { BLOCK_DATA, BLOCK_HOLE, BLOCK_BAD };

/* Told from the nonce alone for any block that holds data, so that data is not looked at twice. */
static enum block_kind block_kind(const struct layout *l, const uint8_t *block, size_t n)
{
	if (n <= l->overhead)
		return BLOCK_BAD;
	if (!zero_words(block, l->nonce_len))
		return BLOCK_DATA;
	return n == l->cipher_block && zero_words(block, n) ? BLOCK_HOLE : BLOCK_BAD;
}

static size_t block_len(const struct layout *l, size_t n_cipher, size_t pos)
{
	return n_cipher - pos < l->cipher_block ? n_cipher - pos : l->cipher_block;
}

/* The stretch of blocks of one kind that starts at pos; returns its end. */
static size_t stretch_end(const struct layout *l, const uint8_t *cipher, size_t n_cipher, size_t pos,
			  enum block_kind *ret_kind)
{
	enum block_kind kind = block_kind(l, cipher + pos, block_len(l, n_cipher, pos));

	*ret_kind = kind;
	do {
		pos += block_len(l, n_cipher, pos);
	} while (pos < n_cipher && block_kind(l, cipher + pos, block_len(l, n_cipher, pos)) == kind);
	return pos;
}

int content_open(const struct content *c, uint64_t first, const uint8_t file_id[static LAYOUT_FILE_ID_LEN],
		 const uint8_t *cipher, size_t n_cipher, uint8_t *plain, size_t *ret_good)
{
	const struct layout *l = &c->layout;
	size_t pos = 0, good = 0, end, len, bad;
	enum block_kind kind;
	int r = 0;

	for (; pos < n_cipher && r == 0; pos = end) {
		end = stretch_end(l, cipher, n_cipher, pos, &kind);
		len = layout_run_plain_len(l, end - pos);
		if (kind == BLOCK_BAD) {
			r = -EBADMSG;
			len = 0;
		} else if (kind == BLOCK_HOLE) {
			memset(plain + good, 0, len);
		} else {
			const struct aead_run run = { .first = first + pos / l->cipher_block,
						      .file_id = file_id,
						      .block_len = LAYOUT_BLOCK,
						      .n_plain = len,
						      .plain = plain + good,
						      .cipher = (uint8_t *)cipher + pos };
			bad = 0;
			r = aead_open_run(c->aead, &run, &bad);
			if (r < 0)
				len = bad * LAYOUT_BLOCK;
		}
		good += len;
	}
	if (r < 0)
		secret_wipe(plain + good, layout_run_plain_len(l, n_cipher) - good);
	if (ret_good)
		*ret_good = good;
	return r;
}
