/* test_cli_text.c - paths by their text, owners, JSON values. */
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/json.h"
#include "cli/optvalue.h"
#include "cli/paths.h"
#include "util/cleanup.h"
#include "util/err.h"

/* Examples of the documentation of Go's path/filepath.Clean, and corners of its rules. */
static void test_clean(void **state)
{
	static const char *const cases[][2] = {
		{ "", "." },
		{ "/", "/" },
		{ "a//b/./c/", "a/b/c" },
		{ "/../a", "/a" },
		{ "a/../..", ".." },
		{ "../../a", "../../a" },
		{ "/a/b/../../..", "/" },
		{ "a/..", "." },
		{ "./a", "a" },
		{ "..//../x/..", "../.." },
		{ "/a/...", "/a/..." },
		{ "//x", "/x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_free char *clean = path_clean(cases[i][0]);

		assert_string_equal(clean, cases[i][1]);
	}
}

static void test_within(void **state)
{
	(void)state;
	assert_true(path_is_within("/a/b", "/a"));
	assert_true(path_is_within("/a", "/a"));
	assert_true(path_is_within("/a", "/"));
	assert_false(path_is_within("/ab", "/a"));
	assert_false(path_is_within("/a", "/a/b"));
}

static void go_to(const char *dir)
{
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(setenv("PWD", dir, 1), 0);
}

static void test_abs_follows_pwd(void **state)
{
	char dir[] = "/tmp/gocryptfs-test-XXXXXX";
	auto_free char *real = NULL;
	auto_free char *link = NULL;
	auto_free char *by_link = NULL;
	auto_free char *by_cwd = NULL;
	auto_free char *expected = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_true(asprintf(&real, "%s/real", dir) > 0 && asprintf(&link, "%s/link", dir) > 0);
	assert_int_equal(mkdir(real, 0700), 0);
	assert_int_equal(symlink("real", link), 0);
	go_to(link);
	by_link = path_abs("x/..//y");
	assert_true(asprintf(&expected, "%s/y", link) > 0);
	assert_string_equal(by_link, expected);
	assert_int_equal(setenv("PWD", "/nowhere", 1), 0); /* wrong: not believed */
	by_cwd = path_abs(".");
	assert_non_null(strstr(by_cwd, "/real"));
	go_to("/tmp");
	assert_int_equal(unlink(link) | rmdir(real) | rmdir(dir), 0);
}

static void test_friendly(void **state)
{
	static const char *const cases[][2] = {
		{ "/usr/lib", "." },
		{ "/usr/lib/a b", "\"a b\"" },
		{ "/usr/lib/a/b", "a/b" },
		{ "/usr", ".." },
		{ "/usr/libx", "/usr/libx" },
		{ "/", "/" },
		{ "/usr/a b", "\"/usr/a b\"" },
	};

	(void)state;
	go_to("/usr/lib");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_free char *shown = path_friendly(cases[i][0]);

		assert_string_equal(shown, cases[i][1]);
	}
	go_to("/tmp");
}

static void test_check_dir(void **state)
{
	char dir[] = "/tmp/gocryptfs-test-XXXXXX";
	auto_free char *text = NULL;
	struct err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(path_check_dir(dir, &err), 0);
	assert_int_equal(path_check_empty_dir(dir, &err), 0);
	assert_int_equal(path_check_empty_dir("/usr", &err), -ENOTEMPTY);
	assert_string_equal(err.text, "directory /usr not empty");
	assert_int_equal(path_check_dir("/dev/null", &err), -ENOTDIR);
	assert_string_equal(err.text, "/dev/null is not a directory");
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(path_check_dir(dir, &err), -ENOENT);
	assert_true(asprintf(&text, "stat %s: no such file or directory", dir) > 0);
	assert_string_equal(err.text, text);
}

static void test_owner(void **state)
{
	struct err err = { 0 };
	uid_t uid = 0;
	gid_t gid = 0;

	(void)state;
	assert_int_equal(optvalue_owner("0x10:010", &uid, &gid, &err), 0);
	assert_true(uid == 16 && gid == 8);
	assert_true(optvalue_owner("3", &uid, &gid, &err) < 0);
	assert_string_equal(err.text, "force_owner must be in form UID:GID");
	assert_true(optvalue_owner("x:3", &uid, &gid, &err) < 0);
	assert_string_equal(err.text, "force_owner: Unable to parse UID x as positive integer");
	assert_true(optvalue_owner("3:-1", &uid, &gid, &err) < 0);
	assert_string_equal(err.text, "force_owner: Unable to parse GID -1 as positive integer");
	assert_true(optvalue_owner("3:4:5", &uid, &gid, &err) < 0);
	assert_true(optvalue_owner("2147483648:1", &uid, &gid, &err) < 0);
	assert_int_equal(err.exitcode, EXITCODE_USAGE);
}

static void test_json(void **state)
{
	static const char *const cases[][2] = {
		{ "a/b", "\"p\":\"a/b\"" },
		{ "a\"b\\c\n\x7f", "\"p\":\"a\\\"b\\\\c\\u000a\\u007f\"" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"p\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "a\xff", "\"p_b64\":\"Yf8=\"" },
		{ "\xc0\x80", "\"p_b64\":\"wIA=\"" },		  /* overlong */
		{ "\xed\xa0\x80", "\"p_b64\":\"7aCA\"" },	  /* surrogate */
		{ "\xf4\x90\x80\x80", "\"p_b64\":\"9JCAgA==\"" }, /* above U+10FFFF */
		{ "x\xe2\x82", "\"p_b64\":\"eOKC\"" },		  /* cut off */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_free char *text = NULL;
		size_t n;
		FILE *f = open_memstream(&text, &n);

		assert_non_null(f);
		json_text(f, "p", cases[i][0]);
		assert_int_equal(fclose(f), 0);
		assert_string_equal(text, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("paths are cleaned as filepath.Clean does", test_clean),
		TEST("a directory contains itself and what is below, not its namesakes", test_within),
		TEST("absolute paths keep the links of $PWD if it is right", test_abs_follows_pwd),
		TEST("paths in hints are short where that is clear", test_friendly),
		TEST("directories are checked with Go's error texts", test_check_dir),
		TEST("-force_owner takes two numbers", test_owner),
		TEST("JSON values are escaped, and base64 if not UTF-8", test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
