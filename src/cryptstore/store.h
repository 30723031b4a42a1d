/* store.h - stores that a job asks for: found, allowed by the policy, unlocked once, sealed into tickets. */
#ifndef CRYPTSTORE_STORE_H
#define CRYPTSTORE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "cryptstore/spec.h"
#include "grant/sitekey.h"
#include "volume/config.h"

struct err;
struct keysource;
struct secret;

/* One store between its parts. */
struct store {
	struct spec spec;
	struct config config;
	int dirfd;
};

/* Open the directory spec.path and read its config. dirfd and config are the caller's to release, whatever
 * the result. Exit code CS_STORE. */
int store_open(struct store *st, struct err *err);
/* The master key from a password or by itself. Exit codes CS_PASSWORD, CS_NO_SOURCE, CS_STORE. */
int store_unlock(struct secret **ret, const struct store *st, const struct keysource *k, struct err *err);

/* Everything for one command line of stores. */
struct stores {
	struct policy *policy;
	gid_t *groups;
	struct policy_request self; /* uid and groups */
	int64_t now, lifetime;
	size_t n;
	struct store stores[SPEC_STORES_MAX];
};
void stores_done(struct stores *s); /* zeroed is fine */

/* Parse, resolve and read all stores and ask the policy, so that every refusal that needs no password comes
 * before one is asked for. `mode` (words, may be NULL) is added to each; lifetime 0 means the policy's
 * default. Exit codes of exit.h. */
int stores_open(struct stores *s, const char *conf_dir, char **texts, size_t n, const char *mode,
		int64_t lifetime, struct err *err);

/* Get each store's master key from the source and seal a ticket; *ret is malloc'ed, tickets separated by
 * `separator`, each preceded by a comment line if `comments`. Exit codes CS_PASSWORD, CS_NO_SOURCE, CS_USAGE
 * (same store twice). */
int stores_seal(char **ret, struct stores *s, const struct keysource *k,
		const uint8_t site_pub[static SITEKEY_LEN], const char *separator, bool comments,
		struct err *err);

/* Pick a ready ticket for each store out of a file made by `cryptstore ticket`. Exit code CS_TICKET. */
int stores_from_tickets(char **ret, const struct stores *s, const char *file,
			const uint8_t site_pub[static SITEKEY_LEN], struct err *err);

#endif
