/* ticket.c - the verifying side: a ladder of small steps in the order of the format page, each with its own
 * message. */
#include "grant/ticket_format.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sealbox.h"
#include "grant/reader.h"
#include "grant/units.h"
#include "util/base64.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/secret.h"
#include "util/zero.h"

/* The text of a header without the rest: 96 bytes are exactly 128 characters. */
enum { HEADER_CHARS = TICKET_HEADER_LEN / 3 * 4 };
static_assert(TICKET_HEADER_LEN % 3 == 0, "the header must end at a base64 boundary");

static const char *const step_names[] = {
	[TICKET_STEP_NONE] = "ok",
	[TICKET_STEP_TEXT] = "not-a-ticket",
	[TICKET_STEP_BASE64] = "not-base64",
	[TICKET_STEP_VERSION] = "unknown-version",
	[TICKET_STEP_TRUNCATED] = "truncated",
	[TICKET_STEP_FOREIGN_KEY] = "foreign-key",
	[TICKET_STEP_RETIRED_KEY] = "retired-key",
	[TICKET_STEP_ALTERED] = "altered",
	[TICKET_STEP_MALFORMED] = "malformed",
	[TICKET_STEP_INCONSISTENT] = "inconsistent",
	[TICKET_STEP_PURPOSE] = "wrong-purpose",
	[TICKET_STEP_USER] = "wrong-user",
	[TICKET_STEP_NOT_YET] = "not-yet-valid",
	[TICKET_STEP_EXPIRED] = "expired",
	[TICKET_STEP_LIFETIME] = "lifetime",
	[TICKET_STEP_REVOKED] = "revoked",
	[TICKET_STEP_MODE] = "mode",
	[TICKET_STEP_DUPLICATE] = "duplicate",
	[TICKET_STEP_INTERNAL] = "internal",
};

const char *ticket_step_name(enum ticket_step step)
{
	return (size_t)step < sizeof(step_names) / sizeof(step_names[0]) ? step_names[step] : "internal";
}

void ticket_free(struct ticket *t)
{
	if (!t)
		return;
	free(t->path);
	free(t->view);
	free(t->user_path);
	secret_free(t->master_key);
	free(t);
}

/* What the steps hand to each other. `purpose` and the inner copies are kept until their step. */
struct ladder {
	const struct ticket_check *c;
	const char *b64; /* behind the prefix */
	size_t n_b64;
	uint8_t raw_header[TICKET_HEADER_LEN + 3];
	struct ticket_header h;
	const struct sitekey *key;
	struct secret *body;
	struct ticket *t;
	unsigned int purpose;
};

/* 1 */
static int check_text(struct ladder *l, struct err *err)
{
	static const char prefix[] = TICKET_PREFIX, any[] = TICKET_PREFIX_ANY, narrow[] = TICKET_NARROW;

	if (l->n_b64 > sizeof(narrow) - 1 && !memcmp(l->b64, narrow, sizeof(narrow) - 1)) {
		l->h.narrowed = true;
		l->b64 += sizeof(narrow) - 1;
		l->n_b64 -= sizeof(narrow) - 1;
	}
	if (l->n_b64 > TICKET_TEXT_MAX)
		return err_set(err, -EINVAL, "this is not a ticket: more than %d characters",
			       TICKET_TEXT_MAX);
	if (l->n_b64 < sizeof(prefix) - 1 || memcmp(l->b64, prefix, sizeof(prefix) - 1) != 0) {
		if (l->n_b64 >= sizeof(any) && !memcmp(l->b64, any, sizeof(any) - 1) &&
		    l->b64[sizeof(any) - 1] >= '0' && l->b64[sizeof(any) - 1] <= '9')
			return err_set(err, -EINVAL,
				       "this ticket has a form that this version does not know");
		return err_set(err, -EINVAL, "this is not a ticket: it does not start with '%s'", prefix);
	}
	l->b64 += sizeof(prefix) - 1;
	l->n_b64 -= sizeof(prefix) - 1;
	return 0;
}

/* 2 */
static int check_base64(struct ladder *l, struct err *err)
{
	size_t i;

	for (i = 0; i < l->n_b64; i++) {
		char c = l->b64[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!letter && c != '-' && c != '_')
			return err_set(err, -EUCLEAN,
				       "the ticket is damaged: character %zu does not belong into it",
				       sizeof(TICKET_PREFIX) + i);
	}
	return 0;
}

/* 3, with the part of 4 that it needs: a header must be there to hold a version. */
static int check_header(struct ladder *l, struct err *err)
{
	if (l->n_b64 < HEADER_CHARS ||
	    base64url_decode(l->raw_header, l->b64, HEADER_CHARS, false) != TICKET_HEADER_LEN)
		return err_set(err, -EUCLEAN, "the ticket is cut short: only %zu characters of it are here",
			       l->n_b64);
	return 0;
}

