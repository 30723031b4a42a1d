/* test_password.c - passwords from files, programs and pipes; master keys in hex. */
#include "volume_common.h"

#include "cli/exitcode.h"
#include "volume/password.h"
#include "volume/text.h"

static char noted[4096], warned[4096];

static void note(const char *line)
{
	(void)snprintf(noted + strlen(noted), sizeof(noted) - strlen(noted), "%s\n", line);
}

static void warn(const char *line)
{
	(void)snprintf(warned + strlen(warned), sizeof(warned) - strlen(warned), "%s\n", line);
}

static void assert_password(const struct secret *s, const char *want)
{
	assert_non_null(s);
	assert_int_equal(s->len, strlen(want));
	assert_memory_equal(s->data, want, s->len);
}

/* Read with these sources; *ret is NULL on failure. */
static int from(char **passfiles, size_t n_passfiles, char **extpass, size_t n_extpass, struct secret **ret,
		struct err *err)
{
	const struct password_source src = { passfiles, n_passfiles, extpass, n_extpass, note, warn };

	noted[0] = warned[0] = '\0';
	*ret = NULL;
	memset(err, 0, sizeof(*err));
	return password_read(ret, &src, NULL, false, err);
}

static void passfile_gives(const char *content, size_t n, const char *want, const char *text)
{
	char *path = NULL, *dir, *quoted;
	struct secret *s;
	struct err err;
	int dirfd;

	dir = scratch_new(&dirfd);
	put_file(dirfd, "pw file", content, n);
	assert_true(asprintf(&path, "%s/pw file", dir) > 0);
	if (want) {
		assert_int_equal(from(&path, 1, NULL, 0, &s, &err), 0);
		assert_password(s, want);
		secret_free(s);
	} else {
		assert_true(from(&path, 1, NULL, 0, &s, &err) < 0);
		assert_int_equal(err.exitcode, EXITCODE_READPASSWORD);
		if (!strstr(err.text, text))
			fail_msg("%s", err.text);
	}
	quoted = text_quote(path, strlen(path));
	assert_non_null(strstr(noted, "passfile: reading from file \""));
	assert_non_null(strstr(noted, quoted));
	free(quoted);
	free(path);
	scratch_free(dir, dirfd);
}

static void passfile_is_its_first_line(void **state)
{
	char long_line[PASSWORD_MAX + 2];

	(void)state;
	passfile_gives("mypassword\n", 11, "mypassword", NULL);
	passfile_gives("mypassword", 10, "mypassword", NULL);
	passfile_gives("my\r\n", 4, "my\r", NULL);
	assert_string_equal(warned, "");
	passfile_gives("mypassword\ngarbage\n", 19, "mypassword", NULL);
	assert_string_equal(warned,
			    "warning: passfile: ignoring trailing garbage (8 bytes) after first line\n");
	passfile_gives("", 0, NULL, "fatal: passfile: could not read from \"");
	passfile_gives("\n", 1, NULL, "fatal: passfile: empty first line in \"");
	passfile_gives("\nx\n", 3, NULL, "fatal: passfile: empty first line in \"");
	memset(long_line, 'x', sizeof(long_line));
	passfile_gives(long_line, PASSWORD_MAX + 1, NULL,
		       "fatal: passfile: max password length (2048 bytes) exceeded");
	long_line[PASSWORD_MAX] = '\0';
	passfile_gives(long_line, PASSWORD_MAX, long_line, NULL);
}

static void passfiles_are_concatenated(void **state)
{
	char *paths[3] = { NULL, NULL, (char *)"/nonexistent/pw" }, *dir;
	struct secret *s;
	struct err err;
	int dirfd;

	(void)state;
	dir = scratch_new(&dirfd);
	put_file(dirfd, "a", "one\n", 4);
	put_file(dirfd, "b", " two", 4);
	assert_true(asprintf(&paths[0], "%s/a", dir) > 0 && asprintf(&paths[1], "%s/b", dir) > 0);
	assert_int_equal(from(paths, 2, NULL, 0, &s, &err), 0);
	assert_password(s, "one two");
	secret_free(s);
	assert_int_equal(from(paths, 3, NULL, 0, &s, &err), -ENOENT);
	assert_null(s);
	assert_string_equal(err.text,
			    "fatal: passfile: could not open \"/nonexistent/pw\": open /nonexistent/pw: "
			    "no such file or directory");
	free(paths[0]);
	free(paths[1]);
	scratch_free(dir, dirfd);
}

