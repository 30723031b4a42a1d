/* aead_select.c - which back ends there are, whether they work here, and which one is the fastest. */
#include "crypto/aead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/aead_backend.h"
#include "util/secret.h"

enum { N_ALGS = 3 };

/* Best guess first; the last one of each is the reference that the others are compared with. */
static const struct aead_backend *const gcm_backends[] = {
#ifdef HAVE_IPSEC_MB
	&aead_gcm_mb,
#endif
	&aead_gcm_ossl,
	NULL,
};
static const struct aead_backend *const siv_backends[] = {
#ifdef HAVE_IPSEC_MB
	&aead_siv_mb,
#endif
	&aead_siv_batched,
	&aead_siv_ossl,
	NULL,
};
static const struct aead_backend *const xchacha_backends[] = {
#ifdef HAVE_IPSEC_MB
	&aead_xchacha_mb,
#endif
	&aead_xchacha_ossl,
	NULL,
};

const struct aead_backend *const *aead_backends(enum aead_alg alg)
{
	switch (alg) {
	case AEAD_AES256_GCM:
		return gcm_backends;
	case AEAD_AES_SIV_512:
		return siv_backends;
	case AEAD_XCHACHA20_POLY1305:
		break;
	}
	return xchacha_backends;
}

const char *aead_backend_name(const struct aead_backend *be)
{
	return be->name;
}

bool aead_backend_usable(const struct aead_backend *be)
{
	return be->usable();
}

const char *aead_backend_code(const struct aead_backend *be)
{
	return be->usable() ? be->code() : "";
}

/* --- self-test and trial ---------------------------------------------------- */

/* Known answers: key 00 01 02 .., nonce 40 41 .., file id c0 c1 .., block 7, plaintext of 33 bytes 80 81 ..;
 * computed with the Python package cryptography (AES-GCM, AES-SIV) and pycryptodome (XChaCha20-Poly1305). */
enum { KAT_LEN = 33, KAT_BLOCK = 7 };
static const uint8_t kat_tag[N_ALGS][AEAD_TAG_LEN] = {
	[AEAD_AES256_GCM] = { 0xc7, 0xfa, 0x12, 0xa5, 0xb6, 0x21, 0xcb, 0x85, 0x5d, 0xd5, 0x63, 0x5f, 0x8e,
			      0xe0, 0xef, 0xd6 },
	[AEAD_AES_SIV_512] = { 0x1a, 0xe2, 0x26, 0xa1, 0x4e, 0x4f, 0x58, 0x57, 0x6c, 0xd3, 0x2e, 0x78, 0x85,
			       0xea, 0x9b, 0x18 },
	[AEAD_XCHACHA20_POLY1305] = { 0xd2, 0x02, 0x91, 0x6e, 0xba, 0xc1, 0x70, 0x6f, 0xe2, 0xf3, 0xf1, 0xe3,
				      0xfd, 0x42, 0x18, 0x9f },
};

/* Not a multiple of anything: 19 whole blocks and a short one. */
enum {
	TEST_BLOCK = 208,
	TEST_PLAIN = 19 * TEST_BLOCK + 77,
	TRIAL_BLOCK = 4096,
	TRIAL_PLAIN = 16 * TRIAL_BLOCK
};
enum { STORED_MAX = TRIAL_PLAIN + 20 * (AEAD_NONCE_MAX + AEAD_TAG_LEN) };

struct bench {
	uint8_t file_id[AEAD_FILE_ID_LEN];
	uint8_t plain[TRIAL_PLAIN];
	uint8_t cipher[STORED_MAX];
	uint8_t cipher2[STORED_MAX];
	uint8_t back[TRIAL_PLAIN];
};

static void count_up(uint8_t *p, size_t n, uint8_t from)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(from + i);
}

static struct aead *test_cipher(const struct aead_backend *be)
{
	struct secret *key = secret_new(aead_key_len(be->alg));
	struct aead *a = NULL;

	if (key) {
		count_up(key->data, key->len, 0); /* no secret: a test key */
		if (aead_new(&a, be->alg, be, key) < 0)
			a = NULL;
		secret_free(key);
	}
	return a;
}

static void place_nonces(enum aead_alg alg, const struct aead_run *run)
{
	size_t nonce_len = aead_nonce_len(alg), stored = run->block_len + nonce_len + AEAD_TAG_LEN;

	for (size_t i = 0; i * run->block_len < run->n_plain; i++)
		count_up(run->cipher + i * stored, nonce_len, (uint8_t)(0x40 + i));
}

