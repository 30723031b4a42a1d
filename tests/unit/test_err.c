/* test_err.c - error texts for people. */
#include "unit.h"

#include <errno.h>

#include "util/err.h"

static void test_set(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(err_set(&err, -EACCES, "policy '%s': line %d", "x", 3), -EACCES);
	assert_int_equal(err.code, -EACCES);
	assert_int_equal(err.exitcode, 0);
	assert_string_equal(err.text, "policy 'x': line 3");
	assert_int_equal(err_set_exit(&err, -EIO, 26, "worse"), -EIO);
	assert_int_equal(err.exitcode, 26);
	assert_string_equal(err.text, "worse");
}

static void test_null(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, -EPERM, "%d", 1), -EPERM);
	assert_int_equal(err_set_exit(NULL, -EPERM, 12, "%d", 1), -EPERM);
	assert_int_equal(err_prefix(NULL, "%d", 1), -EIO);
}

static void test_prefix(void **state)
{
	struct err err = { 0 };

	(void)state;
	(void)err_set_exit(&err, -ENOENT, 11, "no such file");
	assert_int_equal(err_prefix(&err, "open %s", "a"), -ENOENT);
	assert_string_equal(err.text, "open a: no such file");
	assert_int_equal(err.exitcode, 11);
	err.text[0] = '\0';
	(void)err_prefix(&err, "alone");
	assert_string_equal(err.text, "alone");
}

static void test_own_text(void **state)
{
	struct err err = { 0 };

	(void)state;
	(void)err_set(&err, -EIO, "inner");
	(void)err_set(&err, -EPERM, "outer (%s)", err.text);
	assert_string_equal(err.text, "outer (inner)");
}

static void test_truncation(void **state)
{
	char lengthy[2 * ERR_TEXT_MAX];
	struct err err = { 0 };

	(void)state;
	memset(lengthy, 'x', sizeof(lengthy));
	lengthy[sizeof(lengthy) - 1] = '\0';
	(void)err_set(&err, -EIO, "%s", lengthy);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	(void)err_prefix(&err, "front");
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_memory_equal(err.text, "front: xxx", 10);
	(void)err_prefix(&err, "%s", lengthy);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("code, exit code and text are set and the code is returned", test_set),
		TEST("no storage is fine", test_null),
		TEST("context goes in front and keeps the codes", test_prefix),
		TEST("a text may contain itself", test_own_text),
		TEST("long texts are cut, with the context kept", test_truncation),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
