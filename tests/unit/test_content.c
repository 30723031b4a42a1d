/* test_content.c - runs of content blocks: vectors of Debian's gocryptfs 2.3, holes, damage, every size. */
#include "format_keys.h"

#include <errno.h>

#include "format/header.h"

static const enum aead_alg algs[] = { AEAD_AES256_GCM, AEAD_AES_SIV_512, AEAD_XCHACHA20_POLY1305 };
enum { N_ALGS = 3, MAX_PLAIN = 70000 };

static uint8_t plain[MAX_PLAIN], cipher[MAX_PLAIN + 1000], back[MAX_PLAIN + 4096];
static const uint8_t file_id[LAYOUT_FILE_ID_LEN] = { 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
						     0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f };

/* A file containing "hello", made by Debian's gocryptfs 2.3 under master key 00..1f. */
static const struct {
	enum aead_alg alg;
	bool hkdf;
	const char *file;
} files[] = {
	{ AEAD_AES256_GCM, true,
	  "00023211b01a6b6ecd59e72892713ee3834933a028d9465e75e3e626c646bc7f8082301c490bbb1aa47aabd7bc3f161309"
	  "c4a472878d22" },
	{ AEAD_AES256_GCM, false,
	  "0002a31cae52cce4e25044fb1c101c37be3add46b03413676c64185ea2b97dba134da9f49e38e5070d2dd152d7ab99b8d2"
	  "8a3f594b42c7" },
	{ AEAD_AES_SIV_512, true,
	  "00024dee09199a8128e4716084e13f7626bde37be6eb5a13538a7b01b25141372492faee28bfbe9b5fe2a71fb15f0c9110"
	  "f9dd002f7095" },
	{ AEAD_AES_SIV_512, false,
	  "000255334ed75ed0cb64654968923f836b0e5545184aec06f1316226669701c23f53d8a7d5551814d1f3a67dde2072636f"
	  "64bd98a16293" },
	{ AEAD_XCHACHA20_POLY1305, true,
	  "0002e7ebe139789fa2153f928ef01b94748a5695133de244a5c0c5f9df73aaeddf984d3638188994fec0878b29c98c3603"
	  "6fd3426594f16d"
	  "7cc9c600f294d4" },
};

static void test_whole_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		uint8_t file[128], id[LAYOUT_FILE_ID_LEN], out[8];
		size_t n = unit_hex(file, files[i].file), good = 0;
		struct content c;

		keys_content(&c, files[i].alg, files[i].hkdf, true);
		assert_int_equal(header_parse(file, id), 0);
		assert_int_equal(layout_plain_size(&c.layout, n, NULL), 5);
		assert_int_equal(content_open(&c, 0, id, file + 18, n - 18, out, &good), 0);
		assert_int_equal(good, 5);
		assert_memory_equal(out, "hello", 5);
		content_done(&c);
		content_done(&c);
	}
}

/* 5000 bytes i mod 251, file id 10..1f, nonce of block b = 0xa0 + b repeated: bit for bit, and Debian's
 * gocryptfs 2.3 decrypts it. */
static void test_two_blocks(void **state)
{
	static const char *const sha256[] = {
		"de4e30d7fa9ad64c50bee0d0b9333e7b163d8d368c3df145a8cad35151abac2d",
		"f16531e0ced5731340f11880879185cade5245f0e05238c614a16aa10c40a825",
		"0ee3dd5cc6544880799c03f4ec63a7a0209987528eeea16fb3726dd3a171360d"
	};

	(void)state;
	for (size_t i = 0; i < 5000; i++)
		plain[i] = (uint8_t)(i % 251);
	for (int i = 0; i < N_ALGS; i++) {
		uint8_t want[32], got[32], *blocks = cipher + LAYOUT_HEADER_LEN;
		struct content c;
		struct aead_run run = { .file_id = file_id,
					.block_len = 4096,
					.n_plain = 5000,
					.plain = plain,
					.cipher = blocks };
		size_t n, good;

		keys_content(&c, algs[i], true, true);
		n = layout_run_cipher_len(&c.layout, 5000);
		header_pack(cipher, file_id);
		memset(blocks, 0xa0, c.layout.nonce_len);
		memset(blocks + c.layout.cipher_block, 0xa1, c.layout.nonce_len);
		assert_int_equal(aead_seal_run(c.aead, &run), 0);
		kdf_sha256(got, cipher, LAYOUT_HEADER_LEN + n);
		(void)unit_hex(want, sha256[i]);
		assert_memory_equal(got, want, 32);
		assert_int_equal(content_open(&c, 0, file_id, blocks, n, back, &good), 0);
		assert_int_equal(good, 5000);
		assert_memory_equal(back, plain, 5000);
		/* The second block alone, as a read from the middle of the file asks for it. */
		assert_int_equal(content_open(&c, 1, file_id, blocks + c.layout.cipher_block,
					      n - c.layout.cipher_block, back, &good),
				 0);
		assert_int_equal(good, 904);
		assert_memory_equal(back, plain + 4096, 904);
		content_done(&c);
	}
}

