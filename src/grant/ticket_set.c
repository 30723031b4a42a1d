/* ticket_set.c - several tickets of one job: found in a bundle or a file, opened all or none. */
#include "grant/ticket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/err.h"

static bool is_separator(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Behind separators and comment lines. A comment starts at the beginning of a line only. */
static const char *skip(const char *p, const char *start, const char *end)
{
	while (p < end) {
		if (is_separator(*p)) {
			p++;
		} else if (*p == '#' && (p == start || p[-1] == '\n')) {
			const char *nl = memchr(p, '\n', (size_t)(end - p));

			p = nl ? nl + 1 : end;
		} else {
			break;
		}
	}
	return p;
}

int ticket_split(struct ticket_ref *ret, size_t max, const char *text, size_t n, struct err *err)
{
	const char *end = text + n, *p = skip(text, text, end);
	size_t count = 0;

	for (; p < end; p = skip(p, text, end)) {
		const char *from = p;

		if (count == max)
			return err_set(err, -E2BIG, "more than %zu tickets", max);
		while (p < end && !is_separator(*p))
			p++;
		ret[count++] = (struct ticket_ref){ from, (size_t)(p - from) };
	}
	return count ? (int)count : err_set(err, -EINVAL, "there is no ticket in it");
}

void ticket_set_free(struct ticket_set *s)
{
	if (!s)
		return;
	while (s->n)
		ticket_free(s->tickets[--s->n]);
	free(s);
}

/* Step 17 of the ladder: against those opened before. */
static int check_duplicate(const struct ticket_set *s, const struct ticket *t, struct err *err)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (!strcmp(s->tickets[i]->view, t->view))
			return err_set(err, -EEXIST, "two stores of this job want the same view '%s'",
				       t->view);
		if (!memcmp(s->tickets[i]->store_id, t->store_id, IDENTITY_LEN) ||
		    !strcmp(s->tickets[i]->path, t->path))
			return err_set(err, -EEXIST, "'%s' and '%s' are the same store", s->tickets[i]->path,
				       t->path);
	}
	return 0;
}

int ticket_open_all(struct ticket_set **ret, const char *text, size_t n, const struct ticket_check *c,
		    enum ticket_step *ret_step, struct err *err)
{
	struct ticket_ref refs[TICKET_SET_MAX] = { 0 };
	struct ticket_set *s;
	struct ticket *t = NULL;
	enum ticket_step step = TICKET_STEP_TEXT;
	int i, r, count = -E2BIG;

	if (n > TICKET_BUNDLE_MAX)
		(void)err_set(err, count, "more than %d characters of tickets", TICKET_BUNDLE_MAX);
	else
		count = ticket_split(refs, TICKET_SET_MAX, text, n, err);
	s = count > 0 ? calloc(1, sizeof(*s)) : NULL;
	r = count < 0 ? count : s ? 0 : err_set(err, -ENOMEM, "out of memory");
	for (i = 0; r == 0 && i < count; i++) {
		r = ticket_open(&t, refs[i].text, refs[i].n, c, &step, err);
		if (r == 0) {
			step = TICKET_STEP_DUPLICATE;
			r = check_duplicate(s, t, err);
			if (r == 0)
				s->tickets[s->n++] = t;
			else
				ticket_free(t);
		}
		if (r < 0 && count > 1)
			(void)err_prefix(err, "ticket %d of %d", i + 1, count);
	}
	if (ret_step)
		*ret_step = r == 0 ? TICKET_STEP_NONE : r == -ENOMEM ? TICKET_STEP_INTERNAL : step;
	if (r < 0) {
		ticket_set_free(s);
		return r;
	}
	*ret = s;
	return 0;
}
