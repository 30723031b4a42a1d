/* trust.h - may a file be believed: nobody but root (or one named owner) can have written it or swapped it.
 */
#ifndef UTIL_TRUST_H
#define UTIL_TRUST_H

#include <sys/types.h>

struct err;

enum trust_flag {
	TRUST_PRIVATE = 1 << 0, /* the file must also be unreadable by group and others */
	TRUST_PROGRAM = 1 << 1, /* the file must be executable by its owner */
	TRUST_DIR = 1 << 2,	/* the path names a directory, not a regular file */
};

/* Open an absolute path for reading after walking it from "/" through descriptors, so that what was checked
 * is what is open. Every directory and symbolic link on the way and the file itself must belong to root or to
 * `owner`, and no directory or file may be writable by group or others (a directory with the sticky bit may:
 * nobody can replace what others own in it). ACLs that grant writing show in the group bits and are refused
 * with them. Returns a descriptor (O_CLOEXEC; the caller closes it) or negative errno: -ENOENT  the file or a
 * directory is not there -EPERM   not trusted; the text names the component, the reason and the command that
 * repairs it -EINVAL  not an absolute path; -ELOOP more than 40 links; -EISDIR / -ENOTDIR wrong type; others
 * from openat(2) */
int trust_open(const char *path, uid_t owner, unsigned int flags, struct err *err);

/* The same, without keeping it open. Returns 0 or negative errno. */
int trust_check(const char *path, uid_t owner, unsigned int flags, struct err *err);

#endif
