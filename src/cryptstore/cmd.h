/* cmd.h - what the subcommands of cryptstore share: the table's type, messages, the site's files. */
#ifndef CRYPTSTORE_CMD_H
#define CRYPTSTORE_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cryptstore/exit.h"
#include "grant/policy.h"
#include "grant/sitekey.h"
#include "util/err.h"

/* Every subcommand: argv[0] is its name; returns an exit code. Files cmd_NAME.c. */
int cmd_ticket(int argc, char **argv);
int cmd_ticket_show(const char *dir, char **argv, int argc); /* ticket --show FILE [STORE] */
int cmd_submit(int argc, char **argv);
int cmd_site_key(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_enter(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_keep(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_export(int argc, char **argv);

/* "cryptstore: TEXT" to standard error; returns err->exitcode, or CS_OTHER if that is 0. */
int cs_fail(const struct err *err);
/* A usage error of subcommand `name`: the text, then how to get help. Returns CS_USAGE. */
int cs_usage(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cs_note(const char *line); /* a line for the person, standard error */
/* The beginning of what a program (looked up in PATH) prints, without its complaints. False if it cannot be
 * run or says nothing. */
bool cs_ask(const char *const *argv, char *buf, size_t size);
/* Take the variables of a job or step around this program out of the environment: srun would take them for
 * wishes about the step it is to make in a job named by --jobid. Where Slurm's configuration is stays. */
void cs_forget_step(void);

/* Where the site's files are: --sysconfdir, else the directory compiled in. The environment is never asked:
 * these files decide what root does. `dir` NULL means the compiled one; then only root may own the files,
 * else also the caller. */
#define CS_CONF_DIR SYSCONFDIR "/cryptstore"
int cs_load_policy(struct policy **ret, const char *dir, struct err *err);
int cs_load_public(uint8_t ret[static SITEKEY_LEN], const char *dir, struct err *err);
int cs_load_private(struct sitekeys **ret, const char *dir, struct err *err);
/* dir or the default, "/" and name (NULL: the directory itself), malloc'ed; relative dirs are made absolute.
 */
char *cs_conf_path(const char *dir, const char *name);

/* Who asks: uid and groups of this process. *ret_groups is malloc'ed and borrowed by q. 0 or negative errno.
 */
int cs_request_self(struct policy_request *q, gid_t **ret_groups, struct err *err);

#endif
