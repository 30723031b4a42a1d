/* test_child.c - the plugin's way to run a program: what it believes, feeds, reads, and how it stops waiting.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../spank/child.h"

static char *const no_env[] = { NULL };

static int shell(const char *script, const char *input, char *out, size_t size, int deadline_ms)
{
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };
	struct child c = { .argv = argv,
			   .envp = no_env,
			   .input = input,
			   .output = out,
			   .output_size = size,
			   .own_session = true,
			   .deadline_ms = deadline_ms };

	return child_run(&c);
}

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void test_exit_code(void **state)
{
	(void)state;
	assert_int_equal(shell("exit 0", NULL, NULL, 0, 5000), 0);
	assert_int_equal(shell("exit 7", NULL, NULL, 0, 5000), 7);
	assert_int_equal(shell("kill -9 $$", NULL, NULL, 0, 5000), -ECHILD);
}

static void test_courier(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(shell("cat >&3", "sealed", out, sizeof(out), 5000), 0);
	assert_string_equal(out, "sealed");
	assert_int_equal(shell("exit 0", "nobody reads this", NULL, 0, 5000), 0);
}

static void test_too_much(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(shell("echo 0123456789 >&3; sleep 30", NULL, out, sizeof(out), 20000), -ENOBUFS);
}

static void test_deadline(void **state)
{
	double begin = now();
	char out[8];

	(void)state;
	assert_int_equal(shell("trap '' TERM; sleep 60", NULL, NULL, 0, 200), -ETIMEDOUT);
	assert_int_equal(shell("sleep 60 >&3", NULL, out, sizeof(out), 200), -ETIMEDOUT);
	assert_true(now() - begin < 10);
}

static void test_descriptors(void **state)
{
	char out[256];
	int leak = open("/dev/null", O_RDONLY); /* on purpose without O_CLOEXEC */

	(void)state;
	assert_true(leak >= 0);
	assert_int_equal(shell("ls /proc/self/fd | tr '\\n' ' ' >&3", NULL, out, sizeof(out), 5000), 0);
	/* 0 1 2 3 and the one ls reads with */
	assert_string_equal(out, "0 1 2 3 4 ");
	(void)close(leak);
}

static void test_trust(void **state)
{
	char reason[CHILD_REASON_MAX], dir[] = "/tmp/test_child.XXXXXX", path[64];
	int fd;

	(void)state;
	assert_false(child_program_trusted("bin/sh", reason));
	assert_false(child_program_trusted("/no/such/program", reason));
	assert_non_null(strstr(reason, "/no"));
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/program", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	assert_true(fd >= 0);
	(void)close(fd);
	/* everybody can make and replace names in /tmp */
	assert_false(child_program_trusted(path, reason));
	assert_non_null(strstr(reason, "/tmp"));
	(void)unlink(path);
	(void)rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("the exit code comes back, and death by a signal is told apart", test_exit_code),
		TEST("input goes in, output comes out, and unread input does no harm", test_courier),
		TEST("more output than there is room for ends the program", test_too_much),
		TEST("a program that does not end is killed at its deadline", test_deadline),
		TEST("the program inherits nothing but 0 to 3", test_descriptors),
		TEST("a program under a directory that others can write is not believed", test_trust),
	};

	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
