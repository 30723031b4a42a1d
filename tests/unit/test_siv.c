/* test_siv.c - CMAC and S2V against their RFCs, and the batched AES-SIV against libcrypto's. */
#include "crypto_test.h"

#include "crypto/aead_backend.h"
#include "crypto/s2v.h"

/* Run the same message in 1, 2, 3 and all lanes: few lanes take another way through the code. */
static const size_t lane_counts[] = { 1, 2, 3, 17, S2V_LANES };

static void assert_lanes(uint8_t (*got)[S2V_BLOCK], size_t lanes, const char *hex)
{
	for (size_t i = 0; i < lanes; i++)
		assert_hex(got[i], S2V_BLOCK, hex);
}

static void fill(const uint8_t **lane, const uint8_t *p)
{
	for (size_t i = 0; i < S2V_LANES; i++)
		lane[i] = p;
}

static void cmac_known(void **state)
{
	static const char message[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
				      "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
	static const struct {
		const char *key;
		size_t n;
		const char *mac;
	} known[] = {
		/* RFC 4493, section 4 */
		{ "2b7e151628aed2a6abf7158809cf4f3c", 0, "bb1d6929e95937287fa37d129b756746" },
		{ "2b7e151628aed2a6abf7158809cf4f3c", 16, "070a16b46b4d4144f79bdd9dd04a287c" },
		{ "2b7e151628aed2a6abf7158809cf4f3c", 40, "dfa66747de9ae63030ca32611497c827" },
		{ "2b7e151628aed2a6abf7158809cf4f3c", 64, "51f0bebf7e3b9d92fc49741779363cfe" },
		/* NIST SP 800-38B, appendix D.3 (AES-256) */
		{ "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", 0,
		  "028962f61b7bf89efc6b551f4667d983" },
		{ "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", 16,
		  "28a7023f452e8f82bd4bf28d8c37c35c" },
		{ "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", 40,
		  "aaf3d8f1de5640c232f5b169b9c911e6" },
		{ "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", 64,
		  "e1992190549f6ed5696a2c056c315410" },
	};
	uint8_t key[32], in[64], got[S2V_LANES][S2V_BLOCK];
	const uint8_t *lane[S2V_LANES];

	(void)state;
	unhex(in, sizeof(in), message);
	fill(lane, in);
	for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
		struct s2v *s = s2v_new(key, unhex(key, sizeof(key), known[k].key));
		struct s2v_string str = { lane, known[k].n };

		assert_non_null(s);
		for (size_t l = 0; l < sizeof(lane_counts) / sizeof(lane_counts[0]); l++) {
			assert_int_equal(s2v_cmac(s, &str, lane_counts[l], got), 0);
			assert_lanes(got, lane_counts[l], known[k].mac);
		}
		s2v_free(s);
	}
}

static void check_s2v(const char *key_hex, const char *const *ad_hex, size_t n_ad, const char *plain_hex,
		      const char *iv)
{
	uint8_t key[32], ad[3][64], plain[64], got[S2V_LANES][S2V_BLOCK];
	const uint8_t *ad_lane[3][S2V_LANES], *plain_lane[S2V_LANES];
	struct s2v_string str[3];
	struct s2v_in in = { str, n_ad, { plain_lane, unhex(plain, sizeof(plain), plain_hex) } };
	struct s2v *s = s2v_new(key, unhex(key, sizeof(key), key_hex));

	assert_non_null(s);
	fill(plain_lane, plain);
	for (size_t i = 0; i < n_ad; i++) {
		str[i] = (struct s2v_string){ ad_lane[i], unhex(ad[i], sizeof(ad[i]), ad_hex[i]) };
		fill(ad_lane[i], ad[i]);
	}
	for (size_t l = 0; l < sizeof(lane_counts) / sizeof(lane_counts[0]); l++) {
		assert_int_equal(s2v_lanes(s, &in, lane_counts[l], got), 0);
		assert_lanes(got, lane_counts[l], iv);
	}
	s2v_free(s);
}

