/* test_config_write.c - gocryptfs.conf as we make it: laid out like Go's, durable, the key kept under a new
 * password. */
#include "volume_common.h"

#include <signal.h>
#include <sys/resource.h>

#include "cli/exitcode.h"
#include "volume/config.h"

#define KEY  "zY06x2JS0Fi7bkZ/3DppjmWZOI6xTjQ/Bf4Nru1rUzHml+stkAtvcoHT8PpHN4eKqL73ymQ86MmdYz+1"
#define SALT "U5MbvyTmwhEkLqe6XxlrONzPZEf2GLFZCAIixz2Kal0="
#define MAKE(key, salt, n, r, p, keylen, version, flags, more)                                               \
	"{\"Creator\":\"t\",\"EncryptedKey\":\"" key "\",\"ScryptObject\":{\"Salt\":\"" salt "\",\"N\":" n   \
	",\"R\":" r ",\"P\":" p ",\"KeyLen\":" keylen "},\"Version\":" version                               \
	",\"FeatureFlags\":" flags more "}"
#define WITH_MORE(more) MAKE(KEY, SALT, "1024", "8", "1", "32", "2", "[\"GCMIV128\",\"EMENames\"]", more)

static int parse(const char *json, struct config *c, struct err *err)
{
	memset(err, 0, sizeof(*err));
	return config_parse(c, json, strlen(json), "test.conf", err);
}

static void written_text_is_what_go_writes(void **state)
{
	char *dir = source_path("tests/golden/conf");
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d))) {
		struct config c;
		char *ours, *file;

		if (!strstr(e->d_name, ".conf"))
			continue;
		assert_int_equal(config_load(&c, dirfd(d), e->d_name, NULL), 0);
		file = get_file(dirfd(d), e->d_name, NULL);
		ours = config_to_json(&c);
		assert_string_equal(ours, file);
		free(ours);
		free(file);
		config_done(&c);
		n++;
	}
	assert_int_equal(n, 11);
	(void)closedir(d);
	free(dir);
}

static void new_configs_have_upstreams_flags(void **state)
{
	static const struct {
		struct config_new opt;
		const char *flags;
		const char *cipher;
	} cases[] = {
		{ { 0 }, "HKDF GCMIV128 DirIV EMENames LongNames Raw64", "AES-GCM-256" },
		{ { .aessiv = true }, "HKDF GCMIV128 DirIV EMENames LongNames Raw64 AESSIV", "AES-SIV-512" },
		{ { .xchacha = true },
		  "HKDF XChaCha20Poly1305 DirIV EMENames LongNames Raw64",
		  "XChaCha20-Poly1305" },
		{ { .plaintextnames = true, .long_name_max = 100 },
		  "HKDF GCMIV128 PlaintextNames",
		  "AES-GCM-256" },
		{ { .deterministic_names = true }, "HKDF GCMIV128 EMENames LongNames Raw64", "AES-GCM-256" },
		{ { .long_name_max = 62 },
		  "HKDF GCMIV128 DirIV LongNameMax EMENames LongNames Raw64",
		  "AES-GCM-256" },
		{ { .long_name_max = 255 }, "HKDF GCMIV128 DirIV EMENames LongNames Raw64", "AES-GCM-256" },
	};
	struct secret *pw = secret_text("test"), *mk = secret_new(32);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config_new opt = cases[i].opt;
		struct config c, again;
		struct secret *key = NULL;
		struct err err = { 0 };
		char *json;

		opt.scrypt_logn = 10;
		opt.creator = "gocryptfs \"1\"";
		if (config_create(&c, &opt, mk, pw, &err) < 0)
			fail_msg("%s: %s", cases[i].flags, err.text);
		assert_string_equal(c.flags_text, cases[i].flags);
		assert_string_equal(config_cipher_name(&c), cases[i].cipher);
		assert_int_equal(c.encrypted_key_len, 64);
		json = config_to_json(&c);
		assert_int_equal(parse(json, &again, &err), 0);
		assert_string_equal(again.creator, opt.creator);
		assert_int_equal(again.flags, c.flags);
		assert_int_equal(again.long_name_max, c.long_name_max);
		assert_int_equal(config_unlock(&again, pw, &key, &err), 0);
		assert_true(secret_equal(key, mk));
		free(json);
		secret_free(key);
		config_done(&again);
		config_done(&c);
	}
	secret_free(pw);
	secret_free(mk);
}

static void bad_options_make_no_config(void **state)
{
	struct secret *pw = secret_text("test"), *mk = secret_new(32), *short_mk = secret_new(16);
	struct config_new opt = { .scrypt_logn = 9, .creator = "t" };
	struct err err = { 0 };
	struct config c;

	(void)state;
	assert_true(config_create(&c, &opt, mk, pw, &err) < 0);
	assert_int_equal(err.exitcode, EXITCODE_WRITECONF);
	assert_string_equal(err.text, "Fatal: scryptn below 10 is too low to make sense");
	opt.scrypt_logn = 29;
	assert_true(config_create(&c, &opt, mk, pw, &err) < 0);
	opt.scrypt_logn = 28;
	assert_true(config_create(&c, &opt, mk, pw, &err) < 0);
	assert_int_equal(err.exitcode, EXITCODE_SCRYPT);
	opt.scrypt_logn = 10;
	opt.xchacha = opt.aessiv = true;
	assert_true(config_create(&c, &opt, mk, pw, &err) < 0);
	assert_int_equal(err.exitcode, EXITCODE_WRITECONF);
	opt.xchacha = false;
	assert_true(config_create(&c, &opt, short_mk, pw, &err) < 0);
	secret_free(pw);
	secret_free(mk);
	secret_free(short_mk);
}

