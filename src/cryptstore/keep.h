/* keep.h - renew the times of a store's own files. */
#ifndef CRYPTSTORE_KEEP_H
#define CRYPTSTORE_KEEP_H

#include <stdint.h>

struct err;

struct keep_options {
	unsigned int threads;
	int64_t older_than; /* seconds: leave alone what is younger; 0: renew all */
	int64_t now;
};
struct keep_result {
	uint64_t directories, renewed, young, failed;
};

/* Walk the store below dirfd (stays the caller's) and set access and modification times of gocryptfs.conf,
 * gocryptfs.diriv and gocryptfs.longname.*.name to now. Contents are neither read nor written, symbolic links
 * not followed, other file systems not left out. Returns 0, or the first negative errno with text naming the
 * entry; the walk goes on past failures. */
int keep_store(int dirfd, const struct keep_options *opt, struct keep_result *ret, struct err *err);

#endif
