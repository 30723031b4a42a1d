/* policy_schema.h - filling struct policy from a cursor; between policy.c, policy_schema.c and policy_value.c
 * only. */
#ifndef GRANT_POLICY_SCHEMA_H
#define GRANT_POLICY_SCHEMA_H

#include "grant/policy.h"

struct ycur;

enum policy_type {
	BOOL,
	FALSE_ONLY,
	NUMBER,
	DURATION,
	SIZE,
	WORD,
	PATH,
	PATH_OR_NULL,
	PATHS,
	NAMES,
	IDS,
	CIPHERS,
	REVOKED
};

/* One option. min and max bound numbers, durations (seconds) and sizes (bytes; 0 = "unlimited" is always
 * allowed for SIZE). words: the values of a WORD, in the order of its enum, NULL-terminated. */
struct policy_option {
	const char *key;
	enum policy_type type;
	size_t offset; /* in struct policy */
	int64_t min, max;
	const char *const *words;
};

/* What a reader of one value is given. */
struct policy_ctx {
	struct ycur *y;
	struct policy *p;
	struct err *err;
};

/* Read a whole policy file on top of the defaults in p. 0 or negative errno with text; p is then partly
 * filled. */
int policy_schema_read(struct policy *p, struct ycur *y, struct err *err);

/* Read the value of one option (the cursor stands behind its key) into its field. */
int policy_value_read(const struct policy_ctx *c, const struct policy_option *o);

void policy_list_clear(struct policy_list *l);
int policy_list_add(struct policy_list *l, const char *text); /* copies; 0 or -ENOMEM */

#endif
