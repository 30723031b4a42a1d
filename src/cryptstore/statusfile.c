/* statusfile.c - the published state of a job's stores: JSON read through the strict YAML cursor (JSON is
 * YAML). */
#include "cryptstore/statusfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grant/units.h"
#include "grant/yaml.h"
#include "util/cleanup.h"
#include "util/err.h"

enum kind { TEXT, NUMBER, STORES, VERSION };
struct key {
	const char *name;
	enum kind kind;
	size_t offset, size;
};

#define FIELD(type, f) offsetof(struct type, f), sizeof(((struct type *)0)->f)
static const struct key top_keys[] = {
	{ "version", VERSION, 0, 0 },
	{ "job", TEXT, FIELD(status, job) },
	{ "node", TEXT, FIELD(status, node) },
	{ "uid", NUMBER, FIELD(status, uid) },
	{ "state", TEXT, FIELD(status, state) },
	{ "reason", TEXT, FIELD(status, reason) },
	{ "since", NUMBER, FIELD(status, since) },
	{ "updated", NUMBER, FIELD(status, updated) },
	{ "stores", STORES, 0, 0 },
};
static const struct key store_keys[] = {
	{ "view", TEXT, FIELD(status_store, view) },	     { "id", TEXT, FIELD(status_store, id) },
	{ "ticket", TEXT, FIELD(status_store, ticket) },     { "mode", TEXT, FIELD(status_store, mode) },
	{ "state", TEXT, FIELD(status_store, state) },	     { "pid", NUMBER, FIELD(status_store, pid) },
	{ "since", NUMBER, FIELD(status_store, since) },     { "read", NUMBER, FIELD(status_store, read) },
	{ "written", NUMBER, FIELD(status_store, written) },
};
#define N_KEYS(k) (sizeof(k) / sizeof((k)[0]))

static int read_text(struct ycur *y, char *to, size_t size, struct err *err)
{
	struct ycur_event ev = { 0 };
	size_t i;
	int r = ycur_expect(y, YCUR_SCALAR, "a text", &ev, err);

	if (r < 0)
		return r;
	if (ev.len >= size)
		return ycur_refuse(y, &ev, err, "a text of more than %zu bytes", size - 1);
	for (i = 0; i <= ev.len; i++) {
		unsigned char c = (unsigned char)ev.text[i];

		to[i] = i < ev.len && (c < 0x20 || c == 0x7f) ? '?' : (char)c;
	}
	return 0;
}

static int read_number(struct ycur *y, int64_t *to, struct err *err)
{
	struct ycur_event ev = { 0 };
	int r = ycur_expect(y, YCUR_SCALAR, "a number", &ev, err);

	if (r < 0)
		return r;
	if (!ev.plain || strspn(ev.text, "0123456789") != ev.len || units_size(ev.text, ev.len, to) < 0)
		return ycur_refuse(y, &ev, err, "not a whole number");
	return 0;
}

static int read_stores(struct ycur *y, struct status *s, struct err *err);

/* The rest of a mapping whose start has been read; all keys are needed. */
static int read_map(struct ycur *y, const struct key *keys, size_t n_keys, void *to, struct status *s,
		    struct err *err)
{
	struct ycur_event ev = { 0 };
	size_t i, seen = 0;
	int64_t version = 0;
	int r = 0;

	for (;;) {
		r = ycur_next(y, &ev, err);
		if (r < 0)
			return r;
		if (ev.kind == YCUR_MAP_END)
			return seen == n_keys ? 0 : ycur_refuse(y, &ev, err, "keys are missing");
		for (i = 0; i < n_keys && strcmp(keys[i].name, ev.text) != 0; i++)
			;
		if (i == n_keys)
			return ycur_refuse(y, &ev, err, "unknown key '%.64s'", ev.text);
		seen++; /* the cursor refuses duplicates */
		switch (keys[i].kind) {
		case TEXT:
			r = read_text(y, (char *)to + keys[i].offset, keys[i].size, err);
			break;
		case NUMBER:
			r = read_number(y, (int64_t *)((char *)to + keys[i].offset), err);
			break;
		case STORES:
			r = read_stores(y, s, err);
			break;
		case VERSION:
			r = read_number(y, &version, err);
			if (r == 0 && version != 1)
				r = ycur_refuse(y, &ev, err, "version %lld is not known to this program",
						(long long)version);
			break;
		}
		if (r < 0)
			return r;
	}
}

static int read_stores(struct ycur *y, struct status *s, struct err *err)
{
	struct ycur_event ev = { 0 };
	int r = ycur_expect(y, YCUR_SEQ, "a list", &ev, err);

	while (r == 0) {
		r = ycur_next(y, &ev, err);
		if (r < 0 || ev.kind == YCUR_SEQ_END)
			return r;
		if (ev.kind != YCUR_MAP)
			return ycur_refuse(y, &ev, err, "expected a store, found %s",
					   ycur_kind_name(ev.kind));
		if (s->n == STATUS_STORES_MAX)
			return ycur_refuse(y, &ev, err, "more than %d stores", STATUS_STORES_MAX);
		r = read_map(y, store_keys, N_KEYS(store_keys), &s->stores[s->n++], s, err);
	}
	return r;
}

int status_parse(struct status *ret, const char *text, size_t n, const char *where, struct err *err)
{
	struct ycur *y = NULL;
	struct ycur_event ev = { 0 };
	int r = ycur_open(&y, text, n, where, err);

	memset(ret, 0, sizeof(*ret));
	if (r == 0)
		r = ycur_expect(y, YCUR_MAP, "an object", &ev, err);
	if (r == 0)
		r = read_map(y, top_keys, N_KEYS(top_keys), ret, ret, err);
	if (r == 0)
		r = ycur_expect(y, YCUR_END, "the end of the file", &ev, err);
	ycur_close(y);
	return r;
}

/* "\040" -> ' ', as proc(5) says of mountinfo. In place. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* The mount point (5th) and source (2nd behind " - ") of a line; false if it has no such form. */
static bool split_line(char *line, char **ret_point, char **ret_source)
{
	char *dash = strstr(line, " - "), *save = NULL, *word;
	int i;

	if (!dash)
		return false;
	*dash = '\0';
	word = strtok_r(line, " ", &save);
	for (i = 1; word && i < 5; i++)
		word = strtok_r(NULL, " ", &save);
	*ret_point = word;
	save = NULL;
	(void)strtok_r(dash + 3, " ", &save); /* type */
	*ret_source = strtok_r(NULL, " \n", &save);
	return *ret_point && *ret_source;
}

char *status_mount_source(const char *view)
{
	auto_file FILE *f = fopen("/proc/self/mountinfo", "re");
	auto_free char *line = NULL;
	char *point, *source, *found = NULL;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		if (!split_line(line, &point, &source))
			continue;
		unescape(point);
		if (strcmp(point, view) != 0)
			continue;
		unescape(source);
		free(found); /* the last one mounted there is on top */
		found = strdup(source);
	}
	return found;
}
