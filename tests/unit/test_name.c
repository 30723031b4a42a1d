/* test_name.c - file names: vectors of Debian's gocryptfs 2.3, long names, variants, reserved names, damage.
 */
#include "format_keys.h"

#include <errno.h>

#include "crypto/eme.h"
#include "util/base64.h"

/* Names under master key 00..1f, HKDF, Raw64, directory IV 00 11 .. ff; made by Debian's gocryptfs 2.3. */
#define N_TIMES_175                                                                                          \
	"mH7qg0Ct9fvI5cGJO2k7RAM62Qh61SZGmTcLWc8sb_dq9Q5yrxnbER-xEu07GltJj46z_tUAJL_"                        \
	"oFgCcQDJnkXVJIrPMMMpbP5Heaaq3"                                                                      \
	"VDGcB3F9OR1cOnCoWRkGVMdVrCAXRIARZI_PF7Kw4pP8i7IvvUZswS4bj9qRwduyz2nYW__"                            \
	"Y9wMhYyXUEGhxy3WDtNmATZJv7qNTBZ9X"                                                                  \
	"JwE9NV4bw0Uai_CRAT3p48230es"
static const struct {
	const char *plain, *cipher;
	int repeat; /* plain is one character, this often */
} vectors[] = {
	{ "a", "vZw8ZkNSB_3qOq7w6jwXmg", 1 },
	{ "hello.txt", "t9Uhj3LDRhsZpwtwEi0A-A", 1 },
	{ "sym", "37TxFgdjE2PJwzroKltiiQ", 1 },
	{ "sub", "35ljuVOw-xDeEG8Mnhsj3A", 1 },
	{ "fifteenchars_xx", "VW57KrQqFoRsHE07j0hjBg", 1 },
	{ "sixteenchars_xxx", "LZX7UIsvzkVvFTZyS_w3cjHOr8BMmMqeGYxGljnekbo", 1 },
	{ "\xc3\xbcml\xc3\xa4ut\xe2\x82\xac", "Kc9HSacJbU0ibcGIM-9V5Q", 1 },
	{ "n", N_TIMES_175, 175 },
	{ "n", "gocryptfs.longname.yghfV-B-qroKU3aq3lnGT-tqJltjUoZ2wAGbHPCEqMk", 176 },
	{ "L", "gocryptfs.longname.i02g7wSaoewrqYq2yn8VyMnmzAHPBRcgyz4d_ao4WSI", 255 },
	{ "q",
	  "vKO9Ctf-Q1xRyGKXleGF5mcZUwWtrfvUJ7knRJE15yFA2JyEkUE5VnAbaay5zm97VfeV7MKxsuZxeL1dgP8CsBq9tW45z1N-"
	  "OnOO_0a"
	  "1v2s",
	  70 },
};

static size_t repeated(char *buf, const char *s, int times)
{
	buf[0] = '\0';
	for (int i = 0; i < times; i++)
		strcat(buf, s);
	return strlen(buf);
}

static void test_vectors(void **state)
{
	struct names n;

	(void)state;
	keys_names(&n, true);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		char plain[NAME_PLAIN_MAX + 1], back[NAME_PLAIN_MAX + 1];
		size_t len = repeated(plain, vectors[i].plain, vectors[i].repeat);
		struct cname c;
		const char *full;

		assert_int_equal(name_encrypt(&n, keys_diriv, true, plain, len, &c), 0);
		assert_string_equal(c.name, vectors[i].cipher);
		assert_int_equal(c.is_long, strncmp(c.name, NAME_LONG_PREFIX, strlen(NAME_LONG_PREFIX)) == 0);
		full = c.is_long ? c.full : c.name;
		assert_string_equal(c.full, c.is_long ? full : "");
		assert_int_equal(name_decrypt(&n, keys_diriv, full, strlen(full), back), len);
		assert_string_equal(back, plain);
		assert_int_equal(name_classify(&n, true, c.name), c.is_long ? NAME_HASHED : NAME_ORDINARY);
	}
	names_done(&n);
	names_done(&n);
}

