/* test_create.c - a new store: its files, what is undone on failure, and that the Go gocryptfs can read it.
 */
#include "volume_common.h"

#include <sys/wait.h>

#include "cli/exitcode.h"
#include "crypto/rng.h"
#include "format/iv.h"
#include "volume/config.h"
#include "volume/volume.h"

static void make_config(struct config *c, const struct config_new *like, struct secret **ret_key)
{
	struct config_new opt = *like;
	struct secret *pw = secret_text("test");
	struct err err = { 0 };

	opt.scrypt_logn = 10;
	opt.creator = "gocryptfs 1.0.0";
	*ret_key = secret_new(32);
	rng_bytes((*ret_key)->data, 32);
	if (config_create(c, &opt, *ret_key, pw, &err) < 0)
		fail_msg("%s", err.text);
	secret_free(pw);
}

static void store_has_config_and_root_iv(void **state)
{
	uint8_t iv[NAME_IV_LEN];
	struct secret *key;
	struct config c;
	struct stat st;
	char *dir, *text;
	size_t n;
	int dirfd;

	(void)state;
	dir = scratch_new(&dirfd);
	(void)umask(022);
	make_config(&c, &(struct config_new){ 0 }, &key);
	assert_int_equal(volume_create(dirfd, dirfd, NAME_CONF, &c, NULL), 0);
	assert_int_equal(count_entries(dir), 2);
	assert_int_equal(fstatat(dirfd, NAME_CONF, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(fstatat(dirfd, NAME_DIRIV, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	text = get_file(dirfd, NAME_DIRIV, &n);
	assert_int_equal(iv_check((uint8_t *)text, (ssize_t)n, iv), 0);
	free(text);
	config_done(&c);
	secret_free(key);
	scratch_free(dir, dirfd);
}

static void no_iv_where_names_need_none(void **state)
{
	static const struct config_new without[] = { { .plaintextnames = true },
						     { .deterministic_names = true } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct secret *key;
		struct config c;
		char *dir;
		int dirfd;

		dir = scratch_new(&dirfd);
		make_config(&c, &without[i], &key);
		assert_int_equal(volume_create(dirfd, dirfd, NAME_CONF, &c, NULL), 0);
		assert_int_equal(count_entries(dir), 1);
		config_done(&c);
		secret_free(key);
		scratch_free(dir, dirfd);
	}
}

static void existing_config_is_never_replaced(void **state)
{
	struct err err = { 0 };
	struct secret *key;
	struct config c;
	char *dir, *text;
	int dirfd;

	(void)state;
	dir = scratch_new(&dirfd);
	make_config(&c, &(struct config_new){ 0 }, &key);
	put_file(dirfd, NAME_CONF, "precious", 8);
	assert_int_equal(volume_create(dirfd, dirfd, NAME_CONF, &c, &err), -EEXIST);
	assert_int_equal(err.exitcode, EXITCODE_INIT);
	assert_string_equal(err.text, "Config file \"gocryptfs.conf\" already exists");
	assert_int_equal(count_entries(dir), 1); /* the IV and the temporary file are gone again */
	text = get_file(dirfd, NAME_CONF, NULL);
	assert_string_equal(text, "precious");
	free(text);
	config_done(&c);
	secret_free(key);
	scratch_free(dir, dirfd);
}

static void failures_are_undone(void **state)
{
	struct err err = { 0 };
	struct secret *key;
	struct config c;
	char *dir;
	int dirfd;

	(void)state;
	dir = scratch_new(&dirfd);
	make_config(&c, &(struct config_new){ 0 }, &key);
	assert_int_equal(volume_create(dirfd, dirfd, "no/such/dir.conf", &c, &err), -ENOENT);
	assert_int_equal(err.exitcode, EXITCODE_WRITECONF);
	assert_int_equal(count_entries(dir), 0);
	put_file(dirfd, NAME_DIRIV, "x", 1);
	assert_int_equal(volume_create(dirfd, dirfd, NAME_CONF, &c, &err), -EEXIST);
	assert_int_equal(err.exitcode, EXITCODE_INIT);
	assert_int_equal(count_entries(dir), 1); /* somebody else's IV stays */
	config_done(&c);
	secret_free(key);
	scratch_free(dir, dirfd);
}

/* What `xray -dumpmasterkey` of the Go program says of dir/gocryptfs.conf, "" if it fails. ret has 128 bytes.
 */
static void go_master_key(const char *xray, const char *dir, char *ret)
{
	char command[512];
	FILE *p;

	(void)snprintf(command, sizeof(command), "echo test | '%s' -dumpmasterkey '%s/" NAME_CONF "'", xray,
		       dir);
	p = popen(command, "r");
	assert_non_null(p);
	if (!fgets(ret, 128, p))
		ret[0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	(void)pclose(p);
}

/* The Go program, named by GCF_GO_XRAY or where Debian has it (if that is not ours). */
static const char *find_go_xray(void)
{
	const char *xray = getenv("GCF_GO_XRAY");
	int status;

	if (xray)
		return xray;
	xray = "/usr/bin/gocryptfs-xray";
	status = system("/usr/bin/gocryptfs-xray -version 2>/dev/null | grep -q ' go[0-9]'");
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? xray : NULL;
}

static void go_program_unlocks_our_configs(void **state)
{
	static const struct config_new kinds[] = {
		{ 0 },
		{ .aessiv = true },
		{ .xchacha = true },
		{ .plaintextnames = true },
		{ .deterministic_names = true, .xchacha = true },
		{ .long_name_max = 70 },
	};
	const char *xray = find_go_xray();

	(void)state;
	if (!xray) {
		print_message("# the Go gocryptfs-xray is not installed here\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char *dir, hex[128];
		struct secret *key;
		struct config c;
		int dirfd;

		dir = scratch_new(&dirfd);
		make_config(&c, &kinds[i], &key);
		assert_int_equal(volume_create(dirfd, dirfd, NAME_CONF, &c, NULL), 0);
		go_master_key(xray, dir, hex);
		assert_int_equal(strlen(hex), 64);
		assert_key(key, hex);
		config_done(&c);
		secret_free(key);
		scratch_free(dir, dirfd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("store has config and root iv", store_has_config_and_root_iv),
		TEST("no iv where names need none", no_iv_where_names_need_none),
		TEST("existing config is never replaced", existing_config_is_never_replaced),
		TEST("failures are undone", failures_are_undone),
		TEST("go program unlocks our configs", go_program_unlocks_our_configs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