/* The writer keeps its end open: only one read may be made. */
static void passfile_may_be_a_fifo_that_stays_open(void **state)
{
	char *path = NULL, *dir;
	struct secret *s;
	struct err err;
	int dirfd, fd;

	(void)state;
	dir = scratch_new(&dirfd);
	assert_int_equal(mkfifoat(dirfd, "fifo", 0600), 0);
	assert_true(asprintf(&path, "%s/fifo", dir) > 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(write(fd, "secret\n", 7), 7);
	assert_int_equal(from(&path, 1, NULL, 0, &s, &err), 0);
	assert_password(s, "secret");
	secret_free(s);
	(void)close(fd);
	free(path);
	scratch_free(dir, dirfd);
}

static void upstreams_passfiles_read_as_upstream_reads_them(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} files[] = {
		{ "mypassword.txt", true },
		{ "mypassword_garbage.txt", true },
		{ "empty.txt", false },
		{ "mypassword_missing_newline.txt", true },
		{ "file with spaces.txt", true },
		{ "newline.txt", false },
		{ "empty_first_line.txt", false },
	};
	char *dir = shared_path("passfile_test_files");

	(void)state;
	if (!dir) {
		print_message("# no shared fixtures here\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *path = NULL;
		struct secret *s;
		struct err err;

		assert_true(asprintf(&path, "%s/%s", dir, files[i].name) > 0);
		assert_int_equal(from(&path, 1, NULL, 0, &s, &err) == 0, files[i].good);
		if (s)
			assert_password(s, "mypassword");
		secret_free(s);
		free(path);
	}
	free(dir);
}

static void extpass_program_is_run(void **state)
{
	static char *const many[] = { (char *)"/bin/echo", (char *)"a b", (char *)"c" };
	static const struct {
		const char *command;
		const char *want; /* NULL: fails */
		const char *text; /* whole error */
		const char *note;
	} cases[] = {
		{ "echo test", "test", NULL, "program \"echo\", arguments: [\"test\"]\n" },
		{ "echo  two", " two", NULL, "program \"echo\", arguments: [\"\" \"two\"]\n" },
		{ "printf a\\nb\\n", "a", NULL, NULL },
		{ "true", NULL, "extpass: password is empty", "program \"true\", arguments: []\n" },
		{ "false", NULL, "extpass program returned an error: exit status 1", NULL },
		{ "cat", NULL, "extpass: password is empty", NULL }, /* stdin is /dev/null */
		{ "no-such-program x", NULL,
		  "extpass cmd start failed: exec: \"no-such-program\": executable file not found in $PATH",
		  NULL },
		{ "/no/such", NULL, "extpass cmd start failed: fork/exec /no/such: no such file or directory",
		  NULL },
		{ "yes test", NULL, "extpass program returned an error: signal: broken pipe", NULL },
	};
	struct secret *s;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *command = (char *)cases[i].command;
		int r = from(NULL, 0, &command, 1, &s, &err);

		if (cases[i].want) {
			if (r < 0)
				fail_msg("%s: %s", command, err.text);
			assert_password(s, cases[i].want);
		} else {
			assert_true(r < 0);
			assert_int_equal(err.exitcode, EXITCODE_READPASSWORD);
			assert_string_equal(err.text, cases[i].text);
		}
		assert_non_null(strstr(noted, "Reading password from extpass program \""));
		if (cases[i].note)
			assert_non_null(strstr(noted, cases[i].note));
		secret_free(s);
	}
	assert_int_equal(from(NULL, 0, (char **)many, 3, &s, &err), 0);
	assert_password(s, "a b c");
	assert_non_null(strstr(noted, "program \"/bin/echo\", arguments: [\"a b\" \"c\"]\n"));
	secret_free(s);
}

/* Run with `input` as stdin; returns what is left unread in it, malloc'ed. */
static char *from_stdin(const char *input, size_t n, int *ret_r, struct secret **ret, struct err *err)
{
	int fds[2], saved = dup(STDIN_FILENO);
	char *left = calloc(1, 4096);
	ssize_t got;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], input, n), (ssize_t)n);
	(void)close(fds[1]);
	assert_true(dup2(fds[0], STDIN_FILENO) == STDIN_FILENO);
	*ret_r = from(NULL, 0, NULL, 0, ret, err);
	got = read(STDIN_FILENO, left, 4095);
	assert_true(got >= 0);
	assert_true(dup2(saved, STDIN_FILENO) == STDIN_FILENO);
	(void)close(saved);
	(void)close(fds[0]);
	return left;
}

