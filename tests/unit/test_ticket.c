/* test_ticket.c - tickets: made and opened, the golden one, every step of the ladder, bundles, site key
 * files. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/sealbox.h"
#include "grant/reader.h"
#include "grant/ticket.h"
#include "grant/ticket_format.h"
#include "util/base64.h"
#include "util/err.h"
#include "util/secret.h"

/* From tests/golden/make_ticket.py, which knows the format page and another crypto library. */
static const char golden_key[] =
    "cryptstore-private v1 aaa8fff703b50b22 AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA= 1749000000 -\n";
static const char golden[] =
    "cryptstore1.Q1NUSwEBAQCqqP_3A7ULIgARIjNEVWZ3iJmqu8zd7v8AAAAAaE7hgAAAAABoWBwAmmBLXOudPdGh8uPHz-EQ"
    "jFcUdp0Ra_dkNq50vHk9LDCtGQPFmsUnOAXH4mmLQQw2MSCSzFJ-tPGirKcBD2er3CDAeY7Sw8MjyoYAkDNMU1OlHyFTU04x"
    "B4LJHQ5HT2ksqPhJE6t5eclI0CXvd9kc2aa2wythHARohk6WB_pYaPbY0IR2kSS3h_tkfTJGlEU9pPRCFoxzFjRCxwH2uONb"
    "gmC9FDUVsZavHrvqZCUZlsu-AOBF7ubDCZkDX_50ttnQzynOXMHEtAADURcfLK2roTCm-kmZ_rZa54DFdnQPFwNEv_cD_EJG"
    "LoozVxt-EFw4AvEFLMA9zWt7ueLgFmGpR6hbcfIMtPSD6ETDxkhwkCaHrbjNGdYgKw2QI-ZEfPSAflJdP5ezTKrFtchz3k8-"
    "hJxv59vHyJNPVGTxWzbSskg";

enum { NOW = 1750000100, DAY = 86400 };

static struct sitekeys *keys;
static struct policy *policy;

static int setup(void **state)
{
	struct err err = { 0 };
	const char text[] = "{}";

	(void)state;
	if (sitekeys_new(&keys, NOW - DAY, &err) < 0)
		return -1;
	return policy_parse(&policy, text, strlen(text), "p", &err);
}

static int teardown(void **state)
{
	(void)state;
	sitekeys_free(keys);
	policy_free(policy);
	return 0;
}

static struct ticket_check check_for(uid_t uid)
{
	return (struct ticket_check){ .keys = keys, .policy = policy, .uid = uid, .now = NOW };
}

/* A ticket of uid 1001 for the given store; master key made of `fill`. */
static char *make(const char *path, const char *view, const char *user_path, unsigned int mode, uint8_t fill)
{
	struct ticket t = { .uid = 1001,
			    .mode = mode,
			    .issued = NOW - 100,
			    .expires = NOW + DAY,
			    .path = (char *)path,
			    .view = (char *)view,
			    .user_path = (char *)user_path,
			    .master_key = secret_new(TICKET_MASTER_KEY_LEN) };
	struct err err = { 0 };
	char *text = NULL;

	assert_non_null(t.master_key);
	memset(t.master_key->data, fill, t.master_key->len);
	if (ticket_make(&text, &t, keys->keys[0].pub, &err) < 0)
		fail_msg("%s", err.text);
	secret_free(t.master_key);
	return text;
}

static char *plain(void)
{
	return make("/home/a/dir.crypt", "dir", NULL, 0, 7);
}

static void refused(const char *text, const struct ticket_check *c, enum ticket_step step,
		    const char *message)
{
	enum ticket_step got = TICKET_STEP_NONE;
	struct err err = { 0 };
	struct ticket *t = NULL;

	assert_true(ticket_open(&t, text, strlen(text), c, &got, &err) < 0);
	assert_null(t);
	if (got != step || !strstr(err.text, message))
		fail_msg("expected %s '%s', got %s '%s'", ticket_step_name(step), message,
			 ticket_step_name(got), err.text);
}

