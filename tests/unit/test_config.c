/* test_config.c - gocryptfs.conf: good ones open, bad ones are refused with the right exit code, ours look
 * like Go's. */
#include "volume_common.h"

#include <time.h>

#include "cli/exitcode.h"
#include "volume/config.h"

#define KEY  "zY06x2JS0Fi7bkZ/3DppjmWZOI6xTjQ/Bf4Nru1rUzHml+stkAtvcoHT8PpHN4eKqL73ymQ86MmdYz+1"
#define SALT "U5MbvyTmwhEkLqe6XxlrONzPZEf2GLFZCAIixz2Kal0="
#define MAKE(key, salt, n, r, p, keylen, version, flags, more)                                               \
	"{\"Creator\":\"t\",\"EncryptedKey\":\"" key "\",\"ScryptObject\":{\"Salt\":\"" salt "\",\"N\":" n   \
	",\"R\":" r ",\"P\":" p ",\"KeyLen\":" keylen "},\"Version\":" version                               \
	",\"FeatureFlags\":" flags more "}"
#define WITH_FLAGS(flags)	     MAKE(KEY, SALT, "1024", "8", "1", "32", "2", flags, "")
#define WITH_MORE(more)		     MAKE(KEY, SALT, "1024", "8", "1", "32", "2", "[\"GCMIV128\",\"EMENames\"]", more)
#define WITH_SCRYPT(n, r, p, keylen) MAKE(KEY, SALT, n, r, p, keylen, "2", "[\"GCMIV128\",\"EMENames\"]", "")

static int parse(const char *json, struct config *c, struct err *err)
{
	memset(err, 0, sizeof(*err));
	return config_parse(c, json, strlen(json), "test.conf", err);
}

/* path relative to dirfd; opens with the password and has this master key. */
static void check_unlock(int dirfd, const char *path, const char *password, const char *hex)
{
	struct secret *pw = secret_text(password), *key = NULL;
	struct err err = { 0 };
	struct config c;

	if (config_load(&c, dirfd, path, &err) < 0 || config_unlock(&c, pw, &key, &err) < 0)
		fail_msg("%s: %s", path, err.text);
	assert_key(key, hex);
	secret_free(key);
	secret_free(pw);
	config_done(&c);
}

static void our_confs_unlock(void **state)
{
	char *dir = source_path("tests/golden/conf");
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	char *index = get_file(dirfd, "INDEX", NULL), *rest = index, *line;

	(void)state;
	while ((line = strsep(&rest, "\n"))) {
		char name[64], password[64], hex[65];

		if (line[0] == '#' || sscanf(line, "%63s %63s %64s", name, password, hex) != 3)
			continue;
		check_unlock(dirfd, name, password, hex);
		n++;
	}
	assert_int_equal(n, 11);
	free(index);
	free(dir);
	(void)close(dirfd);
}

/* One row of the table in INDEX.md: | conf | version | flags | N | `key` | expectation |. False: not such a
 * row. */
static bool check_index_row(int dirfd, char *row)
{
	char *column[7] = { NULL }, path[256], hex[65];
	struct err err = { 0 };
	struct config c;

	for (int i = 0; i < 7; i++)
		column[i] = strsep(&row, "|");
	if (!column[6] || sscanf(column[1], " %255s", path) != 1 ||
	    sscanf(column[5], " `%64[0-9a-f]", hex) < 1)
		return false;
	if (!strstr(column[6], "unsupported") && !strstr(path, "v1.conf") &&
	    !strstr(path, "StrangeFeature")) {
		check_unlock(dirfd, path, "test", hex);
		return true;
	}
	assert_true(config_load(&c, dirfd, path, &err) < 0);
	assert_int_equal(err.exitcode, EXITCODE_DEPRECATED);
	return true;
}

