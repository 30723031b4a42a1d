/* cli.h - what the commands of gocryptfs share: the request, and a store with its key. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/opts.h"
#include "volume/config.h"
#include "volume/volume.h"

struct aead_backend;
struct err;

struct cli {
	struct opts opt;
	int argc;
	char **argv;	 /* for messages; holds no key any more */
	char *cipherdir; /* absolute */
	char *config;	 /* absolute */
	bool force_owner;
	uid_t force_uid;
	gid_t force_gid;
};

/* Each carries out one operation, tells the user what went wrong, and returns the exit code of the program.
 */
int cmd_init(struct cli *c);
int cmd_mount(struct cli *c);
int cmd_passwd(struct cli *c);
int cmd_info(struct cli *c);
int cmd_fsck(struct cli *c);
int cmd_speed(void);
void cmd_version_line(void); /* the first line of -version, -h and -speed */
void cmd_version(void);	     /* that, and the code of each cipher on this machine */

void help_short(void);
void help_long(void);

/* Print the text as an error, return the exit code that goes with it (fallback if the layer below had no
 * opinion). */
int cli_fail(const struct err *err, int fallback);
int cli_no_memory(void);

/* --- keys.c: a store and its master key --- */
struct keys {
	struct config config;
	bool have_config; /* false: options of the command line stand for it */
	bool explicit_key;
	struct secret *master_key;
};

/* -masterkey, -zerokey and -key_fd, or *ret = NULL if none was given. Exit code, 0 if well. */
int keys_explicit(struct cli *c, struct secret **ret);

/* The config (if need_config or no explicit key was given) and the master key, asking for the password where
 * that is the way. Exit code, 0 if well; *ret can always be handed to keys_done. */
int keys_get(struct cli *c, bool need_config, struct keys *ret);
void keys_done(struct keys *k);

/* The store opened with these keys. An explicit key is compared with what is stored under dirfd; one that
 * fits nothing gives exit code 12, or a warning only if `lenient`. Exit code, 0 if well. */
int keys_open_volume(struct cli *c, const struct keys *k, int dirfd, bool lenient, struct volume **ret);

/* A password typed twice where there is a terminal. first: -extpass and -passfile count (not for a new one in
 * -passwd). */
int keys_ask_new_password(struct cli *c, bool first, struct secret **ret);

#endif