static void test_dot_name_file(void **state)
{
	uint8_t want[32], hash[32];
	char plain[NAME_PLAIN_MAX + 1];
	struct cname c;
	struct names n;

	(void)state;
	keys_names(&n, true);
	assert_int_equal(name_encrypt(&n, keys_diriv, false, plain, repeated(plain, "n", 176), &c), 0);
	assert_int_equal(strlen(c.full), 256);
	assert_int_equal(name_encrypt(&n, keys_diriv, false, plain, repeated(plain, "L", 255), &c), 0);
	assert_int_equal(strlen(c.full), 342);
	(void)unit_hex(want, "8b4da0ef049aa1ec2ba98ab6ca7f15c8c9e6cc01cf051720cb3e1dfdaa385922");
	kdf_sha256(hash, c.full, strlen(c.full));
	assert_memory_equal(hash, want, 32);
	names_done(&n);
}

static void check_one(const struct names *n, const char *plain, size_t len, const char *cipher)
{
	char back[NAME_PLAIN_MAX + 1];
	struct cname c;

	assert_int_equal(name_encrypt(n, keys_diriv, true, plain, len, &c), 0);
	assert_string_equal(c.name, cipher);
	if (!c.is_long)
		assert_int_equal(name_decrypt(n, keys_diriv, cipher, strlen(cipher), back), len);
}

static void test_variants(void **state)
{
	char plain[NAME_PLAIN_MAX + 1];
	struct names n;
	struct cname c;

	(void)state;
	keys_names(&n, true);
	n.raw64 = false;
	check_one(&n, "hello.txt", 9, "t9Uhj3LDRhsZpwtwEi0A-A==");
	assert_int_equal(name_encrypt(&n, keys_diriv, false, plain, repeated(plain, "L", 255), &c), 0);
	assert_int_equal(strlen(c.full), NAME_FULL_MAX);
	assert_int_equal(strlen(c.name), 63);
	n.raw64 = true;
	n.deterministic = true;
	check_one(&n, "hello.txt", 9, "RrwS8IAaz6hzzVrL-nQPwg");
	n.deterministic = false;
	n.long_max = 100;
	check_one(&n, plain, repeated(plain, "q", 70),
		  "gocryptfs.longname.MtRMqLYAwApixx8a3DwrclR3ygVt0sDWYrZWzmKMRu0");
	n.long_names = false;
	n.long_max = 255;
	check_one(&n, plain, repeated(plain, "n", 175), N_TIMES_175);
	assert_int_equal(name_encrypt(&n, keys_diriv, false, plain, repeated(plain, "n", 176), &c),
			 -ENAMETOOLONG);
	names_done(&n);
	keys_names(&n, false);
	check_one(&n, "hello.txt", 9, "G5_RbG3f4_yQPjG1PHtL0w");
	names_done(&n);
}

static void test_rules(void **state)
{
	char lengthy[NAME_PLAIN_MAX + 2], back[NAME_PLAIN_MAX + 1];
	struct names n;
	struct cname c;

	(void)state;
	keys_names(&n, true);
	for (int plaintext = 0; plaintext < 2; plaintext++) {
		n.plaintext = plaintext;
		assert_int_equal(name_encrypt(&n, keys_diriv, false, "", 0, &c), -EINVAL);
		assert_int_equal(name_encrypt(&n, keys_diriv, false, ".", 1, &c), -EINVAL);
		assert_int_equal(name_encrypt(&n, keys_diriv, false, "..", 2, &c), -EINVAL);
		assert_int_equal(name_encrypt(&n, keys_diriv, false, "a/b", 3, &c), -EINVAL);
		assert_int_equal(name_encrypt(&n, keys_diriv, false, "a\0b", 3, &c), -EINVAL);
		assert_int_equal(name_encrypt(&n, keys_diriv, false, "...", 3, &c), 0);
		assert_int_equal(name_encrypt(&n, keys_diriv, false, ".a", 2, &c), 0);
		memset(lengthy, 'x', sizeof(lengthy));
		assert_int_equal(name_encrypt(&n, keys_diriv, false, lengthy, 256, &c), -ENAMETOOLONG);
		assert_int_equal(name_encrypt(&n, keys_diriv, false, lengthy, 255, &c), 0);
	}
	assert_int_equal(name_decrypt(&n, keys_diriv, "plain", 5, back), 5);
	assert_string_equal(back, "plain");
	assert_int_equal(name_decrypt(&n, keys_diriv, lengthy, 256, back), -EUCLEAN);
	assert_int_equal(name_decrypt(&n, keys_diriv, "..", 2, back), -EBADMSG);
	names_done(&n);
}