static void shared_confs_unlock_or_are_refused(void **state)
{
	char *dir = shared_path(""), *index, *rest, *line;
	int dirfd, n = 0;

	(void)state;
	if (!dir) {
		print_message("# no shared fixtures here; only our own were tried\n");
		skip();
	}
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	index = rest = get_file(dirfd, "INDEX.md", NULL);
	while ((line = strsep(&rest, "\n")))
		n += line[0] == '|' && check_index_row(dirfd, line);
	assert_true(n >= 26);
	free(index);
	free(dir);
	(void)close(dirfd);
}

static void wrong_password_is_exit_12(void **state)
{
	char *path = source_path("tests/golden/conf/default.conf");
	struct secret *pw = secret_text("Test"), *key = NULL;
	struct err err = { 0 };
	struct config c;

	(void)state;
	assert_int_equal(config_load(&c, AT_FDCWD, path, &err), 0);
	assert_int_equal(config_unlock(&c, pw, &key, &err), -EACCES);
	assert_null(key);
	assert_int_equal(err.exitcode, EXITCODE_PASSWORD);
	assert_string_equal(err.text, "Password incorrect.");
	c.encrypted_key_len = 3;
	assert_int_equal(config_unlock(&c, pw, &key, &err), -EUCLEAN);
	assert_int_equal(err.exitcode, EXITCODE_PASSWORD);
	config_done(&c);
	secret_free(pw);
	free(path);
}