static int check_version(struct ladder *l, struct err *err)
{
	struct reader r = { l->raw_header, TICKET_HEADER_LEN, false };
	const uint8_t *magic = reader_take(&r, 4);
	uint64_t version = reader_uint(&r, 1), suite = reader_uint(&r, 1);

	if (memcmp(magic, TICKET_MAGIC, 4) != 0)
		return err_set(err, -EUCLEAN, "the ticket is damaged: it does not begin like one");
	if (version != TICKET_VERSION || suite != TICKET_SUITE)
		return err_set(err, -EUCLEAN, "the ticket has version %u.%u, this program knows %d.%d",
			       (unsigned int)version, (unsigned int)suite, TICKET_VERSION, TICKET_SUITE);
	l->h.body_len = (size_t)reader_uint(&r, 2);
	reader_bytes(&r, l->h.key_id, SITEKEY_ID_LEN);
	reader_bytes(&r, l->h.id, TICKET_ID_LEN);
	l->h.issued = (int64_t)reader_uint(&r, 8);
	l->h.expires = (int64_t)reader_uint(&r, 8);
	reader_bytes(&r, l->h.match, TICKET_MATCH_LEN);
	reader_bytes(&r, l->h.ephemeral, SITEKEY_LEN);
	return 0;
}

/* 4 */
static int check_length(struct ladder *l, struct err *err)
{
	size_t want;

	if (l->h.body_len == 0 || l->h.body_len > TICKET_BODY_MAX || l->h.body_len % TICKET_PAD != 0)
		return err_set(err, -EUCLEAN, "the ticket is damaged: it claims a length that none has");
	want = base64_len(TICKET_HEADER_LEN + l->h.body_len + TICKET_TAG_LEN, false);
	if (l->n_b64 < want)
		return err_set(err, -EUCLEAN, "the ticket is cut short: %zu of its %zu characters are here",
			       l->n_b64, want);
	if (l->n_b64 > want)
		return err_set(err, -EUCLEAN, "the ticket has %zu characters too many behind it",
			       l->n_b64 - want);
	return 0;
}

/* 5 */
static int check_key(struct ladder *l, struct err *err)
{
	char id[2 * SITEKEY_ID_LEN + 1], mine[2 * SITEKEY_ID_LEN + 1];

	l->key = sitekeys_find(l->c->keys, l->h.key_id);
	if (l->key)
		return 0;
	return err_set(err, -ENOKEY,
		       "the ticket is sealed to site key %s, which this node does not have (its current key: "
		       "%s): it was made "
		       "for another site, or the key has been replaced since; make a new ticket",
		       ticket_hex(id, l->h.key_id, SITEKEY_ID_LEN),
		       ticket_hex(mine, l->c->keys->keys[0].id, SITEKEY_ID_LEN));
}

/* 6 */
static int check_retired(struct ladder *l, struct err *err)
{
	char id[2 * SITEKEY_ID_LEN + 1], date[UNITS_TIME_LEN];

	if (l->key->retires == 0 || l->c->now < l->key->retires)
		return 0;
	return err_set(err, -EKEYEXPIRED,
		       "the ticket is sealed to site key %s, retired on %s: make a new ticket",
		       ticket_hex(id, l->key->id, SITEKEY_ID_LEN), units_time_text(date, l->key->retires));
}

/* 7 */
static int check_seal(struct ladder *l, struct err *err)
{
	size_t n = TICKET_HEADER_LEN + l->h.body_len + TICKET_TAG_LEN;
	auto_free uint8_t *box = malloc(base64_max_decoded(l->n_b64));
	int r;

	l->body = secret_new(l->h.body_len);
	if (!box || !l->body)
		return err_set(err, -ENOMEM, "out of memory");
	r = -EBADMSG;
	if (base64url_decode(box, l->b64, l->n_b64, false) == (ssize_t)n)
		r = sealbox_open(l->key->priv, l->h.ephemeral, TICKET_SEAL_INFO, box, TICKET_HEADER_LEN,
				 box + TICKET_HEADER_LEN, n - TICKET_HEADER_LEN, l->body->data);
	if (r == -EBADMSG || r == -EINVAL)
		return err_set(err, -EBADMSG, "the ticket has been altered or damaged: make a new one");
	return r < 0 ? err_set(err, r, "the ticket cannot be opened: %s", strerror(-r)) : 0;
}

static char *string_of(struct reader *r, size_t n)
{
	const uint8_t *p = reader_take(r, n);

	return p ? strndup((const char *)p, n) : NULL;
}

