/* test_header.c - the header of a ciphertext file. */
#include "unit.h"

#include <errno.h>

#include "format/header.h"

static void test_round_trip(void **state)
{
	uint8_t id[LAYOUT_FILE_ID_LEN], back[LAYOUT_FILE_ID_LEN], header[LAYOUT_HEADER_LEN];

	(void)state;
	for (int i = 0; i < 100; i++) {
		header_new_id(id);
		header_pack(header, id);
		assert_int_equal(header[0], 0);
		assert_int_equal(header[1], 2);
		assert_memory_equal(header + 2, id, sizeof(id));
		assert_int_equal(header_parse(header, back), 0);
		assert_memory_equal(back, id, sizeof(id));
	}
}

static void test_version(void **state)
{
	(void)state;
	for (unsigned int v = 0; v < 65536; v++) {
		uint8_t header[LAYOUT_HEADER_LEN] = { (uint8_t)(v >> 8), (uint8_t)v, 1 },
			id[LAYOUT_FILE_ID_LEN];

		assert_int_equal(header_parse(header, id), v == 2 ? 0 : -EUCLEAN);
	}
}

static void test_zero_id(void **state)
{
	uint8_t header[LAYOUT_HEADER_LEN] = { 0, 2 }, id[LAYOUT_FILE_ID_LEN];

	(void)state;
	assert_int_equal(header_parse(header, id), -EUCLEAN);
	for (size_t i = 2; i < sizeof(header); i++) {
		header[i] = 0x80;
		assert_int_equal(header_parse(header, id), 0);
		header[i] = 0;
	}
	memset(header, 0, sizeof(header));
	assert_int_equal(header_parse(header, id), -EUCLEAN);
}

static void test_ids_differ(void **state)
{
	uint8_t a[LAYOUT_FILE_ID_LEN], b[LAYOUT_FILE_ID_LEN];

	(void)state;
	header_new_id(a);
	header_new_id(b);
	assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("a header is version 2 and the id, and reads back", test_round_trip),
		TEST("only version 2 is accepted", test_version),
		TEST("an all-zero id is damage, one set bit is enough", test_zero_id),
		TEST("new ids differ", test_ids_differ),
	};

	return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