static void test_round_trip(void **state)
{
	static const size_t sizes[] = { 0,    1,    2,	  15,	16,   17,    18,    31,
					32,   33,   4063, 4064, 4065, 4094,  4095,  4096,
					4097, 4098, 8191, 8192, 8193, 12288, 65536, 69999 };
	uint64_t seed = 5;

	(void)state;
	for (int i = 0; i < N_ALGS; i++) {
		struct content c;

		keys_content(&c, algs[i], true, true);
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]) + 40; k++) {
			size_t n = k < sizeof(sizes) / sizeof(sizes[0]) ? sizes[k]
									: unit_random(&seed) % MAX_PLAIN,
			       good = 9;
			size_t n_cipher = layout_run_cipher_len(&c.layout, n);
			uint64_t first = unit_random(&seed) >> (unit_random(&seed) % 64);

			unit_random_bytes(&seed, plain, n);
			memset(cipher, 0xee, n_cipher + 1);
			memset(back, 0xdd, n + 1);
			assert_int_equal(content_seal(&c, first, file_id, plain, n, cipher), 0);
			assert_int_equal(cipher[n_cipher], 0xee);
			assert_int_equal(content_open(&c, first, file_id, cipher, n_cipher, back, &good), 0);
			assert_int_equal(good, n);
			assert_memory_equal(back, plain, n);
			assert_int_equal(back[n], 0xdd);
			if (n == 0)
				continue;
			/* Another place or another file: not valid. */
			assert_int_equal(content_open(&c, first + 1, file_id, cipher, n_cipher, back, &good),
					 -EBADMSG);
			assert_int_equal(good, 0);
			assert_int_equal(content_open(&c, first, cipher, cipher, n_cipher, back, NULL),
					 -EBADMSG);
		}
		content_done(&c);
	}
}

static void test_fresh_nonces(void **state)
{
	static uint8_t again[MAX_PLAIN + 1000];

	(void)state;
	for (int i = 0; i < N_ALGS; i++) {
		struct content c;

		keys_content(&c, algs[i], true, true);
		memset(plain, 0, 5 * 4096); /* a block of zeros is data like any other */
		assert_int_equal(content_seal(&c, 0, file_id, plain, 5 * 4096, cipher), 0);
		assert_int_equal(content_seal(&c, 0, file_id, plain, 5 * 4096, again), 0);
		for (size_t a = 0; a < 5; a++)
			for (size_t b = 0; b < 5; b++) {
				const uint8_t *x = cipher + a * c.layout.cipher_block,
					      *y = cipher + b * c.layout.cipher_block;

				if (a != b)
					assert_memory_not_equal(x, y, c.layout.nonce_len);
				assert_memory_not_equal(x, again + b * c.layout.cipher_block,
							c.layout.nonce_len);
			}
		content_done(&c);
	}
}

enum { HOLE_BLOCKS = 8 };

/* Each pattern of holes among eight blocks, the last of them short. */
static void check_holes(const struct content *c, unsigned int holes)
{
	size_t cb = c->layout.cipher_block, n = HOLE_BLOCKS * 4096 - 1000, good;

	for (size_t i = 0; i < n; i++)
		plain[i] = (uint8_t)(i * 7 + i / 4096);
	assert_int_equal(content_seal(c, 100, file_id, plain, n, cipher), 0);
	for (size_t b = 0; b < HOLE_BLOCKS - 1; b++)
		if (holes >> b & 1) {
			memset(cipher + b * cb, 0, cb);
			memset(plain + b * 4096, 0, 4096);
		}
	memset(back, 0xaa, n);
	assert_int_equal(
	    content_open(c, 100, file_id, cipher, layout_run_cipher_len(&c->layout, n), back, &good), 0);
	assert_int_equal(good, n);
	assert_memory_equal(back, plain, n);
}

static void test_holes(void **state)
{
	(void)state;
	for (int i = 0; i < N_ALGS; i++) {
		struct content c;

		keys_content(&c, algs[i], true, true);
		for (unsigned int holes = 0; holes < 1 << (HOLE_BLOCKS - 1); holes++)
			check_holes(&c, holes);
		content_done(&c);
	}
}