/* The inner copies of header fields, compared in step 9. Fixed part of the body, up to the strings. */
static bool parse_fixed(struct ladder *l, struct reader *r, size_t ret_len[static 3])
{
	struct ticket *t = l->t;
	bool ok = reader_uint(r, 1) == TICKET_BODY_VERSION;

	l->purpose = (unsigned int)reader_uint(r, 1);
	t->mode = (unsigned int)reader_uint(r, 1);
	ok = ok && (t->mode & ~(unsigned int)(TICKET_RO | TICKET_EXCLUSIVE)) == 0 && reader_uint(r, 1) == 0;
	t->uid = (uid_t)reader_uint(r, 4);
	t->issued = (int64_t)reader_uint(r, 8);
	t->expires = (int64_t)reader_uint(r, 8);
	reader_bytes(r, t->id, TICKET_ID_LEN);
	reader_bytes(r, t->key_id, SITEKEY_ID_LEN);
	reader_bytes(r, t->store_id, IDENTITY_LEN);
	reader_bytes(r, t->master_key->data, TICKET_MASTER_KEY_LEN);
	ret_len[0] = (size_t)reader_uint(r, 2);
	ret_len[1] = (size_t)reader_uint(r, 2);
	ret_len[2] = (size_t)reader_uint(r, 2);
	return ok && reader_uint(r, 2) == 0 && !r->bad;
}

/* 8 */
static int check_body(struct ladder *l, struct err *err)
{
	struct reader r = { l->body->data, l->body->len, false };
	struct ticket *t = calloc(1, sizeof(*t));
	size_t len[3] = { 0 };
	bool ok;

	l->t = t;
	if (!t || !(t->master_key = secret_new(TICKET_MASTER_KEY_LEN)))
		return err_set(err, -ENOMEM, "out of memory");
	ok = parse_fixed(l, &r, len);
	if (ok) {
		t->path = string_of(&r, len[0]);
		t->view = string_of(&r, len[1]);
		t->user_path = len[2] ? string_of(&r, len[2]) : NULL;
	}
	ok = ok && t->path && ticket_path_ok(t->path, len[0]) && strlen(t->path) == len[0] && t->view &&
	     ticket_view_ok(t->view, len[1]) &&
	     (len[2] == 0 ||
	      (t->user_path && strlen(t->user_path) == len[2] && ticket_path_ok(t->user_path, len[2])));
	if (!ok || r.bad || r.n >= TICKET_PAD || !zero_bytes(r.p, r.n))
		return err_set(err, -EUCLEAN,
			       "the ticket was made by a program that does not keep to the format");
	return 0;
}

/* 9 */
static int check_inner(struct ladder *l, struct err *err)
{
	const struct ticket *t = l->t;
	uint8_t id[IDENTITY_LEN], match[TICKET_MATCH_LEN];
	bool same = t->issued == l->h.issued && t->expires == l->h.expires && t->issued >= 0 &&
		    t->expires > t->issued && !memcmp(t->id, l->h.id, TICKET_ID_LEN) &&
		    !memcmp(t->key_id, l->h.key_id, SITEKEY_ID_LEN);
	int r = identity_of(t->master_key, id);

	if (r < 0)
		return err_set(err, r, "the store's identity cannot be derived: %s", strerror(-r));
	ticket_match_tag(match, t->id, t->mode, t->path, t->view, t->user_path);
	if (!same || memcmp(match, l->h.match, TICKET_MATCH_LEN) != 0 ||
	    memcmp(id, t->store_id, IDENTITY_LEN) != 0)
		return err_set(err, -EUCLEAN, "the ticket contradicts itself: it was not made by cryptstore");
	return 0;
}

/* 10 */
static int check_purpose(struct ladder *l, struct err *err)
{
	if (l->purpose == TICKET_PURPOSE_JOB)
		return 0;
	return err_set(err, -EPERM, "the ticket was made for another purpose than opening a store in a job");
}

/* 11 */
static int check_user(struct ladder *l, struct err *err)
{
	if (l->c->explain || l->t->uid == l->c->uid)
		return 0;
	return err_set(err, -EACCES, "the ticket was made for another user; this job belongs to uid %u",
		       (unsigned int)l->c->uid);
}

/* 12 */
static int check_not_yet(struct ladder *l, struct err *err)
{
	int64_t skew = l->c->policy ? l->c->policy->clock_skew : 0;
	char made[UNITS_TIME_LEN], now[UNITS_TIME_LEN];

	if (l->c->explain || l->t->issued - skew <= l->c->now)
		return 0;
	return err_set(
	    err, -EAGAIN,
	    "the ticket is dated %s, but it is %s here: the clock of this node or of the login host is "
	    "wrong",
	    units_time_text(made, l->t->issued), units_time_text(now, l->c->now));
}

