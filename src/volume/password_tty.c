/* password_tty.c - ask on the terminal with the echo off, and leave the terminal as it was however this ends.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/secret.h"
#include "volume/password.h"
#include "volume/password_priv.h"
#include "volume/text.h"

static const int watched[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
enum { N_WATCHED = sizeof(watched) / sizeof(watched[0]) };

/* For the signal handler; set before it is installed. */
static struct termios saved_termios;
static struct sigaction saved_actions[N_WATCHED];
static volatile sig_atomic_t interrupted;

/* Put the terminal back, then let the signal do what it would have done. Everything here is async-signal-safe
 * (POSIX lists tcsetattr, sigaction and raise); the signal raised is blocked until the handler returns. */
static void on_signal(int sig)
{
	int saved_errno = errno;

	(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved_termios);
	for (int i = 0; i < N_WATCHED; i++)
		if (watched[i] == sig)
			(void)sigaction(sig, &saved_actions[i], NULL);
	interrupted = 1;
	(void)raise(sig);
	errno = saved_errno;
}

static void watch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal }; /* no SA_RESTART: the read must end */

	interrupted = 0;
	(void)sigemptyset(&sa.sa_mask);
	for (int i = 0; i < N_WATCHED; i++) {
		(void)sigaction(watched[i], NULL, &saved_actions[i]);
		if (saved_actions[i].sa_handler != SIG_IGN)
			(void)sigaction(watched[i], &sa, NULL);
	}
}

static void unwatch_signals(void)
{
	for (int i = 0; i < N_WATCHED; i++)
		(void)sigaction(watched[i], &saved_actions[i], NULL);
}

/* 0 with the line in s, or negative errno. The terminal's line discipline assembles the line. */
static int read_tty_line(struct secret *s)
{
	size_t n = 0;

	while (!interrupted) {
		uint8_t c;
		ssize_t got = read(STDIN_FILENO, &c, 1);
		bool fits = n < PASSWORD_MAX;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0 && n == 0)
			return -ENODATA;
		if (got == 0 || c == '\n') {
			s->len = n;
			return 0;
		}
		if (fits)
			s->data[n++] = c;
		secret_wipe(&c, sizeof(c));
		if (!fits)
			return -EMSGSIZE;
	}
	return -EINTR;
}

static int ask(const char *prompt, struct secret *s, struct err *err)
{
	char why[TEXT_ERRNO_MAX];
	struct termios quiet;
	int r;

	if (tcgetattr(STDIN_FILENO, &saved_termios) < 0) {
		r = -errno;
		return err_set_exit(err, r, EXITCODE_READPASSWORD,
				    "could not read password from terminal: %s", text_errno(r, why));
	}
	quiet = saved_termios;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	quiet.c_lflag |= ICANON | ISIG;
	quiet.c_iflag |= ICRNL;
	/* Suspending here would leave the shell without an echo. */
	quiet.c_cc[VSUSP] = _POSIX_VDISABLE;

	watch_signals();
	/* Silence first: whoever answers the prompt at once must not be shown. */
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
	(void)fputs(prompt, stderr);
	(void)fflush(stderr);
	r = read_tty_line(s);
	/* What is typed ahead stays (an answer to the next prompt), but not the rest of a line that is too
	 * long. */
	(void)tcsetattr(STDIN_FILENO, r == -EMSGSIZE ? TCSAFLUSH : TCSANOW, &saved_termios);
	unwatch_signals();
	(void)fputc('\n', stderr);

	if (r == -EMSGSIZE)
		return err_set_exit(err, r, EXITCODE_READPASSWORD,
				    "fatal: maximum password length of %d bytes exceeded", PASSWORD_MAX);
	if (r < 0)
		return err_set_exit(err, r, EXITCODE_READPASSWORD,
				    "could not read password from terminal: %s",
				    r == -ENODATA ? "EOF" : text_errno(r, why));
	return s->len ? 0 : password_fail(err, -EINVAL, "password is empty");
}

int password_read_tty(const char *what, bool confirm, struct secret *s, struct err *err)
{
	auto_secret struct secret *again = NULL;
	auto_free char *prompt = NULL;
	int r;

	if (asprintf(&prompt, "%s: ", what) < 0) {
		prompt = NULL;
		return password_fail(err, -ENOMEM, "out of memory");
	}
	r = ask(prompt, s, err);
	if (r < 0 || !confirm)
		return r;
	again = secret_new(PASSWORD_MAX);
	if (!again)
		return password_fail(err, -ENOMEM, "out of memory");
	r = ask("Repeat: ", again, err);
	if (r < 0)
		return r;
	return secret_equal(s, again) ? 0 : password_fail(err, -EINVAL, "passwords do not match");
}
