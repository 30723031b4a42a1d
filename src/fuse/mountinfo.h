/* mountinfo.h - what is mounted where, read from /proc/self/mountinfo (no file system is touched). Internal to fuse/. */
#ifndef FUSE_MOUNTINFO_H
#define FUSE_MOUNTINFO_H

#include <stdbool.h>

struct mountinfo {
	char dev[24]; /* "major:minor" of the file system; unique while it lives */
	bool fuse;
};

/* The topmost mount at this absolute canonical path. 0, -ENOENT if nothing is mounted there, or negative errno. */
int mountinfo_top(const char *path, struct mountinfo *ret);

#endif
