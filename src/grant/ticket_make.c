/* ticket_make.c - the submitting side: lay out the body, seal it, print it. */
#include "grant/ticket_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/kdf.h"
#include "crypto/rng.h"
#include "crypto/sealbox.h"
#include "grant/reader.h"
#include "util/base64.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/secret.h"

static void cleanup_sealbox(struct sealbox **s)
{
	sealbox_free(*s);
}
#define auto_sealbox __attribute__((cleanup(cleanup_sealbox)))

bool ticket_path_ok(const char *s, size_t n)
{
	const char *end = s + n;

	if (n < 2 || n > TICKET_PATH_MAX || s[0] != '/' || memchr(s, '\0', n))
		return false;
	while (s < end) {
		const char *slash;
		size_t k;

		s++; /* the slash */
		slash = memchr(s, '/', (size_t)(end - s));
		k = (size_t)((slash ? slash : end) - s);

		if (k == 0 || (k == 1 && s[0] == '.') || (k == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		s += k;
	}
	return true;
}

bool ticket_view_ok(const char *s, size_t n)
{
	size_t i;

	if (n == 0 || n > TICKET_VIEW_MAX || s[0] == '.')
		return false;
	for (i = 0; i < n; i++) {
		char c = s[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
			return false;
	}
	return true;
}

const char *ticket_mode_name(unsigned int mode)
{
	if (mode & TICKET_EXCLUSIVE)
		return mode & TICKET_RO ? "ro,exclusive" : "rw,exclusive";
	return mode & TICKET_RO ? "ro,shared" : "rw,shared";
}

void ticket_match_tag(uint8_t ret[static TICKET_MATCH_LEN], const uint8_t id[static TICKET_ID_LEN],
		      unsigned int mode, const char *path, const char *view, const char *user_path)
{
	static const char label[] = "cryptstore ticket match v1";
	uint8_t buf[sizeof(label) + TICKET_ID_LEN + 2 * (size_t)(TICKET_PATH_MAX + 1) + TICKET_VIEW_MAX + 2];
	uint8_t sum[32], *p = buf;

	p = writer_bytes(p, label, sizeof(label) - 1);
	p = writer_bytes(p, id, TICKET_ID_LEN);
	p = writer_uint(p, mode, 1);
	p = writer_bytes(p, path, strlen(path) + 1);
	p = writer_bytes(p, view, strlen(view) + 1);
	p = writer_bytes(p, user_path ? user_path : "", user_path ? strlen(user_path) + 1 : 1);
	kdf_sha256(sum, buf, (size_t)(p - buf));
	memcpy(ret, sum, TICKET_MATCH_LEN);
}

static int check_fields(const struct ticket *t, struct err *err)
{
	if (!ticket_path_ok(t->path, strlen(t->path)))
		return err_set(err, -EINVAL,
			       "the store's path is not absolute and resolved, or too long: '%.200s'",
			       t->path);
	if (!ticket_view_ok(t->view, strlen(t->view)))
		return err_set(err, -EINVAL,
			       "the view name '%.80s' must be 1 to %d letters, digits, '.', '_' or '-', not "
			       "starting with '.'",
			       t->view, TICKET_VIEW_MAX);
	if (t->user_path && !ticket_path_ok(t->user_path, strlen(t->user_path)))
		return err_set(err, -EINVAL,
			       "the user path is not absolute and resolved, or too long: '%.200s'",
			       t->user_path);
	if (t->issued < 0 || t->expires <= t->issued)
		return err_set(err, -EINVAL, "a ticket must expire after it is made");
	if (!t->master_key || t->master_key->len != TICKET_MASTER_KEY_LEN)
		return err_set(err, -EINVAL, "the master key must have %d bytes", TICKET_MASTER_KEY_LEN);
	return 0;
}

/* The body as in the format page, zero-padded. NULL if memory is short. */
static struct secret *body_of(const struct ticket *t)
{
	size_t n_path = strlen(t->path), n_view = strlen(t->view),
	       n_user = t->user_path ? strlen(t->user_path) : 0;
	size_t n = TICKET_BODY_FIXED + n_path + n_view + n_user;
	struct secret *s = secret_new((n + TICKET_PAD - 1) / TICKET_PAD * TICKET_PAD);
	uint8_t *p;

	if (!s)
		return NULL;
	p = s->data;
	p = writer_uint(p, TICKET_BODY_VERSION, 1);
	p = writer_uint(p, TICKET_PURPOSE_JOB, 1);
	p = writer_uint(p, t->mode, 1);
	p = writer_uint(p, 0, 1);
	p = writer_uint(p, t->uid, 4);
	p = writer_uint(p, (uint64_t)t->issued, 8);
	p = writer_uint(p, (uint64_t)t->expires, 8);
	p = writer_bytes(p, t->id, TICKET_ID_LEN);
	p = writer_bytes(p, t->key_id, SITEKEY_ID_LEN);
	p = writer_bytes(p, t->store_id, IDENTITY_LEN);
	p = writer_bytes(p, t->master_key->data, TICKET_MASTER_KEY_LEN);
	p = writer_uint(p, n_path, 2);
	p = writer_uint(p, n_view, 2);
	p = writer_uint(p, n_user, 2);
	p = writer_uint(p, 0, 2);
	p = writer_bytes(p, t->path, n_path);
	p = writer_bytes(p, t->view, n_view);
	(void)writer_bytes(p, t->user_path, n_user);
	return s;
}

static void header_pack(uint8_t *p, const struct ticket *t, size_t body_len,
			const uint8_t ephemeral[static SITEKEY_LEN])
{
	uint8_t match[TICKET_MATCH_LEN];

	ticket_match_tag(match, t->id, t->mode, t->path, t->view, t->user_path);
	p = writer_bytes(p, TICKET_MAGIC, 4);
	p = writer_uint(p, TICKET_VERSION, 1);
	p = writer_uint(p, TICKET_SUITE, 1);
	p = writer_uint(p, body_len, 2);
	p = writer_bytes(p, t->key_id, SITEKEY_ID_LEN);
	p = writer_bytes(p, t->id, TICKET_ID_LEN);
	p = writer_uint(p, (uint64_t)t->issued, 8);
	p = writer_uint(p, (uint64_t)t->expires, 8);
	p = writer_bytes(p, match, TICKET_MATCH_LEN);
	(void)writer_bytes(p, ephemeral, SITEKEY_LEN);
}

static char *text_of(const uint8_t *box, size_t n)
{
	static const char prefix[] = TICKET_PREFIX;
	char *text = malloc(sizeof(prefix) + base64_len(n, false));

	if (!text)
		return NULL;
	memcpy(text, prefix, sizeof(prefix) - 1);
	(void)base64url_encode(text + sizeof(prefix) - 1, box, n, false);
	return text;
}

int ticket_make(char **ret_text, struct ticket *t, const uint8_t site_pub[static SITEKEY_LEN],
		struct err *err)
{
	auto_secret struct secret *body = NULL;
	auto_sealbox struct sealbox *sb = NULL;
	auto_free uint8_t *box = NULL;
	uint8_t ephemeral[SITEKEY_LEN];
	int r = check_fields(t, err);

	if (r < 0)
		return r;
	rng_bytes(t->id, TICKET_ID_LEN);
	sitekey_id(site_pub, t->key_id);
	r = identity_of(t->master_key, t->store_id);
	if (r == 0)
		r = sealbox_new(&sb, ephemeral);
	if (r < 0)
		return err_set(err, r, "cannot make the ticket: %s", strerror(-r));
	body = body_of(t);
	box = body ? malloc(TICKET_HEADER_LEN + body->len + TICKET_TAG_LEN) : NULL;
	if (!box)
		return err_set(err, -ENOMEM, "out of memory");
	header_pack(box, t, body->len, ephemeral);
	r = sealbox_seal(sb, site_pub, TICKET_SEAL_INFO, box, TICKET_HEADER_LEN, body->data, body->len,
			 box + TICKET_HEADER_LEN);
	if (r == -EINVAL)
		return err_set(err, r, "the site's public key is not usable");
	if (r < 0)
		return err_set(err, r, "cannot seal the ticket: %s", strerror(-r));
	*ret_text = text_of(box, TICKET_HEADER_LEN + body->len + TICKET_TAG_LEN);
	return *ret_text ? 0 : err_set(err, -ENOMEM, "out of memory");
}
