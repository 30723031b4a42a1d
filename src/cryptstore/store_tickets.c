/* store_tickets.c - --key=ticket:FILE: choose the ticket that was made for each store, and refuse what the
 * nodes would. */
#include "cryptstore/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cryptstore/cmd.h"
#include "grant/ticket.h"
#include "grant/units.h"
#include "util/cleanup.h"
#include "util/fd.h"

enum { FILE_TICKETS_MAX = 1024 };

/* All tickets of the file. */
struct pile {
	const char *file;
	char *text;
	int n;
	struct ticket_ref refs[FILE_TICKETS_MAX];
};

static void cleanup_pile(struct pile **p)
{
	if (*p)
		free((*p)->text);
	free(*p);
}
#define auto_pile __attribute__((cleanup(cleanup_pile)))

static int ticket_failed(struct err *err, int r)
{
	err->exitcode = CS_TICKET;
	return r;
}

static int load(struct pile *p, struct err *err)
{
	auto_fd int fd = fd_openat(AT_FDCWD, p->file, O_RDONLY | O_NOCTTY, 0);
	size_t n;
	int r = fd;

	if (fd >= 0)
		r = fd_slurp(fd, TICKET_FILE_MAX, &p->text, &n);
	if (r < 0)
		return err_set_exit(err, r, CS_NO_SOURCE, "ticket file '%s': %s", p->file, strerror(-r));
	p->n = ticket_split(p->refs, FILE_TICKETS_MAX, p->text, n, err);
	if (p->n < 0)
		return ticket_failed(err, err_prefix(err, "ticket file '%s'", p->file));
	return 0;
}

/* Does the ticket serve the store? 1: yes; 2: yes, narrowed to read-only; 0: no. */
static int serves(const struct ticket_header *h, const struct spec *s)
{
	if (ticket_matches(h, s->mode, s->path, s->view, s->user_path))
		return 1;
	if ((s->mode & TICKET_RO) &&
	    ticket_matches(h, s->mode & ~(unsigned int)TICKET_RO, s->path, s->view, s->user_path))
		return 2;
	return 0;
}

/* What the header alone lets us refuse, with the ladder's words where they exist. */
static int still_good(const struct stores *s, const struct store *st, const struct ticket_header *h,
		      struct err *err)
{
	struct policy_request q = s->self;
	char date[UNITS_TIME_LEN];

	if (s->now >= h->expires)
		return err_set(err, -ETIME,
			       "the ticket for '%s' expired on %s: make a new one with 'cryptstore ticket'",
			       st->spec.path, units_time_text(date, h->expires));
	q.path = st->spec.path;
	q.lifetime = h->expires - h->issued;
	if (policy_decide(s->policy, &q, err) < 0)
		return err->code;
	return policy_revoked(s->policy, h->id, s->self.uid, h->issued, err);
}

static void note_other_key(const struct ticket_header *h, const uint8_t site_pub[static SITEKEY_LEN])
{
	uint8_t id[SITEKEY_ID_LEN];
	char theirs[2 * SITEKEY_ID_LEN + 1], ours[2 * SITEKEY_ID_LEN + 1], line[160];

	sitekey_id(site_pub, id);
	if (!memcmp(id, h->key_id, SITEKEY_ID_LEN))
		return;
	(void)snprintf(line, sizeof(line), "note: the ticket is sealed to site key %s; the current one is %s",
		       ticket_hex(theirs, h->key_id, SITEKEY_ID_LEN), ticket_hex(ours, id, SITEKEY_ID_LEN));
	cs_note(line);
}

/* The best ticket for one store: a good one if there is, else the reason against one that was made for it. */
static int choose(const struct pile *p, const struct stores *s, const struct store *st,
		  const uint8_t site_pub[static SITEKEY_LEN], const struct ticket_ref **ret_ref,
		  bool *ret_narrow, struct err *err)
{
	struct ticket_header h;
	int i, r = 0, fits;

	(void)err_set(err, -ENOENT,
		      "no ticket in '%s' is for '%s' (%s%s%s): a ticket serves only the store, view name, "
		      "own path and mode it "
		      "was made for",
		      p->file, st->spec.path, ticket_mode_name(st->spec.mode),
		      st->spec.user_path ? ", at " : "", st->spec.user_path ? st->spec.user_path : "");
	for (i = 0; i < p->n; i++) {
		struct err bad = { 0 };

		r = ticket_peek(&h, p->refs[i].text, p->refs[i].n, NULL, &bad);
		if (r < 0) {
			*err = bad;
			return err_prefix(err, "ticket %d of '%s'", i + 1, p->file);
		}
		fits = serves(&h, &st->spec);
		if (!fits)
			continue;
		r = still_good(s, st, &h, err);
		if (r < 0)
			continue;
		note_other_key(&h, site_pub);
		*ret_ref = &p->refs[i];
		*ret_narrow = fits == 2 && !h.narrowed;
		return 0;
	}
	return err->code;
}

static int append_ref(char **all, const struct ticket_ref *ref, bool narrow)
{
	char *grown = NULL;

	if (asprintf(&grown, "%s%s%s%.*s", *all ? *all : "", *all ? "," : "", narrow ? TICKET_NARROW : "",
		     (int)ref->n, ref->text) < 0)
		return -ENOMEM;
	free(*all);
	*all = grown;
	return 0;
}

int stores_from_tickets(char **ret, const struct stores *s, const char *file,
			const uint8_t site_pub[static SITEKEY_LEN], struct err *err)
{
	auto_pile struct pile *p = calloc(1, sizeof(*p));
	auto_free char *all = NULL;
	const struct ticket_ref *ref = NULL;
	bool narrow = false;
	size_t i;
	int r;

	if (!p)
		return err_set(err, -ENOMEM, "out of memory");
	p->file = file;
	r = load(p, err);
	for (i = 0; r == 0 && i < s->n; i++) {
		r = choose(p, s, &s->stores[i], site_pub, &ref, &narrow, err);
		if (r < 0 || !ref)
			return ticket_failed(err, r);
		if (append_ref(&all, ref, narrow) < 0)
			return err_set(err, -ENOMEM, "out of memory");
	}
	if (r == 0)
		*ret = take(all);
	return r;
}
