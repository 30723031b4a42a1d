/* password.c - passwords from files, programs and pipes (gocryptfs command line, "Password reading"); the
 * terminal is in password_tty.c. */
#include "volume/password.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/secret.h"
#include "volume/password_priv.h"
#include "volume/text.h"

int password_fail(struct err *err, int r, const char *text)
{
	return err_set_exit(err, r, EXITCODE_READPASSWORD, "%s", text);
}

int password_read_line(int fd, struct secret *s, struct err *err)
{
	char why[TEXT_ERRNO_MAX];
	size_t n = 0;

	for (;;) {
		uint8_t over;
		uint8_t *p = n < PASSWORD_MAX ? s->data + n : &over;
		ssize_t got = fd_read(fd, p, 1);
		bool end = got == 0 || (got > 0 && *p == '\n');

		if (p == &over && !end) {
			secret_wipe(&over, sizeof(over));
			return err_set_exit(err, got < 0 ? (int)got : -EMSGSIZE, EXITCODE_READPASSWORD,
					    "fatal: maximum password length of %d bytes exceeded",
					    PASSWORD_MAX);
		}
		if (got < 0)
			return err_set_exit(err, (int)got, EXITCODE_READPASSWORD,
					    "could not read the password: %s", text_errno((int)got, why));
		if (end)
			break;
		n++;
	}
	if (n < PASSWORD_MAX)
		s->data[n] = 0; /* the newline */
	s->len = n;
	return 0;
}

/* Format and hand to `tell`, which may be NULL. */
static void tell_line(void (*tell)(const char *), const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void tell_line(void (*tell)(const char *), const char *fmt, ...)
{
	auto_free char *line = NULL;
	va_list ap;

	if (!tell)
		return;
	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) < 0)
		line = NULL;
	va_end(ap);
	if (line)
		tell(line);
}

/* The first line of one passfile, put behind the *used bytes in all. One read() only: the other end of a FIFO
 * may keep it open. */
static int read_passfile(const char *path, const struct password_source *src, struct secret *all,
			 size_t *used, struct err *err)
{
	/* One more for the newline and one to see that the limit is exceeded. */
	auto_secret struct secret *buf = secret_new(PASSWORD_MAX + 2);
	auto_free char *quoted = text_quote(path, strlen(path));
	char why[TEXT_ERRNO_MAX];
	auto_fd int fd = -1;
	uint8_t *newline;
	ssize_t n;
	size_t len;

	if (!buf || !quoted)
		return password_fail(err, -ENOMEM, "out of memory");
	tell_line(src->note, "passfile: reading from file %s", quoted);
	fd = fd_openat(AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0);
	if (fd < 0)
		return err_set_exit(err, fd, EXITCODE_READPASSWORD,
				    "fatal: passfile: could not open %s: open %s: %s", quoted, path,
				    text_errno(fd, why));
	do
		n = read(fd, buf->data, buf->len);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return err_set_exit(err, n < 0 ? -errno : -ENODATA, EXITCODE_READPASSWORD,
				    "fatal: passfile: could not read from %s: %s%s%s%s", quoted,
				    n < 0 ? "read " : "EOF", n < 0 ? path : "", n < 0 ? ": " : "",
				    n < 0 ? text_errno(errno, why) : "");
	newline = memchr(buf->data, '\n', (size_t)n);
	len = newline ? (size_t)(newline - buf->data) : (size_t)n;
	if (len == 0)
		return err_set_exit(err, -EINVAL, EXITCODE_READPASSWORD,
				    "fatal: passfile: empty first line in %s", quoted);
	if (len > PASSWORD_MAX)
		return err_set_exit(err, -EMSGSIZE, EXITCODE_READPASSWORD,
				    "fatal: passfile: max password length (%d bytes) exceeded", PASSWORD_MAX);
	if (newline && len + 1 < (size_t)n)
		tell_line(src->warn,
			  "warning: passfile: ignoring trailing garbage (%zu bytes) after first line",
			  (size_t)n - len - 1);
	memcpy(all->data + *used, buf->data, len);
	*used += len;
	return 0;
}

static int read_passfiles(const struct password_source *src, struct secret **ret, struct err *err)
{
	auto_secret struct secret *all = NULL;
	size_t used = 0, size;

	if (!__builtin_mul_overflow(src->n_passfiles, (size_t)PASSWORD_MAX, &size))
		all = secret_new(size);
	if (!all)
		return password_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < src->n_passfiles; i++) {
		int r = read_passfile(src->passfiles[i], src, all, &used, err);

		if (r < 0)
			return r;
	}
	all->len = used;
	*ret = take(all);
	return 0;
}

