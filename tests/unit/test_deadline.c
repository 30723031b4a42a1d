/* test_deadline.c - the helper's deadlines, and telling one process from another with the same number. */
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cryptstore/node/deadline.h"

static int return_arg(void *arg)
{
	return *(const int *)arg;
}

static int never_return(void *arg)
{
	(void)arg;
	return pause(); /* no signal comes that it would return from */
}

static int die_by_signal(void *arg)
{
	(void)arg;
	return raise(SIGKILL);
}

static void test_call(void **state)
{
	int ok = 0, busy = -EBUSY;

	(void)state;
	assert_int_equal(deadline_call(return_arg, &ok, deadline_in(5000)), 0);
	assert_int_equal(deadline_call(return_arg, &busy, deadline_in(5000)), -EBUSY);
	assert_int_equal(deadline_call(die_by_signal, NULL, deadline_in(5000)), -ECHILD);
	assert_int_equal(deadline_call(never_return, NULL, deadline_in(100)), -ETIMEDOUT);
	while (waitpid(-1, NULL, 0) > 0) /* it was killed, and mostly collected: not on a busy machine */
		;
	assert_int_equal(errno, ECHILD);
}

static void test_left(void **state)
{
	(void)state;
	assert_int_equal(deadline_left(deadline_in(0)), 0);
	assert_int_equal(deadline_left(deadline_in(0) - 100000), 0);
	assert_int_equal(deadline_left(deadline_in(0) + (deadline_t)INT_MAX * 10), INT_MAX);
	assert_true(deadline_left(deadline_in(60000)) > 50000);
	assert_false(deadline_nap(deadline_in(0), 1000));
	assert_true(deadline_min(deadline_in(10), deadline_in(90000)) < deadline_in(60000));
}

static void test_process(void **state)
{
	unsigned long long start;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		never_return(NULL);
	start = proc_start_time(pid);
	assert_true(start > 0);
	assert_false(proc_signal(pid, start + 1, SIGKILL)); /* another process with that number */
	assert_int_equal(proc_wait_gone(pid, start, deadline_in(50)), -ETIMEDOUT);
	assert_int_equal(proc_wait_gone(pid, start + 1, deadline_in(50)), 0);
	assert_true(proc_signal(pid, start, SIGKILL));
	assert_int_equal(proc_wait_gone(pid, start, deadline_in(5000)), 0); /* a zombie counts as gone */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(proc_start_time(pid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("a call ends by itself, by its death, or at its deadline", test_call),
		TEST("time left is never negative and never more than poll takes", test_left),
		TEST("a process is known by its number and its start", test_process),
	};

	return cmocka_run_group_tests_name("deadline", tests, NULL, NULL);
}
