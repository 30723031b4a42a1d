/* cmd_ticket_show.c - cryptstore ticket --show: what can be seen of a ticket, with and without the site's
 * private key. */
#include "cryptstore/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptstore/spec.h"
#include "grant/ticket.h"
#include "grant/units.h"
#include "util/cleanup.h"
#include "util/fd.h"

enum { SHOW_MAX = 1024 };

/* What the tickets are held against. */
struct view {
	const struct sitekeys *keys; /* NULL: not readable */
	const struct policy *policy; /* NULL: none */
	const struct spec *spec;     /* NULL: no store was named */
	int64_t now;
	char why_sealed[ERR_TEXT_MAX]; /* why keys is NULL */
};

static void show_header(const struct ticket_header *h, const struct view *v)
{
	char id[2 * TICKET_ID_LEN + 1], key[2 * SITEKEY_ID_LEN + 1], t[UNITS_TIME_LEN], d[UNITS_DURATION_LEN];
	int64_t left = h->expires - v->now;

	(void)printf("ticket       %s%s\n", ticket_hex(id, h->id, TICKET_ID_LEN),
		     h->narrowed ? " (narrowed to read-only)" : "");
	(void)printf("site key     %s\n", ticket_hex(key, h->key_id, SITEKEY_ID_LEN));
	(void)printf("made         %s\n", units_time_text(t, h->issued));
	(void)printf("expires      %s (%s%s)\n", units_time_text(t, h->expires), left > 0 ? "in " : "expired",
		     left > 0 ? units_duration_text(d, left) : "");
}

/* The store that was named on the command line, in every mode. */
static void show_match(const struct ticket_header *h, const struct spec *s)
{
	static const unsigned int modes[] = { 0, TICKET_RO, TICKET_EXCLUSIVE, TICKET_RO | TICKET_EXCLUSIVE };
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (ticket_matches(h, modes[i], s->path, s->view, s->user_path)) {
			(void)printf("for          %s, %s\n", s->path, ticket_mode_name(modes[i]));
			return;
		}
	(void)printf("for          not for %s%s%s\n", s->path, s->user_path ? " at " : "",
		     s->user_path ? s->user_path : "");
}

static void show_inside(const struct ticket_ref *ref, const struct view *v)
{
	const struct ticket_check c = { .keys = v->keys, .now = v->now, .explain = true };
	char id[2 * IDENTITY_LEN + 1];
	enum ticket_step step;
	struct ticket *t = NULL;
	struct err err = { 0 };

	if (!v->keys) {
		(void)printf("inside       sealed: user, store, path, mode and key can be seen by root on a "
			     "compute node only\n");
		(void)printf("             (%s)\n", v->why_sealed);
		return;
	}
	if (ticket_open(&t, ref->text, ref->n, &c, &step, &err) < 0) {
		(void)printf("inside       refused (%s): %s\n", ticket_step_name(step), err.text);
		return;
	}
	(void)printf("user         uid %u\n", (unsigned int)t->uid);
	(void)printf("store        %s\n", t->path);
	(void)printf("identity     %s\n", ticket_hex(id, t->store_id, IDENTITY_LEN));
	(void)printf("view name    %s\n", t->view);
	(void)printf("own path     %s\n", t->user_path ? t->user_path : "none");
	(void)printf("mode         %s\n", ticket_mode_name(t->mode));
	(void)printf("master key   inside, not shown\n");
	if (v->policy && policy_revoked(v->policy, t->id, t->uid, t->issued, &err) < 0)
		(void)printf("policy       %s\n", err.text);
	ticket_free(t);
}

/* Returns false if the text is no ticket. */
static bool show_one(const struct ticket_ref *ref, const struct view *v)
{
	struct ticket_header h;
	enum ticket_step step;
	struct err err = { 0 };

	if (ticket_peek(&h, ref->text, ref->n, &step, &err) < 0) {
		(void)printf("refused (%s): %s\n", ticket_step_name(step), err.text);
		return false;
	}
	show_header(&h, v);
	if (v->spec)
		show_match(&h, v->spec);
	show_inside(ref, v);
	return true;
}

static int read_file(const char *file, char **ret, size_t *ret_n, struct err *err)
{
	auto_fd int fd = fd_openat(AT_FDCWD, file, O_RDONLY | O_NOCTTY, 0);
	int r = fd < 0 ? fd : fd_slurp(fd, TICKET_FILE_MAX, ret, ret_n);

	return r < 0 ? err_set_exit(err, r, CS_TICKET, "ticket file '%s': %s", file, strerror(-r)) : 0;
}

static int show_all(const char *text, size_t n, const struct view *v)
{
	auto_free struct ticket_ref *refs = calloc(SHOW_MAX, sizeof(*refs));
	struct err err = { .exitcode = CS_TICKET };
	int i, count, code = CS_OK;

	if (!refs)
		return CS_OTHER;
	count = ticket_split(refs, SHOW_MAX, text, n, &err);
	if (count < 0)
		return cs_fail(&err);
	for (i = 0; i < count; i++) {
		if (i)
			(void)printf("\n");
		if (!show_one(&refs[i], v))
			code = CS_TICKET;
	}
	return code;
}

int cmd_ticket_show(const char *dir, char **argv, int argc)
{
	struct view v = { .now = (int64_t)time(NULL) };
	struct sitekeys *keys = NULL;
	struct policy *policy = NULL;
	struct spec spec = { 0 };
	auto_free char *text = NULL;
	struct err err = { 0 };
	size_t n = 0;
	int code, r = read_file(argv[0], &text, &n, &err);

	if (r == 0 && argc == 2) {
		r = spec_parse(&spec, argv[1], &err);
		if (r == 0)
			r = spec_resolve(&spec, &err);
		v.spec = &spec;
	}
	if (r < 0) {
		spec_done(&spec);
		return cs_fail(&err);
	}
	if (cs_load_private(&keys, dir, &err) < 0)
		(void)snprintf(v.why_sealed, sizeof(v.why_sealed), "%s", err.text);
	(void)cs_load_policy(&policy, dir,
			     &err); /* only adds a line; its absence is not the ticket's fault */
	v.keys = keys;
	v.policy = policy;
	code = show_all(text, n, &v);
	sitekeys_free(keys);
	policy_free(policy);
	spec_done(&spec);
	return code;
}
