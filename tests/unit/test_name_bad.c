/* test_name_bad.c - -badname: showing undecryptable entries, and finding them again by the shown name. */
#include "format_keys.h"

#include <errno.h>

/* Is entry among the candidates for the shown name? */
static bool is_candidate(const struct names *n, const char *shown, const char *entry)
{
	char one[NAME_CIPHER_MAX + 1];
	bool found = false;

	for (size_t i = 0; name_bad_candidate(n, keys_diriv, shown, i, one); i++)
		found = found || strcmp(one, entry) == 0;
	return found;
}

/* entry is shown as `want`, and among the candidates of that is entry. */
static void check_shown(const struct names *n, const char *entry, const char *want)
{
	char shown[NAME_PLAIN_MAX + 1];

	assert_int_equal(name_bad_show(n, keys_diriv, entry, shown), 0);
	assert_string_equal(shown, want);
	assert_true(is_candidate(n, shown, entry));
}

static void test_show(void **state)
{
	struct names n;

	(void)state;
	keys_names(&n, true);
	check_shown(&n, "t9Uhj3LDRhsZpwtwEi0A-A.sync-conflict", "hello.txt.sync-conflict GOCRYPTFS_BAD_NAME");
	check_shown(&n, "LZX7UIsvzkVvFTZyS_w3cjHOr8BMmMqeGYxGljnekbo~",
		    "sixteenchars_xxx~ GOCRYPTFS_BAD_NAME");
	check_shown(&n, "invalid", "invalid GOCRYPTFS_BAD_NAME");
	check_shown(&n, ".nfs0000000000000001", ".nfs0000000000000001 GOCRYPTFS_BAD_NAME");
	n.raw64 = false;
	check_shown(&n, "t9Uhj3LDRhsZpwtwEi0A-A==x", "hello.txtx GOCRYPTFS_BAD_NAME");
	check_shown(&n, "t9Uhj3LDRhsZpwtwEi0A-Ax", "t9Uhj3LDRhsZpwtwEi0A-Ax GOCRYPTFS_BAD_NAME");
	names_done(&n);
}

static void test_no_second_names(void **state)
{
	static const char *const entries[] = { "gocryptfs.conf",	  "gocryptfs.diriv",
					       "gocryptfs.diriv.rmdir.1", "gocryptfs.longname.x",
					       "t9Uhj3LDRhsZpwtwEi0A-A",  "t9Uhj3LDRhsZpwtwEi0A-A.x" };
	char shown[NAME_PLAIN_MAX + 1];
	struct names n;

	(void)state;
	keys_names(&n, true);
	/* Reserved names, names that decrypt, and one of which a longer prefix decrypts: never found by the
	 * name with the suffix alone. */
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		(void)snprintf(shown, sizeof(shown), "%s%s", entries[i], NAME_BAD_SUFFIX);
		assert_false(is_candidate(&n, shown, entries[i]));
	}
	names_done(&n);
}

static void test_not_bad(void **state)
{
	char one[NAME_CIPHER_MAX + 1], shown[NAME_PLAIN_MAX + 1];
	struct names n;

	(void)state;
	keys_names(&n, true);
	assert_false(name_bad_candidate(&n, keys_diriv, "hello.txt", 0, one));
	assert_false(name_bad_candidate(&n, keys_diriv, NAME_BAD_SUFFIX, 0, one));
	n.plaintext = true;
	assert_false(name_bad_candidate(&n, keys_diriv, "x GOCRYPTFS_BAD_NAME", 0, one));
	assert_int_equal(name_bad_show(&n, keys_diriv, "x", shown), 0);
	assert_string_equal(shown, "x GOCRYPTFS_BAD_NAME");
	names_done(&n);
}

static void test_lengths(void **state)
{
	char entry[NAME_CIPHER_MAX + 1], shown[NAME_PLAIN_MAX + 1];
	struct names n;

	(void)state;
	keys_names(&n, true);
	for (size_t len = 230; len <= 255; len++) {
		memset(entry, '!', len);
		entry[len] = '\0';
		if (len + strlen(NAME_BAD_SUFFIX) > 255) {
			assert_int_equal(name_bad_show(&n, keys_diriv, entry, shown), -ENAMETOOLONG);
			continue;
		}
		assert_int_equal(name_bad_show(&n, keys_diriv, entry, shown), 0);
		/* Every split of a long name is tried; those too long once encrypted drop out. */
		assert_true(is_candidate(&n, shown, entry));
	}
	names_done(&n);
}

/* Whatever candidates there are, each is shown as the name that was asked for. */
static void test_candidates_show_back(void **state)
{
	static const char *const names[] = { "hello.txt.sync GOCRYPTFS_BAD_NAME", "ab GOCRYPTFS_BAD_NAME",
					     "a.b.c.d.e.f.g.h GOCRYPTFS_BAD_NAME" };
	char one[NAME_CIPHER_MAX + 1], shown[NAME_PLAIN_MAX + 1];
	struct names n;

	(void)state;
	keys_names(&n, true);
	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
		size_t i = 0;

		for (; name_bad_candidate(&n, keys_diriv, names[k], i, one); i++) {
			if (!one[0])
				continue;
			assert_int_equal(name_bad_show(&n, keys_diriv, one, shown), 0);
			assert_string_equal(shown, names[k]);
		}
		assert_int_equal(i, strlen(names[k]) - strlen(NAME_BAD_SUFFIX));
	}
	names_done(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("a bad entry is shown by its longest decryptable prefix and found again", test_show),
		TEST("reserved and good entries get no second name", test_no_second_names),
		TEST("names without the suffix, and plaintext names, are not bad", test_not_bad),
		TEST("shown names keep to 255 bytes", test_lengths),
		TEST("every candidate is shown as the name asked for", test_candidates_show_back),
	};

	return cmocka_run_group_tests_name("name_bad", tests, NULL, NULL);
}