/* content_open must fail at block `bad`, keep what is before and wipe the rest. */
static void check_bad(const struct content *c, size_t n_plain, size_t n_cipher, size_t bad)
{
	size_t good = 99, len = layout_run_plain_len(&c->layout, n_cipher);

	memset(back, 0xaa, sizeof(back));
	assert_int_equal(content_open(c, 0, file_id, cipher, n_cipher, back, &good), -EBADMSG);
	assert_int_equal(good, bad * 4096);
	assert_true(good <= n_plain);
	assert_memory_equal(back, plain, good);
	for (size_t i = good; i < len; i++)
		assert_int_equal(back[i], 0);
	assert_int_equal(back[len], 0xaa);
}

static void test_damage(void **state)
{
	uint64_t seed = 11;

	(void)state;
	unit_random_bytes(&seed, plain, MAX_PLAIN);
	for (int i = 0; i < N_ALGS; i++) {
		struct content c;
		size_t n = 5 * 4096 + 77, n_cipher, cb;

		keys_content(&c, algs[i], true, true);
		n_cipher = layout_run_cipher_len(&c.layout, n);
		cb = c.layout.cipher_block;
		assert_int_equal(content_seal(&c, 0, file_id, plain, n, cipher), 0);
		for (int k = 0; k < 150; k++) {
			size_t at = unit_random(&seed) % n_cipher;

			cipher[at] ^= (uint8_t)(1 << k % 8);
			check_bad(&c, n, n_cipher, at / cb);
			cipher[at] ^= (uint8_t)(1 << k % 8);
		}
		for (size_t b = 0; b < 6; b++) { /* nonce zeroed, rest left */
			uint8_t saved[AEAD_NONCE_MAX];

			memcpy(saved, cipher + b * cb, c.layout.nonce_len);
			memset(cipher + b * cb, 0, c.layout.nonce_len);
			check_bad(&c, n, n_cipher, b);
			memcpy(cipher + b * cb, saved, c.layout.nonce_len);
		}
		check_bad(&c, n, n_cipher - 1, 5); /* a short block cut shorter */
		check_bad(&c, n, 3 * cb - 1, 2);   /* a full one */
		for (size_t rest = 1; rest <= c.layout.overhead; rest++)
			check_bad(&c, n, 3 * cb + rest, 3); /* torn: not even one byte */
		memset(cipher + 5 * cb, 0, n_cipher - 5 * cb);
		check_bad(&c, n, n_cipher, 5); /* a short block of zeros is no hole */
		content_done(&c);
	}
}

static void test_almost_holes(void **state)
{
	uint64_t seed = 13;

	(void)state;
	for (int i = 0; i < N_ALGS; i++) {
		struct content c;
		size_t cb;

		keys_content(&c, algs[i], true, true);
		cb = c.layout.cipher_block;
		memset(plain, 0, 3 * 4096);
		memset(cipher, 0, 3 * cb);
		for (int k = 0; k < 60; k++) {
			size_t at = cb + unit_random(&seed) % cb;

			cipher[at] = 1;
			check_bad(&c, 3 * 4096, 3 * cb, 1);
			cipher[at] = 0;
		}
		content_done(&c);
	}
}

static void test_hole_then_damage(void **state)
{
	struct content c;

	(void)state;
	keys_content(&c, AEAD_AES256_GCM, true, true);
	memset(plain, 0x5a, 6 * 4096);
	assert_int_equal(content_seal(&c, 0, file_id, plain, 6 * 4096, cipher), 0);
	memset(cipher + 4128, 0, 2 * 4128);
	memset(plain + 4096, 0, 2 * 4096);
	cipher[4 * 4128 + 50] ^= 1;
	check_bad(&c, 6 * 4096, 6 * 4128, 4);
	content_done(&c);
}

static void test_key_length(void **state)
{
	struct secret *key = secret_new(31);
	struct content c = { 0 };

	(void)state;
	for (int i = 0; i < N_ALGS; i++)
		assert_int_equal(content_init(&c, algs[i], NULL, key, true), -EINVAL);
	assert_null(c.aead);
	secret_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("files made by gocryptfs 2.3 decrypt, with and without HKDF", test_whole_files),
		TEST("two blocks with given nonces are bit for bit those of gocryptfs", test_two_blocks),
		TEST("runs of every size survive, and only in their own place", test_round_trip),
		TEST("each block gets a nonce of its own, each time", test_fresh_nonces),
		TEST("every pattern of holes reads as zeros between data", test_holes),
		TEST("damage is met at its block, what is before it stays, the rest is wiped", test_damage),
		TEST("a block of zeros but for one bit is no hole", test_almost_holes),
		TEST("damage after holes is met at its block", test_hole_then_damage),
		TEST("a content key of the wrong length is refused", test_key_length),
	};

	return cmocka_run_group_tests_name("content", tests, NULL, NULL);
}
