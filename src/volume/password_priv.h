/* password_priv.h - what the parts of the password module share among themselves. */
#ifndef VOLUME_PASSWORD_PRIV_H
#define VOLUME_PASSWORD_PRIV_H

#include <stdbool.h>

struct err;
struct secret;

/* Set exit code 9 and the text; returns r. */
int password_fail(struct err *err, int r, const char *text);

/* One line from fd into s (PASSWORD_MAX bytes; len becomes that of the line without newline), byte by byte so
 * that what follows stays for the next reader. End of file ends the line. */
int password_read_line(int fd, struct secret *s, struct err *err);

/* Ask on the terminal that is stdin; `what` is the prompt without ": ". */
int password_read_tty(const char *what, bool confirm, struct secret *s, struct err *err);

/* First line of what a program prints (execvp(3) rules, NULL-terminated argv); the program must end well. */
int password_run_program(char **argv, struct secret *s, struct err *err);

#endif
