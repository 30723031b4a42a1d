/* cmd_init.c - gocryptfs -init: make a new store in an empty directory. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cpu.h"
#include "cli/exitcode.h"
#include "cli/paths.h"
#include "crypto/rng.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/secret.h"
#include "volume/text.h"

enum { MASTER_KEY_LEN = 32, GROUP = 8 };

static int check_places(const struct cli *c)
{
	auto_free char *quoted = NULL;
	struct err err = { 0 };
	struct stat st;

	if (path_check_empty_dir(c->cipherdir, &err) < 0) {
		(void)err_prefix(&err, "Invalid cipherdir");
		return cli_fail(&err, EXITCODE_CIPHERDIR);
	}
	/* With -config it may lie elsewhere and be the only copy of another store's key. */
	if (lstat(c->config, &st) == 0) {
		quoted = text_quote(c->config, strlen(c->config));
		log_error("Config file %s already exists", quoted ? quoted : "");
		return EXITCODE_INIT;
	}
	return 0;
}

/* Four groups of eight hex digits, a line break, four more. Only to a terminal: a log file is no place for
 * it. */
static void show_master_key(const struct cli *c, const struct secret *key)
{
	static const char hex[] = "0123456789abcdef";
	auto_secret struct secret *text = NULL;
	size_t at = 0;
	char *p;

	if (c->opt.quiet)
		return;
	if (!isatty(STDOUT_FILENO)) {
		log_info("Not running on a terminal, suppressing master key display");
		return;
	}
	text = secret_new(MASTER_KEY_LEN * 2 + 16);
	if (!text)
		return;
	p = (char *)text->data;
	for (size_t i = 0; i < MASTER_KEY_LEN; i++) {
		p[at++] = hex[key->data[i] >> 4];
		p[at++] = hex[key->data[i] & 15];
		if (i % (GROUP / 2) == GROUP / 2 - 1 && i + 1 < MASTER_KEY_LEN)
			p[at++] = '-';
		if (i == MASTER_KEY_LEN / 2 - 1) {
			memcpy(p + at, "\n    ", 5);
			at += 5;
		}
	}
	p[at] = '\0';
	log_info("\nYour master key is:\n\n    %s%s%s\n\n"
		 "If the gocryptfs.conf file becomes corrupted or you ever forget your password,\n"
		 "there is only one hope for recovery: The master key. Print it to a piece of\n"
		 "paper and store it in a drawer. This message is only printed once.",
		 log_grey(), p, log_reset());
}

static int get_master_key(struct cli *c, struct secret **ret)
{
	int code = keys_explicit(c, ret);

	if (code != 0 || *ret)
		return code;
	*ret = secret_new(MASTER_KEY_LEN);
	if (!*ret)
		return cli_no_memory();
	rng_bytes((*ret)->data, (*ret)->len);
	return 0;
}

static int make_config(const struct cli *c, const struct secret *key, const struct secret *password,
		       struct config *ret)
{
	const struct opts *o = &c->opt;
	const struct config_new what = {
		.plaintextnames = o->plaintextnames,
		.deterministic_names = o->deterministic_names,
		.aessiv = o->aessiv,
		.xchacha = o->xchacha,
		.long_name_max = o->longnamemax ? (uint32_t)o->longnamemax : 255,
		.scrypt_logn = o->scryptn > INT_MAX || o->scryptn < INT_MIN ? INT_MAX : (int)o->scryptn,
		.creator = "gocryptfs " PACKAGE_VERSION,
	};
	struct err err = { 0 };

	if (config_create(ret, &what, key, password, &err) < 0)
		return cli_fail(&err, EXITCODE_WRITECONF);
	return 0;
}

/* The directory a path lies in, opened; *ret_name points into path. */
static int open_parent(const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));

	if (!dir)
		return -ENOMEM;
	*ret_name = slash + 1;
	return fd_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0);
}

static int create(const struct cli *c, const struct config *conf)
{
	const char *conf_name;
	auto_fd int dirfd = fd_openat(AT_FDCWD, c->cipherdir, O_RDONLY | O_DIRECTORY, 0);
	auto_fd int conf_dirfd = open_parent(c->config, &conf_name);
	char why[TEXT_ERRNO_MAX];
	struct err err = { 0 };

	if (dirfd < 0 || conf_dirfd < 0) {
		log_error("open %s: %s", dirfd < 0 ? c->cipherdir : c->config,
			  text_errno(dirfd < 0 ? dirfd : conf_dirfd, why));
		return dirfd < 0 ? EXITCODE_INIT : EXITCODE_WRITECONF;
	}
	if (volume_create(dirfd, conf_dirfd, conf_name, conf, &err) < 0)
		return cli_fail(&err, EXITCODE_INIT);
	return 0;
}

static void say_done(const struct cli *c)
{
	auto_free char *friendly = path_friendly(c->cipherdir);

	log_info("%sThe gocryptfs filesystem has been created successfully.%s", log_green(), log_reset());
	log_info("%sYou can now mount it using: gocryptfs %s MOUNTPOINT%s", log_grey(),
		 friendly ? friendly : c->cipherdir, log_reset());
}

int cmd_init(struct cli *c)
{
	auto_secret struct secret *key = NULL;
	auto_secret struct secret *password = NULL;
	struct config conf = { 0 };
	int code;

	code = check_places(c);
	if (code != 0)
		return code;
	if (!c->opt.xchacha && !cpu_has_aes_gcm())
		log_info("%sNotice: Your CPU does not have AES-GCM acceleration. Consider using -xchacha for "
			 "better performance.%s",
			 log_yellow(), log_reset());
	code = get_master_key(c, &key);
	if (code != 0)
		return code;
	if (c->opt.extpass.n == 0)
		log_info("Choose a password for protecting your files.");
	code = keys_ask_new_password(c, true, &password);
	if (code == 0)
		code = make_config(c, key, password, &conf);
	if (code == 0)
		code = create(c, &conf);
	config_done(&conf);
	if (code != 0)
		return code;
	show_master_key(c, key);
	say_done(c);
	return EXITCODE_OK;
}
