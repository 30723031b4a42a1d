/* text.h - pieces of messages in the form the Go gocryptfs gives them, so that scripts which match them keep
 * working. */
#ifndef VOLUME_TEXT_H
#define VOLUME_TEXT_H

#include <stddef.h>

enum { TEXT_ERRNO_MAX = 128 };

/* What went wrong in lower case, as Go says it ("no such file or directory"). code may be negative. Returns
 * buf. */
const char *text_errno(int code, char buf[static TEXT_ERRNO_MAX]);

/* n bytes in double quotes with Go's escapes (%q): printable UTF-8 as it is, \n, \", \\ and the like, other
 * bytes \xNN. malloc'ed, or NULL if memory is short. */
char *text_quote(const char *s, size_t n);

#endif