static const struct {
	const char *json;
	int exitcode;
	const char *text; /* part of the message */
} refused[] = {
	{ "", 11, "Config file is empty" },
	{ "{", 11, "Failed to unmarshal config file" },
	{ "[]", 11, "not an object" },
	{ "7", 11, "not an object" },
	{ "null", 27, "Unsupported on-disk format 0" },
	{ "{}", 27, "Unsupported on-disk format 0" },
	{ WITH_MORE("") " x", 11, "Failed to unmarshal config file" },
	{ WITH_MORE("") WITH_MORE(""), 11, "Failed to unmarshal config file" },
	{ WITH_MORE(",\"Version\":3"), 27, "Unsupported on-disk format 3" },
	{ WITH_MORE(",\"version\":1"), 27, "Unsupported on-disk format 1" },
	{ WITH_MORE(",\"Version\":\"2\""), 11, "Version: not a whole number" },
	{ WITH_MORE(",\"Version\":2.0"), 11, "Version: not a whole number" },
	{ WITH_MORE(",\"Version\":70000"), 11, "Version: number out of range" },
	{ WITH_MORE(",\"Version\":-2"), 11, "Version: number out of range" },
	{ WITH_MORE(",\"Version\":[2]"), 11, "Version: not a whole number" },
	{ WITH_MORE(",\"Creator\":5"), 11, "Creator: not a string" },
	{ WITH_MORE(",\"FIDO2\":[]"), 11, "FIDO2: not an object" },
	{ WITH_MORE(",\"ScryptObject\":[]"), 11, "ScryptObject: not an object" },
	{ WITH_MORE(",\"scryptObject\":{\"salt\":\"AAAA\"}"), 27,
	  "salt length below minimum: value=3, min=32" },
	{ WITH_MORE(",\"EncryptedKey\":\"a!\""), 11, "EncryptedKey: illegal base64" },
	{ WITH_MORE(",\"EncryptedKey\":{}"), 11, "EncryptedKey: not a string" },
	{ WITH_MORE(",\"LongNameMax\":70"), 27,
	  "LongNameMax=70 but the LongNameMax feature flag is NOT set" },
	{ WITH_MORE(",\"LongNameMax\":256"), 11, "LongNameMax: number out of range" },
	{ WITH_FLAGS("[\"GCMIV128\",\"LongNameMax\"]"), 27,
	  "LongNameMax=0 but the LongNameMax feature flag IS set" },
	{ WITH_FLAGS("null"), 27, "AES-GCM requires GCMIV128 feature flag" },
	{ WITH_FLAGS("[\"DirIV\",\"EMENames\"]"), 27, "Deprecated filesystem" },
	{ WITH_FLAGS("\"GCMIV128\""), 11, "FeatureFlags: not a list" },
	{ WITH_FLAGS("[1]"), 11, "FeatureFlags: not a list of strings" },
	{ WITH_FLAGS("[\"GCMIV128\",\"Strange\\n\"]"), 27, "Unknown feature flag \"Strange\\n\"" },
	{ WITH_FLAGS("[\"GCMIV128 HKDF\"]"), 27, "Unknown feature flag \"GCMIV128 HKDF\"" },
	{ WITH_FLAGS("[\"gcmiv128\"]"), 27, "Unknown feature flag \"gcmiv128\"" },
	{ WITH_FLAGS("[\"GCMIV128\\u0000\"]"), 27, "Unknown feature flag \"GCMIV128\\x00\"" },
	{ WITH_FLAGS("[\"GCMIV128\",null]"), 27, "Unknown feature flag \"\"" },
	{ WITH_FLAGS("[\"AESSIV\",\"HKDF\"]"), 27, "AESSIV requires GCMIV128" },
	{ WITH_FLAGS("[\"XChaCha20Poly1305\",\"AESSIV\"]"), 27,
	  "Can't have both XChaCha20Poly1305 and AESSIV" },
	{ WITH_FLAGS("[\"XChaCha20Poly1305\",\"HKDF\",\"GCMIV128\"]"), 27,
	  "XChaCha20Poly1305 conflicts with GCMIV128" },
	{ WITH_FLAGS("[\"XChaCha20Poly1305\"]"), 27, "XChaCha20Poly1305 requires HKDF" },
	{ WITH_FLAGS("[\"PlaintextNames\",\"GCMIV128\",\"EMENames\"]"), 27, "conflicts with EMENames" },
	{ WITH_FLAGS("[\"PlaintextNames\",\"GCMIV128\",\"DirIV\"]"), 27, "conflicts with DirIV" },
	{ WITH_FLAGS("[\"PlaintextNames\",\"GCMIV128\",\"LongNames\"]"), 27, "conflicts with LongNames" },
	{ WITH_FLAGS("[\"PlaintextNames\",\"GCMIV128\",\"Raw64\"]"), 27, "conflicts with Raw64" },
	{ WITH_FLAGS("[\"PlaintextNames\",\"GCMIV128\",\"LongNameMax\"]"), 27, "conflicts with LongNameMax" },
	{ WITH_SCRYPT("1023", "8", "1", "32"), 27, "scryptn below 10" },
	{ WITH_SCRYPT("3", "8", "1", "32"), 27, "scryptn below 10" },
	{ WITH_SCRYPT("-65536", "8", "1", "32"), 27, "scryptn below 10" },
	{ WITH_SCRYPT("-9223372036854775808", "8", "1", "32"), 27, "scryptn below 10" },
	{ WITH_SCRYPT("1500", "8", "1", "32"), 27, "power of two" },
	{ WITH_SCRYPT("9223372036854775807", "8", "1", "32"), 27, "power of two" },
	{ WITH_SCRYPT("9223372036854775808", "8", "1", "32"), 11, "too big integer" },
	{ WITH_SCRYPT("1e5", "8", "1", "32"), 11, "N: not a whole number" },
	{ WITH_SCRYPT("1024", "7", "1", "32"), 27, "R below minimum: value=7, min=8" },
	{ WITH_SCRYPT("1024", "4294967296", "1", "32"), 27, "out of range" },
	{ WITH_SCRYPT("1024", "8", "0", "32"), 27, "P below minimum: value=0, min=1" },
	{ WITH_SCRYPT("1024", "8", "-1", "32"), 27, "P below minimum" },
	{ WITH_SCRYPT("1024", "8", "99999999999", "32"), 27, "out of range" },
	{ WITH_SCRYPT("1024", "8", "1", "0"), 27, "KeyLen below minimum: value=0, min=32" },
	{ WITH_SCRYPT("1024", "8", "1", "16"), 27, "KeyLen below minimum: value=16, min=32" },
	{ WITH_SCRYPT("1024", "8", "1", "-32"), 27, "KeyLen below minimum" },
	{ WITH_SCRYPT("1024", "8", "1", "64"), 27, "KeyLen must be 32: value=64" },
};

