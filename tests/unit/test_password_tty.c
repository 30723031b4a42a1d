/* test_password_tty.c - asking on a terminal: a child asks on a pseudo-terminal, we are the person. */
#include "volume_common.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>

#include "cli/exitcode.h"
#include "volume/password.h"

struct tty {
	int fd;
	pid_t pid;
	char seen[4096];
	size_t n_seen;
};

static int child_asks(bool confirm, bool with_handler);

static void on_usr(int sig)
{
	(void)sig;
}

static void tty_start(struct tty *t, bool confirm, bool with_handler)
{
	memset(t, 0, sizeof(*t));
	t->pid = forkpty(&t->fd, NULL, NULL, NULL);
	assert_true(t->pid >= 0);
	if (t->pid != 0)
		return;
	/* Whoever runs the tests in the background may have had these ignored. */
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
	(void)signal(SIGQUIT, SIG_DFL);
	_exit(child_asks(confirm, with_handler));
}

/* What password_read said, as an exit code the parent can check. */
static int child_asks(bool confirm, bool with_handler)
{
	const struct password_source src = { 0 };
	struct termios before, after;
	struct secret *s = NULL;
	struct err err = { 0 };
	int r;

	if (with_handler)
		(void)signal(SIGINT, on_usr);
	(void)tcgetattr(0, &before);
	r = password_read(&s, &src, "Password", confirm, &err);
	(void)tcgetattr(0, &after);
	if (before.c_lflag != after.c_lflag || before.c_cc[VSUSP] != after.c_cc[VSUSP])
		return 90;
	if (r == 0)
		return s->len == 4 && memcmp(s->data, "t\xc3\xa9m", 4) == 0 ? 0 : 91;
	if (r == -EINTR)
		return 92;
	(void)fprintf(stderr, "%s\n", err.text);
	return err.exitcode;
}

/* Wait until `text` has been shown (10 s at most). False at the child's end. */
static bool tty_expect(struct tty *t, const char *text)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };

	while (!strstr(t->seen, text)) {
		ssize_t n;

		if (poll(&p, 1, 10000) <= 0)
			return false;
		n = read(t->fd, t->seen + t->n_seen, sizeof(t->seen) - 1 - t->n_seen);
		if (n <= 0)
			return false;
		t->n_seen += (size_t)n;
	}
	return true;
}

/* The prompt comes before the echo goes off; an honest person is slower than that. */
static void tty_wait_quiet(struct tty *t)
{
	struct termios tio;

	for (int i = 0; i < 1000; i++) {
		assert_int_equal(tcgetattr(t->fd, &tio), 0);
		if (!(tio.c_lflag & ECHO))
			return;
		(void)poll(NULL, 0, 10);
	}
	fail_msg("the echo stays on");
}

static void tty_type(struct tty *t, const char *text)
{
	assert_int_equal(write(t->fd, text, strlen(text)), (ssize_t)strlen(text));
}

static int tty_end(struct tty *t)
{
	int status;

	(void)tty_expect(t, "\xff never shown");
	(void)close(t->fd);
	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void terminal_is_asked_twice_without_echo(void **state)
{
	struct tty t;

	(void)state;
	tty_start(&t, true, false);
	assert_true(tty_expect(&t, "Password: "));
	tty_wait_quiet(&t);
	tty_type(&t, "t\xc3\xa9m\r");
	assert_true(tty_expect(&t, "Repeat: "));
	tty_wait_quiet(&t);
	tty_type(&t, "t\xc3\xa9m\n");
	assert_int_equal(tty_end(&t), 0);
	assert_null(strstr(t.seen, "t\xc3\xa9m"));
}

static void terminal_answers_may_be_wrong(void **state)
{
	struct tty t;

	(void)state;
	tty_start(&t, true, false);
	assert_true(tty_expect(&t, "Password: "));
	tty_wait_quiet(&t);
	tty_type(&t, "one\ntwo\n"); /* typed ahead */
	assert_int_equal(tty_end(&t), EXITCODE_READPASSWORD);
	assert_non_null(strstr(t.seen, "passwords do not match"));

	tty_start(&t, false, false);
	assert_true(tty_expect(&t, "Password: "));
	tty_wait_quiet(&t);
	tty_type(&t, "\n");
	assert_int_equal(tty_end(&t), EXITCODE_READPASSWORD);
	assert_non_null(strstr(t.seen, "password is empty"));

	tty_start(&t, false, false);
	assert_true(tty_expect(&t, "Password: "));
	tty_wait_quiet(&t);
	tty_type(&t, "\x04"); /* end of file */
	assert_int_equal(tty_end(&t), EXITCODE_READPASSWORD);
	assert_non_null(strstr(t.seen, "could not read password from terminal: EOF"));
}

static void interrupt_restores_the_echo_and_kills(void **state)
{
	struct termios tio;
	struct tty t;
	int slave;

	(void)state;
	tty_start(&t, false, false);
	assert_true(tty_expect(&t, "Password: "));
	tty_wait_quiet(&t);
	slave = open(ptsname(t.fd), O_RDWR | O_NOCTTY | O_CLOEXEC); /* keeps the settings alive */
	assert_true(slave >= 0);
	tty_type(&t, "\x03");
	for (int status = 0; waitpid(t.pid, &status, 0) == t.pid;)
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	assert_int_equal(tcgetattr(slave, &tio), 0);
	assert_true(tio.c_lflag & ECHO);
	(void)close(slave);
	(void)close(t.fd);
}

static void interrupt_with_a_handler_of_the_programs_own_is_an_error(void **state)
{
	struct tty t;

	(void)state;
	tty_start(&t, false, true);
	assert_true(tty_expect(&t, "Password: "));
	tty_wait_quiet(&t);
	tty_type(&t, "\x03");
	assert_int_equal(tty_end(&t), 92);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("terminal is asked twice without echo", terminal_is_asked_twice_without_echo),
		TEST("terminal answers may be wrong", terminal_answers_may_be_wrong),
		TEST("interrupt restores the echo and kills", interrupt_restores_the_echo_and_kills),
		TEST("an interrupt with a handler of the program's own is an error",
		     interrupt_with_a_handler_of_the_programs_own_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
