/* test_idle.c - when -idle calls a mount idle. */
#include "unit.h"

#include "fuse/idle.h"
#include "view/view.h"

static void no_timeout(void **state)
{
	struct idle i;

	(void)state;
	idle_init(&i, 0);
	assert_int_equal(i.interval_ms, 0);
}

static void intervals(void **state)
{
	struct idle i;

	(void)state;
	idle_init(&i, 1000);
	assert_int_equal(i.interval_ms, 250);
	assert_int_equal(i.needed, 4);
	idle_init(&i, 3600 * 1000);
	assert_int_equal(i.interval_ms, 120000); /* no longer than two minutes */
	assert_int_equal(i.needed, 30);
	idle_init(&i, 3);
	assert_int_equal(i.interval_ms, 1); /* never 0, which means off */
	assert_int_equal(i.needed, 3);
	idle_init(&i, 1003);
	assert_int_equal(i.needed, 5); /* rounded up: not before the time is over */
}

static void counts_idle_checks(void **state)
{
	struct view_stats s = { .name_ops = 7 };
	struct idle i;

	(void)state;
	idle_init(&i, 1000);
	assert_false(idle_check(&i, &s)); /* the operations before the first check */
	for (int n = 0; n < 3; n++)
		assert_false(idle_check(&i, &s));
	assert_true(idle_check(&i, &s));
}

static void operations_restart(void **state)
{
	struct view_stats s = { 0 };
	struct idle i;

	(void)state;
	idle_init(&i, 1000);
	for (int n = 0; n < 3; n++)
		assert_false(idle_check(&i, &s));
	s.name_ops++;
	for (int n = 0; n < 4; n++)
		assert_false(idle_check(&i, &s));
	assert_true(idle_check(&i, &s));
}

static void open_files_restart(void **state)
{
	struct view_stats s = { .open_files = 1 };
	struct idle i;

	(void)state;
	idle_init(&i, 1000);
	for (int n = 0; n < 20; n++)
		assert_false(idle_check(&i, &s));
	s.open_files = 0;
	for (int n = 0; n < 3; n++)
		assert_false(idle_check(&i, &s));
	assert_true(idle_check(&i, &s));
}

static void busy_restart(void **state)
{
	struct view_stats s = { 0 };
	struct idle i;

	(void)state;
	idle_init(&i, 1000);
	for (int n = 0; n < 3; n++)
		(void)idle_check(&i, &s);
	assert_true(idle_check(&i, &s));
	idle_restart(&i);
	for (int n = 0; n < 3; n++)
		assert_false(idle_check(&i, &s));
	assert_true(idle_check(&i, &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("a timeout of 0 switches the check off", no_timeout),
		TEST("checks come every quarter of the timeout, at least every two minutes", intervals),
		TEST("a mount is idle after enough idle checks in a row", counts_idle_checks),
		TEST("an operation on a name starts the count again", operations_restart),
		TEST("an open file or directory starts the count again", open_files_restart),
		TEST("a busy mount starts the count again", busy_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
