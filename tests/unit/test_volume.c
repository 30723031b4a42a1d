/* test_volume.c - keys from the master key, probing a store, unlocking in a child process. Vectors: made by
 * gocryptfs 2.3 from the master key 00 01 02 ... 1f. */
#include "volume_common.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include "cli/exitcode.h"
#include "format/header.h"
#include "volume/config.h"
#include "volume/volume.h"

#define MASTER_KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER_KEY  "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static const uint8_t diriv[NAME_IV_LEN] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
					    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
static const struct volume_options normal = {
	.raw64 = true, .hkdf = true, .long_names = true, .long_name_max = 255
};

static struct volume *open_with(const struct volume_options *opt, const char *key_hex)
{
	struct secret *key = secret_hex(key_hex);
	struct volume *v = NULL;
	struct err err = { 0 };

	if (volume_open(&v, opt, key, &err) < 0)
		fail_msg("%s", err.text);
	secret_free(key); /* the volume has its own copies */
	return v;
}

static const struct {
	const char *what;
	struct volume_options opt;
	const char *name;   /* of hello.txt */
	const char *file;   /* a whole file that contains "hello" */
	const char *target; /* symlink to /target/path */
} modes[] = {
	{ "AES-GCM",
	  { .raw64 = true, .hkdf = true },
	  "t9Uhj3LDRhsZpwtwEi0A-A",
	  "00023211b01a6b6ecd59e72892713ee3834933a028d9465e75e3e626c646bc7f8082301c490bbb1aa47aabd7bc3f161309"
	  "c4a472878d22",
	  "lqgk84n1j8zcUs0Rn7bvq3oLcvjT6hApDLMcegOWHHcHD6szuaDkYmn_KGw" },
	{ "AES-GCM without HKDF",
	  { .raw64 = true },
	  "G5_RbG3f4_yQPjG1PHtL0w",
	  "0002a31cae52cce4e25044fb1c101c37be3add46b03413676c64185ea2b97dba134da9f49e38e5070d2dd152d7ab99b8d2"
	  "8a3f594b42c7",
	  "Lcgcd4yefcDoERzstoTawv3Xil5qJ07hoR5Oj6KJrKNbmanVLOwaTCgB8mg" },
	{ "AES-SIV",
	  { .raw64 = true, .hkdf = true, .aessiv = true },
	  "t9Uhj3LDRhsZpwtwEi0A-A",
	  "00024dee09199a8128e4716084e13f7626bde37be6eb5a13538a7b01b25141372492faee28bfbe9b5fe2a71fb15f0c9110"
	  "f9dd002f7095",
	  "3tSGSD8dwzWWF0ruqY-vAPxazmtungZW2W8maUQOyqX8yi8EQVRwFE3TJ1Q" },
	{ "AES-SIV without HKDF",
	  { .raw64 = true, .aessiv = true },
	  "G5_RbG3f4_yQPjG1PHtL0w",
	  "000255334ed75ed0cb64654968923f836b0e5545184aec06f1316226669701c23f53d8a7d5551814d1f3a67dde2072636f"
	  "64bd98a16293",
	  "cIwjelE5kJlGaZGah40Ku9oP0a2OhEbikgCEy9l3uNfsGgB4bGbLep_ealU" },
	{ "XChaCha20-Poly1305",
	  { .raw64 = true, .hkdf = true, .xchacha = true },
	  "t9Uhj3LDRhsZpwtwEi0A-A",
	  "0002e7ebe139789fa2153f928ef01b94748a5695133de244a5c0c5f9df73aaeddf984d3638188994fec0878b29c98c3603"
	  "6fd3426594f1"
	  "6d7cc9c600f294d4",
	  "kkmf96SIOjzPSIRkbxXHk5U_x8K00OYar0BgJqMKq7C3i0KihoX9g6sSRghE2MLPLuSvmg" },
	{ "padded names", { .hkdf = true }, "t9Uhj3LDRhsZpwtwEi0A-A==", NULL, NULL },
	{ "deterministic names",
	  { .raw64 = true, .hkdf = true, .deterministic_names = true },
	  "RrwS8IAaz6hzzVrL-nQPwg",
	  NULL,
	  NULL },
};

