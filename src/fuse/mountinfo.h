/* mountinfo.h - what is mounted where, read from /proc/self/mountinfo (no file system is touched). Internal
 * to fuse/. */
#ifndef FUSE_MOUNTINFO_H
#define FUSE_MOUNTINFO_H

#include <stdbool.h>
#include <stdint.h>

struct mountinfo {
	char id[24];	    /* of the mount; the kernel gives it to another one afterwards */
	char dev[24];	    /* "major:minor" of the file system; likewise */
	uint64_t unique_id; /* of the mount, never used again; 0 before Linux 6.8 */
	bool fuse;
};

/* The topmost mount at this absolute canonical path. 0, -ENOENT if nothing is mounted there, or negative
 * errno. */
int mountinfo_top(const char *path, struct mountinfo *ret);

/* Is it the same mount? Certain from Linux 6.8 on; before, as certain as the absence of a change between both
 * looks. */
bool mountinfo_same(const struct mountinfo *a, const struct mountinfo *b);

#endif