/* Encode what no writer makes: any bytes, padded by the caller. */
static size_t seal_raw(const struct names *n, const uint8_t *bytes, size_t len, char *ret)
{
	uint8_t buf[512];

	assert_int_equal(eme_encrypt(n->eme, keys_diriv, bytes, buf, len), 0);
	return base64url_encode(ret, buf, len, !n->raw64);
}

static ssize_t decrypt_raw(const struct names *n, const uint8_t *bytes, size_t len)
{
	char text[1024], back[NAME_PLAIN_MAX + 1];
	size_t n_text = seal_raw(n, bytes, len, text);

	return name_decrypt(n, keys_diriv, text, n_text, back);
}

static void test_padding(void **state)
{
	uint8_t block[32];
	struct names n;

	(void)state;
	keys_names(&n, true);
	for (int pad = 0; pad < 256; pad++) {
		memset(block, 'a', sizeof(block));
		if (pad >= 1 && pad <= 32)
			memset(block + sizeof(block) - pad, pad, (size_t)pad);
		else
			block[31] = (uint8_t)pad;
		assert_int_equal(decrypt_raw(&n, block, 32), pad >= 1 && pad <= 16 ? 32 - pad : -EBADMSG);
		if (pad >= 2 && pad <= 16) { /* one wrong byte in the padding */
			block[32 - pad] = 'a';
			assert_int_equal(decrypt_raw(&n, block, 32), -EBADMSG);
		}
	}
	memset(block, 16, 16); /* an empty name */
	assert_int_equal(decrypt_raw(&n, block, 16), -EBADMSG);
	names_done(&n);
}

static ssize_t decrypt_plain(const struct names *n, const char *plain, size_t len)
{
	uint8_t buf[512];
	size_t pad = 16 - len % 16;

	memcpy(buf, plain, len);
	memset(buf + len, (int)pad, pad);
	return decrypt_raw(n, buf, len + pad);
}

static void test_hostile_plaintext(void **state)
{
	static char lengthy[300];
	struct names n;

	(void)state;
	keys_names(&n, true);
	assert_int_equal(decrypt_plain(&n, "fine", 4), 4);
	assert_int_equal(decrypt_plain(&n, ".", 1), -EBADMSG);
	assert_int_equal(decrypt_plain(&n, "..", 2), -EBADMSG);
	assert_int_equal(decrypt_plain(&n, "../../etc/passwd", 16), -EBADMSG);
	assert_int_equal(decrypt_plain(&n, "a\0b", 3), -EBADMSG);
	memset(lengthy, 'y', sizeof(lengthy));
	assert_int_equal(decrypt_plain(&n, lengthy, 255), 255);
	assert_int_equal(decrypt_plain(&n, lengthy, 256), -EUCLEAN);
	assert_int_equal(decrypt_plain(&n, lengthy, 271), -EUCLEAN);
	assert_int_equal(decrypt_plain(&n, lengthy, 300), -EUCLEAN);
	names_done(&n);
}