static void check_file(const struct volume *v, const char *hex)
{
	uint8_t file[256], id[LAYOUT_FILE_ID_LEN], plain[LAYOUT_BLOCK];
	size_t n, good = 0;

	assert_true(strlen(hex) / 2 <= sizeof(file));
	n = unit_hex(file, hex);
	assert_int_equal(header_parse(file, id), 0);
	assert_int_equal(
	    content_open(&v->content, 0, id, file + LAYOUT_HEADER_LEN, n - LAYOUT_HEADER_LEN, plain, &good),
	    0);
	assert_int_equal(good, 5);
	assert_memory_equal(plain, "hello", 5);
}

static void keys_are_those_of_gocryptfs_in_every_mode(void **state)
{
	static const uint8_t zeros[NAME_IV_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct volume *v = open_with(&modes[i].opt, MASTER_KEY);
		char target[256];
		struct cname c;

		print_message("# %s\n", modes[i].what);
		assert_int_equal(name_encrypt(&v->names, modes[i].opt.deterministic_names ? zeros : diriv,
					      true, "hello.txt", 9, &c),
				 0);
		assert_string_equal(c.name, modes[i].name);
		if (modes[i].file)
			check_file(v, modes[i].file);
		if (modes[i].target) {
			assert_int_equal(content_open_target(&v->content, modes[i].target,
							     strlen(modes[i].target), target, sizeof(target)),
					 12);
			assert_string_equal(target, "/target/path");
		}
		volume_close(v);
	}
	volume_close(NULL);
}

static void impossible_options_are_refused(void **state)
{
	const struct volume_options no_hkdf = { .xchacha = true },
				    both = { .xchacha = true, .aessiv = true, .hkdf = true };
	struct secret *key = secret_hex(MASTER_KEY), *half = secret_new(16);
	struct volume *v = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(volume_open(&v, &no_hkdf, key, &err), -EINVAL);
	assert_int_equal(volume_open(&v, &both, key, &err), -EINVAL);
	assert_int_equal(volume_open(&v, &normal, half, &err), -EINVAL);
	assert_int_equal(err.exitcode, EXITCODE_MASTERKEY);
	assert_null(v);
	secret_free(key);
	secret_free(half);
}

static void options_come_from_the_flags(void **state)
{
	struct volume_options o;
	struct config c = { .flags = CONFIG_GCMIV128 | CONFIG_DIRIV | CONFIG_EMENAMES };

	(void)state;
	volume_options_from_config(&o, &c);
	assert_true(o.long_names && o.long_name_max == 255);
	assert_false(o.hkdf || o.raw64 || o.aessiv || o.xchacha || o.plaintextnames || o.deterministic_names);
	c.flags = CONFIG_HKDF | CONFIG_XCHACHA | CONFIG_EMENAMES | CONFIG_RAW64 | CONFIG_LONGNAMEMAX;
	c.long_name_max = 100;
	volume_options_from_config(&o, &c);
	assert_true(o.hkdf && o.xchacha && o.raw64 && o.deterministic_names && o.long_name_max == 100);
	c.flags = CONFIG_GCMIV128 | CONFIG_AESSIV | CONFIG_PLAINTEXTNAMES;
	volume_options_from_config(&o, &c);
	assert_true(o.aessiv && o.plaintextnames);
	assert_false(o.deterministic_names);
}

/* ---- probing ---- */

/* An empty file with the encrypted name of `plain`, long ones with their .name file; content as given. */
static void add_entry(const struct volume *v, int dirfd, const char *plain, const uint8_t *content, size_t n)
{
	char sibling[sizeof(((struct cname *)0)->name) + sizeof(NAME_LONG_SUFFIX)];
	struct cname c;

	assert_int_equal(name_encrypt(&v->names, diriv, true, plain, strlen(plain), &c), 0);
	put_file(dirfd, c.name, content, n);
	if (c.is_long) {
		(void)snprintf(sibling, sizeof(sibling), "%s" NAME_LONG_SUFFIX, c.name);
		put_file(dirfd, sibling, c.full, strlen(c.full));
	}
}

