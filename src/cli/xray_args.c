/* xray_args.c - the command line of gocryptfs-xray, by the rules of Go's flag package. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cli/xray.h"
#include "util/cleanup.h"
#include "volume/text.h"

/* Options with a string value have `is_string`. */
static const struct option {
	const char *name;
	size_t offset;
	bool is_string;
	const char *help;
} options[] = {
	{ "0", offsetof(struct xray_args, sep0), false, "Use \\0 instead of \\n as separator" },
	{ "aessiv", offsetof(struct xray_args, aessiv), false, "Assume AES-SIV mode instead of AES-GCM" },
	{ "decrypt-paths", offsetof(struct xray_args, decrypt_paths), false,
	  "Decrypt file paths using gocryptfs control socket" },
	{ "dumpmasterkey", offsetof(struct xray_args, dumpmasterkey), false,
	  "Decrypt and dump the master key" },
	{ "encrypt-paths", offsetof(struct xray_args, encrypt_paths), false,
	  "Encrypt file paths using gocryptfs control socket" },
	{ "fido2", offsetof(struct xray_args, fido2), true,
	  "Protect the masterkey using a FIDO2 token instead of a password" },
	{ "version", offsetof(struct xray_args, version), false, "Print version information" },
	{ "xchacha", offsetof(struct xray_args, xchacha), false,
	  "Assume XChaCha20-Poly1305 mode instead of AES-GCM" },
	{ "h", offsetof(struct xray_args, help), false, NULL },
	{ "help", offsetof(struct xray_args, help), false, NULL },
};
enum { N_OPTIONS = sizeof(options) / sizeof(options[0]) };

void xray_print_options(void)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct option *o = &options[i];

		/* One-letter options stand on the line of their text (Go). */
		if (o->help)
			(void)fprintf(stderr, "  -%s%s%s%s\n", o->name, o->is_string ? " string" : "",
				      o->name[1] ? "\n    \t" : "\t", o->help);
	}
}

static const struct option *find_option(const char *name, size_t n)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (strlen(options[i].name) == n && memcmp(options[i].name, name, n) == 0)
			return &options[i];
	return NULL;
}

/* The spellings strconv.ParseBool takes. */
static int parse_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*ret = strcmp(text, yes[i]) == 0;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_bool(struct xray_args *args, const struct option *o, const char *value)
{
	bool *field = (bool *)((char *)args + o->offset);
	auto_free char *quoted = NULL;

	if (!value) {
		*field = true;
		return 0;
	}
	if (parse_bool(value, field) == 0)
		return 0;
	quoted = text_quote(value, strlen(value));
	(void)fprintf(stderr, "invalid boolean value %s for -%s: parse error\n", quoted ? quoted : "",
		      o->name);
	return -EINVAL;
}

/* argv[*i] is an option; *i moves on to its value if that is a word of its own. */
static int parse_option(struct xray_args *args, int argc, char **argv, int *i)
{
	const char *arg = argv[*i], *name = arg + (arg[1] == '-' ? 2 : 1);
	const char *value = strchr(name, '=');
	size_t n = value ? (size_t)(value++ - name) : strlen(name);
	const struct option *o = find_option(name, n);

	if (n == 0 || name[0] == '-') {
		(void)fprintf(stderr, "bad flag syntax: %s\n", arg);
		return -EINVAL;
	}
	if (!o) {
		(void)fprintf(stderr, "flag provided but not defined: -%.*s\n", (int)n, name);
		return -EINVAL;
	}
	if (!o->is_string)
		return set_bool(args, o, value);
	if (!value && *i + 1 < argc)
		value = argv[++*i];
	if (!value) {
		(void)fprintf(stderr, "flag needs an argument: -%s\n", o->name);
		return -EINVAL;
	}
	*(const char **)((char *)args + o->offset) = value;
	return 0;
}

int xray_parse_args(struct xray_args *ret, int argc, char **argv)
{
	struct xray_args args = { 0 };
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		int r;

		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		r = parse_option(&args, argc, argv, &i);
		if (r < 0)
			return r;
		if (args.help)
			break; /* Go stops here, whatever follows */
	}
	if (argc - i == 1)
		args.file = argv[i];
	*ret = args;
	return 0;
}
