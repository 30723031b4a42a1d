/* password.h - where passwords come from, with upstream's rules (cli.md "Password reading"). */
#ifndef VOLUME_PASSWORD_H
#define VOLUME_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct secret;

enum { PASSWORD_MAX = 2048 };

struct password_source {
	char **passfiles; /* first lines concatenated */
	size_t n_passfiles;
	char **extpass; /* one element: split on single spaces; more: argv as it is */
	size_t n_extpass;
	void (*note)(
	    const char *line); /* told the source line ("Reading Password from stdin ..."); may be NULL */
	void (*warn)(const char *line); /* e.g. garbage after the first line of a passfile; may be NULL */
};
/* passfile, extpass, terminal (echo off, prompt on stderr), else one line of stdin read byte by byte. confirm
 * asks twice on a terminal ("Repeat: "). prompt names what is asked for in prompt and messages: "Password"
 * (also for NULL), "Masterkey"; a final ": " is dropped. The program of extpass gets /dev/null as stdin, as
 * upstream's does, so that it cannot eat a new password waiting there. All failures carry exit code 9 and
 * upstream's text; -EINTR: a signal with a handler of the program's own came. Uses signal handlers while a
 * terminal is read: call before threads exist. */
int password_read(struct secret **ret, const struct password_source *src, const char *prompt, bool confirm,
		  struct err *err);

/* Master key text (64 hex digits, dashes anywhere) to 32 bytes; exit code 14. The text is not kept. */
int password_parse_masterkey(struct secret **ret, const char *text, struct err *err);

#endif