/* header and one block of "hello"; returns its length */
static size_t make_file(const struct volume *v, uint8_t *ret)
{
	uint8_t id[LAYOUT_FILE_ID_LEN];

	header_new_id(id);
	header_pack(ret, id);
	assert_int_equal(
	    content_seal(&v->content, 0, id, (const uint8_t *)"hello", 5, ret + LAYOUT_HEADER_LEN), 0);
	return LAYOUT_HEADER_LEN + layout_run_cipher_len(&v->content.layout, 5);
}

static int probe(const struct volume_options *opt, const char *key, int dirfd)
{
	struct volume *v = open_with(opt, key);
	int r = volume_probe(v, dirfd);

	volume_close(v);
	return r;
}

static void probe_tells_right_keys_from_wrong_ones(void **state)
{
	struct volume *v = open_with(&normal, MASTER_KEY);
	struct volume_options siv = normal, padded = normal, plain_names = normal;
	uint8_t file[256], long_name[201];
	char *dir;
	size_t n;
	int dirfd;

	(void)state;
	siv.aessiv = true;
	padded.raw64 = false;
	plain_names.plaintextnames = true;
	dir = scratch_new(&dirfd);
	assert_int_equal(volume_probe(v, dirfd), 0); /* empty */
	put_file(dirfd, NAME_DIRIV, diriv, sizeof(diriv));
	put_file(dirfd, NAME_CONF, "{}", 2);
	assert_int_equal(volume_probe(v, dirfd), 0);

	/* Names alone. */
	memset(long_name, 'L', 200);
	long_name[200] = '\0';
	add_entry(v, dirfd, (const char *)long_name, NULL, 0);
	assert_int_equal(volume_probe(v, dirfd), 1);
	for (char i = 'a'; i < 'f'; i++)
		add_entry(v, dirfd, (char[]){ i, '\0' }, NULL, 0);
	assert_int_equal(volume_probe(v, dirfd), 1);
	assert_int_equal(probe(&normal, OTHER_KEY, dirfd), -EACCES);
	assert_int_equal(probe(&padded, MASTER_KEY, dirfd), -EACCES);

	/* Litter does not make a store foreign. */
	put_file(dirfd, ".nfs0001", "x", 1);
	put_file(dirfd, "notes.txt", "x", 1);
	assert_int_equal(volume_probe(v, dirfd), 1);

	/* Two files: the wrong cipher is found out although the names are right. */
	n = make_file(v, file);
	add_entry(v, dirfd, "file1", file, n);
	add_entry(v, dirfd, "file2", file, n);
	assert_int_equal(volume_probe(v, dirfd), 1);
	assert_int_equal(probe(&siv, MASTER_KEY, dirfd), -EACCES);
	assert_int_equal(probe(&normal, OTHER_KEY, dirfd), -EACCES);
	assert_int_equal(probe(&plain_names, MASTER_KEY, dirfd), 1);
	assert_int_equal(probe(&plain_names, OTHER_KEY, dirfd), -EACCES);

	/* One damaged file among good ones is no evidence. */
	file[n - 1] ^= 1;
	add_entry(v, dirfd, "file1", file, n);
	assert_int_equal(volume_probe(v, dirfd), 1);
	volume_close(v);
	scratch_free(dir, dirfd);
}

static void probe_ignores_what_proves_nothing(void **state)
{
	struct volume *v = open_with(&normal, MASTER_KEY);
	struct volume_options plain_names = normal;
	uint8_t hole[LAYOUT_HEADER_LEN + 4128] = { 0x00, 0x02, 0x01 };
	char *dir;
	int dirfd;

	(void)state;
	plain_names.plaintextnames = true;
	dir = scratch_new(&dirfd);
	put_file(dirfd, "hole", hole, sizeof(hole));
	put_file(dirfd, "empty", hole, 0);
	put_file(dirfd, "header", hole, LAYOUT_HEADER_LEN);
	assert_int_equal(mkfifoat(dirfd, "fifo", 0600), 0); /* must not block */
	assert_int_equal(symlinkat("/etc/passwd", dirfd, "link"), 0);
	assert_int_equal(probe(&plain_names, MASTER_KEY, dirfd), 0);
	assert_int_equal(volume_probe(v, dirfd), 0); /* no IV, so names cannot be judged */
	volume_close(v);
	scratch_free(dir, dirfd);
}