static void s2v_rfc(void **state)
{
	static const char *const ad1[] = { "101112131415161718191a1b1c1d1e1f2021222324252627" };
	static const char *const ad2[] = {
		"00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
		"102030405060708090a0",
		"09f911029d74e35bd84156c5635688c0",
	};

	(void)state;
	/* A.1: a plaintext shorter than a block. */
	check_s2v("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0", ad1, 1, "112233445566778899aabbccddee",
		  "85632d07c6e8f37f950acd320a2ecc93");
	/* A.2: three strings in front of 47 bytes. */
	check_s2v("7f7e7d7c7b7a79787776757473727170", ad2, 3,
		  "7468697320697320736f6d6520706c61696e7465787420746f20656e637279707420757369"
		  "6e67205349562d414553",
		  "7bdb6e3b432667eb06f4d14bff2fbd0f");
}

enum { JOBS = AEAD_BATCH, MAX_N = 300, MAX_AD = 40 };
struct messages {
	struct aead_job job[JOBS];
	uint8_t nonce[JOBS][16], ad[JOBS][MAX_AD], plain[JOBS][MAX_N], cipher[JOBS][MAX_N], tag[JOBS][16];
};

static struct aead *siv_with(const struct aead_backend *be)
{
	struct secret *key = secret_new(64);
	struct aead *a = NULL;

	assert_non_null(key);
	count_up(key->data, 64, 0x31);
	assert_int_equal(aead_new(&a, AEAD_AES_SIV_512, be, key), 0);
	secret_free(key);
	return a;
}

/* Stretches of equal shape, of random lengths, with and without a nonce. */
static void random_messages(struct messages *m, uint64_t *seed)
{
	size_t left = 0, n = 0, ad_len = 0;
	bool nonce = true;

	for (size_t i = 0; i < JOBS; i++) {
		if (left == 0) {
			left = 1 + unit_random(seed) % 20;
			n = 1 + unit_random(seed) % MAX_N;
			ad_len = unit_random(seed) % (MAX_AD + 1);
			nonce = unit_random(seed) % 4 != 0;
		}
		left--;
		unit_random_bytes(seed, m->nonce[i], 16);
		unit_random_bytes(seed, m->ad[i], MAX_AD);
		unit_random_bytes(seed, m->plain[i], MAX_N);
		m->job[i] = (struct aead_job){ nonce ? m->nonce[i] : NULL,
					       16,
					       m->ad[i],
					       ad_len,
					       m->plain[i],
					       m->cipher[i],
					       m->tag[i],
					       n };
	}
}

static void equals_libcrypto(const struct aead_backend *be)
{
	struct aead *batched = siv_with(be), *plain = siv_with(&aead_siv_ossl);
	struct messages *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
	uint64_t seed = 20240607, again;

	assert_true(a && b);
	for (int round = 0; round < 50; round++) {
		again = seed;
		random_messages(a, &again);
		random_messages(b, &seed);
		assert_int_equal(aead_seal_jobs(batched, a->job, JOBS), 0);
		assert_int_equal(aead_seal_jobs(plain, b->job, JOBS), 0);
		assert_memory_equal(a->cipher, b->cipher, sizeof(a->cipher));
		assert_memory_equal(a->tag, b->tag, sizeof(a->tag));
		/* Crosswise, and with one of them altered. */
		for (size_t i = 0; i < JOBS; i++)
			memset(b->plain[i], 0, b->job[i].n);
		assert_int_equal(aead_open_jobs(batched, b->job, JOBS), JOBS);
		assert_memory_equal(a->plain, b->plain, sizeof(a->plain));
		b->tag[round][3] ^= 0x10;
		assert_int_equal(aead_open_jobs(batched, b->job, JOBS), round);
		assert_int_equal(aead_open_jobs(plain, b->job, JOBS), round);
	}
	free(a);
	free(b);
	aead_free(batched);
	aead_free(plain);
}

static void all_equal_libcrypto(void **state)
{
	(void)state;
	for (const struct aead_backend *const *be = aead_backends(AEAD_AES_SIV_512); *be; be++) {
		if (aead_backend_usable(*be))
			equals_libcrypto(*be);
		else
			print_message("# %s does not run on this processor\n", aead_backend_name(*be));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("CMAC gives the values of RFC 4493 and SP 800-38B in any number of lanes", cmac_known),
		TEST("S2V gives the values of RFC 5297, A.1 and A.2, in any number of lanes", s2v_rfc),
		TEST("every AES-SIV back end equals libcrypto's on messages of random shape",
		     all_equal_libcrypto),
	};

	return cmocka_run_group_tests_name("siv", tests, NULL, NULL);
}
