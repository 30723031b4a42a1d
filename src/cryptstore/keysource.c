/* keysource.c - password, master key or ticket, from the terminal, a file, a program or standard input. */
#include "cryptstore/keysource.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cryptstore/cmd.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/secret.h"
#include "volume/password.h"

int keysource_parse(struct keysource *ret, const char *text, struct err *err)
{
	static const struct {
		const char *prefix;
		enum keysource_kind kind;
	} kinds[] = { { "passfile:", KEYSOURCE_PASSFILE },
		      { "extpass:", KEYSOURCE_EXTPASS },
		      { "masterkey:", KEYSOURCE_MASTERKEY },
		      { "ticket:", KEYSOURCE_TICKET } };
	size_t i;

	*ret = (struct keysource){ .kind = KEYSOURCE_PROMPT };
	if (!text)
		return 0;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, n) != 0 || !text[n])
			continue;
		*ret = (struct keysource){ kinds[i].kind, text + n };
		if (ret->kind == KEYSOURCE_MASTERKEY && strcmp(ret->arg, "stdin") != 0)
			break; /* a key on the command line would be seen by everybody; do not repeat it
				  either */
		return 0;
	}
	return err_set_exit(
	    err, -EINVAL, CS_USAGE,
	    "the key source must be passfile:FILE, extpass:COMMAND, masterkey:stdin or ticket:FILE");
}

int keysource_prepare(const struct keysource *k, struct err *err)
{
	auto_fd int tty = -1;

	if (k->kind != KEYSOURCE_PROMPT)
		return 0;
	tty = fd_openat(AT_FDCWD, "/dev/tty", O_RDWR | O_NOCTTY, 0);
	if (tty < 0)
		return err_set_exit(err, -ENOTTY, CS_NO_SOURCE,
				    "there is no terminal to ask for the password on: give a source with "
				    "--crypt-store-key= (or "
				    "--key): passfile:FILE, extpass:COMMAND, masterkey:stdin, or ticket:FILE "
				    "made by 'cryptstore "
				    "ticket'");
	if (dup2(tty, STDIN_FILENO) < 0)
		return err_set_exit(err, -errno, CS_NO_SOURCE, "cannot read from the terminal: %s",
				    strerror(errno));
	return 0;
}

int keysource_password(struct secret **ret, const struct keysource *k, const char *path, struct err *err)
{
	char prompt[PATH_MAX + 32], *arg = (char *)k->arg; /* the source's fields are not written through */
	struct password_source src = { .warn = cs_note };
	int r;

	(void)snprintf(prompt, sizeof(prompt), "Password of %s", path);
	if (k->kind == KEYSOURCE_PASSFILE) {
		src.passfiles = &arg;
		src.n_passfiles = 1;
	} else if (k->kind == KEYSOURCE_EXTPASS) {
		src.extpass = &arg;
		src.n_extpass = 1;
	}
	r = password_read(ret, &src, prompt, false, err);
	if (r < 0)
		err->exitcode = CS_NO_SOURCE;
	return r;
}

int keysource_masterkey(struct secret **ret, struct err *err)
{
	const struct password_source src = { 0 };
	auto_secret struct secret *line = NULL;
	auto_secret struct secret *text = NULL;
	int r = password_read(&line, &src, "Master key", false, err);

	if (r < 0) {
		err->exitcode = CS_NO_SOURCE;
		return r;
	}
	text = secret_new(line->len + 1);
	if (!text)
		return err_set(err, -ENOMEM, "out of memory");
	memcpy(text->data, line->data, line->len);
	r = password_parse_masterkey(ret, (const char *)text->data, err);
	if (r < 0)
		err->exitcode = CS_PASSWORD;
	return r;
}
