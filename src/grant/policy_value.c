/* policy_value.c - readers of single values of policy.yaml: type, range and spelling, refused at their place.
 */
#include "grant/policy_schema.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grant/identity.h"
#include "grant/units.h"
#include "grant/yaml.h"
#include "util/err.h"

static void *field(const struct policy_ctx *c, const struct policy_option *o)
{
	return (char *)c->p + o->offset;
}

static int want_scalar(const struct policy_ctx *c, struct ycur_event *ev)
{
	return ycur_expect(c->y, YCUR_SCALAR, "a single value", ev, c->err);
}

static int refuse(const struct policy_ctx *c, const struct ycur_event *ev, const char *key, const char *what)
{
	return ycur_refuse(c->y, ev, c->err, "'%s' must be %s, not '%.64s'", key, what, ev->text);
}

static int read_bool(const struct policy_ctx *c, const struct policy_option *o)
{
	struct ycur_event ev;
	bool yes;
	int r = want_scalar(c, &ev);

	if (r < 0)
		return r;
	yes = !strcmp(ev.text, "true");
	if (!ev.plain || (!yes && strcmp(ev.text, "false") != 0))
		return refuse(c, &ev, o->key, "true or false");
	if (o->type == FALSE_ONLY && yes)
		return ycur_refuse(c->y, &ev, c->err,
				   "'%s: true' is not offered: it would let a store's owner become root",
				   o->key);
	if (o->type == BOOL)
		*(bool *)field(c, o) = yes;
	return 0;
}

static int read_number(const struct policy_ctx *c, const struct policy_option *o)
{
	struct ycur_event ev;
	int64_t v = 0;
	char what[80];
	int r = want_scalar(c, &ev);

	if (r < 0)
		return r;
	/* units_size() of digits alone is the plain decimal number */
	if (!ev.plain || strspn(ev.text, "0123456789") != ev.len || units_size(ev.text, ev.len, &v) < 0 ||
	    v < o->min || v > o->max) {
		(void)snprintf(what, sizeof(what), "a whole number from %lld to %lld", (long long)o->min,
			       (long long)o->max);
		return refuse(c, &ev, o->key, what);
	}
	*(int64_t *)field(c, o) = v;
	return 0;
}

static int read_duration(const struct policy_ctx *c, const struct policy_option *o)
{
	char what[160], lo[UNITS_DURATION_LEN], hi[UNITS_DURATION_LEN];
	struct ycur_event ev;
	int64_t v;
	int r = want_scalar(c, &ev);

	if (r < 0)
		return r;
	if (!ev.plain || units_duration(ev.text, ev.len, &v) < 0 || v < o->min || v > o->max) {
		(void)snprintf(what, sizeof(what), "a duration such as 30s, 12h or 7d, from %s to %s",
			       units_duration_text(lo, o->min), units_duration_text(hi, o->max));
		return refuse(c, &ev, o->key, what);
	}
	*(int64_t *)field(c, o) = v;
	return 0;
}

static int read_size(const struct policy_ctx *c, const struct policy_option *o)
{
	struct ycur_event ev;
	int64_t v = 0;
	int r = want_scalar(c, &ev);

	if (r < 0)
		return r;
	if (ev.plain && !strcmp(ev.text, "unlimited"))
		v = 0;
	else if (!ev.plain || units_size(ev.text, ev.len, &v) < 0 || v < o->min || v > o->max)
		return refuse(c, &ev, o->key, "a size of at least 64M such as 512M or 2G, or 'unlimited'");
	*(int64_t *)field(c, o) = v;
	return 0;
}

static int word_index(const struct policy_option *o, const char *text)
{
	int i;

	for (i = 0; o->words[i]; i++)
		if (!strcmp(o->words[i], text))
			return i;
	return -1;
}

static int refuse_word(const struct policy_ctx *c, const struct policy_option *o, const struct ycur_event *ev)
{
	char what[160] = "one of";
	size_t n = strlen(what);
	int i;

	for (i = 0; o->words[i]; i++)
		n += (size_t)snprintf(what + n, sizeof(what) - n, " %s%s", o->words[i],
				      o->words[i + 1] ? "," : "");
	return refuse(c, ev, o->key, what);
}

