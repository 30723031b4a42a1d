/* test_xattrname.c - names of extended attributes. */
#include "format_keys.h"

#include <errno.h>

#include "crypto/eme.h"
#include "util/base64.h"

enum { SIZE = 400 };

static void test_vectors(void **state)
{
	static const char *const vectors[][2] = {
		/* Debian's gocryptfs 2.3, master key 00..1f, HKDF, Raw64. */
		{ "user.foo", "user.gocryptfs.49MtW6o4r3wu_Jt77wclOA" },
		{ "user.empty", "user.gocryptfs.yMp1pNVxgsn8S3eZhz1YtQ" },
	};
	char stored[SIZE], back[SIZE];
	struct names n;

	(void)state;
	keys_names(&n, true);
	for (int plaintext = 0; plaintext < 2; plaintext++) {
		n.plaintext = plaintext; /* xattr names are encrypted all the same */
		for (size_t i = 0; i < 2; i++) {
			assert_int_equal(name_encrypt_xattr(&n, vectors[i][0], stored, SIZE), 0);
			assert_string_equal(stored, vectors[i][1]);
			assert_int_equal(name_decrypt_xattr(&n, stored, back, SIZE), strlen(vectors[i][0]));
			assert_string_equal(back, vectors[i][0]);
		}
	}
	names_done(&n);
}

static void test_lengths(void **state)
{
	char plain[300], stored[SIZE], back[SIZE];
	struct names n;

	(void)state;
	keys_names(&n, true);
	for (size_t len = 1; len < 299; len++) {
		int r;

		memset(plain, 'x', len);
		plain[len] = '\0';
		r = name_encrypt_xattr(&n, plain, stored, SIZE);
		/* 15 bytes of prefix leave 240 of 255 for 180 bytes of base64, so 176 with padding. */
		assert_int_equal(r, len <= 175 ? 0 : -ERANGE);
		if (r == 0) {
			assert_true(strlen(stored) <= 255);
			assert_int_equal(name_decrypt_xattr(&n, stored, back, SIZE), len);
			assert_string_equal(back, plain);
			assert_int_equal(name_decrypt_xattr(&n, stored, back, len), -ERANGE);
		}
	}
	assert_int_equal(name_encrypt_xattr(&n, "", stored, SIZE), -EINVAL);
	assert_int_equal(name_encrypt_xattr(&n, "user.foo", stored, 37), -ERANGE);
	assert_int_equal(name_encrypt_xattr(&n, "user.foo", stored, 38), 0);
	names_done(&n);
}

static void test_acl(void **state)
{
	static const char *const acls[] = { "system.posix_acl_access", "system.posix_acl_default" };
	char stored[SIZE], back[SIZE];
	struct names n;

	(void)state;
	keys_names(&n, true);
	for (size_t i = 0; i < 2; i++) {
		assert_true(name_is_acl(acls[i]));
		assert_int_equal(name_encrypt_xattr(&n, acls[i], stored, SIZE), 0);
		assert_string_equal(stored, acls[i]);
		assert_int_equal(name_decrypt_xattr(&n, stored, back, SIZE), strlen(acls[i]));
		assert_string_equal(back, acls[i]);
		assert_int_equal(name_decrypt_xattr(&n, stored, back, 10), -ERANGE);
	}
	assert_false(name_is_acl("system.posix_acl"));
	names_done(&n);
}

/* What stands under user.gocryptfs.: any bytes, encrypted. */
static ssize_t decrypt_raw(const struct names *n, const char *plain, size_t len)
{
	char stored[SIZE] = NAME_XATTR_PREFIX, back[SIZE];
	uint8_t buf[256];
	size_t pad = 16 - len % 16;

	memcpy(buf, plain, len);
	memset(buf + len, (int)pad, pad);
	assert_int_equal(eme_encrypt(n->eme, (const uint8_t *)"xattr_name_iv_xx", buf, buf, len + pad), 0);
	(void)base64url_encode(stored + strlen(stored), buf, len + pad, false);
	return name_decrypt_xattr(n, stored, back, SIZE);
}

static void test_damage(void **state)
{
	char back[SIZE];
	struct names n;

	(void)state;
	keys_names(&n, true);
	assert_int_equal(name_decrypt_xattr(&n, "user.foo", back, SIZE), -ENODATA);
	assert_int_equal(name_decrypt_xattr(&n, "security.selinux", back, SIZE), -ENODATA);
	assert_int_equal(name_decrypt_xattr(&n, "user.gocryptfs", back, SIZE), -ENODATA);
	assert_int_equal(name_decrypt_xattr(&n, "user.gocryptfs.", back, SIZE), -EUCLEAN);
	assert_int_equal(name_decrypt_xattr(&n, "user.gocryptfs.!", back, SIZE), -EUCLEAN);
	assert_int_equal(name_decrypt_xattr(&n, "user.gocryptfs.49MtW6o4r3wu_Jt77wclOB", back, SIZE),
			 -EUCLEAN);
	assert_int_equal(name_decrypt_xattr(&n, "user.gocryptfs.49MtW6o4r3wu_Jt77wclOA==", back, SIZE),
			 -EUCLEAN);
	assert_int_equal(name_decrypt_xattr(&n, "user.gocryptfs.59MtW6o4r3wu_Jt77wclOA", back, SIZE),
			 -EBADMSG);
	assert_int_equal(decrypt_raw(&n, "user.x", 6), 6);
	assert_int_equal(decrypt_raw(&n, "user\0x", 6), -EBADMSG);
	assert_int_equal(decrypt_raw(&n, "user.with/slash", 15), 15); /* only file names mind */
	/* An ACL that an old version has encrypted must not shadow the real one. */
	assert_int_equal(decrypt_raw(&n, "system.posix_acl_access", 23), -EUCLEAN);
	names_done(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("attribute names are those of gocryptfs 2.3", test_vectors),
		TEST("attribute names go up to what Linux can store", test_lengths),
		TEST("POSIX ACLs keep their names", test_acl),
		TEST("foreign and damaged attribute names are told apart", test_damage),
	};

	return cmocka_run_group_tests_name("xattrname", tests, NULL, NULL);
}