static void test_damage(void **state)
{
	const char *good = "t9Uhj3LDRhsZpwtwEi0A-A";
	char back[NAME_PLAIN_MAX + 1], bad[64];
	size_t len = strlen(good), wrong = 0;
	struct names n;

	(void)state;
	keys_names(&n, true);
	assert_int_equal(name_decrypt(&n, keys_diriv, "", 0, back), -EUCLEAN);
	for (size_t i = 0; i < len; i++) /* too short */
		assert_int_equal(name_decrypt(&n, keys_diriv, good, i, back), -EUCLEAN);
	(void)snprintf(bad, sizeof(bad), "%s==", good); /* padded in a Raw64 store */
	assert_int_equal(name_decrypt(&n, keys_diriv, bad, strlen(bad), back), -EUCLEAN);
	(void)snprintf(bad, sizeof(bad), "%sA", good);
	assert_int_equal(name_decrypt(&n, keys_diriv, bad, strlen(bad), back), -EUCLEAN);
	for (size_t i = 0; i <= len; i++) { /* CR or LF anywhere, which Go's decoder skips */
		(void)snprintf(bad, sizeof(bad), "%.*s\n%s", (int)i, good, good + i);
		assert_int_equal(name_decrypt(&n, keys_diriv, bad, strlen(bad), back), -EUCLEAN);
		bad[i] = '\r';
		assert_int_equal(name_decrypt(&n, keys_diriv, bad, strlen(bad), back), -EUCLEAN);
	}
	for (size_t i = 0; i < len; i++) {
		strcpy(bad, good);
		bad[i] = bad[i] == 'A' ? 'Q' : 'A';
		wrong += name_decrypt(&n, keys_diriv, bad, len, back) == -EBADMSG;
	}
	assert_true(wrong >= len - 2); /* no authentication: 1 in 256 passes by chance */
	strcpy(bad, good);
	bad[len - 1] = 'B'; /* same byte, other unused bits: a second spelling */
	assert_int_equal(name_decrypt(&n, keys_diriv, bad, len, back), -EUCLEAN);
	n.raw64 = false;
	assert_int_equal(name_decrypt(&n, keys_diriv, good, len, back), -EUCLEAN);
	names_done(&n);
}

static void test_round_trip(void **state)
{
	uint64_t seed = 3;
	struct names n;

	(void)state;
	keys_names(&n, true);
	for (size_t len = 1; len <= NAME_PLAIN_MAX; len++) {
		char plain[NAME_PLAIN_MAX], back[NAME_PLAIN_MAX + 1], hashed[NAME_CIPHER_MAX + 1];
		uint8_t iv[NAME_IV_LEN];
		struct cname c;

		unit_random_bytes(&seed, iv, sizeof(iv));
		unit_random_bytes(&seed, (uint8_t *)plain, len);
		for (size_t i = 0; i < len; i++)
			if (plain[i] == '/' || plain[i] == '\0')
				plain[i] = 'z';
		if (plain[0] == '.')
			plain[0] = 'z';
		n.raw64 = len % 2;
		n.long_max = 62 + (uint32_t)(unit_random(&seed) % 194);
		assert_int_equal(name_encrypt(&n, iv, false, plain, len, &c), 0);
		assert_true(strlen(c.name) <= n.long_max || c.is_long);
		assert_true(!c.is_long || strlen(c.full) > n.long_max);
		if (c.is_long) {
			name_hash(&n, c.full, strlen(c.full), hashed);
			assert_string_equal(hashed, c.name);
		}
		assert_int_equal(name_decrypt(&n, iv, c.is_long ? c.full : c.name,
					      strlen(c.is_long ? c.full : c.name), back),
				 len);
		assert_memory_equal(back, plain, len);
	}
	names_done(&n);
}