static int read_stdin(const struct password_source *src, const char *what, struct secret *s, struct err *err)
{
	char link[256];
	ssize_t n = readlink("/proc/self/fd/0", link, sizeof(link));
	auto_free char *quoted = n > 0 ? text_quote(link, (size_t)n) : NULL;
	int r;

	if (quoted)
		tell_line(src->note, "Reading %s from stdin (connected to %s)", what, quoted);
	else
		tell_line(src->note, "Reading %s from stdin", what);
	r = password_read_line(STDIN_FILENO, s, err);
	if (r < 0)
		return r;
	if (s->len == 0)
		return err_set_exit(err, -EINVAL, EXITCODE_READPASSWORD, "got empty %s from stdin", what);
	return 0;
}

/* "Reading password from extpass program "p", arguments: ["a" "b"]" */
static void note_extpass(const struct password_source *src, char **argv)
{
	auto_free char *program = text_quote(argv[0], strlen(argv[0]));
	auto_free char *text = NULL;
	size_t size;
	FILE *out = src->note ? open_memstream(&text, &size) : NULL;

	if (!out)
		return;
	(void)fprintf(out, "Reading password from extpass program %s, arguments: [", program ? program : "");
	for (char **arg = argv + 1; *arg; arg++) {
		auto_free char *quoted = text_quote(*arg, strlen(*arg));

		(void)fprintf(out, "%s%s", arg == argv + 1 ? "" : " ", quoted ? quoted : "");
	}
	(void)fputc(']', out);
	if (fclose(out) == 0)
		src->note(text);
}

/* argv from one string, cut at every single space (two in a row make an empty argument, as upstream does it).
 * The words stay in *ret_words. */
static char **split_words(const char *command, char **ret_words)
{
	char *words = strdup(command);
	size_t n = 1, i = 0;
	char **argv;

	for (const char *p = command; *p; p++)
		n += *p == ' ';
	argv = calloc(n + 1, sizeof(*argv));
	if (!argv || !words) {
		free(argv);
		free(words);
		return NULL;
	}
	*ret_words = words;
	while (words)
		argv[i++] = strsep(&words, " ");
	return argv;
}

static int read_extpass(const struct password_source *src, struct secret *s, struct err *err)
{
	auto_free char *words = NULL;
	auto_free char **argv = NULL;
	int r;

	if (src->n_extpass == 1) {
		argv = split_words(src->extpass[0], &words);
	} else {
		argv = calloc(src->n_extpass + 1, sizeof(*argv));
		if (argv)
			memcpy(argv, src->extpass, src->n_extpass * sizeof(*argv));
	}
	if (!argv)
		return password_fail(err, -ENOMEM, "out of memory");
	note_extpass(src, argv);
	r = password_run_program(argv, s, err);
	if (r < 0)
		return r;
	return s->len ? 0 : password_fail(err, -EINVAL, "extpass: password is empty");
}

int password_read(struct secret **ret, const struct password_source *src, const char *prompt, bool confirm,
		  struct err *err)
{
	auto_secret struct secret *s = NULL;
	size_t len = strlen(prompt ? prompt : "");
	auto_free char *what = NULL;
	int r;

	while (len && (prompt[len - 1] == ' ' || prompt[len - 1] == ':'))
		len--;
	what = len ? strndup(prompt, len) : strdup("Password");
	if (src->n_passfiles)
		return read_passfiles(src, ret, err);
	s = secret_new(PASSWORD_MAX);
	if (!s || !what)
		return password_fail(err, -ENOMEM, "out of memory");
	if (src->n_extpass)
		r = read_extpass(src, s, err);
	else if (isatty(STDIN_FILENO))
		r = password_read_tty(what, confirm, s, err);
	else
		r = read_stdin(src, what, s, err);
	if (r < 0)
		return r;
	*ret = take(s);
	return 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int password_parse_masterkey(struct secret **ret, const char *text, struct err *err)
{
	enum { KEY_LEN = 32 };
	auto_secret struct secret *key = secret_new(KEY_LEN);
	size_t n = 0;

	if (!key)
		return err_set_exit(err, -ENOMEM, EXITCODE_MASTERKEY, "out of memory");
	/* Digits are counted to the end even if there are too many, for the message. */
	for (const char *p = text; *p; p++) {
		int v = hex_value(*p);

		if (*p == '-')
			continue;
		if (v < 0)
			return err_set_exit(
			    err, -EINVAL, EXITCODE_MASTERKEY,
			    "Could not parse master key: encoding/hex: invalid byte at position %zu",
			    (size_t)(p - text) + 1);
		if (n / 2 < KEY_LEN)
			key->data[n / 2] = (uint8_t)(key->data[n / 2] << 4 | v);
		n++;
	}
	if (n % 2)
		return err_set_exit(err, -EINVAL, EXITCODE_MASTERKEY,
				    "Could not parse master key: encoding/hex: odd length hex string");
	if (n / 2 != KEY_LEN)
		return err_set_exit(err, -EINVAL, EXITCODE_MASTERKEY,
				    "Master key has length %zu but we require length %d", n / 2, KEY_LEN);
	*ret = take(key);
	return 0;
}
