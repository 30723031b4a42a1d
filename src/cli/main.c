/* main.c - gocryptfs: the order of things before an operation starts, which decides who sees which error
 * first. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/exitcode.h"
#include "cli/optvalue.h"
#include "cli/paths.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/proc.h"
#include "util/secret.h"

int cli_fail(const struct err *err, int fallback)
{
	log_error("%s", err->text);
	return err->exitcode ? err->exitcode : fallback;
}

int cli_no_memory(void)
{
	log_error("out of memory");
	return EXITCODE_OTHER;
}

static int parse_failed(const struct cli *c, int r, const struct err *err)
{
	auto_free char *quoted = NULL;

	if (r != -EINVAL)
		return cli_fail(err, EXITCODE_USAGE);
	quoted = opts_quote_argv(c->argc, c->argv);
	log_error("Invalid command line: %s: %s. Try 'gocryptfs -help'.", quoted ? quoted : "", err->text);
	return EXITCODE_USAGE;
}

/* A descriptor that was handed to us stays ours: programs we start must not inherit it. */
static int adopt_fd(const char *name, int64_t fd)
{
	if (fd == -1)
		return 0;
	if (fd < 0 || fd > INT32_MAX || fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0) {
		log_error("-%s: descriptor %lld is not open", name, (long long)fd);
		return EXITCODE_USAGE;
	}
	return 0;
}

/* What this version does not have is said at once and in one line. */
static int refuse_missing(const struct opts *o)
{
	if (o->reverse && o->fsck)
		log_error("Running -fsck with -reverse is not supported");
	else if (o->reverse)
		log_error("-reverse: reverse mode is not available in this version yet");
	else if ((o->fido2 && *o->fido2) || o->fido2_assert.n)
		log_error("-fido2: FIDO2 tokens are not supported by this version yet");
	else
		return 0;
	return EXITCODE_USAGE;
}

static int resolve_store(struct cli *c)
{
	struct err err = { 0 };

	c->cipherdir = path_abs(c->opt.paths[0]);
	if (!c->cipherdir)
		return cli_no_memory();
	if (path_check_dir(c->cipherdir, &err) < 0) {
		(void)err_prefix(&err, "Invalid cipherdir");
		return cli_fail(&err, EXITCODE_CIPHERDIR);
	}
	if (c->opt.exclude.n) {
		log_error("-exclude only works in reverse mode");
		return EXITCODE_EXCLUDE;
	}
	if (c->opt.exclude_wildcard.n || c->opt.exclude_from.n)
		log_info("-exclude-wildcard and -exclude-from only work in reverse mode, ignored");
	if (c->opt.config && *c->opt.config) {
		c->config = path_abs(c->opt.config);
		if (c->config)
			log_info("Using config file at custom location %s", c->config);
	} else if (asprintf(&c->config, "%s/gocryptfs.conf", strcmp(c->cipherdir, "/") ? c->cipherdir : "") <
		   0) {
		c->config = NULL;
	}
	return c->config ? 0 : cli_no_memory();
}

static int resolve_owner(struct cli *c)
{
	struct err err = { 0 };

	if (!c->opt.force_owner || !*c->opt.force_owner)
		return 0;
	if (optvalue_owner(c->opt.force_owner, &c->force_uid, &c->force_gid, &err) < 0)
		return cli_fail(&err, EXITCODE_USAGE);
	c->force_owner = true;
	c->opt.allow_other = true; /* documented to be implied */
	return 0;
}

static int usage_error(const struct cli *c)
{
	auto_free char *quoted = opts_quote_argv(c->argc, c->argv);

	log_info("Wrong number of arguments (have %zu, want 2). You passed: %s", c->opt.n_paths,
		 quoted ? quoted : "");
	log_error("Usage: gocryptfs [OPTIONS] CIPHERDIR MOUNTPOINT [-o COMMA-SEPARATED-OPTIONS]");
	return EXITCODE_USAGE;
}

static int run_operation(struct cli *c)
{
	const struct opts *o = &c->opt;
	int n = o->info + o->init + o->passwd + o->fsck;

	if (n == 0)
		return o->n_paths == 2 ? cmd_mount(c) : usage_error(c);
	if (n > 1) {
		log_error("At most one of -info, -init, -passwd, -fsck is allowed");
		return EXITCODE_USAGE;
	}
	if (o->n_paths != 1) {
		log_error("The options -info, -init, -passwd, -fsck take exactly one argument, %zu given",
			  o->n_paths);
		return EXITCODE_USAGE;
	}
	if (o->info)
		return cmd_info(c);
	if (o->init)
		return cmd_init(c);
	return o->passwd ? cmd_passwd(c) : cmd_fsck(c);
}

/* Operations that need no store. -1: none of them. */
static int run_standalone(const struct cli *c)
{
	const struct opts *o = &c->opt;

	if (o->help) {
		help_short();
		return EXITCODE_OK;
	}
	if (o->version) {
		cmd_version();
		return EXITCODE_OK;
	}
	if (o->hh) {
		help_long();
		return EXITCODE_OK;
	}
	if (o->speed)
		return cmd_speed();
	if (o->n_paths > 0)
		return -1;
	if (o->n_given == 0)
		help_short();
	else
		log_error("CIPHERDIR argument is missing");
	return EXITCODE_USAGE;
}

static int run(struct cli *c)
{
	struct err err = { 0 };
	int code, r;

	r = opts_parse(&c->opt, c->argc, c->argv, &err);
	if (r < 0)
		return parse_failed(c, r, &err);
	/* -json owns stdout */
	log_configure(&(struct log_options){ .quiet = c->opt.quiet || (c->opt.json && c->opt.fsck),
					     .debug = c->opt.debug,
					     .wpanic = c->opt.wpanic });
	if (log_debug_on()) {
		auto_free char *quoted = opts_quote_argv(c->argc, c->argv);

		log_debug("cli args: [%s]", quoted ? quoted : "");
	}
	code = run_standalone(c);
	if (code >= 0)
		return code;
	code = adopt_fd("key_fd", c->opt.key_fd);
	if (code == 0)
		code = adopt_fd("ready_fd", c->opt.ready_fd);
	if (code == 0)
		code = adopt_fd("stats_fd", c->opt.stats_fd);
	if (code == 0)
		code = refuse_missing(&c->opt);
	if (code == 0)
		code = resolve_store(c);
	if (code == 0)
		code = resolve_owner(c);
	return code ? code : run_operation(c);
}

int main(int argc, char **argv)
{
	struct cli c = { .argc = argc, .argv = argv };
	const char *path = getenv("PATH");
	int code;

	if (fd_sanitize_std() < 0)
		return EXITCODE_DEVNULL;
	/* mount(8) clears it, and -extpass and fusermount3 are looked up in it */
	if (!path || !*path)
		(void)setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	(void)proc_no_dumps();
	log_init_colour();
	code = run(&c);
	if (fflush(stdout) != 0 && code == 0)
		code = EXITCODE_OTHER; /* -info on a full disk must not look well */
	opts_done(&c.opt);
	free(c.cipherdir);
	free(c.config);
	return code;
}
