/* mountinfo.c - what is mounted where, read from /proc/self/mountinfo, see proc(5). */
#include "mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"

/* Undo the octal escapes (\040 for a space) in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

/* Fields: mount id, parent id, major:minor, root, mount point, options, ... "-", type, source, options. */
static bool parse(char *line, const char *path, struct mountinfo *ret)
{
	char *save = NULL, *type = strstr(line, " - ");
	const char *field[5];

	if (!type)
		return false;
	for (int i = 0; i < 5; i++) {
		field[i] = strtok_r(i == 0 ? line : NULL, " ", &save);
		if (!field[i])
			return false;
	}
	unescape((char *)field[4]);
	if (strcmp(field[4], path) != 0 || strlen(field[2]) >= sizeof(ret->dev) ||
	    strlen(field[0]) >= sizeof(ret->id))
		return false;
	strcpy(ret->id, field[0]);
	strcpy(ret->dev, field[2]);
	ret->fuse = strncmp(type + 3, "fuse", 4) == 0;
	return true;
}

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U /* linux/stat.h, since 6.8 */
#endif

/* Asks for nothing but the mount's number, so that the file system itself is not asked (it may be dead). */
static uint64_t unique_id(const char *path)
{
#ifdef HAVE_STATX
	struct statx st;
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;

	if (statx(AT_FDCWD, path, flags, STATX_MNT_ID_UNIQUE, &st) == 0 &&
	    (st.stx_mask & STATX_MNT_ID_UNIQUE))
		return st.stx_mnt_id;
#else
	(void)path;
#endif
	return 0;
}

bool mountinfo_same(const struct mountinfo *a, const struct mountinfo *b)
{
	return a->unique_id == b->unique_id && strcmp(a->id, b->id) == 0 && strcmp(a->dev, b->dev) == 0;
}

int mountinfo_top(const char *path, struct mountinfo *ret)
{
	auto_file FILE *f = fopen("/proc/self/mountinfo", "re");
	auto_free char *line = NULL;
	size_t size = 0;
	int rc = -ENOENT;

	if (!f)
		return -errno;
	while (getline(&line, &size, f) > 0)
		if (parse(line, path, ret)) /* later lines are mounted above earlier ones */
			rc = 0;
	if (rc == 0)
		ret->unique_id = unique_id(path);
	return rc;
}
