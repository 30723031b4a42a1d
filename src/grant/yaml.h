/* yaml.h - a strict cursor over libyaml's events: the part of YAML in which a text has one meaning only. */
#ifndef GRANT_YAML_H
#define GRANT_YAML_H

#include <stdbool.h>
#include <stddef.h>

struct err;

enum { YCUR_BYTES_MAX = 1 << 20, YCUR_DEPTH_MAX = 8, YCUR_KEYS_MAX = 4096, YCUR_EVENTS_MAX = 200000 };

enum ycur_kind { YCUR_MAP, YCUR_MAP_END, YCUR_SEQ, YCUR_SEQ_END, YCUR_KEY, YCUR_SCALAR, YCUR_END };

struct ycur_event {
	enum ycur_kind kind;
	const char
	    *text; /* key or scalar, NUL-terminated, without NUL inside; borrowed until the next ycur_next */
	size_t len;
	bool plain;		   /* not quoted: may stand for a number or true/false */
	unsigned int line, column; /* from 1 */
};

struct ycur;

/* A cursor over n bytes at text (borrowed until ycur_close). `where` (a file name, borrowed) goes before
 * every message. 0, -EFBIG (more than YCUR_BYTES_MAX) or -ENOMEM. */
int ycur_open(struct ycur **ret, const char *text, size_t n, const char *where, struct err *err);
void ycur_close(struct ycur *y); /* NULL is fine */

/* The next event. Refused with "WHERE:LINE:COLUMN: ..." and -EINVAL: what is not YAML, aliases, anchors,
 * tags, directives, a second document, a key twice in one mapping, a key that is no scalar, a NUL byte, and
 * what exceeds the limits above. After YCUR_END or a failure the cursor must not be used further but for
 * ycur_close. */
int ycur_next(struct ycur *y, struct ycur_event *ret, struct err *err);

/* As ycur_next, but anything other than `want` is refused: "expected WHAT". */
int ycur_expect(struct ycur *y, enum ycur_kind want, const char *what, struct ycur_event *ret,
		struct err *err);

/* Refuse with a message at the place of ev; returns -EINVAL. */
int ycur_refuse(const struct ycur *y, const struct ycur_event *ev, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* For messages: "a mapping", "a list", ... */
const char *ycur_kind_name(enum ycur_kind kind);

#endif
