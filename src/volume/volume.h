/* volume.h - an opened store: keys derived, ciphers keyed, flags known. Immutable, shared by all threads. */
#ifndef VOLUME_VOLUME_H
#define VOLUME_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "format/content.h"
#include "format/name.h"

struct config;
struct err;
struct secret;

/* What the view needs to know of a store: from its config, or from command-line flags when mounted by master
 * key. */
struct volume_options {
	bool plaintextnames, deterministic_names, aessiv, xchacha, raw64, hkdf;
	bool long_names;		    /* -longnames; true unless switched off */
	uint32_t long_name_max;		    /* 62..255 */
	const struct aead_backend *backend; /* NULL: fastest */
};
void volume_options_from_config(struct volume_options *ret, const struct config *c);

struct volume {
	struct content content;
	struct names names;
	struct volume_options opt;
};
/* Derives all keys from the 32-byte master key (format.md section 2). *ret owns its copies; master_key stays
 * the caller's. */
int volume_open(struct volume **ret, const struct volume_options *opt, const struct secret *master_key,
		struct err *err);
void volume_close(struct volume *v); /* wipes keys; NULL is fine */

/* Does the store under dirfd look as if made with this key? Tries root names and first blocks, at most 64
 * entries. Returns 1: evidence for, 0: no evidence (empty or nothing readable), -EACCES: evidence against
 * only. */
int volume_probe(const struct volume *v, int dirfd);

/* scrypt and unwrapping in a short-lived forked child, so that its memory (64 MiB) does not stay with the
 * daemon; the key comes back through a pipe. Same errors as config_unlock. Call before threads exist. */
int volume_unlock_in_child(const struct config *c, const struct secret *password, struct secret **ret,
			   struct err *err);

/* -init: create conf and, where names are encrypted with IVs, the root gocryptfs.diriv in dirfd; durable on
 * return. Undoes itself on failure. conf_dirfd/conf_name: where the config goes (-config). */
int volume_create(int dirfd, int conf_dirfd, const char *conf_name, const struct config *c, struct err *err);

#endif