static bool known_answer(const struct aead *a, struct bench *b)
{
	enum aead_alg alg = aead_get_alg(a);
	struct aead_run run = {
		.first = KAT_BLOCK, .file_id = b->file_id, .block_len = KAT_LEN, .n_plain = KAT_LEN
	};
	const uint8_t *tag;

	run.plain = b->plain;
	run.cipher = b->cipher;
	count_up(b->plain, KAT_LEN, 0x80);
	place_nonces(alg, &run);
	if (aead_seal_run(a, &run) < 0)
		return false;
	tag = b->cipher + aead_nonce_len(alg) + (alg == AEAD_AES_SIV_512 ? 0 : KAT_LEN);
	return memcmp(tag, kat_tag[alg], AEAD_TAG_LEN) == 0;
}

static bool same_run(const struct aead *a, const struct aead *reference, struct bench *b)
{
	enum aead_alg alg = aead_get_alg(a);
	struct aead_run run = { .first = UINT32_MAX - 3, .file_id = b->file_id, .block_len = TEST_BLOCK };
	size_t overhead = aead_nonce_len(alg) + AEAD_TAG_LEN, total, bad = 0;

	run.n_plain = TEST_PLAIN;
	total = TEST_PLAIN + 20 * overhead;
	run.plain = b->plain;
	count_up(b->plain, TEST_PLAIN, 3);
	run.cipher = b->cipher2;
	place_nonces(alg, &run);
	if (aead_seal_run(reference, &run) < 0)
		return false;
	run.cipher = b->cipher;
	place_nonces(alg, &run);
	if (aead_seal_run(a, &run) < 0 || memcmp(b->cipher, b->cipher2, total) != 0)
		return false;
	run.plain = b->back;
	if (aead_open_run(a, &run, NULL) < 0 || memcmp(b->back, b->plain, TEST_PLAIN) != 0)
		return false;
	b->cipher[3 * (TEST_BLOCK + overhead) + overhead + 5] ^= 1;
	return aead_open_run(a, &run, &bad) < 0 && bad == 3 && memcmp(b->back, b->plain, 3 * TEST_BLOCK) == 0;
}

static bool selftest(const struct aead *a, const struct aead *reference, struct bench *b)
{
	count_up(b->file_id, sizeof(b->file_id), 0xc0);
	return known_answer(a, b) && same_run(a, reference, b);
}

bool aead_selftest(const struct aead_backend *be, const struct aead_backend *reference)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct aead *a = be->usable() ? test_cipher(be) : NULL, *r = test_cipher(reference);
	bool ok = a && r && b && selftest(a, r, b);

	aead_free(a);
	aead_free(r);
	free(b);
	return ok;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts); /* others may be busy as well */
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Best time of a few rounds; the first one warms caches up. UINT64_MAX on failure. */
static uint64_t trial(const struct aead *a, struct bench *b)
{
	struct aead_run run = { .file_id = b->file_id, .block_len = TRIAL_BLOCK, .n_plain = TRIAL_PLAIN };
	uint64_t best = UINT64_MAX;

	run.plain = b->plain;
	run.cipher = b->cipher;
	for (int round = 0; round < 4; round++) {
		uint64_t start = now_ns(), took;

		if (aead_seal_run(a, &run) < 0)
			return UINT64_MAX;
		took = now_ns() - start;
		if (took < best)
			best = took;
	}
	return best;
}

/* --- the choice ------------------------------------------------------------- */

static pthread_once_t chosen_once[N_ALGS] = { PTHREAD_ONCE_INIT, PTHREAD_ONCE_INIT, PTHREAD_ONCE_INIT };
static const struct aead_backend *chosen[N_ALGS];

static const struct aead_backend *reference_of(enum aead_alg alg)
{
	const struct aead_backend *const *be = aead_backends(alg);

	while (be[1])
		be++;
	return be[0];
}

static void choose(enum aead_alg alg)
{
	const struct aead_backend *reference = reference_of(alg);
	struct bench *b = calloc(1, sizeof(*b));
	struct aead *r = b ? test_cipher(reference) : NULL;
	uint64_t best = UINT64_MAX;

	for (const struct aead_backend *const *be = aead_backends(alg); r && *be; be++) {
		struct aead *a = (*be)->usable() ? test_cipher(*be) : NULL;
		uint64_t took = a && selftest(a, r, b) ? trial(a, b) : UINT64_MAX;

		if (took < best) {
			best = took;
			chosen[alg] = *be;
		}
		aead_free(a);
	}
	aead_free(r);
	free(b);
}

static void choose_gcm(void)
{
	choose(AEAD_AES256_GCM);
}

static void choose_siv(void)
{
	choose(AEAD_AES_SIV_512);
}

static void choose_xchacha(void)
{
	choose(AEAD_XCHACHA20_POLY1305);
}

const struct aead_backend *aead_backend_select(enum aead_alg alg)
{
	static void (*const fn[N_ALGS])(void) = {
		[AEAD_AES256_GCM] = choose_gcm,
		[AEAD_AES_SIV_512] = choose_siv,
		[AEAD_XCHACHA20_POLY1305] = choose_xchacha,
	};

	(void)pthread_once(&chosen_once[alg], fn[alg]);
	return chosen[alg];
}