static int read_word(const struct policy_ctx *c, const struct policy_option *o)
{
	struct ycur_event ev;
	int i, r = want_scalar(c, &ev);

	if (r < 0)
		return r;
	i = word_index(o, ev.text);
	if (i < 0)
		return refuse_word(c, o, &ev);
	*(int64_t *)field(c, o) = i;
	return 0;
}

/* Absolute, no empty, "." or ".." component, no trailing slash but for "/" itself. */
static bool path_is_clean(const char *s, size_t n)
{
	if (n == 0 || n >= PATH_MAX || s[0] != '/')
		return false;
	if (n == 1)
		return true;
	while (*s == '/') {
		size_t k = strcspn(++s, "/");

		if (k == 0 || (k == 1 && s[0] == '.') || (k == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		s += k;
	}
	return true;
}

static int replace_string(const struct policy_ctx *c, const struct ycur_event *ev, char **to)
{
	char *copy = strdup(ev->text);

	if (!copy)
		return err_set(c->err, -ENOMEM, "out of memory");
	free(*to);
	*to = copy;
	return 0;
}

static int read_path(const struct policy_ctx *c, const struct policy_option *o)
{
	struct ycur_event ev;
	int r = want_scalar(c, &ev);

	if (r < 0)
		return r;
	if (o->type == PATH_OR_NULL && ev.plain && !strcmp(ev.text, "none")) {
		free(*(char **)field(c, o));
		*(char **)field(c, o) = NULL;
		return 0;
	}
	if (!path_is_clean(ev.text, ev.len) || ev.len == 1)
		return refuse(c, &ev, o->key, "an absolute path without '.', '..' or a final '/'");
	return replace_string(c, &ev, field(c, o));
}

void policy_list_clear(struct policy_list *l)
{
	while (l->n)
		free(l->items[--l->n]);
	free(l->items);
	l->items = NULL;
}

int policy_list_add(struct policy_list *l, const char *text)
{
	char **grown = realloc(l->items, (l->n + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	l->items = grown;
	l->items[l->n] = strdup(text);
	if (!l->items[l->n])
		return -ENOMEM;
	l->n++;
	return 0;
}

/* Is this a well-formed item of a list of o's type? Ids are put into lower case. NULL if so, else what it
 * must be. */
static const char *item_wrong(const struct policy_option *o, const struct ycur_event *ev,
			      char id[static 2 * POLICY_TICKET_ID_LEN + 1])
{
	uint8_t bytes[POLICY_TICKET_ID_LEN];

	switch (o->type) {
	case PATHS:
		return path_is_clean(ev->text, ev->len) ? NULL
							: "absolute paths without '.', '..' or a final '/'";
	case IDS:
		if (identity_unhex(bytes, sizeof(bytes), ev->text, ev->len) < 0)
			return "ticket ids of 32 hex digits";
		(void)identity_hex(id, bytes, sizeof(bytes));
		return NULL;
	case CIPHERS:
		return word_index(o, ev->text) >= 0
			   ? NULL
			   : "a list of AES-GCM-256, AES-SIV-512, XChaCha20-Poly1305";
	default:
		return ev->len > 0 && ev->len <= 64 ? NULL : "names of 1 to 64 characters";
	}
}

static int read_list(const struct policy_ctx *c, const struct policy_option *o)
{
	struct policy_list *l = field(c, o);
	char id[2 * POLICY_TICKET_ID_LEN + 1];
	const char *wrong;
	struct ycur_event ev;
	size_t i;
	int r = ycur_expect(c->y, YCUR_SEQ, "a list", &ev, c->err);

	if (r < 0)
		return r;
	policy_list_clear(l); /* what the file says replaces the default */
	for (;;) {
		r = ycur_next(c->y, &ev, c->err);
		if (r < 0 || ev.kind == YCUR_SEQ_END)
			return r;
		if (ev.kind != YCUR_SCALAR)
			return ycur_refuse(c->y, &ev, c->err, "'%s' must be a list of single values", o->key);
		wrong = item_wrong(o, &ev, id);
		if (wrong)
			return refuse(c, &ev, o->key, wrong);
		for (i = 0; i < l->n; i++)
			if (!strcmp(l->items[i], o->type == IDS ? id : ev.text))
				return ycur_refuse(c->y, &ev, c->err, "'%.64s' stands twice in '%s'", ev.text,
						   o->key);
		if (l->n == POLICY_LIST_MAX)
			return ycur_refuse(c->y, &ev, c->err, "more than %d items in '%s'", POLICY_LIST_MAX,
					   o->key);
		if (policy_list_add(l, o->type == IDS ? id : ev.text) < 0)
			return err_set(c->err, -ENOMEM, "out of memory");
	}
}

/* One { user: U, before: T }. */
static int read_revoked_user(const struct policy_ctx *c, const struct ycur_event *start,
			     struct policy_revoked_user *u)
{
	struct ycur_event ev;
	bool is_user;
	int r;

	u->before = -1;
	for (;;) {
		r = ycur_next(c->y, &ev, c->err);
		if (r < 0)
			return r;
		if (ev.kind == YCUR_MAP_END)
			break;
		is_user = !strcmp(ev.text, "user");
		if (!is_user && strcmp(ev.text, "before") != 0)
			return ycur_refuse(c->y, &ev, c->err, "unknown key '%.64s' (known: user, before)",
					   ev.text);
		r = want_scalar(c, &ev);
		if (r < 0)
			return r;
		if (is_user) {
			if (ev.len == 0 || ev.len > 64)
				return refuse(c, &ev, "user", "a name or a number");
			r = replace_string(c, &ev, &u->user);
		} else if (units_time(ev.text, ev.len, &u->before) < 0) {
			r = refuse(c, &ev, "before", "a date such as 2026-01-02T03:04:05Z (UTC)");
		}
		if (r < 0)
			return r;
	}
	if (!u->user || u->before < 0)
		return ycur_refuse(c->y, start, c->err, "'user' and 'before' are both needed");
	return 0;
}

static int read_revoked(const struct policy_ctx *c, const struct policy_option *o)
{
	struct policy *p = c->p;
	struct policy_revoked_user *grown;
	struct ycur_event ev;
	int r = ycur_expect(c->y, YCUR_SEQ, "a list", &ev, c->err);

	while (r == 0) {
		r = ycur_next(c->y, &ev, c->err);
		if (r < 0 || ev.kind == YCUR_SEQ_END)
			return r;
		if (ev.kind != YCUR_MAP)
			return ycur_refuse(c->y, &ev, c->err,
					   "'%s' must be a list of { user: NAME, before: DATE }", o->key);
		if (p->n_revoked_users == POLICY_LIST_MAX)
			return ycur_refuse(c->y, &ev, c->err, "more than %d items in '%s'", POLICY_LIST_MAX,
					   o->key);
		grown = realloc(p->revoked_users, (p->n_revoked_users + 1) * sizeof(*grown));
		if (!grown)
			return err_set(c->err, -ENOMEM, "out of memory");
		p->revoked_users = grown;
		grown[p->n_revoked_users] = (struct policy_revoked_user){ 0 };
		r = read_revoked_user(c, &ev, &grown[p->n_revoked_users++]);
	}
	return r;
}

int policy_value_read(const struct policy_ctx *c, const struct policy_option *o)
{
	switch (o->type) {
	case BOOL:
	case FALSE_ONLY:
		return read_bool(c, o);
	case NUMBER:
		return read_number(c, o);
	case DURATION:
		return read_duration(c, o);
	case SIZE:
		return read_size(c, o);
	case WORD:
		return read_word(c, o);
	case PATH:
	case PATH_OR_NULL:
		return read_path(c, o);
	case REVOKED:
		return read_revoked(c, o);
	case PATHS:
	case NAMES:
	case IDS:
	case CIPHERS:
		return read_list(c, o);
	}
	return err_set(c->err, -EINVAL, "option '%s' has no reader", o->key);
}