/* 13 */
static int check_expired(struct ladder *l, struct err *err)
{
	char date[UNITS_TIME_LEN];

	if (l->c->explain || l->c->now < l->t->expires)
		return 0;
	return err_set(err, -ETIME, "the ticket expired on %s: make a new one and submit again",
		       units_time_text(date, l->t->expires));
}

/* 14 */
static int check_lifetime(struct ladder *l, struct err *err)
{
	char have[UNITS_DURATION_LEN], most[UNITS_DURATION_LEN];
	int64_t life = l->t->expires - l->t->issued;

	if (!l->c->policy || life <= l->c->policy->max_lifetime)
		return 0;
	return err_set(err, -EPERM, "the ticket lasts %s, the site's policy allows %s at most",
		       units_duration_text(have, life),
		       units_duration_text(most, l->c->policy->max_lifetime));
}

/* 15 */
static int check_revoked(struct ladder *l, struct err *err)
{
	return l->c->policy ? policy_revoked(l->c->policy, l->t->id, l->t->uid, l->t->issued, err) : 0;
}

/* 16 */
static int check_mode(struct ladder *l, struct err *err)
{
	if (l->h.narrowed)
		l->t->mode |= TICKET_RO;
	if (!l->c->policy || !(l->t->mode & TICKET_EXCLUSIVE) || l->c->policy->mount_exclusive)
		return 0;
	return err_set(err, -EPERM,
		       "the ticket asks for exclusive use, which the site's policy does not allow");
}

struct rung {
	enum ticket_step step;
	int (*fn)(struct ladder *l, struct err *err);
};
static const struct rung outside[] = {
	{ TICKET_STEP_TEXT, check_text },	 { TICKET_STEP_BASE64, check_base64 },
	{ TICKET_STEP_TRUNCATED, check_header }, { TICKET_STEP_VERSION, check_version },
	{ TICKET_STEP_TRUNCATED, check_length },
};
static const struct rung inside[] = {
	{ TICKET_STEP_FOREIGN_KEY, check_key },	   { TICKET_STEP_RETIRED_KEY, check_retired },
	{ TICKET_STEP_ALTERED, check_seal },	   { TICKET_STEP_MALFORMED, check_body },
	{ TICKET_STEP_INCONSISTENT, check_inner }, { TICKET_STEP_PURPOSE, check_purpose },
	{ TICKET_STEP_USER, check_user },	   { TICKET_STEP_NOT_YET, check_not_yet },
	{ TICKET_STEP_EXPIRED, check_expired },	   { TICKET_STEP_LIFETIME, check_lifetime },
	{ TICKET_STEP_REVOKED, check_revoked },	   { TICKET_STEP_MODE, check_mode },
};
#define N_RUNGS(table) (sizeof(table) / sizeof((table)[0]))

static int climb(struct ladder *l, const struct rung *rungs, size_t n, enum ticket_step *ret_step,
		 struct err *err)
{
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		r = rungs[i].fn(l, err);
		if (r == 0)
			continue;
		if (ret_step)
			*ret_step = r == -ENOMEM || r == -EIO ? TICKET_STEP_INTERNAL : rungs[i].step;
		return r;
	}
	return 0;
}

int ticket_peek(struct ticket_header *ret, const char *text, size_t n, enum ticket_step *ret_step,
		struct err *err)
{
	struct ladder l = { .b64 = text, .n_b64 = n };
	int r = climb(&l, outside, N_RUNGS(outside), ret_step, err);

	if (r < 0)
		return r;
	*ret = l.h;
	return 0;
}

int ticket_open(struct ticket **ret, const char *text, size_t n, const struct ticket_check *c,
		enum ticket_step *ret_step, struct err *err)
{
	struct ladder l = { .c = c, .b64 = text, .n_b64 = n };
	int r = climb(&l, outside, N_RUNGS(outside), ret_step, err);

	if (r == 0)
		r = climb(&l, inside, N_RUNGS(inside), ret_step, err);
	secret_free(l.body);
	if (r < 0) {
		ticket_free(l.t);
		return r;
	}
	if (ret_step)
		*ret_step = TICKET_STEP_NONE;
	*ret = l.t;
	return 0;
}

bool ticket_matches(const struct ticket_header *h, unsigned int mode, const char *path, const char *view,
		    const char *user_path)
{
	uint8_t match[TICKET_MATCH_LEN];

	ticket_match_tag(match, h->id, mode, path, view, user_path);
	return !memcmp(match, h->match, TICKET_MATCH_LEN);
}