static void bad_configs_are_refused_with_upstreams_exit_code(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct config c, zero = { 0 };
		struct err err;

		if (parse(refused[i].json, &c, &err) == 0)
			fail_msg("accepted: %s", refused[i].json);
		if (err.exitcode != refused[i].exitcode || !strstr(err.text, refused[i].text))
			fail_msg("%s: exit %d, '%s'", refused[i].json, err.exitcode, err.text);
		assert_memory_equal(&c, &zero, sizeof(c));
		/* Nobody needs to ask for the reason. */
		assert_true(config_parse(&c, refused[i].json, strlen(refused[i].json), "x", NULL) < 0);
	}
}

static void monsters_are_refused(void **state)
{
	size_t n = CONFIG_BYTES_MAX + 1;
	char *big = malloc(n);
	struct err err = { 0 };
	struct config c;

	(void)state;
	assert_non_null(big);
	memset(big, '[', n);
	assert_true(config_parse(&c, big, n - 1, "big", &err) < 0);
	assert_int_equal(err.exitcode, EXITCODE_OTHER);
	memset(big, ' ', n);
	assert_int_equal(config_parse(&c, big, n, "big", &err), -EFBIG);
	assert_int_equal(err.exitcode, EXITCODE_OTHER);
	memset(big, 0, n);
	assert_true(config_parse(&c, big, 100, "big", &err) < 0);
	assert_int_equal(err.exitcode, EXITCODE_OTHER);
	/* A NUL byte in the middle of good JSON. */
	assert_true(config_parse(&c, WITH_MORE("") "\0", sizeof(WITH_MORE("")), "nul", &err) < 0);
	assert_int_equal(err.exitcode, EXITCODE_OTHER);
	/* Salt over its limit. */
	memset(big, 'A', n);
	memcpy(big, "{\"ScryptObject\":{\"Salt\":\"", 25);
	memcpy(big + 25 + 4096, "\"}}", 3);
	assert_true(config_parse(&c, big, 25 + 4096 + 3, "salt", &err) < 0);
	assert_int_equal(err.exitcode, EXITCODE_DEPRECATED);
	free(big);
}

static void terminal_control_characters_do_not_reach_the_message(void **state)
{
	struct err err;
	struct config c;

	(void)state;
	assert_true(parse("{\"a\":\x1b[31mred}", &c, &err) < 0);
	assert_null(strchr(err.text, 0x1b));
}

static void go_leniency_is_kept(void **state)
{
	static const char *const good[] = {
		WITH_MORE(""),
		WITH_MORE(",\"Unknown\":{\"a\":[1,2,{\"b\":null}],\"s\":\"\\u0000\"}"),
		WITH_MORE(",\"VERSION\":3,\"vErSiOn\":2"),
		WITH_MORE(",\"Version\":3,\"Version\":2"),
		WITH_MORE(",\"version\":null,\"creator\":null,\"SCRYPTOBJECT\":null,\"LongNameMax\":null,"
			  "\"FIDO2\":null"),
		WITH_MORE(",\"scryptobject\":{\"keylen\":32,\"n\":2048}"),
		WITH_MORE(",\"LongNameMax\":0"),
		WITH_FLAGS("[\"EMENames\",\"GCMIV128\",\"EMENames\",\"GCMIV128\"]"),
		"\r\n\t " WITH_MORE("") " \n\n",
		MAKE("zY06x2JS0Fi7bkZ/3DppjmWZOI6xTjQ/"
		     "Bf4N\\r\\nru1rUzHml+stkAtvcoHT8PpHN4eKqL73ymQ86MmdYz+1\\n",
		     SALT, "1024", "8", "1", "32", "2", "[\"GCMIV128\",\"EMENames\"]", ""),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct err err;
		struct config c;

		if (parse(good[i], &c, &err) < 0)
			fail_msg("%s: %s", good[i], err.text);
		assert_int_equal(c.version, 2);
		assert_int_equal(c.encrypted_key_len, 60);
		assert_int_equal(c.flags & CONFIG_GCMIV128, CONFIG_GCMIV128);
		assert_int_equal(c.scrypt_n, i == 5 ? 2048 : 1024);
		assert_string_equal(c.creator, "t");
		config_done(&c);
		config_done(&c); /* twice does no harm */
	}
}