static void new_password_keeps_key_and_everything_else(void **state)
{
	char *path = source_path("tests/golden/conf/no-hkdf.conf");
	struct secret *old_pw = secret_text("test"), *pw = secret_text("n\xc3\xa9w"), *key = NULL,
		      *again = NULL;
	struct config c, before;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(config_load(&c, AT_FDCWD, path, &err), 0);
	assert_int_equal(config_unlock(&c, old_pw, &key, &err), 0);
	before = c;
	assert_int_equal(config_rewrap(&c, key, pw, 9, &err), -EINVAL);
	assert_memory_equal(&c, &before, sizeof(c));
	assert_int_equal(config_rewrap(&c, key, pw, 0, &err), 0);
	assert_int_equal(c.scrypt_n, 1024);
	assert_int_equal(c.encrypted_key_len, 60);
	assert_memory_not_equal(c.salt, before.salt, 32);
	assert_int_equal(config_unlock(&c, old_pw, &again, &err), -EACCES);
	assert_int_equal(config_unlock(&c, pw, &again, &err), 0);
	assert_true(secret_equal(key, again));
	assert_int_equal(config_rewrap(&c, key, pw, 12, &err), 0);
	assert_int_equal(c.scrypt_n, 4096);
	secret_free(old_pw);
	secret_free(pw);
	secret_free(key);
	secret_free(again);
	config_done(&c);
	free(path);
}

static void fido2_object_is_kept(void **state)
{
	static const char json[] =
	    MAKE(KEY, SALT, "1024", "8", "1", "32", "2", "[\"GCMIV128\",\"FIDO2\"]",
		 ",\"FIDO2\":{\"CredentialID\":\"YQ==\",\"HMACSalt\":\"Yg,{}:==\",\"New\":{},"
		 "\"AssertOptions\":[\"up=\\\"x\\\\\"],\"n\":null}");
	static const char text[] = "\t\"FIDO2\": {\n"
				   "\t\t\"CredentialID\": \"YQ==\",\n"
				   "\t\t\"HMACSalt\": \"Yg,{}:==\",\n"
				   "\t\t\"New\": {},\n"
				   "\t\t\"AssertOptions\": [\n"
				   "\t\t\t\"up=\\\"x\\\\\"\n"
				   "\t\t],\n"
				   "\t\t\"n\": null\n"
				   "\t}\n}\n";
	struct config c;
	struct err err;
	char *out;

	(void)state;
	assert_int_equal(parse(json, &c, &err), 0);
	assert_int_equal(c.flags & CONFIG_FIDO2, CONFIG_FIDO2);
	out = config_to_json(&c);
	assert_non_null(strstr(out, text));
	free(out);
	config_done(&c);
}

static void writing_replaces_in_one_step(void **state)
{
	struct err err = { 0 };
	struct config c;
	struct stat st;
	char *dir, *text;
	int dirfd;

	(void)state;
	dir = scratch_new(&dirfd);
	assert_int_equal(parse(WITH_MORE(""), &c, &err), 0);
	assert_int_equal(config_write(&c, dirfd, "a.conf", &err), 0);
	assert_int_equal(config_write(&c, dirfd, "a.conf", &err),
			 0); /* over a file without write permission */
	assert_int_equal(fstatat(dirfd, "a.conf", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(count_entries(dir), 1);
	text = get_file(dirfd, "a.conf", NULL);
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);

	put_file(dirfd, "a.conf.tmp", "x", 1);
	assert_int_equal(config_write(&c, dirfd, "a.conf", &err), -EEXIST);
	assert_int_equal(err.exitcode, EXITCODE_WRITECONF);
	assert_non_null(strstr(err.text, "a.conf.tmp"));
	assert_int_equal(count_entries(dir), 2); /* not ours to remove */

	assert_int_equal(config_write(&c, dirfd, "no/such.conf", &err), -ENOENT);
	assert_int_equal(mkdirat(dirfd, "d", 0700), 0);
	assert_int_equal(config_write(&c, dirfd, "d", &err), -EISDIR); /* rename fails: nothing is left */
	assert_int_equal(faccessat(dirfd, "d.tmp", F_OK, 0), -1);
	assert_int_equal(unlinkat(dirfd, "d", AT_REMOVEDIR), 0);
	config_done(&c);
	scratch_free(dir, dirfd);
}

/* RLIMIT_FSIZE stands in for a full disk. */
static void failed_write_leaves_the_old_file(void **state)
{
	struct rlimit old, small = { .rlim_cur = 100 };
	struct err err = { 0 };
	struct config c;
	char *dir, *text;
	int dirfd, r;

	(void)state;
	dir = scratch_new(&dirfd);
	assert_int_equal(parse(WITH_MORE(""), &c, &err), 0);
	put_file(dirfd, "a.conf", "old", 3);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	r = config_write(&c, dirfd, "a.conf", &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(r, -EFBIG);
	assert_int_equal(err.exitcode, EXITCODE_WRITECONF);
	text = get_file(dirfd, "a.conf", NULL);
	assert_string_equal(text, "old");
	assert_int_equal(count_entries(dir), 1);
	free(text);
	config_done(&c);
	scratch_free(dir, dirfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("the text we write is what Go writes", written_text_is_what_go_writes),
		TEST("new configs have upstream's flags", new_configs_have_upstreams_flags),
		TEST("bad options make no config", bad_options_make_no_config),
		TEST("new password keeps key and everything else",
		     new_password_keeps_key_and_everything_else),
		TEST("fido2 object is kept", fido2_object_is_kept),
		TEST("writing replaces in one step", writing_replaces_in_one_step),
		TEST("failed write leaves the old file", failed_write_leaves_the_old_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
