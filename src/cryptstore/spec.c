/* spec.c - the grammar of store specifications, and their expansion. */
#include "cryptstore/spec.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cryptstore/exit.h"
#include "grant/ticket.h"
#include "util/cleanup.h"
#include "util/err.h"

void spec_done(struct spec *s)
{
	free(s->typed);
	free(s->typed_user);
	free(s->path);
	free(s->view);
	free(s->user_path);
	memset(s, 0, sizeof(*s));
}

/* A growing text with an end: expansion may make it longer than what was typed. */
struct out {
	char buf[SPEC_TEXT_MAX + 1];
	size_t n;
	bool full;
};

static void put(struct out *o, const char *s, size_t n)
{
	if (n > SPEC_TEXT_MAX - o->n) {
		o->full = true;
		return;
	}
	memcpy(o->buf + o->n, s, n);
	o->n += n;
	o->buf[o->n] = '\0';
}

static bool name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

/* $NAME or ${NAME} at p; returns the place behind it or NULL with text. A lone '$' stands for itself. */
static const char *expand_variable(struct out *o, const char *p, struct err *err)
{
	bool braces = p[1] == '{';
	const char *from = p + 1 + braces, *end = from;
	char name[256];
	const char *value;

	while (name_char(*end, end == from))
		end++;
	if (end == from && !braces) {
		put(o, p, 1);
		return p + 1;
	}
	if (end == from || (braces && *end != '}') || (size_t)(end - from) >= sizeof(name)) {
		(void)err_set_exit(err, -EINVAL, CS_USAGE, "'%.80s' is not a variable", p);
		return NULL;
	}
	memcpy(name, from, (size_t)(end - from));
	name[end - from] = '\0';
	value = getenv(name);
	if (!value || !*value) {
		(void)err_set_exit(err, -EINVAL, CS_USAGE, "the variable '%s' is not set", name);
		return NULL;
	}
	put(o, value, strlen(value));
	return end + braces;
}

/* One path, up to an unescaped ':' or ',' or the end; returns that place or NULL with text. */
static const char *parse_path(struct out *o, const char *p, struct err *err)
{
	const char *home = getenv("HOME");

	o->n = 0;
	o->buf[0] = '\0';
	if (p[0] == '~' && (p[1] == '/' || p[1] == '\0' || p[1] == ',' || p[1] == ':') && home) {
		put(o, home, strlen(home));
		p++;
	}
	while (p && *p && *p != ':' && *p != ',') {
		if (*p == '$') {
			p = expand_variable(o, p, err);
			continue;
		}
		if (*p == '\\' && p[1])
			p++;
		put(o, p++, 1);
	}
	if (p && o->full) {
		(void)err_set_exit(err, -ENAMETOOLONG, CS_USAGE, "a path of more than %d characters",
				   SPEC_TEXT_MAX);
		return NULL;
	}
	return p;
}

static int add_word(struct spec *s, const char *w, size_t n, unsigned int *seen, struct err *err)
{
	static const struct {
		const char *word;
		unsigned int bit, value;
	} words[] = { { "ro", TICKET_RO, TICKET_RO },
		      { "rw", TICKET_RO, 0 },
		      { "exclusive", TICKET_EXCLUSIVE, TICKET_EXCLUSIVE },
		      { "shared", TICKET_EXCLUSIVE, 0 } };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].word) != n || memcmp(words[i].word, w, n) != 0)
			continue;
		if (*seen & words[i].bit)
			return err_set_exit(err, -EINVAL, CS_USAGE,
					    "'%s' repeats or contradicts a word before it", words[i].word);
		*seen |= words[i].bit;
		s->mode = (s->mode & ~words[i].bit) | words[i].value;
		if (words[i].bit == TICKET_RO)
			s->mode_given = true;
		return 0;
	}
	return err_set_exit(
	    err, -EINVAL, CS_USAGE,
	    "'%.*s' is not one of ro, rw, exclusive, shared (a comma in a path is written '\\,')",
	    (int)(n < 80 ? n : 80), w);
}

int spec_add_mode(struct spec *s, const char *words, struct err *err)
{
	unsigned int seen = 0;
	int r = 0;

	for (; r == 0; words++) {
		size_t n = strcspn(words, ",");

		r = add_word(s, words, n, &seen, err);
		words += n;
		if (!*words)
			break;
	}
	return r;
}

static int parse_parts(struct spec *s, struct out *o, const char *text, struct err *err)
{
	const char *p = parse_path(o, text, err);

	if (!p)
		return -EINVAL;
	if (o->n == 0)
		return err_set_exit(err, -EINVAL, CS_USAGE, "no path in '%.80s'", text);
	s->typed = strdup(o->buf);
	if (!s->typed)
		return err_set(err, -ENOMEM, "out of memory");
	if (*p == ':') {
		p = parse_path(o, p + 1, err);
		if (!p)
			return -EINVAL;
		if (o->n == 0 || *p == ':')
			return err_set_exit(
			    err, -EINVAL, CS_USAGE,
			    "expected STORE:OWN_PATH in '%.80s' (a colon in a path is written '\\:')", text);
		s->typed_user = strdup(o->buf);
		if (!s->typed_user)
			return err_set(err, -ENOMEM, "out of memory");
	}
	return *p == ',' ? spec_add_mode(s, p + 1, err) : 0;
}

int spec_parse(struct spec *ret, const char *text, struct err *err)
{
	auto_free struct out *o = calloc(1, sizeof(*o));
	struct spec s = { 0 };
	int r;

	if (!o)
		return err_set(err, -ENOMEM, "out of memory");
	if (strlen(text) > SPEC_TEXT_MAX)
		return err_set_exit(err, -ENAMETOOLONG, CS_USAGE, "a store of more than %d characters",
				    SPEC_TEXT_MAX);
	r = parse_parts(&s, o, text, err);
	if (r < 0) {
		spec_done(&s);
		return r;
	}
	*ret = s;
	return 0;
}

int spec_check_distinct(const struct spec *specs, size_t n, struct err *err)
{
	size_t i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < i; k++) {
			if (!strcmp(specs[i].path, specs[k].path))
				return err_set_exit(err, -EEXIST, CS_USAGE, "'%s' is given twice",
						    specs[i].path);
			if (!strcmp(specs[i].view, specs[k].view))
				return err_set_exit(err, -EEXIST, CS_USAGE,
						    "'%s' and '%s' would both be the view '%s': give one of "
						    "them another name "
						    "by a symbolic link",
						    specs[k].typed, specs[i].typed, specs[i].view);
		}
	return 0;
}