static void greedy_scrypt_parameters_are_refused_at_once(void **state)
{
	static const char *const greedy[] = {
		WITH_SCRYPT("4611686018427387904", "8", "1", "32"),
		WITH_SCRYPT("268435456", "8", "1", "32"),
		WITH_SCRYPT("1024", "4294967295", "1", "32"),
		WITH_SCRYPT("1024", "8", "4294967295", "32"),
		WITH_SCRYPT("2097152", "8", "2097152", "32"),
		WITH_SCRYPT("1024", "8", "1048576", "32"),
	};
	struct secret *pw = secret_text("test");

	(void)state;
	for (size_t i = 0; i < sizeof(greedy) / sizeof(greedy[0]); i++) {
		clock_t start = clock();
		struct secret *key = NULL;
		struct err err;
		struct config c;

		assert_int_equal(parse(greedy[i], &c, &err), 0); /* -info shows it */
		assert_true(config_unlock(&c, pw, &key, &err) < 0);
		assert_int_equal(err.exitcode, EXITCODE_DEPRECATED);
		assert_true(err.text[0] != '\0');
		assert_null(key);
		assert_true(clock() - start < CLOCKS_PER_SEC);
		config_done(&c);
	}
	secret_free(pw);
}

static void missing_file_says_so(void **state)
{
	struct err err = { 0 };
	struct config c;

	(void)state;
	assert_int_equal(config_load(&c, AT_FDCWD, "/nonexistent/gocryptfs.conf", &err), -ENOENT);
	assert_string_equal(err.text, "open /nonexistent/gocryptfs.conf: no such file or directory");
	assert_int_equal(err.exitcode, EXITCODE_OTHER);
	assert_int_equal(config_load(&c, AT_FDCWD, "/", &err), -EISDIR);
	assert_string_equal(err.text, "read /: is a directory");
}

static void config_is_read_from_a_pipe(void **state)
{
	struct err err = { 0 };
	struct config c;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], WITH_MORE(""), sizeof(WITH_MORE("")) - 1), sizeof(WITH_MORE("")) - 1);
	(void)close(fds[1]);
	assert_int_equal(config_load_fd(&c, fds[0], "pipe", &err), 0);
	(void)close(fds[0]);
	config_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("our confs unlock", our_confs_unlock),
		TEST("shared confs unlock or are refused", shared_confs_unlock_or_are_refused),
		TEST("a wrong password is exit code 12", wrong_password_is_exit_12),
		TEST("bad configs are refused with upstream's exit code",
		     bad_configs_are_refused_with_upstreams_exit_code),
		TEST("oversized, deeply nested and binary configs are refused", monsters_are_refused),
		TEST("terminal control characters do not reach the message",
		     terminal_control_characters_do_not_reach_the_message),
		TEST("Go's leniency is kept", go_leniency_is_kept),
		TEST("greedy scrypt parameters are refused at once",
		     greedy_scrypt_parameters_are_refused_at_once),
		TEST("missing file says so", missing_file_says_so),
		TEST("config is read from a pipe", config_is_read_from_a_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
