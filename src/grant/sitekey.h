/* sitekey.h - the site's key pairs: tickets are sealed to the public one, nodes open them with the private
 * ones. */
#ifndef GRANT_SITEKEY_H
#define GRANT_SITEKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct secret;

enum {
	SITEKEY_LEN = 32,
	SITEKEY_ID_LEN = 8,	  /* first bytes of SHA-256(public key) */
	SITEKEY_MAX = 64,	  /* keys in one file */
	SITEKEY_FILE_MAX = 65536, /* bytes */
};

struct sitekey {
	uint8_t id[SITEKEY_ID_LEN];
	uint8_t pub[SITEKEY_LEN];
	struct secret *priv;
	int64_t created; /* seconds since 1970 */
	int64_t retires; /* opens nothing from then on; 0: the current key */
};
/* keys[0] is the current one. */
struct sitekeys {
	size_t n;
	struct sitekey keys[SITEKEY_MAX];
};

void sitekey_id(const uint8_t pub[static SITEKEY_LEN], uint8_t ret[static SITEKEY_ID_LEN]);

/* Read site.key (form: site-docs/ticket-format.md). The file must be private and it and its parents writable
 * by root or `owner` only (trust.h); the text names file, line and reason. 0 or negative errno. */
int sitekeys_load(struct sitekeys **ret, const char *path, uid_t owner, struct err *err);
/* Parse n bytes of such a file; `where` in messages. */
int sitekeys_parse(struct sitekeys **ret, const char *text, size_t n, const char *where, struct err *err);
void sitekeys_free(struct sitekeys *k); /* wipes; NULL is fine */
const struct sitekey *sitekeys_find(const struct sitekeys *k, const uint8_t id[static SITEKEY_ID_LEN]);

/* Read site.pub; trusted like site.key, but readable by all. */
int sitekey_load_public(uint8_t ret[static SITEKEY_LEN], const char *path, uid_t owner, struct err *err);
int sitekey_parse_public(uint8_t ret[static SITEKEY_LEN], const char *text, size_t n, const char *where,
			 struct err *err);

/* A set with one fresh current key. */
int sitekeys_new(struct sitekeys **ret, int64_t now, struct err *err);
/* Make a fresh key current; the old current one retires at `retires`; keys past their date at `now` are
 * dropped. */
int sitekeys_rotate(struct sitekeys *k, int64_t now, int64_t retires, struct err *err);
/* Write dir/site.key (0400) and then dir/site.pub (0644), each by NAME.tmp, fsync and rename. With `fresh`,
 * an existing site.key is refused (-EEXIST). */
int sitekeys_write(const struct sitekeys *k, const char *dir, bool fresh, struct err *err);
/* The line of site.pub for the current key, without newline, malloc'ed. NULL if memory is short. */
char *sitekeys_public_line(const struct sitekeys *k);

#endif
