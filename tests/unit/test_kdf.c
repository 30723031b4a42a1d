/* test_kdf.c - key derivation against RFC 5869, RFC 7914, and keys derived by gocryptfs. */
#include "crypto_test.h"

#include <errno.h>

#include "crypto/kdf.h"
#include "util/err.h"

/* RFC 5869, appendix A.1 to A.3. */
static const struct {
	const char *ikm, *salt, *info, *okm;
} rfc5869[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
	  "f0f1f2f3f4f5f6f7f8f9",
	  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" },
	{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
	  "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
	  "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"
	  "909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
	  "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	  "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
	  "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87" },
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
	  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" },
};

static void hkdf_rfc(void **state)
{
	uint8_t ikm[128], salt[128], info[128], out[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rfc5869) / sizeof(rfc5869[0]); i++) {
		size_t ikm_len = unhex(ikm, sizeof(ikm), rfc5869[i].ikm);
		size_t salt_len = unhex(salt, sizeof(salt), rfc5869[i].salt);
		size_t info_len = unhex(info, sizeof(info), rfc5869[i].info), n = strlen(rfc5869[i].okm) / 2;

		assert_int_equal(kdf_hkdf_sha256(ikm, ikm_len, salt, salt_len, info, info_len, out, n), 0);
		assert_hex(out, n, rfc5869[i].okm);
	}
	assert_int_equal(kdf_hkdf_sha256(ikm, 22, NULL, 0, NULL, 0, out, 42), 0);
	assert_hex(out, 42, rfc5869[2].okm);
}

static void hkdf_limits(void **state)
{
	uint8_t ikm[32] = { 1 }, *out = malloc(8161);
	struct secret *key = test_master_key(), *ret = NULL;

	(void)state;
	assert_non_null(out);
	assert_int_equal(kdf_hkdf_sha256(ikm, 32, NULL, 0, NULL, 0, out, 8160), 0);
	assert_int_equal(kdf_hkdf_sha256(ikm, 32, NULL, 0, NULL, 0, out, 8161), -EINVAL);
	assert_int_equal(kdf_hkdf_sha256(ikm, 32, NULL, 0, NULL, 0, out, 0), -EINVAL);
	assert_int_equal(kdf_derive(&ret, key, "x", 8161), -EINVAL);
	assert_int_equal(kdf_derive(&ret, key, "x", 0), -EINVAL);
	assert_null(ret);
	secret_free(key);
	free(out);
}

/* Derived by gocryptfs 2.3 from master key 00 01 .. 1f; the all-0x00 and all-0x01 ones stand in upstream's
 * unit tests. */
