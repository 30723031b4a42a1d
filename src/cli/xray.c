/* xray.c - gocryptfs-xray: look at encrypted files and configs from outside. Main program and master key. */
#include "cli/xray.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "cli/exitcode.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/proc.h"
#include "util/secret.h"
#include "volume/config.h"
#include "volume/password.h"
#include "volume/text.h"

#define MY_NAME "gocryptfs-xray"

/* Go's exit code for a command line it cannot read. */
enum { EXIT_FLAGS = 2 };

static void print_version(void)
{
	struct utsname u = { .sysname = "", .machine = "" };

	(void)uname(&u);
	(void)printf(MY_NAME " %s; C %s/%s\n", PACKAGE_VERSION, u.sysname, u.machine);
}

static void usage(void)
{
	print_version();
	(void)printf("\n");
	(void)fflush(stdout);
	(void)fprintf(stderr, "Usage: " MY_NAME " [OPTIONS] FILE\n\nOptions:\n");
	xray_print_options();
	(void)fprintf(stderr, "\nExamples:\n"
			      "  " MY_NAME " myfs/mCXnISiv7nEmyc0glGuhTQ\n"
			      "  " MY_NAME " -dumpmasterkey myfs/gocryptfs.conf\n"
			      "  " MY_NAME " -encrypt-paths myfs.sock\n");
}

static void warn(const char *line)
{
	log_warn("%s", line);
}

/* The password comes from a terminal or stdin only. */
static int unlock(const struct config *c, struct secret **ret_key)
{
	const struct password_source source = { .warn = warn };
	auto_secret struct secret *password = NULL;
	struct err err = { 0 };

	if (password_read(&password, &source, "Password", false, &err) < 0) {
		log_error("%s", err.text);
		return err.exitcode ? err.exitcode : EXITCODE_READPASSWORD;
	}
	if (config_unlock(c, password, ret_key, &err) < 0) {
		log_error("%s", err.text);
		return EXITCODE_LOADCONF;
	}
	return EXITCODE_OK;
}

/* Past stdio, whose buffer would keep the digits. */
static int print_hex_line(const struct secret *key)
{
	static const char digits[] = "0123456789abcdef";
	auto_secret struct secret *line = secret_new(2 * key->len + 1);

	if (!line)
		return EXITCODE_OTHER;
	for (size_t i = 0; i < key->len; i++) {
		line->data[2 * i] = (uint8_t)digits[key->data[i] >> 4];
		line->data[2 * i + 1] = (uint8_t)digits[key->data[i] & 15];
	}
	line->data[2 * key->len] = '\n';
	return fd_write(STDOUT_FILENO, line->data, line->len) < 0 ? EXITCODE_OTHER : EXITCODE_OK;
}

int xray_dump_master_key(const struct xray_args *args)
{
	auto_secret struct secret *key = NULL;
	struct err err = { 0 };
	struct config c;
	int code;

	if (config_load(&c, AT_FDCWD, args->file, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return err.exitcode ? err.exitcode : EXITCODE_OTHER;
	}
	if (!(c.flags & CONFIG_FIDO2)) {
		code = unlock(&c, &key);
	} else if (args->fido2) {
		log_error("This version cannot unlock a master key with a FIDO2 token.");
		code = EXITCODE_FIDO2;
	} else {
		log_error("Masterkey encrypted using FIDO2 token; need to use the --fido2 option.");
		code = EXITCODE_USAGE;
	}
	config_done(&c);
	return code == EXITCODE_OK ? print_hex_line(key) : code;
}

static int run(const struct xray_args *args)
{
	int n_operations = args->dumpmasterkey + args->decrypt_paths + args->encrypt_paths;
	char why[TEXT_ERRNO_MAX];
	auto_fd int fd = -1;

	if (n_operations > 1) {
		(void)fprintf(stderr, "fatal: %d operations were requested\n", n_operations);
		return EXITCODE_USAGE;
	}
	if (!args->file) {
		usage();
		return EXITCODE_USAGE;
	}
	if (args->decrypt_paths || args->encrypt_paths)
		return xray_transform_paths(args);
	if (!args->dumpmasterkey)
		return xray_inspect(args);
	fd = fd_openat(AT_FDCWD, args->file, O_RDONLY | O_NOCTTY, 0);
	if (fd < 0) {
		(void)printf("open %s: %s\n", args->file, text_errno(fd, why));
		return EXITCODE_USAGE;
	}
	return xray_dump_master_key(args);
}

int main(int argc, char **argv)
{
	struct xray_args args;

	(void)fd_sanitize_std();
	(void)proc_no_dumps();
	log_init_colour();
	if (xray_parse_args(&args, argc, argv) < 0) {
		usage();
		return EXIT_FLAGS;
	}
	if (args.help) {
		usage();
		return EXITCODE_OK;
	}
	if (args.version) {
		print_version();
		return EXITCODE_OK;
	}
	return run(&args);
}
