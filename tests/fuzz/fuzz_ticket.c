/* fuzz_ticket.c - any bytes as a ticket, as a bundle and as a sealed body: never a crash, never an opened
 * ticket that breaks the format. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sealbox.h"
#include "grant/reader.h"
#include "grant/ticket.h"
#include "grant/ticket_format.h"
#include "util/base64.h"
#include "util/err.h"
#include "util/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sitekeys *keys;

static void check(const struct ticket *t)
{
	if (!ticket_path_ok(t->path, strlen(t->path)) || !ticket_view_ok(t->view, strlen(t->view)) ||
	    t->expires <= t->issued || t->master_key->len != TICKET_MASTER_KEY_LEN)
		__builtin_trap();
}

static void as_text(const char *text, size_t n)
{
	const struct ticket_check c = { .keys = keys, .now = 1, .explain = true };
	enum ticket_step step = TICKET_STEP_NONE;
	struct ticket_set *s = NULL;
	struct err err = { 0 };
	size_t i;

	if (ticket_open_all(&s, text, n, &c, &step, &err) < 0) {
		if (step == TICKET_STEP_NONE || err.text[0] == '\0')
			__builtin_trap();
		return;
	}
	for (i = 0; i < s->n; i++)
		check(s->tickets[i]);
	ticket_set_free(s);
}

/* Seal the input as a body, so that the fuzzer gets behind the cryptography. Header fields come from the body
 * where it has them, so that "inconsistent" can be passed too (but for the match tag and the identity). */
static void as_body(const uint8_t *data, size_t size)
{
	size_t n = (size + TICKET_PAD - 1) / TICKET_PAD * TICKET_PAD;
	uint8_t *box, *p, eph[SITEKEY_LEN];
	uint8_t *body = n && n <= TICKET_BODY_MAX ? calloc(1, n) : NULL;
	struct sealbox *sb = NULL;
	char *text;

	if (!body)
		return;
	memcpy(body, data, size);
	box = malloc(TICKET_HEADER_LEN + n + TICKET_TAG_LEN);
	text = malloc(TICKET_TEXT_MAX + 16);
	if (!box || !text || sealbox_new(&sb, eph) < 0)
		abort();
	p = writer_bytes(box, TICKET_MAGIC "\1\1", 6);
	p = writer_uint(p, n, 2);
	p = writer_bytes(p, keys->keys[0].id, SITEKEY_ID_LEN);
	p = writer_bytes(p, body + 24, TICKET_ID_LEN);
	p = writer_bytes(p, body + 8, 16);
	p = writer_bytes(p, body, TICKET_MATCH_LEN);
	(void)writer_bytes(p, eph, sizeof(eph));
	if (sealbox_seal(sb, keys->keys[0].pub, TICKET_SEAL_INFO, box, TICKET_HEADER_LEN, body, n,
			 box + TICKET_HEADER_LEN) < 0)
		abort();
	memcpy(text, TICKET_PREFIX, sizeof(TICKET_PREFIX));
	(void)base64url_encode(text + strlen(text), box, TICKET_HEADER_LEN + n + TICKET_TAG_LEN, false);
	as_text(text, strlen(text));
	sealbox_free(sb);
	free(text);
	free(box);
	free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sitekeys *parsed = NULL;

	if (!keys && sitekeys_new(&keys, 1, NULL) < 0)
		abort();
	as_text((const char *)data, size);
	as_body(data, size);
	if (sitekeys_parse(&parsed, (const char *)data, size, "fuzz", NULL) == 0)
		sitekeys_free(parsed);
	return 0;
}
