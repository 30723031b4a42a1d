/* config.h - gocryptfs.conf: read it suspiciously, unlock it, write it durably (format.md sections 1, 2, 14).
 * Included as "volume/config.h"; not the generated top-level config.h. */
#ifndef VOLUME_CONFIG_H
#define VOLUME_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct secret;

enum config_flag {
	CONFIG_PLAINTEXTNAMES = 1 << 0,
	CONFIG_DIRIV = 1 << 1,
	CONFIG_EMENAMES = 1 << 2,
	CONFIG_GCMIV128 = 1 << 3,
	CONFIG_LONGNAMES = 1 << 4,
	CONFIG_LONGNAMEMAX = 1 << 5,
	CONFIG_AESSIV = 1 << 6,
	CONFIG_RAW64 = 1 << 7,
	CONFIG_HKDF = 1 << 8,
	CONFIG_FIDO2 = 1 << 9,
	CONFIG_XCHACHA = 1 << 10,
};
enum { CONFIG_BYTES_MAX = 1 << 20, CONFIG_SALT_MAX = 1024, CONFIG_KEY_MAX = 256 };

struct config {
	char *creator;
	uint8_t encrypted_key[CONFIG_KEY_MAX];
	size_t encrypted_key_len;
	uint8_t salt[CONFIG_SALT_MAX];
	size_t salt_len;
	int64_t scrypt_n, scrypt_r, scrypt_p, key_len;
	int64_t version;
	unsigned int flags;	/* enum config_flag, in canonical meaning */
	char *flags_text;	/* "HKDF GCMIV128 ..." in the file's order, for -info */
	uint32_t long_name_max; /* 0: not set */
	char *fido2_json; /* the FIDO2 object verbatim (compact JSON), kept through -passwd; NULL if none */
};

/* Read a descriptor to its end (may be a FIFO) / a path relative to dirfd. `where` is used in messages. Keys
 * match without regard to case, unknown ones are ignored, duplicates: last wins (as Go reads it). Errors
 * carry the text and the exit code upstream gives: not there or not JSON: 11; deprecated, unknown flag,
 * invalid parameters, contradictory flags: 27. The text is bare ("open /x/gocryptfs.conf: no such file or
 * directory"), because what stands in front of it differs: mount, fsck and passwd say "Cannot open config
 * file: " (err_prefix), -info says "Loading config file failed: ". 0 or negative errno. *ret is zeroed on
 * failure. */
int config_load_fd(struct config *ret, int fd, const char *where, struct err *err);
int config_load(struct config *ret, int dirfd, const char *path, struct err *err);
/* Parse n bytes (fuzzing entry). An accepted config has N a power of two >= 1024, KeyLen 32, a salt of >= 32
 * bytes; how much memory and time scrypt may take is judged by config_unlock. creator and flags_text are
 * never NULL. */
int config_parse(struct config *ret, const char *json, size_t n, const char *where, struct err *err);
void config_done(struct config *c);

/* Options of -init. */
struct config_new {
	bool plaintextnames, deterministic_names, aessiv, xchacha;
	uint32_t long_name_max; /* 255 = default, not stored */
	int scrypt_logn;	/* 10..28 */
	const char *creator;	/* "gocryptfs 1.0.0" */
};
/* Fill in a new config around master_key (32 bytes), wrapped with the password. Exit codes 24, 13. */
int config_create(struct config *ret, const struct config_new *opt, const struct secret *master_key,
		  const struct secret *password, struct err *err);

/* Derive and unwrap: *ret = 32-byte master key. -EACCES with exit code 12 if the password is wrong; 27/13 as
 * load. Runs scrypt in the calling process (see volume_unlock_in_child). */
int config_unlock(const struct config *c, const struct secret *password, struct secret **ret,
		  struct err *err);
/* Re-wrap master_key with a new password and a new salt; logn 0 keeps N. */
int config_rewrap(struct config *c, const struct secret *master_key, const struct secret *password, int logn,
		  struct err *err);

/* Write to name in dirfd: NAME.tmp (O_EXCL, 0400), fsync, rename, fsync of the directory. A stale .tmp is an
 * error (exit 24) saying which file to remove. Nothing is left behind on failure. */
int config_write(const struct config *c, int dirfd, const char *name, struct err *err);
/* The file's text, tab-indented in the order of format.md section 1, malloc'ed. */
char *config_to_json(const struct config *c);

/* For -info and ticket identity. */
const char *
config_cipher_name(const struct config *c); /* "AES-GCM-256", "AES-SIV-512", "XChaCha20-Poly1305" */

#endif
