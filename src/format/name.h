/* name.h - file names: EME, padding, base64url, long names, xattr names, reserved names (format.md sections
 * 5, 8, 9). */
#ifndef FORMAT_NAME_H
#define FORMAT_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct eme;
struct secret;

enum {
	NAME_IV_LEN = 16,
	NAME_PLAIN_MAX = 255,
	NAME_FULL_MAX = 344, /* longest encoded name: padded base64url of 256 bytes */
	NAME_CIPHER_MAX = 255,
	NAME_LONG_MIN = 62, /* allowed range of LongNameMax */
};

#define NAME_CONF	  "gocryptfs.conf"
#define NAME_CONF_REVERSE ".gocryptfs.reverse.conf"
#define NAME_DIRIV	  "gocryptfs.diriv"
#define NAME_LONG_PREFIX  "gocryptfs.longname."
#define NAME_LONG_SUFFIX  ".name"
#define NAME_RMDIR_PREFIX "gocryptfs.diriv.rmdir."
#define NAME_XATTR_PREFIX "user.gocryptfs."
#define NAME_BAD_SUFFIX	  " GOCRYPTFS_BAD_NAME"

/* Immutable once set up; shared by threads. */
struct names {
	struct eme *eme;
	bool plaintext;	    /* PlaintextNames: names stored verbatim */
	bool deterministic; /* no directory IVs: tweak is 16 zero bytes */
	bool raw64;
	bool long_names;   /* hash encoded names longer than long_max */
	uint32_t long_max; /* 62..255 */
};
int names_init(struct names *n, const struct secret *key);
void names_done(struct names *n);

/* The stored form of one name. */
struct cname {
	char name[NAME_CIPHER_MAX + 1]; /* directory entry on the backing store, NUL-terminated */
	char full[NAME_FULL_MAX + 1];	/* content of the .name file if is_long, else "" */
	bool is_long;
};

/* Encrypt a plain name of len bytes with the directory's IV. 0; -EINVAL ("", ".", "..", '/' or NUL in it);
 * -ENAMETOOLONG
 * (> 255 bytes, or too long and long_names is off); -EPERM (plaintext names and it is NAME_CONF in the root).
 */
int name_encrypt(const struct names *n, const uint8_t iv[static NAME_IV_LEN], bool in_root, const char *plain,
		 size_t len, struct cname *ret);

/* Decrypt the full encoded name (never a hashed one) of len bytes. ret has NAME_PLAIN_MAX+1 bytes, NUL added.
 * Returns the length, -EUCLEAN (not base64, wrong length) or -EBADMSG (padding or name rules violated). */
ssize_t name_decrypt(const struct names *n, const uint8_t iv[static NAME_IV_LEN], const char *cipher,
		     size_t len, char ret[static NAME_PLAIN_MAX + 1]);

/* gocryptfs.longname.<hash> of an encoded name. ret has NAME_CIPHER_MAX+1 bytes. */
void name_hash(const struct names *n, const char *full, size_t len, char ret[static NAME_CIPHER_MAX + 1]);

/* What a backing directory entry is. */
enum name_class {
	NAME_ORDINARY, /* to be decrypted (or shown verbatim with plaintext names) */
	NAME_HASHED,   /* gocryptfs.longname.HASH: the full name stands in its .name file */
	NAME_HIDDEN,   /* conf in root, diriv, .name files, leftovers of rmdir: never shown */
};
enum name_class name_classify(const struct names *n, bool in_root, const char *entry);

/* Stored name of an extended attribute ("user.gocryptfs." + base64url), NUL-terminated. system.posix_acl_*
 * are returned as they are. size >= 400. 0, -EINVAL (empty) or -ENAMETOOLONG/-ERANGE (> 255 stored bytes
 * allowed by Linux). */
int name_encrypt_xattr(const struct names *n, const char *plain, char *ret, size_t size);
/* Back. Returns length; -ENODATA if the stored name is none of ours; -EUCLEAN or -EBADMSG if damaged. */
ssize_t name_decrypt_xattr(const struct names *n, const char *stored, char *ret, size_t size);
bool name_is_acl(const char *xattr);

/* -badname: what an undecryptable entry is shown as: longest decryptable prefix + rest + NAME_BAD_SUFFIX. 0
 * or -ENAMETOOLONG. ret has NAME_PLAIN_MAX+1 bytes. */
int name_bad_show(const struct names *n, const uint8_t iv[static NAME_IV_LEN], const char *cipher,
		  char ret[static NAME_PLAIN_MAX + 1]);
/* The i-th candidate (0, 1, ...) for the backing entry of a shown bad name (suffix included); false when
 * there are no more. ret is "" where the i-th split of the name can be no such entry: skip it. Every other
 * candidate is an entry that name_bad_show() shows as exactly this name; whether it exists, and matches a
 * -badname pattern, the caller finds out. gocryptfs format, section 5 of site-docs/formats.md. */
bool name_bad_candidate(const struct names *n, const uint8_t iv[static NAME_IV_LEN], const char *shown,
			size_t i, char ret[static NAME_CIPHER_MAX + 1]);

#endif
