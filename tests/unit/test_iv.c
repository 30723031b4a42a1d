/* test_iv.c - directory IVs. */
#include "unit.h"

#include <errno.h>

#include "format/iv.h"

static void test_lengths(void **state)
{
	uint8_t in[17], iv[NAME_IV_LEN] = { 0 };

	(void)state;
	memset(in, 7, sizeof(in));
	for (ssize_t n = -5; n <= 17; n++)
		assert_int_equal(iv_check(in, n, iv), n == 16 ? 0 : -EUCLEAN);
	assert_memory_equal(iv, in, NAME_IV_LEN);
}

static void test_zero(void **state)
{
	uint8_t in[NAME_IV_LEN] = { 0 }, iv[NAME_IV_LEN];

	(void)state;
	assert_int_equal(iv_check(in, NAME_IV_LEN, iv), -EUCLEAN);
	for (size_t i = 0; i < sizeof(in); i++) {
		in[i] = 1;
		assert_int_equal(iv_check(in, NAME_IV_LEN, iv), 0);
		in[i] = 0;
	}
}

static void test_new(void **state)
{
	uint8_t a[NAME_IV_LEN], b[NAME_IV_LEN], iv[NAME_IV_LEN];

	(void)state;
	iv_new(a);
	iv_new(b);
	assert_int_equal(iv_check(a, NAME_IV_LEN, iv), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("an IV has 16 bytes, no more and no less", test_lengths),
		TEST("an all-zero IV is damage", test_zero),
		TEST("new IVs differ and pass the check", test_new),
	};

	return cmocka_run_group_tests_name("iv", tests, NULL, NULL);
}
