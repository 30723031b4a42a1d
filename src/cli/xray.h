/* xray.h - the parts of gocryptfs-xray. */
#ifndef CLI_XRAY_H
#define CLI_XRAY_H

#include <stdbool.h>

/* From the command line; the strings belong to argv. */
struct xray_args {
	bool dumpmasterkey, decrypt_paths, encrypt_paths;
	bool aessiv, xchacha;
	bool sep0; /* paths end in NUL instead of newline */
	bool version, help;
	const char *fido2; /* device; NULL: not given */
	const char *file;  /* the one argument; NULL: none or several */
};

/* Go's flag package: -name or --name, =value, options before arguments. 0; -EINVAL after an error was printed
 * (usage follows, exit code 2). */
int xray_parse_args(struct xray_args *ret, int argc, char **argv);
/* The table of options on stderr. */
void xray_print_options(void);

/* Each returns the program's exit code. */
int xray_inspect(const struct xray_args *args);
int xray_dump_master_key(const struct xray_args *args);
int xray_transform_paths(const struct xray_args *args);

#endif
