/* mountinfo.c - what is mounted where, read from /proc/self/mountinfo, see proc(5). */
#include "mountinfo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

/* Undo the octal escapes (\040 for a space) in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
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
	if (strcmp(field[4], path) != 0 || strlen(field[2]) >= sizeof(ret->dev))
		return false;
	strcpy(ret->dev, field[2]);
	ret->fuse = strncmp(type + 3, "fuse", 4) == 0;
	return true;
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
	return rc;
}
