/* message.c - short encrypted messages: symlink targets and xattr values (gocryptfs format, sections 7 and 8
 * of site-docs/formats.md). */
#include "format/content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/rng.h"
#include "util/zero.h"
#include "util/base64.h"
#include "util/cleanup.h"
#include "util/secret.h"

/* A message is one block of its own length, number 0, of a file without id. */
static struct aead_run message_run(size_t n, const uint8_t *plain, const uint8_t *cipher)
{
	return (struct aead_run){
		.block_len = n, .n_plain = n, .plain = (uint8_t *)plain, .cipher = (uint8_t *)cipher
	};
}

int content_seal_message(const struct content *c, const uint8_t *in, size_t n, uint8_t *out)
{
	const struct aead_run run = message_run(n, in, out);

	if (n == 0)
		return 0;
	rng_nonces(out, 1, c->layout.nonce_len, 0);
	return aead_seal_run(c->aead, &run);
}

ssize_t content_open_message(const struct content *c, const uint8_t *in, size_t n, uint8_t *out)
{
	struct aead_run run;
	int r;

	if (n == 0)
		return 0;
	if (n <= c->layout.overhead || zero_words(in, c->layout.nonce_len))
		return -EBADMSG;
	run = message_run(n - c->layout.overhead, out, in);
	r = aead_open_run(c->aead, &run, NULL);
	return r < 0 ? r : (ssize_t)run.n_plain;
}

ssize_t content_seal_target(const struct content *c, const char *target, size_t n, char *out, size_t size)
{
	auto_free uint8_t *message = NULL;
	size_t len = content_message_len(c, n);
	int r;

	if (n > CONTENT_MESSAGE_MAX || base64_len(len, !c->raw64) >= size)
		return -ENAMETOOLONG;
	message = malloc(len + 1);
	if (!message)
		return -ENOMEM;
	r = content_seal_message(c, (const uint8_t *)target, n, message);
	if (r < 0)
		return r;
	return (ssize_t)base64url_encode(out, message, len, !c->raw64);
}

ssize_t content_open_target(const struct content *c, const char *in, size_t n, char *out, size_t size)
{
	auto_free uint8_t *message = NULL;
	ssize_t len;

	if (n > 2 * (size_t)CONTENT_MESSAGE_MAX || size == 0)
		return -ENAMETOOLONG;
	message = malloc(base64_max_decoded(n));
	if (!message)
		return -ENOMEM;
	len = base64url_decode(message, in, n, !c->raw64);
	if (len < 0)
		return len;
	if (len > 0 && (size_t)len >= size + c->layout.overhead)
		return -ENAMETOOLONG;
	len = content_open_message(c, message, (size_t)len, (uint8_t *)out);
	if (len < 0)
		return len;
	if (memchr(out, '\0', (size_t)len)) { /* no system call can have made it; do not show half of it */
		secret_wipe(out, (size_t)len);
		return -EBADMSG;
	}
	out[len] = '\0';
	return len;
}

size_t content_target_len(const struct content *c, size_t n_stored)
{
	size_t n = n_stored / 4 * 3 + (n_stored % 4) * 3 / 4;

	if (n_stored % 4 == 1 || n <= c->layout.overhead)
		return 0;
	return n - c->layout.overhead;
}

ssize_t content_open_xattr(const struct content *c, const uint8_t *in, size_t n, uint8_t *out)
{
	auto_free uint8_t *message = NULL;
	ssize_t len = content_open_message(c, in, n, out);

	if (len >= 0)
		return len;
	message = malloc(base64_max_decoded(n));
	if (!message)
		return -ENOMEM;
	len = base64url_decode(message, (const char *)in, n, !c->raw64);
	if (len <= 0)
		return -EBADMSG;
	return content_open_message(c, message, (size_t)len, out);
}