static void test_classify(void **state)
{
	static const struct {
		const char *entry;
		/* encrypted in root, encrypted below, deterministic in root, plaintext in root, plaintext
		 * below */
		const char *classes;
	} table[] = {
		{ "vZw8ZkNSB_3qOq7w6jwXmg", "OOOOO" },
		{ "gocryptfs.conf", "HOHHO" },
		{ "gocryptfs.conf.bak", "OOOOO" },
		{ "gocryptfs.diriv", "HHOOO" },
		{ "gocryptfs.diriv2", "OOOOO" },
		{ "gocryptfs.diriv.rmdir.123456789", "HHOOO" },
		{ "gocryptfs.diriv.rmdir.", "OOOOO" },
		{ "gocryptfs.diriv.rmdir.12a", "OOOOO" },
		{ "gocryptfs.longname.yghfV-B-qroKU3aq3lnGT-tqJltjUoZ2wAGbHPCEqMk", "LLLOO" },
		{ "gocryptfs.longname.yghfV-B-qroKU3aq3lnGT-tqJltjUoZ2wAGbHPCEqMk.name", "HHHOO" },
		{ "gocryptfs.longname.", "LLLOO" },
		{ "gocryptfs.longname.name", "HHHOO" },
		{ "gocryptfs.longname", "OOOOO" },
		{ "x.name", "OOOOO" },
		{ ".nfs000000000001", "OOOOO" },
		{ ".gocryptfs.reverse.conf", "OOOOO" },
	};
	static const char letters[] = { [NAME_ORDINARY] = 'O', [NAME_HASHED] = 'L', [NAME_HIDDEN] = 'H' };
	const struct names encrypted = { .long_names = true, .long_max = 255 };
	const struct names deterministic = { .long_names = true, .long_max = 255, .deterministic = true };
	const struct names plaintext = { .plaintext = true, .long_names = true, .long_max = 255 };
	const struct names no_hashing = { .long_max = 255 };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *entry = table[i].entry;
		const char got[6] = { letters[name_classify(&encrypted, true, entry)],
				      letters[name_classify(&encrypted, false, entry)],
				      letters[name_classify(&deterministic, true, entry)],
				      letters[name_classify(&plaintext, true, entry)],
				      letters[name_classify(&plaintext, false, entry)] };

		if (strcmp(got, table[i].classes) != 0)
			fail_msg("%s: got %s, want %s", entry, got, table[i].classes);
	}
	assert_int_equal(name_classify(&no_hashing, true, "gocryptfs.longname.x"), NAME_ORDINARY);
}

static void test_plaintext_names(void **state)
{
	struct names n = { .plaintext = true };
	struct cname c;

	(void)state;
	assert_int_equal(name_encrypt(&n, keys_diriv, true, "gocryptfs.conf", 14, &c), -EPERM);
	assert_int_equal(name_encrypt(&n, keys_diriv, false, "gocryptfs.conf", 14, &c), 0);
	assert_string_equal(c.name, "gocryptfs.conf");
	assert_int_equal(name_encrypt(&n, keys_diriv, true, "gocryptfs.diriv", 15, &c), 0);
	assert_string_equal(c.name, "gocryptfs.diriv");
	assert_string_equal(c.full, "");
	assert_false(c.is_long);
}

static void test_key_length(void **state)
{
	struct secret *key = secret_new(16);
	struct names n = { 0 };

	(void)state;
	assert_int_equal(names_init(&n, key), -EINVAL);
	assert_null(n.eme);
	secret_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("names encrypt and decrypt as in gocryptfs 2.3", test_vectors),
		TEST("the .name content of long names is that of gocryptfs 2.3", test_dot_name_file),
		TEST("padded, deterministic, no-HKDF and longnamemax names are those of gocryptfs 2.3",
		     test_variants),
		TEST("empty, dot, slash, NUL and overlong names are refused", test_rules),
		TEST("only right PKCS#7 padding is accepted", test_padding),
		TEST("a decrypted name that is no file name is refused", test_hostile_plaintext),
		TEST("damaged and second spellings of a name are refused", test_damage),
		TEST("names of every length survive", test_round_trip),
		TEST("each directory entry has its class in every kind of store", test_classify),
		TEST("with plaintext names only the conf in the root is reserved", test_plaintext_names),
		TEST("a names key of the wrong length is refused", test_key_length),
	};

	return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
