/* content.h - runs of content blocks, holes included; also the short messages (symlink targets, xattr
 * values). No I/O. */
#ifndef FORMAT_CONTENT_H
#define FORMAT_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "crypto/aead.h"
#include "format/layout.h"

struct secret;

/* Where nonces come from: random (forward mode), or derived (reverse mode, later). */
enum content_iv { CONTENT_IV_RANDOM };

/* Immutable once set up; shared by threads. */
struct content {
	struct layout layout;
	struct aead *aead;
	bool raw64; /* base64 of symlink targets without '=' */
};
/* backend NULL: the fastest. Takes no ownership of key. */
int content_init(struct content *c, enum aead_alg alg, const struct aead_backend *backend,
		 const struct secret *key, bool raw64);
void content_done(struct content *c);

/* Encrypt a run that starts at block `first`: n_plain bytes at plain become layout_run_cipher_len() bytes at
 * cipher, with fresh nonces. Returns 0 or -EIO. A block of zeros is encrypted like any other (only the caller
 * makes holes). */
int content_seal(const struct content *c, uint64_t first, const uint8_t file_id[static LAYOUT_FILE_ID_LEN],
		 const uint8_t *plain, size_t n_plain, uint8_t *cipher);

/* Decrypt a run of n_cipher bytes starting at block `first`. A full-size block of zeros is a hole: zeros, not
 * authenticated. Any other block whose nonce is all zero, a torn block (<= overhead bytes) or a failed tag
 * ends the run: returns -EBADMSG with *ret_good (may be NULL) = plaintext bytes before it that are valid; the
 * rest is wiped. Otherwise returns 0 and *ret_good = layout_run_plain_len(). plain has room for that many
 * bytes. */
int content_open(const struct content *c, uint64_t first, const uint8_t file_id[static LAYOUT_FILE_ID_LEN],
		 const uint8_t *cipher, size_t n_cipher, uint8_t *plain, size_t *ret_good);

/* Short messages: AEAD with AD = 8 zero bytes and a random nonce (format.md sections 7 and 8). An empty one
 * stays empty. */
enum { CONTENT_MESSAGE_MAX = 65536 };
static inline size_t content_message_len(const struct content *c, size_t n)
{
	return n ? n + c->layout.overhead : 0;
}
int content_seal_message(const struct content *c, const uint8_t *in, size_t n, uint8_t *out);
/* Returns plaintext length (n - overhead) or -EBADMSG (too short, all-zero nonce, failed tag). */
ssize_t content_open_message(const struct content *c, const uint8_t *in, size_t n, uint8_t *out);

/* Symlink target: message in base64url. Returns the length without NUL, or -ENAMETOOLONG if over size-1, or
 * -EIO. */
ssize_t content_seal_target(const struct content *c, const char *target, size_t n, char *out, size_t size);
/* Returns plaintext length (NUL added) or -EBADMSG / -EUCLEAN (not base64) / -ENAMETOOLONG. */
ssize_t content_open_target(const struct content *c, const char *in, size_t n, char *out, size_t size);
/* Plaintext length of a target from the length of what is stored, '=' not counted; 0 if it cannot be one.
 * With raw64 there is no '=', so lstat(2) need not read the target. */
size_t content_target_len(const struct content *c, size_t n_stored);

/* Xattr value for reading: raw message, or (very old file systems) base64url of one. out has n bytes. */
ssize_t content_open_xattr(const struct content *c, const uint8_t *in, size_t n, uint8_t *out);

#endif
