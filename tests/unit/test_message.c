/* test_message.c - symlink targets and xattr values: vectors of Debian's gocryptfs 2.3, limits, damage. */
#include "format_keys.h"

#include <errno.h>
#include <limits.h>

#include "util/base64.h"

/* Master key 00..1f; symlink to /target/path; xattr user.foo = bar. */
static const struct {
	enum aead_alg alg;
	bool hkdf;
	const char *target, *xattr;
} vectors[] = {
	{ AEAD_AES256_GCM, true, "lqgk84n1j8zcUs0Rn7bvq3oLcvjT6hApDLMcegOWHHcHD6szuaDkYmn_KGw",
	  "27753dd7f67cc5487fe0a49324b1b6c81fe7a831fc279178154573451ce02464b79707" },
	{ AEAD_AES256_GCM, false, "Lcgcd4yefcDoERzstoTawv3Xil5qJ07hoR5Oj6KJrKNbmanVLOwaTCgB8mg",
	  "3a52fe1f3088eb5e345a67e18f8f3ecaea1d5ccad8c503eb068a3dc614df59e067e4b0" },
	{ AEAD_AES_SIV_512, true, "3tSGSD8dwzWWF0ruqY-vAPxazmtungZW2W8maUQOyqX8yi8EQVRwFE3TJ1Q",
	  "5395b0fb1fd645902ccbd7aacf0fc2b9b24cb8932076f426a5a55526501b4e1f9db14b" },
	{ AEAD_AES_SIV_512, false, "cIwjelE5kJlGaZGah40Ku9oP0a2OhEbikgCEy9l3uNfsGgB4bGbLep_ealU",
	  "3b20c3f1015e26bf3abeed15ad4337dd09c9c88f3b77fde44b77db034919fbd409c1a4" },
	{ AEAD_XCHACHA20_POLY1305, true,
	  "kkmf96SIOjzPSIRkbxXHk5U_x8K00OYar0BgJqMKq7C3i0KihoX9g6sSRghE2MLPLuSvmg",
	  "b48f3e1e18f37820980796b08d0e5746fb92e121b59313f45252281538ce21ab65895f3ea1f7e3198b6288" },
};

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const char *stored = vectors[i].target;
		char target[PATH_MAX + 1], text[128];
		uint8_t raw[128], value[128];
		struct content c;
		size_t n;

		keys_content(&c, vectors[i].alg, vectors[i].hkdf, true);
		assert_int_equal(content_open_target(&c, stored, strlen(stored), target, sizeof(target)), 12);
		assert_string_equal(target, "/target/path");
		assert_int_equal(content_target_len(&c, strlen(stored)), 12);
		n = unit_hex(raw, vectors[i].xattr);
		assert_int_equal(content_open_xattr(&c, raw, n, value), 3);
		assert_memory_equal(value, "bar", 3);
		/* Very old file systems: the same in base64. */
		n = base64url_encode(text, raw, n, false);
		assert_int_equal(content_open_xattr(&c, (uint8_t *)text, n, value), 3);
		assert_memory_equal(value, "bar", 3);
		content_done(&c);
	}
}

static void test_messages(void **state)
{
	static const size_t sizes[] = { 1, 15, 16, 17, 4096, 4097, 65535, CONTENT_MESSAGE_MAX };
	static uint8_t in[CONTENT_MESSAGE_MAX], out[CONTENT_MESSAGE_MAX + 64], back[CONTENT_MESSAGE_MAX + 64];
	uint64_t seed = 17;

	(void)state;
	for (int alg = 0; alg < 3; alg++) {
		struct content c;

		keys_content(&c, (enum aead_alg)alg, true, true);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			size_t n = sizes[i], len = content_message_len(&c, n);

			unit_random_bytes(&seed, in, n);
			assert_int_equal(content_seal_message(&c, in, n, out), 0);
			assert_int_equal(content_open_message(&c, out, len, back), n);
			assert_memory_equal(back, in, n);
			out[unit_random(&seed) % len] ^= 4;
			assert_int_equal(content_open_message(&c, out, len, back), -EBADMSG);
		}
		assert_int_equal(content_message_len(&c, 0), 0);
		assert_int_equal(content_seal_message(&c, in, 0, out), 0);
		assert_int_equal(content_open_message(&c, out, 0, back), 0);
		for (size_t n = 1; n <= c.layout.overhead; n++)
			assert_int_equal(content_open_message(&c, out, n, back), -EBADMSG);
		memset(out, 0, 100); /* all-zero nonce; and zeros are no hole here */
		assert_int_equal(content_open_message(&c, out, 100, back), -EBADMSG);
		memset(out, 0, 4096 + 40);
		assert_int_equal(content_open_message(&c, out, c.layout.cipher_block, back), -EBADMSG);
		content_done(&c);
	}
}

