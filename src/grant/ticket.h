/* ticket.h - sealed permission to open one store: made at submission, opened on the nodes
 * (site-docs/ticket-format.md). */
#ifndef GRANT_TICKET_H
#define GRANT_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "grant/identity.h"
#include "grant/policy.h"
#include "grant/sitekey.h"

struct err;
struct secret;

#define TICKET_PREFIX	  "cryptstore1."
#define TICKET_PREFIX_ANY "cryptstore" /* of any version */
#define TICKET_NARROW	  "ro@"

enum {
	TICKET_ID_LEN = POLICY_TICKET_ID_LEN,
	TICKET_MATCH_LEN = 16,
	TICKET_MASTER_KEY_LEN = 32,
	TICKET_HEADER_LEN = 96,
	TICKET_TAG_LEN = 16,
	TICKET_BODY_FIXED = 104,
	TICKET_PAD = 256,
	TICKET_BODY_MAX = 8704,
	TICKET_PATH_MAX = 4095,
	TICKET_VIEW_MAX = 64,
	TICKET_TEXT_MAX = 12000,   /* characters of one ticket, prefix included */
	TICKET_BUNDLE_MAX = 98304, /* characters of a bundle */
	TICKET_FILE_MAX = 1 << 20, /* bytes of a ticket file */
	TICKET_SET_MAX = POLICY_STORES_MAX,
};

enum ticket_mode { TICKET_RO = 1 << 0, TICKET_EXCLUSIVE = 1 << 1 };

/* What a ticket says. path, view, user_path (NULL if none) and master_key are owned by it. */
struct ticket {
	uint8_t id[TICKET_ID_LEN];
	uint8_t key_id[SITEKEY_ID_LEN];
	uint8_t store_id[IDENTITY_LEN];
	uid_t uid;
	unsigned int mode;	 /* enum ticket_mode */
	int64_t issued, expires; /* seconds since 1970 */
	char *path;
	char *view;
	char *user_path;
	struct secret *master_key;
};
void ticket_free(struct ticket *t); /* wipes; NULL is fine */

/* The steps of the ladder, in order. TICKET_STEP_NONE: nothing failed. */
enum ticket_step {
	TICKET_STEP_NONE,
	TICKET_STEP_TEXT,
	TICKET_STEP_BASE64,
	TICKET_STEP_VERSION,
	TICKET_STEP_TRUNCATED,
	TICKET_STEP_FOREIGN_KEY,
	TICKET_STEP_RETIRED_KEY,
	TICKET_STEP_ALTERED,
	TICKET_STEP_MALFORMED,
	TICKET_STEP_INCONSISTENT,
	TICKET_STEP_PURPOSE,
	TICKET_STEP_USER,
	TICKET_STEP_NOT_YET,
	TICKET_STEP_EXPIRED,
	TICKET_STEP_LIFETIME,
	TICKET_STEP_REVOKED,
	TICKET_STEP_MODE,
	TICKET_STEP_DUPLICATE,
	TICKET_STEP_INTERNAL, /* memory or the crypto library failed */
};
/* One word for the audit log: "expired", "wrong-user", ... */
const char *ticket_step_name(enum ticket_step step);

/* What a ticket is checked against. uid is that of the job's owner from a source the user does not control.
 */
struct ticket_check {
	const struct sitekeys *keys;
	const struct policy
	    *policy; /* NULL: the steps lifetime, revoked and mode are skipped (cryptstore ticket --show) */
	uid_t uid;
	int64_t now;
	bool explain; /* the steps wrong-user to expired are skipped too: to be shown, never to be used */
};

/* Run the ladder over one ticket of n characters (with or without "ro@"). On failure *ret_step (may be NULL)
 * names the step, the text is one line for the person, and the return value a negative errno. *ret is freed
 * with ticket_free. */
int ticket_open(struct ticket **ret, const char *text, size_t n, const struct ticket_check *c,
		enum ticket_step *ret_step, struct err *err);

struct ticket_set {
	size_t n;
	struct ticket *tickets[TICKET_SET_MAX];
};
/* The same for every ticket of a bundle, and no two of one view name or store. All or nothing. */
int ticket_open_all(struct ticket_set **ret, const char *text, size_t n, const struct ticket_check *c,
		    enum ticket_step *ret_step, struct err *err);
void ticket_set_free(struct ticket_set *s); /* wipes; NULL is fine */

/* One ticket's place in a bundle or ticket file. */
struct ticket_ref {
	const char *text;
	size_t n;
};
/* Find the tickets in a bundle or file: separated by commas or white space, '#' starts a comment line.
 * Returns their number (>= 1), or -EINVAL (none), -E2BIG (more than max) with text. */
int ticket_split(struct ticket_ref *ret, size_t max, const char *text, size_t n, struct err *err);

/* What everybody can see of a ticket. Not authenticated: good for messages and for refusing early, never for
 * allowing. */
struct ticket_header {
	uint8_t key_id[SITEKEY_ID_LEN];
	uint8_t id[TICKET_ID_LEN];
	uint8_t match[TICKET_MATCH_LEN];
	uint8_t ephemeral[SITEKEY_LEN];
	int64_t issued, expires;
	size_t body_len;
	bool narrowed; /* "ro@" in front */
};
/* Steps 1 to 4 of the ladder. */
int ticket_peek(struct ticket_header *ret, const char *text, size_t n, enum ticket_step *ret_step,
		struct err *err);
/* Was the ticket made for exactly this store, view name, user path (NULL: none) and mode? */
bool ticket_matches(const struct ticket_header *h, unsigned int mode, const char *path, const char *view,
		    const char *user_path);

/* Make a ticket: t's uid, mode, times, path, view, user_path and master_key are given; id, key_id and
 * store_id are filled in. *ret_text is malloc'ed, NUL-terminated. 0; -EINVAL with text if a field breaks the
 * format's rules; -ENOMEM, -EIO. */
int ticket_make(char **ret_text, struct ticket *t, const uint8_t site_pub[static SITEKEY_LEN],
		struct err *err);

/* The rules of the format for its strings. */
bool ticket_path_ok(const char *s, size_t n); /* absolute, resolved, at most TICKET_PATH_MAX */
bool ticket_view_ok(const char *s, size_t n); /* [A-Za-z0-9._-]{1,64}, no leading dot */

/* "rw,shared", "ro,exclusive" ... static strings. */
const char *ticket_mode_name(unsigned int mode);
/* Lower-case hex; returns buf. */
static inline char *ticket_hex(char *buf, const uint8_t *bytes, size_t n)
{
	return identity_hex(buf, bytes, n);
}

#endif
