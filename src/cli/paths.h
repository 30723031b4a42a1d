/* paths.h - paths in arguments and messages, handled as Go's path/filepath does: by their text. */
#ifndef CLI_PATHS_H
#define CLI_PATHS_H

#include <stdbool.h>

struct err;

/* Shortest equivalent by text alone: no "//", ".", and ".." only at the front of a relative path. malloc'ed,
 * NULL if memory is short. "" gives ".". */
char *path_clean(const char *path);

/* Absolute and clean; the working directory is $PWD if that is right. malloc'ed, or NULL (no working
 * directory, memory). */
char *path_abs(const char *path);

/* For a hint the reader may copy: relative to the working directory unless that would start with "../"; in
 * double quotes if there is a blank in it. malloc'ed, or NULL. */
char *path_friendly(const char *abs);

/* Does `inner` lie below or at `outer` (both clean and absolute)? */
bool path_is_within(const char *inner, const char *outer);

/* 0, or negative errno with the Go program's text ("stat /x: no such file or directory", "/x is not a
 * directory"). */
int path_check_dir(const char *path, struct err *err);
/* ... and -ENOTEMPTY ("directory /x not empty"). */
int path_check_empty_dir(const char *path, struct err *err);

#endif
