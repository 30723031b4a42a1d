/* optwords.h - argv before it is parsed: -o taken apart, dashes doubled, master keys hidden from ps(1). */
#ifndef CLI_OPTWORDS_H
#define CLI_OPTWORDS_H

#include <stddef.h>

struct err;
struct secret;

struct optwords {
	char **v; /* options start with "--" ("-h" apart); no program name */
	size_t n;
	struct secret *text; /* holds the strings */
};

/* Options of the last "-o a,b=c" or "-o=a,b=c" go in front as "--a" "--b=c", unless there is a "--" or no
 * third word; every other word that starts with exactly one dash gets a second one, up to "--". argv is then
 * relieved of the text of master keys (see optwords_hide). Returns 0, -ENOTSUP with a text (-o without an
 * argument, -o inside -o), -ENOMEM. */
int optwords_new(struct optwords *ret, int argc, char **argv, struct err *err);
void optwords_done(struct optwords *w);

/* Overwrite what follows -masterkey in argv, in all its forms, so that /proc/PID/cmdline shows no key.
 * "stdin" stays. */
void optwords_hide(int argc, char **argv);

#endif