static void shared_stores_fit_their_keys(void **state)
{
	static const char *const stores[] = {
		"v0.7", "v0.7-plaintextnames",	    "v0.9",	    "v1.1-aessiv",
		"v1.3", "v2.2-deterministic-names", "v2.2-xchacha",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
		char sub[128], *path;
		struct secret *pw = secret_text("test"), *key = NULL;
		struct volume_options opt;
		struct volume *v = NULL;
		struct config c;
		int dirfd;

		(void)snprintf(sub, sizeof(sub), "example_filesystems/%s", stores[i]);
		path = shared_path(sub);
		if (!path) {
			secret_free(pw);
			print_message("# no shared fixtures here\n");
			skip();
		}
		dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_equal(config_load(&c, dirfd, NAME_CONF, NULL), 0);
		assert_int_equal(volume_unlock_in_child(&c, pw, &key, NULL), 0);
		volume_options_from_config(&opt, &c);
		assert_int_equal(volume_open(&v, &opt, key, NULL), 0);
		assert_int_equal(volume_probe(v, dirfd), 1);
		assert_int_equal(probe(&opt, OTHER_KEY, dirfd), -EACCES);
		volume_close(v);
		secret_free(key);
		secret_free(pw);
		config_done(&c);
		(void)close(dirfd);
		free(path);
	}
}

/* ---- child process ---- */

static void load_golden(const char *name, struct config *c)
{
	char *dir = source_path("tests/golden/conf"), *path = NULL;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	assert_int_equal(config_load(c, AT_FDCWD, path, NULL), 0);
	free(path);
	free(dir);
}

static void child_gives_the_key_or_the_reason(void **state)
{
	struct secret *pw = secret_text("test"), *wrong = secret_text("wrong"), *key = NULL, *direct = NULL;
	struct err err = { 0 };
	struct config c;

	(void)state;
	load_golden("default.conf", &c);
	assert_int_equal(config_unlock(&c, pw, &direct, &err), 0);
	assert_int_equal(volume_unlock_in_child(&c, pw, &key, &err), 0);
	assert_true(secret_equal(key, direct));
	secret_free(key);
	key = NULL;
	assert_int_equal(volume_unlock_in_child(&c, wrong, &key, &err), -EACCES);
	assert_null(key);
	assert_int_equal(err.exitcode, EXITCODE_PASSWORD);
	assert_string_equal(err.text, "Password incorrect.");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody left */
	assert_int_equal(errno, ECHILD);
	secret_free(pw);
	secret_free(wrong);
	secret_free(direct);
	config_done(&c);
}

/* RLIMIT_CPU stands in for the OOM killer: N and P here take minutes. */
static void killed_child_is_reported(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit one_second = { 1, 1 }, none = { 0, 0 };
		struct secret *pw = secret_text("test"), *key = NULL;
		struct err err = { 0 };
		struct config c;
		int r;

		load_golden("default.conf", &c);
		c.scrypt_p = 1 << 15;
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)setrlimit(RLIMIT_CPU, &one_second);
		r = volume_unlock_in_child(&c, pw, &key, &err);
		_exit(r == -ENOMEM && !key && err.exitcode == EXITCODE_SCRYPT &&
			      strstr(err.text, "killed by signal")
			  ? 42
			  : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("keys are those of gocryptfs in every mode", keys_are_those_of_gocryptfs_in_every_mode),
		TEST("impossible options are refused", impossible_options_are_refused),
		TEST("options come from the flags", options_come_from_the_flags),
		TEST("probe tells right keys from wrong ones", probe_tells_right_keys_from_wrong_ones),
		TEST("probe ignores what proves nothing", probe_ignores_what_proves_nothing),
		TEST("shared stores fit their keys", shared_stores_fit_their_keys),
		TEST("the child gives the key or the reason", child_gives_the_key_or_the_reason),
		TEST("killed child is reported", killed_child_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