static void test_round_trip(void **state)
{
	char *text = make("/home/a/dir.crypt", "dir", "/home/a/dir", TICKET_EXCLUSIVE, 7);
	struct ticket_check c = check_for(1001);
	enum ticket_step step = TICKET_STEP_TEXT;
	struct err err = { 0 };
	struct ticket *t = NULL;
	uint8_t id[IDENTITY_LEN];

	(void)state;
	assert_int_equal(strlen(text), 503);
	assert_int_equal(ticket_open(&t, text, strlen(text), &c, &step, &err), 0);
	assert_int_equal(step, TICKET_STEP_NONE);
	assert_string_equal(t->path, "/home/a/dir.crypt");
	assert_string_equal(t->view, "dir");
	assert_string_equal(t->user_path, "/home/a/dir");
	assert_int_equal(t->uid, 1001);
	assert_int_equal(t->mode, TICKET_EXCLUSIVE);
	assert_string_equal(ticket_mode_name(t->mode), "rw,exclusive");
	assert_int_equal(t->expires - t->issued, DAY + 100);
	assert_memory_equal(t->key_id, keys->keys[0].id, SITEKEY_ID_LEN);
	assert_int_equal(t->master_key->data[31], 7);
	assert_int_equal(identity_of(t->master_key, id), 0);
	assert_memory_equal(id, t->store_id, IDENTITY_LEN);
	ticket_free(t);
	ticket_free(NULL);
	free(text);
}

