/* test_log.c - where messages go, in which colour, and what -q, -d and -wpanic do. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "util/log.h"

struct outcome {
	char out[512], errs[512];
	int status;
};

/* Run fn in a child with stdout and stderr in files. */
static void run(struct outcome *o, void (*fn)(void))
{
	FILE *f[2] = { tmpfile(), tmpfile() };
	pid_t pid;

	memset(o, 0, sizeof(*o));
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		(void)dup2(fileno(f[0]), 1);
		(void)dup2(fileno(f[1]), 2);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &o->status, 0), pid);
	assert_true(fd_pread(fileno(f[0]), o->out, sizeof(o->out) - 1, 0) >= 0);
	assert_true(fd_pread(fileno(f[1]), o->errs, sizeof(o->errs) - 1, 0) >= 0);
	(void)fclose(f[0]);
	(void)fclose(f[1]);
}

static void say_all(void)
{
	log_debug("debug %d", 1);
	log_info("info %d", 2);
	log_warn("warn %d", 3);
	log_error("error %d", 4);
}

static void plain(void)
{
	log_init_colour();
	log_configure(&(struct log_options){ 0 });
	say_all();
}

static void quiet(void)
{
	log_configure(&(struct log_options){ .quiet = true });
	say_all();
}

static void debug(void)
{
	log_configure(&(struct log_options){ .debug = true });
	if (log_debug_on())
		say_all();
}

static void wpanic(void)
{
	log_configure(&(struct log_options){ .wpanic = true });
	log_info("before");
	log_error("no panic");
	log_warn("panic");
	log_info("never");
}

static void to_syslog(void)
{
	log_configure(&(struct log_options){ .debug = true });
	log_to_syslog("gocryptfs-unit-test");
	say_all();
}

static void test_streams(void **state)
{
	struct outcome o;

	(void)state;
	run(&o, plain);
	assert_int_equal(o.status, 0);
	assert_string_equal(o.out, "info 2\n");
	assert_string_equal(o.errs, "warn 3\nerror 4\n");
	run(&o, quiet);
	assert_string_equal(o.out, "");
	assert_string_equal(o.errs, "warn 3\nerror 4\n");
	run(&o, debug);
	assert_string_equal(o.out, "debug 1\ninfo 2\n");
}

static void test_wpanic(void **state)
{
	struct outcome o;

	(void)state;
	run(&o, wpanic);
	assert_true(WIFEXITED(o.status));
	assert_int_equal(WEXITSTATUS(o.status), 2);
	assert_string_equal(o.out, "before\n");
	assert_string_equal(o.errs, "no panic\npanic\n");
}

static void test_syslog(void **state)
{
	struct outcome o;

	(void)state;
	run(&o, to_syslog);
	assert_int_equal(o.status, 0);
	assert_string_equal(o.out, "");
	assert_string_equal(o.errs, "");
}

/* Run in a child whose stdout and stderr are a terminal; read what appears on its other side. */
static void on_terminal(char *text, size_t size, bool no_color)
{
	auto_fd int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	size_t len = 0;
	ssize_t got;
	pid_t pid;

	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int slave = open(ptsname(master), O_RDWR | O_NOCTTY);

		(void)dup2(slave, 1);
		(void)dup2(slave, 2);
		(void)close(slave);
		(void)unsetenv("NO_COLOR");
		if (no_color)
			(void)setenv("NO_COLOR", "1", 1);
		log_init_colour();
		say_all();
		log_info("%sg%sy%sr%sd%s", log_green(), log_yellow(), log_red(), log_grey(), log_reset());
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	while (len < size - 1 && (got = read(master, text + len, size - 1 - len)) > 0)
		len += (size_t)got;
	text[len] = '\0';
}

static void test_colours(void **state)
{
	char text[512];

	(void)state;
	on_terminal(text, sizeof(text), false);
	assert_string_equal(text, "info 2\r\n\033[33mwarn 3\033[0m\r\n\033[31merror 4\033[0m\r\n"
				  "\033[32mg\033[33my\033[31mr\033[2md\033[0m\r\n");
	on_terminal(text, sizeof(text), true);
	assert_string_equal(text, "info 2\r\nwarn 3\r\nerror 4\r\ngyrd\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("info and debug go to stdout, warnings and errors to stderr", test_streams),
		TEST("-wpanic ends the process with exit code 2 at a warning", test_wpanic),
		TEST("with syslog nothing is left on the standard streams", test_syslog),
		TEST("colours are for terminals and NO_COLOR turns them off", test_colours),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
