/* opts.h - the command line: what was asked for, with the Go gocryptfs's parsing rules. */
#ifndef CLI_OPTS_H
#define CLI_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "view/view.h"

struct err;
struct secret;

/* Values of an option that may be given several times, in the order given. v is NULL-terminated (NULL if n is
 * 0). */
struct opt_list {
	char **v;
	size_t n;
};

/* Strings point into storage owned by this struct (never into argv). NULL: not given. */
struct opts {
	/* what to do */
	bool init, passwd, info, fsck, speed, version, help, hh;
	/* the store */
	bool aessiv, xchacha, plaintextnames, deterministic_names, hkdf, raw64, longnames, zerokey;
	int64_t scryptn, longnamemax;
	bool scryptn_given;
	char *config, *openssl;
	struct secret *masterkey; /* NUL-terminated text; wiped from everywhere else, argv included */
	struct opt_list extpass, passfile;
	int64_t key_fd; /* -1: not given */
	/* the mount */
	bool acl, allow_other, dev, nodev, suid, nosuid, exec, noexec, ro, rw, nonempty, noprealloc, noxattr;
	bool kernel_cache, serialize_reads, writeback;
	char *context, *ctlsock, *force_owner, *fsname, *ko, *peers;
	struct opt_list badname;
	enum view_sharing sharing;
	int64_t idle_ns;
	int64_t threads; /* 0: choose */
	/* the process */
	bool fg, quiet, debug, wpanic, nosyslog, fusedebug, json;
	int64_t notifypid;
	int64_t ready_fd; /* -1: not given */
	int64_t stats_fd; /* -1: not given */
	/* reverse mode and FIDO2: known, refused by the caller */
	bool reverse;
	char *fido2;
	struct opt_list fido2_assert, exclude, exclude_wildcard, exclude_from;
	/* accepted, without effect */
	bool ignored;
	char *ignored_text;

	bool openssl_only; /* -openssl=true */
	char **paths;	   /* what is no option */
	size_t n_paths;
	size_t n_given; /* how many different options were given */
	/* private: what the strings and lists above lie in */
	struct secret *words;
	char **list_room;
	size_t n_lists, list_max;
};

/* Parse argv (argv[0] is the program). Text of a master key is overwritten in argv before anything else
 * happens. Returns 0, or with exit code 1 and a text: -EINVAL   wrong syntax; the text wants
 * opts_syntax_error() around it -ENOTSUP  options that exclude each other, values out of range; the text is
 * the whole message -ENOMEM *ret can always be handed to opts_done. With ret->help the rest of the line was
 * not looked at. */
int opts_parse(struct opts *ret, int argc, char **argv, struct err *err);
void opts_done(struct opts *o);

/* Wipe the text of the master key, once it is a key (or in a process that needs none). */
void opts_forget_masterkey(struct opts *o);

/* argv as Go prints it: each word quoted, blanks between. malloc'ed; NULL if memory is short. */
char *opts_quote_argv(int argc, char *const *argv);

/* The table, for help texts: 0 <= i < opts_count(). */
struct opts_row {
	const char *name;
	const char *type_text; /* "" for booleans, "string", "strings", "int" ... */
	const char *default_text;
	const char *help;
};
size_t opts_count(void);
struct opts_row opts_row(size_t i);

#endif