static void gocryptfs_keys(void **state)
{
	static const struct {
		int fill; /* -1: 00 01 .. 1f */
		const char *info, *key;
	} known[] = {
		{ -1, "AES-GCM file content encryption",
		  "17df772cfec9d28b9ede3c753d0010ba9f199655acfc3b78dd3b61b5dd5f36c5" },
		{ -1, "AES-SIV file content encryption",
		  "90be6449231c24d9d308f1772b47953b6acf97f9e7876a16172e019977f3b7e0"
		  "2419aaf86d684593cf2b43008422ad6726b83aaf0897186fb8a8cbd04854bd3c" },
		{ -1, "XChaCha20-Poly1305 file content encryption",
		  "957caa5a8d2a9189b77f2fcb17707c1fc6ce862c0061f9d1db29a3b71eb7ca0d" },
		{ -1, "EME filename encryption",
		  "59366f708e4d4ed892d6bd6ca0de6e927040808b21bd0e1a2753ea365aeaf6c9" },
		{ 0, "EME filename encryption",
		  "9ba3cddd48c6339c6e56ebe85f0281d6e9051be4104176e65cb0f8a6f77ae6b4" },
		{ 1, "EME filename encryption",
		  "e8a2499f48700b954f31de732efd04abce822f5c948e7fbc0896607be0d36d12" },
		{ 1, "AES-GCM file content encryption",
		  "9137f2e67a842484137f3c458f357f204c30d7458f94f432fa989be96854a649" },
		{ 1, "AES-SIV file content encryption",
		  "0bfa5da7d9724d4753269940d36898e2c0f3717c0fee86ada58b5fd6c08cc26c" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct secret *master = test_master_key(), *out = NULL;

		if (known[i].fill >= 0)
			memset(master->data, known[i].fill, master->len);
		assert_int_equal(kdf_derive(&out, master, known[i].info, strlen(known[i].key) / 2), 0);
		assert_hex(out->data, out->len, known[i].key);
		secret_free(out);
		secret_free(master);
	}
}

static void hashes(void **state)
{
	struct secret *master = test_master_key();
	uint8_t out[64];

	(void)state;
	/* FIPS 180-4 example "abc". */
	kdf_sha256(out, "abc", 3);
	assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	/* gocryptfs' AES-SIV key without the HKDF flag. */
	kdf_sha512(out, master->data, master->len);
	assert_hex(out, 64,
		   "3d94eea49c580aef816935762be049559d6d1440dede12e6a125f1841fff8e6f"
		   "a9d71862a3e5746b571be3d187b0041046f52ebd850c7cbd5fde8ee38473b649");
	secret_free(master);
}

/* RFC 7914, section 12, without the last one (1 GiB). */
static void scrypt_rfc(void **state)
{
	static const struct {
		const char *password, *salt;
		uint64_t n;
		uint32_t r, p;
		const char *out;
	} known[] = {
		{ "", "", 16, 1, 1,
		  "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
		  "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906" },
		{ "password", "NaCl", 1024, 8, 16,
		  "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
		  "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640" },
		{ "pleaseletmein", "SodiumChloride", 16384, 8, 1,
		  "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
		  "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct kdf_scrypt par = { NULL, 0, known[i].n, known[i].r, known[i].p };
		struct secret *password = secret_copy(known[i].password, strlen(known[i].password) + 1),
			      *out = NULL;
		struct err err = { 0 };

		assert_non_null(password);
		password->len--; /* without the NUL: empty in the first one */
		par.salt = (uint8_t *)strdup(known[i].salt);
		par.salt_len = strlen(known[i].salt);
		assert_int_equal(kdf_scrypt(&out, password, &par, 64, &err), 0);
		assert_hex(out->data, out->len, known[i].out);
		secret_free(out);
		secret_free(password);
		free(par.salt);
	}
}

static int scrypt_rc(uint64_t n, uint32_t r, uint32_t p)
{
	uint8_t salt[32] = { 0 };
	struct kdf_scrypt par = { salt, sizeof(salt), n, r, p };
	struct secret *password = secret_copy("x", 1), *out = NULL;
	struct err err = { 0 };
	int rc = kdf_scrypt(&out, password, &par, 32, &err);

	if (rc < 0) {
		assert_int_equal(err.code, rc);
		assert_memory_equal(err.text, "scrypt: ", 8);
		assert_null(out);
	}
	secret_free(out);
	secret_free(password);
	return rc;
}

static void scrypt_limits(void **state)
{
	(void)state;
	assert_int_equal(scrypt_rc(0, 8, 1), -EINVAL);
	assert_int_equal(scrypt_rc(1, 8, 1), -EINVAL);
	assert_int_equal(scrypt_rc(1000, 8, 1), -EINVAL);
	assert_int_equal(scrypt_rc(UINT64_MAX, 8, 1), -EINVAL);
	assert_int_equal(scrypt_rc(1024, 0, 1), -EINVAL);
	assert_int_equal(scrypt_rc(1024, 8, 0), -EINVAL);
	assert_int_equal(scrypt_rc(1 << 16, 1, 1), -EINVAL); /* RFC 7914: N < 2^(128 * r / 8) */
	assert_int_equal(scrypt_rc(1 << 15, 1, 1), 0);
	assert_int_equal(scrypt_rc(1 << 23, 8, 1), -E2BIG); /* 8 GiB */
	assert_int_equal(scrypt_rc((uint64_t)1 << 28, 8, 1), -E2BIG);
	assert_int_equal(scrypt_rc((uint64_t)1 << 63, 8, 1), -E2BIG); /* 128 * N * r overflows 64 bits */
	assert_int_equal(scrypt_rc((uint64_t)1 << 57, 1 << 29, 1), -E2BIG);
	assert_int_equal(scrypt_rc(1024, 8, 1u << 27), -E2BIG); /* p * r = 2^30 */
	assert_int_equal(scrypt_rc(1024, UINT32_MAX, UINT32_MAX), -E2BIG);
	assert_int_equal(scrypt_rc(1024, 8, 1u << 26), -E2BIG); /* B alone is 64 GiB */
	assert_int_equal(scrypt_rc(1024, 8, 100), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("HKDF-SHA256 gives the outputs of RFC 5869, A.1 to A.3", hkdf_rfc),
		TEST("HKDF refuses empty outputs and those above 8160 bytes", hkdf_limits),
		TEST("content and name keys are those gocryptfs derives", gocryptfs_keys),
		TEST("SHA-256 and SHA-512 give known values", hashes),
		TEST("scrypt gives the outputs of RFC 7914, section 12", scrypt_rfc),
		TEST("scrypt refuses parameters that are wrong or would take too much memory", scrypt_limits),
	};

	return cmocka_run_group_tests_name("kdf", tests, NULL, NULL);
}
