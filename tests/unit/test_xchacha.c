/* test_xchacha.c - HChaCha20 and XChaCha20-Poly1305 against the draft that defines them. */
#include "crypto_test.h"

#include "crypto/aead_backend.h"
#include "crypto/hchacha.h"

static void hchacha_draft(void **state)
{
	enum { MOST = 9 };
	uint8_t key[32], known[16], zero[16] = { 0 }, out[MOST][32], of_zero[1][32];
	const uint8_t *nonce[MOST] = { zero };

	(void)state;
	/* draft-irtf-cfrg-xchacha-03, section 2.2.1 */
	count_up(key, 32, 0);
	unhex(known, 16, "000000090000004a0000000031415927");
	hchacha20(of_zero, key, nonce, 1);
	/* In every place of a batch, whatever its size. */
	for (size_t n = 1; n <= MOST; n++)
		for (size_t at = 0; at < n; at++) {
			for (size_t i = 0; i < n; i++)
				nonce[i] = i == at ? known : zero;
			memset(out, 0, sizeof(out));
			hchacha20(out, key, nonce, n);
			for (size_t i = 0; i < n; i++)
				if (i != at)
					assert_memory_equal(out[i], of_zero, 32);
			assert_hex(out[at], 32,
				   "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc");
		}
}

/* draft-irtf-cfrg-xchacha-03, appendix A.3.1 */
static const char plain_text[] =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
    "future, sunscreen would be it.";
static const char cipher_hex[] = "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
				 "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
				 "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
				 "21f9664c97637da9768812f615c68b13b52e";

static void aead_draft(void **state)
{
	enum { N = sizeof(plain_text) - 1 };
	uint8_t nonce[24], ad[12], plain[N], cipher[N], tag[16];
	struct aead_job job = { nonce, 24, ad, 12, plain, cipher, tag, N };
	struct secret *key = secret_new(32);

	(void)state;
	assert_non_null(key);
	count_up(key->data, 32, 0x80);
	count_up(nonce, 24, 0x40);
	unhex(ad, 12, "50515253c0c1c2c3c4c5c6c7");
	for (const struct aead_backend *const *be = aead_backends(AEAD_XCHACHA20_POLY1305); *be; be++) {
		struct aead *a = NULL;

		if (!aead_backend_usable(*be)) {
			print_message("# %s does not run on this processor\n", aead_backend_name(*be));
			continue;
		}
		assert_int_equal(aead_new(&a, AEAD_XCHACHA20_POLY1305, *be, key), 0);
		memcpy(plain, plain_text, N);
		memset(cipher, 0, N);
		assert_int_equal(aead_seal_jobs(a, &job, 1), 0);
		assert_hex(cipher, N, cipher_hex);
		assert_hex(tag, 16, "c0875924c1c7987947deafd8780acf49");
		memset(plain, 0, N);
		assert_int_equal(aead_open_jobs(a, &job, 1), 1);
		assert_memory_equal(plain, plain_text, N);
		tag[15] ^= 1;
		assert_int_equal(aead_open_jobs(a, &job, 1), 0);
		aead_free(a);
	}
	secret_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("HChaCha20 gives the draft's value, in every place of a batch", hchacha_draft),
		TEST("every XChaCha20-Poly1305 back end gives the draft's ciphertext and tag", aead_draft),
	};

	return cmocka_run_group_tests_name("xchacha", tests, NULL, NULL);
}