static void check_target(const struct content *c, size_t n)
{
	static char in[PATH_MAX], stored[2 * PATH_MAX], back[PATH_MAX];
	ssize_t len;

	memset(in, 'p', n);
	len = content_seal_target(c, in, n, stored, sizeof(stored));
	assert_int_equal(len, base64_len(content_message_len(c, n), !c->raw64));
	assert_int_equal(strlen(stored), len);
	assert_int_equal(content_open_target(c, stored, (size_t)len, back, n + 1), n);
	assert_memory_equal(back, in, n);
	assert_int_equal(back[n], 0);
	if (n)
		assert_int_equal(content_open_target(c, stored, (size_t)len, back, n), -ENAMETOOLONG);
	assert_int_equal(content_seal_target(c, in, n, stored, (size_t)len), -ENAMETOOLONG);
	assert_int_equal(content_seal_target(c, in, n, stored, (size_t)len + 1), len);
	assert_int_equal(content_target_len(c, strcspn(stored, "=")), n);
}

static void test_targets(void **state)
{
	(void)state;
	for (int alg = 0; alg < 3; alg++)
		for (int raw64 = 0; raw64 < 2; raw64++) {
			struct content c;

			keys_content(&c, (enum aead_alg)alg, true, raw64);
			for (size_t n = 0; n < 100; n++)
				check_target(&c, n);
			check_target(&c, PATH_MAX - 1);
			content_done(&c);
		}
}

static void test_target_lengths(void **state)
{
	struct content raw, padded;

	(void)state;
	keys_content(&raw, AEAD_AES256_GCM, true, true);
	keys_content(&padded, AEAD_AES256_GCM, true, false);
	assert_int_equal(content_target_len(&raw, 0), 0);
	assert_int_equal(content_target_len(&raw, 43), 0); /* 32 bytes: overhead alone */
	assert_int_equal(content_target_len(&raw, 44), 1);
	assert_int_equal(content_target_len(&raw, 45), 0); /* no base64 */
	assert_int_equal(content_target_len(&padded, 44), 1);
	assert_int_equal(content_target_len(&padded, 46), 2); /* "==" not counted */
	content_done(&raw);
	content_done(&padded);
}

static void test_target_damage(void **state)
{
	char out[PATH_MAX + 1], stored[256];
	uint8_t message[128];
	static char huge[3 * CONTENT_MESSAGE_MAX];
	struct content c;
	size_t n;

	(void)state;
	keys_content(&c, AEAD_AES256_GCM, true, true);
	assert_int_equal(content_open_target(&c, "/plain/path", 11, out, sizeof(out)), -EUCLEAN);
	assert_int_equal(content_open_target(&c, "AAAA", 4, out, sizeof(out)), -EBADMSG);
	strcpy(stored, vectors[0].target);
	stored[20] = stored[20] == 'A' ? 'B' : 'A';
	assert_int_equal(content_open_target(&c, stored, strlen(stored), out, sizeof(out)), -EBADMSG);
	(void)snprintf(stored, sizeof(stored), "%s\n", vectors[0].target);
	assert_int_equal(content_open_target(&c, stored, strlen(stored), out, sizeof(out)), -EUCLEAN);
	(void)snprintf(stored, sizeof(stored), "%s=", vectors[0].target);
	assert_int_equal(content_open_target(&c, stored, strlen(stored), out, sizeof(out)), -EUCLEAN);
	assert_int_equal(content_seal_message(&c, (const uint8_t *)"a\0b", 3, message), 0);
	n = base64url_encode(stored, message, content_message_len(&c, 3), false);
	assert_int_equal(content_open_target(&c, stored, n, out, sizeof(out)), -EBADMSG);
	assert_int_equal(content_open_target(&c, huge, sizeof(huge), out, sizeof(out)), -ENAMETOOLONG);
	assert_int_equal(content_open_target(&c, "", 0, out, 0), -ENAMETOOLONG);
	assert_int_equal(content_seal_target(&c, huge, sizeof(huge), huge, sizeof(huge)), -ENAMETOOLONG);
	content_done(&c);
}

static void test_xattr_damage(void **state)
{
	uint8_t raw[128], out[128];
	char text[200];
	struct content c;
	size_t n;

	(void)state;
	keys_content(&c, AEAD_AES256_GCM, true, true);
	assert_int_equal(content_open_xattr(&c, raw, 0, out), 0);
	n = unit_hex(raw, vectors[0].xattr);
	raw[n - 1] ^= 1;
	assert_int_equal(content_open_xattr(&c, raw, n, out), -EBADMSG);
	n = base64url_encode(text, raw, n, false);
	assert_int_equal(content_open_xattr(&c, (uint8_t *)text, n, out), -EBADMSG);
	assert_int_equal(content_open_xattr(&c, (const uint8_t *)"clear text", 10, out), -EBADMSG);
	content_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("symlink targets and xattr values of gocryptfs 2.3 decrypt", test_vectors),
		TEST("messages of every size survive and damage is met", test_messages),
		TEST("symlink targets survive in both kinds of base64 and keep their limits", test_targets),
		TEST("the length of a target follows from what is stored", test_target_lengths),
		TEST("damaged symlink targets are refused", test_target_damage),
		TEST("damaged xattr values are refused", test_xattr_damage),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
