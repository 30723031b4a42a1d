/* check.h - fsck: walk the whole view in parallel, with no mount, and report every fault beside its
 * ciphertext path. */
#ifndef VIEW_CHECK_H
#define VIEW_CHECK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct view;
struct volume;

enum check_fault {
	CHECK_ENTRY,	 /* undecryptable directory entry */
	CHECK_DIR,	 /* directory cannot be opened (missing or damaged diriv) */
	CHECK_FILE,	 /* file content unreadable */
	CHECK_FILE_SIZE, /* 1..17 bytes, or a torn last block */
	CHECK_SYMLINK,
	CHECK_XATTR_NAME,
	CHECK_XATTR_VALUE,
	CHECK_ORPHAN_NAME, /* damaged .name */
	CHECK_LEFTOVER,	   /* .name file without its entry: a crash leaves it, nothing is lost; not counted */
	CHECK_SKIPPED,	   /* could not be examined (permission, I/O error) */
};

struct check_finding {
	enum check_fault fault;
	const char *plain_path;	 /* path in the view (directory + plain name if known) */
	const char *cipher_path; /* path in the store */
	const char *detail;	 /* short reason, "" if none; attribute name for xattrs */
	uint64_t ino;
};

struct check_options {
	unsigned int threads; /* 0 = number of processors, at most 16 */
	/* Both called from one thread at a time. */
	void (*finding)(void *arg, const struct check_finding *f);
	void (*progress)(void *arg, uint64_t files, uint64_t bytes); /* about 4 times a second; may be NULL */
	void *arg;
	const atomic_bool *stop; /* set by a signal handler: end soon with -EINTR; may be NULL */
};
struct check_result {
	uint64_t files, dirs, symlinks, others, bytes;
	uint64_t corrupt, skipped, leftovers;
	/* Directories and entries whose metadata files (gocryptfs.conf, gocryptfs.diriv, .name) are more than
	 * a week older than the data that needs them, by the last read or the last write, and by how much the
	 * worst. No damage: but a purge by age takes them first. */
	uint64_t aged;
	int64_t aged_seconds;
};
/* dirfd: top directory of the store the view was opened on. 0 (even with findings), -EINTR, or negative
 * errno. */
int check_run(struct view *v, const struct volume *vol, int dirfd, const struct check_options *opt,
	      struct check_result *ret, struct err *err);

#endif