static void stdin_gives_one_line_and_keeps_the_rest(void **state)
{
	char long_line[PASSWORD_MAX + 2], *left;
	struct secret *s;
	struct err err;
	int r;

	(void)state;
	left = from_stdin("old\nnew\n", 8, &r, &s, &err);
	assert_int_equal(r, 0);
	assert_password(s, "old");
	assert_string_equal(left, "new\n");
	assert_int_equal(strncmp(noted, "Reading Password from stdin (connected to \"pipe:[", 49), 0);
	secret_free(s);
	free(left);

	left = from_stdin("cr\r", 3, &r, &s, &err);
	assert_password(s, "cr\r");
	secret_free(s);
	free(left);

	left = from_stdin("\n", 1, &r, &s, &err);
	assert_true(r < 0);
	assert_string_equal(err.text, "got empty Password from stdin");
	assert_int_equal(err.exitcode, EXITCODE_READPASSWORD);
	free(left);

	memset(long_line, 'y', sizeof(long_line));
	long_line[PASSWORD_MAX] = '\n';
	left = from_stdin(long_line, PASSWORD_MAX + 1, &r, &s, &err);
	assert_int_equal(r, 0);
	assert_int_equal(s->len, PASSWORD_MAX);
	secret_free(s);
	free(left);
	long_line[PASSWORD_MAX] = 'y';
	left = from_stdin(long_line, PASSWORD_MAX + 1, &r, &s, &err);
	assert_int_equal(r, -EMSGSIZE);
	assert_string_equal(err.text, "fatal: maximum password length of 2048 bytes exceeded");
	free(left);
}

static void master_key_is_hex_with_dashes(void **state)
{
	static const char *const good[] = {
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"00010203-04050607-08090A0B-0C0D0E0F-10111213-14151617-18191a1b-1c1d1e1f",
		"-0-00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f--",
	};
	static const struct {
		const char *key, *text;
	} bad[] = {
		{ "0000", "Master key has length 2 but we require length 32" },
		{ "", "Master key has length 0 but we require length 32" },
		{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
		  "Master key has length 33 but we require length 32" },
		{ "00xx", "Could not parse master key: encoding/hex: invalid byte at position 3" },
		{ "000", "Could not parse master key: encoding/hex: odd length hex string" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct secret *key = NULL;

		assert_int_equal(password_parse_masterkey(&key, good[i], NULL), 0);
		assert_key(key, good[0]);
		secret_free(key);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct secret *key = NULL;
		struct err err = { 0 };

		assert_true(password_parse_masterkey(&key, bad[i].key, &err) < 0);
		assert_null(key);
		assert_int_equal(err.exitcode, EXITCODE_MASTERKEY);
		assert_string_equal(err.text, bad[i].text);
	}
}

static void quoting_is_gos(void **state)
{
	static const char in[] = "a\"\\\n\t\x01\x7f\xc3\xa9\xff\xc0\xaf\xed\xa0\x80\xf0\x9f\x98\x80";
	char *out = text_quote(in, sizeof(in)); /* with the final NUL */
	char buf[TEXT_ERRNO_MAX];

	(void)state;
	assert_string_equal(
	    out, "\"a\\\"\\\\\\n\\t\\x01\\x7f\xc3\xa9\\xff\\xc0\\xaf\\xed\\xa0\\x80\xf0\x9f\x98\x80\\x00\"");
	free(out);
	out = text_quote("", 0);
	assert_string_equal(out, "\"\"");
	free(out);
	assert_string_equal(text_errno(-ENOENT, buf), "no such file or directory");
	assert_string_equal(text_errno(EACCES, buf), "permission denied");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("a passfile gives its first line", passfile_is_its_first_line),
		TEST("passfiles are concatenated", passfiles_are_concatenated),
		TEST("passfile may be a fifo that stays open", passfile_may_be_a_fifo_that_stays_open),
		TEST("upstream's passfiles read as upstream reads them",
		     upstreams_passfiles_read_as_upstream_reads_them),
		TEST("the -extpass program is run and judged", extpass_program_is_run),
		TEST("stdin gives one line and keeps the rest", stdin_gives_one_line_and_keeps_the_rest),
		TEST("master key is hex with dashes", master_key_is_hex_with_dashes),
		TEST("quoting is Go's", quoting_is_gos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
