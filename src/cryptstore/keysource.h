/* keysource.h - --key: where the password, the master key or a ready ticket comes from. */
#ifndef CRYPTSTORE_KEYSOURCE_H
#define CRYPTSTORE_KEYSOURCE_H

struct err;
struct secret;

enum keysource_kind {
	KEYSOURCE_PROMPT,
	KEYSOURCE_PASSFILE,
	KEYSOURCE_EXTPASS,
	KEYSOURCE_MASTERKEY,
	KEYSOURCE_TICKET
};

struct keysource {
	enum keysource_kind kind;
	const char *arg; /* behind the colon; borrowed from the text */
};

/* "passfile:F", "extpass:CMD", "masterkey:stdin", "ticket:F"; NULL: ask on the terminal. -EINVAL, exit code
 * CS_USAGE. */
int keysource_parse(struct keysource *ret, const char *text, struct err *err);

/* Make sure that a password can be had at all before anything else is done: with KEYSOURCE_PROMPT, /dev/tty
 * must open; it replaces standard input (a job script may be coming in there). Exit code CS_NO_SOURCE with
 * the ways to give one. */
int keysource_prepare(const struct keysource *k, struct err *err);

/* Password for the store at path. Exit code CS_NO_SOURCE. */
int keysource_password(struct secret **ret, const struct keysource *k, const char *path, struct err *err);
/* One line of standard input as master key. Exit codes CS_NO_SOURCE, CS_PASSWORD. */
int keysource_masterkey(struct secret **ret, struct err *err);

#endif