static void test_golden(void **state)
{
	struct sitekeys *k = NULL;
	struct err err = { 0 };
	struct ticket_check c = { .policy = policy, .uid = 1001, .now = NOW };
	struct ticket_header h;
	struct ticket *t = NULL;
	char hex[2 * IDENTITY_LEN + 1];

	(void)state;
	assert_int_equal(sitekeys_parse(&k, golden_key, strlen(golden_key), "site.key", &err), 0);
	c.keys = k;
	if (ticket_open(&t, golden, strlen(golden), &c, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(t->path, "/home/alice/dir.crypt");
	assert_string_equal(t->view, "dir");
	assert_string_equal(t->user_path, "/home/alice/dir");
	assert_int_equal(t->mode, TICKET_RO);
	assert_int_equal(t->issued, 1750000000);
	assert_int_equal(t->expires, 1750604800);
	assert_string_equal(ticket_hex(hex, t->id, TICKET_ID_LEN), "00112233445566778899aabbccddeeff");
	assert_string_equal(ticket_hex(hex, t->store_id, IDENTITY_LEN), "ce8973f7c3b99fffcecca2f4dfc94069");
	for (uint8_t i = 0; i < 32; i++)
		assert_int_equal(t->master_key->data[i], i);
	ticket_free(t);
	assert_int_equal(ticket_peek(&h, golden, strlen(golden), NULL, &err), 0);
	assert_true(ticket_matches(&h, TICKET_RO, "/home/alice/dir.crypt", "dir", "/home/alice/dir"));
	assert_false(ticket_matches(&h, TICKET_RO, "/home/alice/dir.crypt", "dir", NULL));
	assert_false(ticket_matches(&h, 0, "/home/alice/dir.crypt", "dir", "/home/alice/dir"));
	sitekeys_free(k);
}

/* Steps 1 to 4. */
static void test_text_steps(void **state)
{
	struct ticket_check c = check_for(1001);
	char *text = plain(), *long_text = malloc(TICKET_TEXT_MAX + 2), kept;
	size_t n = strlen(text), cut, first = sizeof(TICKET_PREFIX) - 1;

	(void)state;
	refused("", &c, TICKET_STEP_TEXT, "this is not a ticket: it does not start with 'cryptstore1.'");
	refused("hello", &c, TICKET_STEP_TEXT, "this is not a ticket");
	refused("ro@", &c, TICKET_STEP_TEXT, "this is not a ticket");
	refused("cryptstore2.AAAA", &c, TICKET_STEP_TEXT, "a form that this version does not know");
	memset(long_text, 'A', TICKET_TEXT_MAX + 1);
	long_text[TICKET_TEXT_MAX + 1] = '\0';
	memcpy(long_text, TICKET_PREFIX, first);
	refused(long_text, &c, TICKET_STEP_TEXT, "more than 12000 characters");
	free(long_text);

	for (cut = first; cut < n; cut++) { /* every cut copy says that it is one */
		kept = text[cut];
		text[cut] = '\0';
		refused(text, &c, TICKET_STEP_TRUNCATED, "the ticket is cut short");
		text[cut] = kept;
	}
	kept = text[200];
	text[200] = '+';
	refused(text, &c, TICKET_STEP_BASE64, "character 201 does not belong into it");
	text[200] = kept;
	kept = text[first];
	text[first] = 'R';
	refused(text, &c, TICKET_STEP_VERSION, "does not begin like one");
	text[first] = kept;
	memcpy(text + first + 4, "SwIB", 4); /* bytes 3 to 5: 'K', version 2, suite 1 */
	refused(text, &c, TICKET_STEP_VERSION, "version 2.1, this program knows 1.1");
	free(text);
}

static void test_extra_and_length(void **state)
{
	struct ticket_check c = check_for(1001);
	char *text = plain(), more[600];
	size_t first = sizeof(TICKET_PREFIX) - 1;

	(void)state;
	(void)snprintf(more, sizeof(more), "%sA", text);
	refused(more, &c, TICKET_STEP_TRUNCATED, "1 characters too many");
	(void)snprintf(more, sizeof(more), "%s", text);
	memcpy(more + first + 8, "AQEB", 4); /* n = 257 */
	refused(more, &c, TICKET_STEP_TRUNCATED, "claims a length that none has");
	memcpy(more + first + 8, "AgAA", 4); /* n = 512 */
	refused(more, &c, TICKET_STEP_TRUNCATED, "491 of its 832 characters");
	free(text);
}

/* Flip every character of header and body: never opened, and never blamed on the wrong thing. */
static void test_altered(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	struct ticket_check c = check_for(1001);
	char *text = plain();
	size_t i, n = strlen(text);

	(void)state;
	for (i = sizeof(TICKET_PREFIX) - 1; i < n; i++) {
		enum ticket_step step = TICKET_STEP_NONE;
		struct ticket *t = NULL;
		char kept = text[i];

		text[i] = alphabet[((size_t)(strchr(alphabet, kept) - alphabet) + 1) % 64];
		assert_true(ticket_open(&t, text, n, &c, &step, NULL) < 0);
		if (i >= sizeof(TICKET_PREFIX) - 1 + 22) /* behind the key id */
			assert_int_equal(step, TICKET_STEP_ALTERED);
		text[i] = kept;
	}
	free(text);
}

static void test_keys_step(void **state)
{
	struct ticket_check c = check_for(1001);
	struct sitekeys *other = NULL;
	struct err err = { 0 };
	char *text = plain();
	struct ticket *t = NULL;

	(void)state;
	assert_int_equal(sitekeys_new(&other, NOW, &err), 0);
	c.keys = other;
	refused(text, &c, TICKET_STEP_FOREIGN_KEY, "which this node does not have");
	sitekeys_free(other);

	/* After a rotation the old key opens until its date. */
	assert_int_equal(sitekeys_rotate(keys, NOW, NOW + 10, &err), 0);
	assert_int_equal(keys->n, 2);
	c.keys = keys;
	c.now = NOW + 9;
	assert_int_equal(ticket_open(&t, text, strlen(text), &c, NULL, &err), 0);
	ticket_free(t);
	c.now = NOW + 10;
	refused(text, &c, TICKET_STEP_RETIRED_KEY, "retired on 2025-06-15T15:08:30Z");
	assert_int_equal(sitekeys_rotate(keys, NOW + 10, NOW + 20, &err), 0);
	assert_int_equal(keys->n, 2); /* the one past its date is gone */
	refused(text, &c, TICKET_STEP_FOREIGN_KEY, "which this node does not have");
	free(text);
}

/* A ticket around any 256-byte body, as a hostile or broken program could make it. */
static char *seal_raw(const struct ticket_header *h, const uint8_t body[static 256])
{
	uint8_t box[TICKET_HEADER_LEN + 256 + TICKET_TAG_LEN], eph[SITEKEY_LEN], *p = box;
	char *text = malloc(600);
	struct sealbox *sb = NULL;

	assert_non_null(text);
	assert_int_equal(sealbox_new(&sb, eph), 0);
	p = writer_bytes(p, "CSTK\1\1\1\0", 8);
	p = writer_bytes(p, h->key_id, SITEKEY_ID_LEN);
	p = writer_bytes(p, h->id, TICKET_ID_LEN);
	p = writer_uint(p, (uint64_t)h->issued, 8);
	p = writer_uint(p, (uint64_t)h->expires, 8);
	p = writer_bytes(p, h->match, TICKET_MATCH_LEN);
	(void)writer_bytes(p, eph, sizeof(eph));
	assert_int_equal(sealbox_seal(sb, keys->keys[0].pub, TICKET_SEAL_INFO, box, TICKET_HEADER_LEN, body,
				      256, box + TICKET_HEADER_LEN),
			 0);
	assert_int_equal(sealbox_seal(sb, keys->keys[0].pub, TICKET_SEAL_INFO, box, TICKET_HEADER_LEN, body,
				      256, box + TICKET_HEADER_LEN),
			 -EALREADY);
	sealbox_free(sb);
	memcpy(text, TICKET_PREFIX, sizeof(TICKET_PREFIX));
	(void)base64url_encode(text + strlen(text), box, sizeof(box), false);
	return text;
}

/* Header and body of a good ticket for /a/b.crypt. */
static void raw_parts(struct ticket_header *h, uint8_t body[static 256])
{
	struct secret *mk = secret_new(32);
	uint8_t id[IDENTITY_LEN], *p = body;

	memset(h, 0, sizeof(*h));
	memset(body, 0, 256);
	memcpy(h->key_id, keys->keys[0].id, SITEKEY_ID_LEN);
	memset(h->id, 0xab, TICKET_ID_LEN);
	h->issued = NOW - 5;
	h->expires = NOW + 5;
	ticket_match_tag(h->match, h->id, 0, "/a/b.crypt", "b", NULL);
	assert_non_null(mk);
	assert_int_equal(identity_of(mk, id), 0);
	p = writer_bytes(p, "\1\1\0\0", 4);
	p = writer_uint(p, 1001, 4);
	p = writer_uint(p, (uint64_t)h->issued, 8);
	p = writer_uint(p, (uint64_t)h->expires, 8);
	p = writer_bytes(p, h->id, TICKET_ID_LEN);
	p = writer_bytes(p, h->key_id, SITEKEY_ID_LEN);
	p = writer_bytes(p, id, IDENTITY_LEN);
	p = writer_bytes(p, mk->data, 32);
	p = writer_bytes(p, "\0\12\0\1\0\0\0\0", 8);
	(void)writer_bytes(p, "/a/b.cryptb", 11);
	secret_free(mk);
}

static void test_body_steps(void **state)
{
	/* One byte of the body changed before sealing: where, to what, and who must notice. */
	static const struct {
		size_t at;
		uint8_t value;
		enum ticket_step step;
	} changes[] = {
		{ 0, 2, TICKET_STEP_MALFORMED }, /* body version */
		{ 1, 2, TICKET_STEP_PURPOSE },
		{ 2, 4, TICKET_STEP_MALFORMED },    /* unknown mode bit */
		{ 2, 1, TICKET_STEP_INCONSISTENT }, /* mode against the match tag */
		{ 3, 1, TICKET_STEP_MALFORMED },    /* reserved */
		{ 7, 1, TICKET_STEP_USER },
		{ 8, 1, TICKET_STEP_INCONSISTENT },  /* issued */
		{ 23, 1, TICKET_STEP_INCONSISTENT }, /* expires */
		{ 24, 1, TICKET_STEP_INCONSISTENT }, /* ticket id */
		{ 40, 1, TICKET_STEP_INCONSISTENT }, /* site key id (random: see below) */
		{ 48, 1, TICKET_STEP_INCONSISTENT }, /* store identity */
		{ 64, 1, TICKET_STEP_INCONSISTENT }, /* master key */
		{ 97, 200, TICKET_STEP_MALFORMED },  /* path runs out of the body */
		{ 96, 255, TICKET_STEP_MALFORMED },
		{ 97, 1, TICKET_STEP_MALFORMED },    /* path "/" */
		{ 99, 0, TICKET_STEP_MALFORMED },    /* no view name */
		{ 101, 1, TICKET_STEP_MALFORMED },   /* user path of a zero byte */
		{ 103, 1, TICKET_STEP_MALFORMED },   /* reserved */
		{ 104, 'x', TICKET_STEP_MALFORMED }, /* path not absolute */
		{ 105, '/', TICKET_STEP_MALFORMED }, /* empty component */
		{ 105, '.', TICKET_STEP_MALFORMED },
		{ 106, 0, TICKET_STEP_MALFORMED },   /* zero byte in the path */
		{ 114, '/', TICKET_STEP_MALFORMED }, /* view name with a slash */
		{ 114, '.', TICKET_STEP_MALFORMED },
		{ 114, 'c', TICKET_STEP_INCONSISTENT },
		{ 115, 1, TICKET_STEP_MALFORMED }, /* padding */
		{ 255, 1, TICKET_STEP_MALFORMED },
	};
	struct ticket_check c = check_for(1001);
	struct ticket_header h;
	uint8_t body[256];
	struct ticket *t = NULL;
	struct err err = { 0 };
	char *text;

	(void)state;
	raw_parts(&h, body);
	text = seal_raw(&h, body);
	if (ticket_open(&t, text, strlen(text), &c, NULL, &err) < 0)
		fail_msg("%s", err.text);
	ticket_free(t);
	free(text);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		raw_parts(&h, body);
		if (changes[i].at == 40)
			body[40] ^= changes[i].value;
		else
			body[changes[i].at] = changes[i].value;
		text = seal_raw(&h, body);
		refused(text, &c, changes[i].step, "");
		free(text);
	}
	raw_parts(&h, body);
	h.expires++;
	text = seal_raw(&h, body);
	refused(text, &c, TICKET_STEP_INCONSISTENT, "contradicts itself");
	free(text);
}

static void test_user_and_time(void **state)
{
	struct ticket_check c = check_for(1002);
	char *text = plain();
	struct ticket *t = NULL;

	(void)state;
	refused(text, &c, TICKET_STEP_USER, "made for another user; this job belongs to uid 1002");
	c.uid = 0;
	refused(text, &c, TICKET_STEP_USER, "made for another user");
	c = check_for(1001);
	c.now = NOW - 100 - 301;
	refused(text, &c, TICKET_STEP_NOT_YET, "the clock of this node or of the login host is wrong");
	c.now = NOW - 100 - 300;
	assert_int_equal(ticket_open(&t, text, strlen(text), &c, NULL, NULL), 0);
	ticket_free(t);
	c.now = NOW + DAY - 1;
	assert_int_equal(ticket_open(&t, text, strlen(text), &c, NULL, NULL), 0);
	ticket_free(t);
	c.now = NOW + DAY;
	refused(text, &c, TICKET_STEP_EXPIRED, "the ticket expired on 2025-06-16T15:08:20Z: make a new one");
	c.explain = true; /* to be shown only */
	c.uid = 5;
	assert_int_equal(ticket_open(&t, text, strlen(text), &c, NULL, NULL), 0);
	ticket_free(t);
	free(text);
}

static void test_policy_steps(void **state)
{
	static const char short_life[] = "tickets: {max_lifetime: 1h, default_lifetime: 1h}";
	static const char revoked[] =
	    "tickets: {revoked_users: [{user: 1001, before: 2025-06-15T15:07:00Z}]}";
	static const char not_revoked[] =
	    "tickets: {revoked_users: [{user: 1001, before: 2025-06-15T15:06:00Z}]}";
	static const char no_exclusive[] = "mount: {exclusive: false}";
	struct ticket_check c = check_for(1001);
	char *text = make("/a/b", "b", NULL, TICKET_EXCLUSIVE, 1), by_id[128], hex[2 * TICKET_ID_LEN + 1];
	struct ticket_header h;
	struct policy *p = NULL;
	struct ticket *t = NULL;

	(void)state;
	assert_int_equal(ticket_peek(&h, text, strlen(text), NULL, NULL), 0);
	(void)snprintf(by_id, sizeof(by_id), "tickets: {revoked: [%s]}",
		       ticket_hex(hex, h.id, TICKET_ID_LEN));
	const struct {
		const char *policy;
		enum ticket_step step;
		const char *message;
	} cases[] = {
		{ short_life, TICKET_STEP_LIFETIME,
		  "the ticket lasts 1d1m40s, the site's policy allows 1h at most" },
		{ revoked, TICKET_STEP_REVOKED, "revoked all tickets of '1001'" },
		{ by_id, TICKET_STEP_REVOKED, "has been revoked by the site" },
		{ no_exclusive, TICKET_STEP_MODE, "exclusive use" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(policy_parse(&p, cases[i].policy, strlen(cases[i].policy), "p", NULL), 0);
		c.policy = p;
		refused(text, &c, cases[i].step, cases[i].message);
		policy_free(p);
	}
	assert_int_equal(policy_parse(&p, not_revoked, strlen(not_revoked), "p", NULL), 0);
	c.policy = p;
	assert_int_equal(ticket_open(&t, text, strlen(text), &c, NULL, NULL), 0);
	ticket_free(t);
	policy_free(p);
	free(text);
}

static void test_bundles(void **state)
{
	struct ticket_check c = check_for(1001);
	char *a = make("/s/a.crypt", "a", NULL, 0, 1), *b = make("/s/b.crypt", "b", NULL, 0, 2);
	char *same_view = make("/t/a.crypt", "a", NULL, 0, 3),
	     *same_key = make("/s/c.crypt", "c", NULL, 0, 1);
	char *big = malloc(TICKET_BUNDLE_MAX + 2), text[2200];
	enum ticket_step step;
	struct ticket_set *s = NULL;
	struct err err = { 0 };

	(void)state;
	(void)snprintf(text, sizeof(text), "%s,ro@%s", a, b);
	if (ticket_open_all(&s, text, strlen(text), &c, &step, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(s->n, 2);
	assert_int_equal(s->tickets[0]->mode, 0);
	assert_int_equal(s->tickets[1]->mode, TICKET_RO);
	ticket_set_free(s);
	s = NULL;
	(void)snprintf(text, sizeof(text), "# two of them\n%s\n\n# and\n ro@%s\n", a, b);
	assert_int_equal(ticket_open_all(&s, text, strlen(text), &c, &step, &err), 0);
	ticket_set_free(s);
	s = NULL;
	(void)snprintf(text, sizeof(text), "%s,%s", a, same_view);
	assert_int_equal(ticket_open_all(&s, text, strlen(text), &c, &step, &err), -EEXIST);
	assert_int_equal(step, TICKET_STEP_DUPLICATE);
	assert_string_equal(err.text, "ticket 2 of 2: two stores of this job want the same view 'a'");
	(void)snprintf(text, sizeof(text), "%s,%s", a, same_key);
	assert_int_equal(ticket_open_all(&s, text, strlen(text), &c, &step, &err), -EEXIST);
	assert_non_null(strstr(err.text, "'/s/a.crypt' and '/s/c.crypt' are the same store"));
	(void)snprintf(text, sizeof(text), "%s,%.100s", a, b);
	assert_true(ticket_open_all(&s, text, strlen(text), &c, &step, &err) < 0);
	assert_int_equal(step, TICKET_STEP_TRUNCATED);
	assert_true(ticket_open_all(&s, "", 0, &c, &step, &err) < 0);
	assert_string_equal(err.text, "there is no ticket in it");
	memset(text, ',', 70);
	for (int i = 0; i < 33; i++)
		text[2 * i] = 'x';
	assert_int_equal(ticket_open_all(&s, text, 70, &c, &step, &err), -E2BIG);
	memset(big, 'A', TICKET_BUNDLE_MAX + 1);
	assert_int_equal(ticket_open_all(&s, big, TICKET_BUNDLE_MAX + 1, &c, &step, &err), -E2BIG);
	assert_null(s);
	ticket_set_free(NULL);
	free(big);
	free(a);
	free(b);
	free(same_view);
	free(same_key);
}

static void test_make_refuses(void **state)
{
	struct ticket t = { .issued = 1, .expires = 2, .path = (char *)"/a/b", .view = (char *)"b" };
	uint8_t small_order[SITEKEY_LEN] = { 0 };
	char long_path[TICKET_PATH_MAX + 2], *text = NULL;
	struct err err = { 0 };

	(void)state;
	t.master_key = secret_new(32);
	assert_int_equal(ticket_make(&text, &t, small_order, &err), -EINVAL);
	assert_string_equal(err.text, "the site's public key is not usable");
	t.expires = 1;
	assert_int_equal(ticket_make(&text, &t, keys->keys[0].pub, &err), -EINVAL);
	t.expires = 2;
	t.path = (char *)"/a/../b";
	assert_int_equal(ticket_make(&text, &t, keys->keys[0].pub, &err), -EINVAL);
	memset(long_path, 'a', sizeof(long_path));
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	t.path = long_path;
	assert_int_equal(ticket_make(&text, &t, keys->keys[0].pub, &err), -EINVAL);
	long_path[TICKET_PATH_MAX] = '\0'; /* the longest */
	t.user_path = long_path;
	assert_int_equal(ticket_make(&text, &t, keys->keys[0].pub, &err), 0);
	assert_true(strlen(text) <= TICKET_TEXT_MAX);
	free(text);
	text = NULL;
	t.view = (char *)".b";
	assert_int_equal(ticket_make(&text, &t, keys->keys[0].pub, &err), -EINVAL);
	assert_null(text);
	secret_free(t.master_key);
}

static void key_refused(const char *text, const char *message)
{
	struct sitekeys *k = NULL;
	struct err err = { 0 };

	assert_true(sitekeys_parse(&k, text, strlen(text), "site.key", &err) < 0);
	assert_null(k);
	if (!strstr(err.text, message))
		fail_msg("expected '%s' in '%s'", message, err.text);
}

static void test_key_files(void **state)
{
	char dir[] = "/tmp/test_ticket-XXXXXX", path[64], text[600];
	uint8_t pub[SITEKEY_LEN];
	struct sitekeys *k = NULL, *back = NULL;
	struct err err = { 0 };
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(sitekeys_new(&k, NOW, &err), 0);
	assert_int_equal(sitekeys_write(k, dir, true, &err), 0);
	assert_int_equal(sitekeys_write(k, dir, true, &err), -EEXIST);
	assert_int_equal(sitekeys_rotate(k, NOW, NOW + DAY, &err), 0);
	assert_int_equal(sitekeys_write(k, dir, false, &err), 0);
	(void)snprintf(path, sizeof(path), "%s/site.key", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	if (sitekeys_load(&back, path, getuid(), &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(back->n, 2);
	assert_memory_equal(back->keys[1].pub, k->keys[1].pub, SITEKEY_LEN);
	assert_true(secret_equal(back->keys[0].priv, k->keys[0].priv));
	assert_int_equal(back->keys[1].retires, NOW + DAY);
	sitekeys_free(back);
	back = NULL;
	assert_int_equal(chmod(path, 0440), 0);
	assert_int_equal(sitekeys_load(&back, path, getuid(), &err), -EPERM);
	(void)unlink(path);
	assert_int_equal(sitekeys_load(&back, path, getuid(), &err), -ENOENT);
	(void)snprintf(path, sizeof(path), "%s/site.pub", dir);
	if (sitekey_load_public(pub, path, getuid(), &err) < 0)
		fail_msg("%s", err.text);
	assert_memory_equal(pub, k->keys[0].pub, SITEKEY_LEN);
	(void)unlink(path);
	(void)rmdir(dir);
	sitekeys_free(k);
	sitekeys_free(NULL);

	key_refused("", "site.key: no key in it");
	key_refused("# only a comment\n\n", "no key in it");
	key_refused("hello\n", "site.key:1: expected 'cryptstore-private v1");
	(void)snprintf(text, sizeof(text), "\n%s%s", golden_key, golden_key);
	key_refused(text, "site.key:3: exactly the first key must be the current one");
	(void)snprintf(text, sizeof(text), "%s", golden_key);
	text[strlen(text) - 2] = '5';
	key_refused(text, "site.key:1: exactly the first key");
	(void)snprintf(text, sizeof(text), "%s", golden_key);
	text[23] ^= 1; /* in the key id */
	key_refused(text, "the key id does not fit the key");
	(void)snprintf(text, sizeof(text), "%s", golden_key);
	text[20] = '2';
	key_refused(text, "this version of the key form is not known");
	(void)snprintf(text, sizeof(text), "%.*s x\n", (int)strlen(golden_key) - 1, golden_key);
	key_refused(text, "expected 'cryptstore-private");
	assert_true(sitekey_parse_public(pub, golden_key, strlen(golden_key), "site.pub", &err) < 0);
	assert_non_null(strstr(err.text, "site.pub:1: expected 'cryptstore-public v1 KEYID PUBLIC'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("what was sealed comes out again", test_round_trip),
		TEST("a ticket made by another program from the format page opens", test_golden),
		TEST("foreign text, damaged text, newer versions and every cut copy are told apart",
		     test_text_steps),
		TEST("surplus characters and impossible lengths are refused", test_extra_and_length),
		TEST("no changed character passes", test_altered),
		TEST("every rule of the body has its step", test_body_steps),
		TEST("another user's, a future and an expired ticket are refused", test_user_and_time),
		TEST("lifetime, revocation and mode follow the policy", test_policy_steps),
		TEST("bundles open all or none, without duplicates", test_bundles),
		TEST("a ticket that breaks the format's rules is not made", test_make_refuses),
		TEST("site key files are written, rotated, read back and refused when wrong", test_key_files),
		TEST("foreign and retired site keys are told apart", test_keys_step),
	};

	return cmocka_run_group_tests_name("ticket", tests, setup, teardown);
}
