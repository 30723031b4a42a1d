/* test_aead.c - runs of blocks through every back end: gocryptfs' own files, all shapes, forgeries, threads.
 */
#include "crypto_test.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/aead_backend.h"
#include "crypto/kdf.h"

enum { HEADER = 18, BLOCK = 4096, N_ALGS = 3 };

static const struct {
	const char *info;   /* content key from master key 00 01 .. 1f */
	const char *hello;  /* a whole file made by gocryptfs 2.3: header and the block "hello" */
	const char *xattr;  /* value "bar" of an extended attribute: block 0 without file id */
	const char *sha256; /* of the file of 5000 bytes, see two_block_file() */
} known[N_ALGS] = {
	[AEAD_AES256_GCM] = {
		"AES-GCM file content encryption",
		"00023211b01a6b6ecd59e72892713ee3834933a028d9465e75e3e626c646bc7f8082301c490bbb1aa47aabd7bc3f1613"
		"09c4a472878d22",
		"27753dd7f67cc5487fe0a49324b1b6c81fe7a831fc279178154573451ce02464b79707",
		"de4e30d7fa9ad64c50bee0d0b9333e7b163d8d368c3df145a8cad35151abac2d",
	},
	[AEAD_AES_SIV_512] = {
		"AES-SIV file content encryption",
		"00024dee09199a8128e4716084e13f7626bde37be6eb5a13538a7b01b25141372492faee28bfbe9b5fe2a71fb15f0c91"
		"10f9dd002f7095",
		"5395b0fb1fd645902ccbd7aacf0fc2b9b24cb8932076f426a5a55526501b4e1f9db14b",
		"f16531e0ced5731340f11880879185cade5245f0e05238c614a16aa10c40a825",
	},
	[AEAD_XCHACHA20_POLY1305] = {
		"XChaCha20-Poly1305 file content encryption",
		"0002e7ebe139789fa2153f928ef01b94748a5695133de244a5c0c5f9df73aaeddf984d3638188994fec0878b29c98c36"
		"036fd3426594f16d7cc9c600f294d4",
		"b48f3e1e18f37820980796b08d0e5746fb92e121b59313f45252281538ce21ab65895f3ea1f7e3198b6288",
		"0ee3dd5cc6544880799c03f4ec63a7a0209987528eeea16fb3726dd3a171360d",
	},
};

static size_t overhead(enum aead_alg alg)
{
	return aead_nonce_len(alg) + AEAD_TAG_LEN;
}

static struct aead *cipher_with(const struct aead_backend *be, enum aead_alg alg)
{
	struct secret *master = test_master_key(), *key = NULL;
	struct aead *a = NULL;

	assert_int_equal(kdf_derive(&key, master, known[alg].info, aead_key_len(alg)), 0);
	assert_int_equal(aead_new(&a, alg, be, key), 0);
	secret_free(key);
	secret_free(master);
	return a;
}

/* Calls fn with each back end of each algorithm that this processor can run. */
static void for_each_backend(void (*fn)(struct aead *a, enum aead_alg alg))
{
	for (int alg = 0; alg < N_ALGS; alg++)
		for (const struct aead_backend *const *be = aead_backends((enum aead_alg)alg); *be; be++) {
			struct aead *a;

			if (!aead_backend_usable(*be)) {
				print_message("# %s does not run on this processor\n",
					      aead_backend_name(*be));
				continue;
			}
			a = cipher_with(*be, (enum aead_alg)alg);
			assert_ptr_equal(aead_get_backend(a), *be);
			assert_int_equal(aead_get_alg(a), alg);
			fn(a, (enum aead_alg)alg);
			aead_free(a);
		}
}

/* Buffers of exactly the run's size, so that a sanitizer sees every byte too far. */
struct bench {
	struct aead_run run;
	uint8_t file_id[AEAD_FILE_ID_LEN];
	size_t n_cipher;
};

static size_t blocks_of(const struct aead_run *run)
{
	return (run->n_plain + run->block_len - 1) / run->block_len;
}

static void bench_open(struct bench *b, enum aead_alg alg, size_t block_len, size_t n_plain, uint64_t seed)
{
	*b = (struct bench){ .run = { .first = seed % 1000, .block_len = block_len, .n_plain = n_plain } };
	b->n_cipher = n_plain + blocks_of(&b->run) * overhead(alg);
	b->run.plain = malloc(n_plain);
	b->run.cipher = malloc(b->n_cipher);
	assert_true(b->run.plain && b->run.cipher);
	unit_random_bytes(&seed, b->run.plain, n_plain);
	unit_random_bytes(&seed, b->run.cipher, b->n_cipher); /* nonces among it */
	unit_random_bytes(&seed, b->file_id, sizeof(b->file_id));
	b->run.file_id = seed % 3 ? b->file_id : NULL;
}

static void bench_close(struct bench *b)
{
	free(b->run.plain);
	free(b->run.cipher);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* --- known files ---------------------------------------------------------- */

/* Content `text` as block 0, with or without file id: decrypts, and encrypts to the same bytes. */
static void check_stored(const struct aead *a, enum aead_alg alg, const uint8_t *file_id,
			 const uint8_t *stored, size_t n, const char *text)
{
	uint8_t plain[64] = { 0 }, cipher[128] = { 0 };
	struct aead_run run = { 0, file_id, BLOCK, n - overhead(alg), plain, cipher };

	assert_int_equal(run.n_plain, strlen(text));
	memcpy(cipher, stored, n);
	assert_int_equal(aead_open_run(a, &run, NULL), 0);
	assert_memory_equal(plain, text, run.n_plain);
	memset(cipher + aead_nonce_len(alg), 0, n - aead_nonce_len(alg));
	assert_int_equal(aead_seal_run(a, &run), 0);
	assert_memory_equal(cipher, stored, n);
}

static void small_files(struct aead *a, enum aead_alg alg)
{
	uint8_t stored[128];
	size_t n = unhex(stored, sizeof(stored), known[alg].hello);

	check_stored(a, alg, stored + 2, stored + HEADER, n - HEADER, "hello");
	n = unhex(stored, sizeof(stored), known[alg].xattr);
	check_stored(a, alg, NULL, stored, n, "bar");
}

/* 5000 bytes i mod 251, file id 10 11 .. 1f, the nonce of block i is the byte a0 + i throughout. */
static void two_block_file(struct aead *a, enum aead_alg alg)
{
	enum { N = 5000 };
	size_t stored = BLOCK + overhead(alg), n = HEADER + N + 2 * overhead(alg);
	uint8_t *file = calloc(1, n), *plain = malloc(N), hash[32];
	struct aead_run run = { 0, file + 2, BLOCK, N, plain, file + HEADER };

	assert_true(file && plain);
	file[1] = 2;
	count_up(file + 2, 16, 0x10);
	memset(run.cipher, 0xa0, aead_nonce_len(alg));
	memset(run.cipher + stored, 0xa1, aead_nonce_len(alg));
	for (size_t i = 0; i < N; i++)
		plain[i] = (uint8_t)(i % 251);
	assert_int_equal(aead_seal_run(a, &run), 0);
	kdf_sha256(hash, file, n);
	assert_hex(hash, sizeof(hash), known[alg].sha256);
	memset(plain, 0, N);
	assert_int_equal(aead_open_run(a, &run, NULL), 0);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(plain[i], i % 251);
	free(file);
	free(plain);
}

static void gocryptfs_files(void **state)
{
	(void)state;
	for_each_backend(small_files);
	for_each_backend(two_block_file);
}

/* --- shapes --------------------------------------------------------------- */

static void check_shape(const struct aead *a, const struct aead *other, size_t block_len, size_t n_plain,
			uint64_t seed)
{
	enum aead_alg alg = aead_get_alg(a);
	uint8_t *first =
	    malloc(n_plain + blocks_of(&(struct aead_run){ .block_len = block_len, .n_plain = n_plain }) *
				 overhead(alg));
	struct bench b;

	assert_non_null(first);
	bench_open(&b, alg, block_len, n_plain, seed);
	memcpy(first, b.run.cipher, b.n_cipher);
	assert_int_equal(aead_seal_run(a, &b.run), 0);
	/* The other back end, from the same nonces. */
	for (size_t i = 0; i < blocks_of(&b.run); i++)
		assert_memory_equal(first + i * (block_len + overhead(alg)),
				    b.run.cipher + i * (block_len + overhead(alg)), aead_nonce_len(alg));
	memcpy(first, b.run.cipher, b.n_cipher);
	assert_int_equal(aead_seal_run(other, &b.run), 0);
	assert_memory_equal(first, b.run.cipher, b.n_cipher);
	memset(b.run.plain, 0, n_plain);
	assert_int_equal(aead_open_run(a, &b.run, NULL), 0);
	assert_int_equal(aead_seal_run(a, &b.run), 0); /* from what was decrypted */
	assert_memory_equal(first, b.run.cipher, b.n_cipher);
	bench_close(&b);
	free(first);
}

static const struct aead_backend *last_backend(enum aead_alg alg)
{
	const struct aead_backend *const *be = aead_backends(alg);

	while (be[1])
		be++;
	return be[0];
}

static void shapes_of(struct aead *a, enum aead_alg alg)
{
	struct aead *reference = cipher_with(last_backend(alg), alg);

	for (size_t n = 1; n <= 100; n++)
		check_shape(a, reference, 48, n, 7 * n + 1);
	for (size_t n = 1; n <= 70;
	     n++) /* one short block of each length, one block more than a batch holds */
		check_shape(a, reference, 64, n * 64 + n % 64, n);
	check_shape(a, reference, BLOCK, 1, 1);
	check_shape(a, reference, BLOCK, BLOCK, 2);
	check_shape(a, reference, BLOCK, 256 * BLOCK, 3);
	check_shape(a, reference, BLOCK, 31 * BLOCK + 4095, 4);
	check_shape(a, reference, 1, 200, 5);
	aead_free(reference);
}

static void shapes(void **state)
{
	(void)state;
	for_each_backend(shapes_of);
}

static void empty_run_of(struct aead *a, enum aead_alg alg)
{
	uint8_t byte = 0x5a;
	struct aead_run run = { 0, NULL, BLOCK, 0, &byte, &byte };

	(void)alg;
	assert_int_equal(aead_seal_run(a, &run), 0);
	assert_int_equal(aead_open_run(a, &run, NULL), 0);
	assert_int_equal(byte, 0x5a);
}

static void empty_runs(void **state)
{
	(void)state;
	for_each_backend(empty_run_of);
}

/* --- forgeries ------------------------------------------------------------ */

/* The run must fail at block `bad`, with the blocks before it intact and all after them wiped. */
static void assert_bad(const struct aead *a, struct bench *b, const uint8_t *plain, size_t bad)
{
	size_t at = SIZE_MAX, valid = bad * b->run.block_len;

	memset(b->run.plain, 0xee, b->run.n_plain);
	assert_int_equal(aead_open_run(a, &b->run, &at), -EBADMSG);
	assert_int_equal(at, bad);
	assert_memory_equal(b->run.plain, plain, valid);
	assert_true(all_zero(b->run.plain + valid, b->run.n_plain - valid));
	assert_int_equal(aead_open_run(a, &b->run, NULL), -EBADMSG);
}

static void forgeries_of(struct aead *a, enum aead_alg alg)
{
	enum { LEN = 112, N = 70 * LEN + 33 };
	static const size_t victims[] = { 0, 1, 63, 64, 69, 70 };
	size_t stored = LEN + overhead(alg);
	uint8_t plain[N];
	struct bench b;

	bench_open(&b, alg, LEN, N, 11);
	b.run.file_id = b.file_id;
	memcpy(plain, b.run.plain, N);
	assert_int_equal(aead_seal_run(a, &b.run), 0);
	for (size_t v = 0; v < sizeof(victims) / sizeof(victims[0]); v++) {
		size_t len = victims[v] == 70 ? 33 : LEN;

		for (size_t i = 0; i < len + overhead(alg);
		     i++) { /* nonce, ciphertext, tag: every byte counts */
			uint8_t *p = b.run.cipher + victims[v] * stored + i;

			*p ^= (uint8_t)(1 << i % 8);
			assert_bad(a, &b, plain, victims[v]);
			*p ^= (uint8_t)(1 << i % 8);
		}
	}
	/* Moved to another place, another file, without file id. */
	b.run.first++;
	assert_bad(a, &b, plain, 0);
	b.run.first--;
	b.file_id[15] ^= 0x80;
	assert_bad(a, &b, plain, 0);
	b.file_id[15] ^= 0x80;
	b.run.file_id = NULL;
	assert_bad(a, &b, plain, 0);
	b.run.file_id = b.file_id;
	/* Two bad ones: the first is named. A cut block. */
	b.run.cipher[5 * stored] ^= 1;
	b.run.cipher[66 * stored] ^= 1;
	assert_bad(a, &b, plain, 5);
	b.run.cipher[5 * stored] ^= 1;
	b.run.cipher[66 * stored] ^= 1;
	b.run.n_plain--;
	assert_bad(a, &b, plain, 70);
	b.run.n_plain++;
	assert_int_equal(aead_open_run(a, &b.run, NULL), 0);
	assert_memory_equal(b.run.plain, plain, N);
	bench_close(&b);
}

static void forgeries(void **state)
{
	(void)state;
	for_each_backend(forgeries_of);
}

/* --- keys, selection ------------------------------------------------------ */

static void keys(void **state)
{
	struct secret *shorter = secret_new(31), *right = secret_new(32);
	struct aead *a = NULL;

	(void)state;
	assert_int_equal(aead_new(&a, AEAD_AES256_GCM, NULL, shorter), -EINVAL);
	assert_int_equal(aead_new(&a, AEAD_AES_SIV_512, NULL, right), -EINVAL);
	assert_int_equal(aead_new(&a, AEAD_XCHACHA20_POLY1305, NULL, shorter), -EINVAL);
	assert_int_equal(aead_new(&a, AEAD_AES256_GCM, &aead_xchacha_ossl, right), -EIO);
	assert_null(a);
	aead_free(NULL);
	secret_free(shorter);
	secret_free(right);
}

static void selection(void **state)
{
	(void)state;
	for (int i = 0; i < N_ALGS; i++) {
		enum aead_alg alg = (enum aead_alg)i;
		const struct aead_backend *chosen = aead_backend_select(alg);
		struct aead *a = cipher_with(NULL, alg);

		assert_non_null(chosen);
		assert_true(aead_backend_usable(chosen));
		assert_ptr_equal(aead_backend_select(alg), chosen);
		assert_ptr_equal(aead_get_backend(a), chosen);
		print_message("# %s\n", aead_backend_name(chosen));
		aead_free(a);
	}
}

/* A back end that computes something else must not pass, nor one that lets forgeries through. */
static int broken_seal(void *ctx, const struct aead_job *jobs, size_t n)
{
	int rc = aead_gcm_ossl.seal(ctx, jobs, n);

	if (n > 1)
		jobs[n - 1].cipher[jobs[n - 1].n - 1] ^= 1;
	return rc;
}

static ssize_t credulous_open(void *ctx, const struct aead_job *jobs, size_t n)
{
	(void)aead_gcm_ossl.open(ctx, jobs, n);
	return (ssize_t)n;
}

static bool never(void)
{
	return false;
}

static void selftest_refuses(void **state)
{
	struct aead_backend bad = aead_gcm_ossl;

	(void)state;
	assert_true(aead_selftest(&bad, &aead_gcm_ossl));
	bad.seal = broken_seal;
	assert_false(aead_selftest(&bad, &aead_gcm_ossl));
	bad = aead_gcm_ossl;
	bad.open = credulous_open;
	assert_false(aead_selftest(&bad, &aead_gcm_ossl));
	bad = aead_gcm_ossl;
	bad.usable = never;
	assert_false(aead_selftest(&bad, &aead_gcm_ossl));
	for (int alg = 0; alg < N_ALGS; alg++)
		for (const struct aead_backend *const *be = aead_backends((enum aead_alg)alg); *be; be++)
			assert_true(!aead_backend_usable(*be) ||
				    aead_selftest(*be, last_backend((enum aead_alg)alg)));
}

/* A library that fails in the middle: nothing half-done stays behind. */
static int failing_seal(void *ctx, const struct aead_job *jobs, size_t n)
{
	(void)aead_gcm_ossl.seal(ctx, jobs, n);
	return n == AEAD_BATCH ? 0 : -EIO;
}

static ssize_t failing_open(void *ctx, const struct aead_job *jobs, size_t n)
{
	ssize_t rc = aead_gcm_ossl.open(ctx, jobs, n);

	return n == AEAD_BATCH ? rc : -EIO;
}

static void failures_wipe(void **state)
{
	struct aead_backend bad = aead_gcm_ossl;
	struct aead *good = cipher_with(&aead_gcm_ossl, AEAD_AES256_GCM), *a;
	struct bench b;

	(void)state;
	bad.seal = failing_seal;
	bad.open = failing_open;
	a = cipher_with(&bad, AEAD_AES256_GCM);
	bench_open(&b, AEAD_AES256_GCM, 32, 32 * 70, 3);
	assert_int_equal(aead_seal_run(good, &b.run), 0);
	assert_int_equal(aead_open_run(a, &b.run, NULL), -EIO);
	assert_true(all_zero(b.run.plain, b.run.n_plain));
	assert_int_equal(aead_seal_run(a, &b.run), -EIO);
	assert_true(all_zero(b.run.cipher, b.n_cipher));
	bench_close(&b);
	aead_free(a);
	aead_free(good);
}

/* --- single messages ------------------------------------------------------ */

static void single_messages(void **state)
{
	uint8_t key[32], nonce[64], ad[8] = { 0 }, in[48], sealed[48 + 16], out[48];

	(void)state;
	count_up(key, 32, 1);
	count_up(nonce, 64, 9);
	count_up(in, 48, 5);
	for (size_t n = 1; n <= 64; n++) {
		size_t len = n % 49;

		assert_int_equal(aead_gcm_seal(key, nonce, n, ad, 8, in, len, sealed), 0);
		assert_int_equal(aead_gcm_open(key, nonce, n, ad, 8, sealed, len + 16, out), 0);
		assert_memory_equal(in, out, len);
		assert_int_equal(aead_gcm_open(key, nonce, n, NULL, 0, sealed, len + 16, out), -EBADMSG);
		assert_true(all_zero(out, len));
		sealed[len] ^= 1;
		assert_int_equal(aead_gcm_open(key, nonce, n, ad, 8, sealed, len + 16, out), -EBADMSG);
	}
	assert_int_equal(aead_gcm_open(key, nonce, 12, ad, 8, sealed, 15, out), -EBADMSG);
	assert_int_equal(aead_gcm_open(key, nonce, 12, ad, 8, sealed, 0, out), -EBADMSG);
	assert_int_equal(aead_gcm_seal(key, nonce, 0, ad, 8, in, 1, sealed), -EINVAL);
	assert_int_equal(aead_gcm_seal(key, nonce, 65, ad, 8, in, 1, sealed), -EINVAL);
	assert_int_equal(aead_gcm_open(key, nonce, 65, ad, 8, sealed, 17, out), -EINVAL);
}

/* --- threads and fork ----------------------------------------------------- */

struct work {
	struct aead *const *a; /* N_SHARED of them */
	uint64_t seed;
	int failures;
};
enum { N_SHARED = 12, N_THREADS = 4 }; /* more ciphers than a thread remembers contexts */

static void *work_on_all(void *arg)
{
	struct work *w = arg;

	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < N_SHARED; i++) {
			enum aead_alg alg = aead_get_alg(w->a[i]);
			uint8_t plain[1000];
			struct bench b;

			bench_open(&b, alg, 128, sizeof(plain), w->seed + i);
			memcpy(plain, b.run.plain, sizeof(plain));
			if (aead_seal_run(w->a[i], &b.run) < 0)
				w->failures++;
			memset(b.run.plain, 0, sizeof(plain));
			if (aead_open_run(w->a[i], &b.run, NULL) < 0 ||
			    memcmp(plain, b.run.plain, sizeof(plain)) != 0)
				w->failures++;
			bench_close(&b);
		}
	return NULL;
}

static void new_shared(struct aead *a[N_SHARED])
{
	for (size_t i = 0; i < N_SHARED; i++)
		a[i] = cipher_with(NULL, (enum aead_alg)(i % N_ALGS));
}

static void threads_share(void **state)
{
	struct aead *a[N_SHARED];
	struct work w[N_THREADS];
	pthread_t t[N_THREADS];

	(void)state;
	new_shared(a);
	for (size_t i = 0; i < N_THREADS; i++) {
		w[i] = (struct work){ a, 100 * i + 1, 0 };
		assert_int_equal(pthread_create(&t[i], NULL, work_on_all, &w[i]), 0);
	}
	for (size_t i = 0; i < N_THREADS; i++) {
		assert_int_equal(pthread_join(t[i], NULL), 0);
		assert_int_equal(w[i].failures, 0);
	}
	for (size_t i = 0; i < N_SHARED; i++)
		aead_free(a[i]);
}

/* Threads that outlive a cipher and meet its successors: the context of a freed one must not be taken for
 * theirs. */
struct relay {
	pthread_barrier_t barrier;
	struct aead *a[N_SHARED];
	int rounds;
};
struct runner {
	struct relay *relay;
	struct work work;
};

static void *run_relay(void *arg)
{
	struct runner *r = arg;

	for (int i = 0; i < r->relay->rounds; i++) {
		(void)pthread_barrier_wait(&r->relay->barrier); /* ciphers are new */
		(void)work_on_all(&r->work);
		(void)pthread_barrier_wait(&r->relay->barrier); /* nobody uses them any more */
	}
	return NULL;
}

static void ciphers_come_and_go(void **state)
{
	struct relay relay = { .rounds = 5 };
	struct runner r[N_THREADS];
	pthread_t t[N_THREADS];

	(void)state;
	assert_int_equal(pthread_barrier_init(&relay.barrier, NULL, N_THREADS + 1), 0);
	for (size_t i = 0; i < N_THREADS; i++) {
		r[i] = (struct runner){ &relay, { relay.a, 1000 * i + 7, 0 } };
		assert_int_equal(pthread_create(&t[i], NULL, run_relay, &r[i]), 0);
	}
	for (int i = 0; i < relay.rounds; i++) {
		new_shared(relay.a);
		(void)pthread_barrier_wait(&relay.barrier);
		(void)pthread_barrier_wait(&relay.barrier);
		for (size_t k = 0; k < N_SHARED; k++)
			aead_free(relay.a[k]);
	}
	for (size_t i = 0; i < N_THREADS; i++) {
		assert_int_equal(pthread_join(t[i], NULL), 0);
		assert_int_equal(r[i].work.failures, 0);
	}
	(void)pthread_barrier_destroy(&relay.barrier);
}

/* A daemon forks after its ciphers were tried in the foreground. */
static void child_goes_on(void **state)
{
	struct aead *a[N_SHARED];
	struct work w = { a, 5, 0 };
	int status;
	pid_t pid;

	(void)state;
	new_shared(a);
	(void)work_on_all(&w);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		pthread_t t;

		(void)work_on_all(&w);
		if (pthread_create(&t, NULL, work_on_all, &w) != 0 || pthread_join(t, NULL) != 0)
			_exit(2);
		for (size_t i = 0; i < N_SHARED; i++)
			aead_free(a[i]);
		_exit(w.failures != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(w.failures, 0);
	for (size_t i = 0; i < N_SHARED; i++)
		aead_free(a[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("every back end reads and writes files and attributes as gocryptfs does",
		     gocryptfs_files),
		TEST("runs of all shapes come out the same from all back ends", shapes),
		TEST("a run of no bytes changes nothing", empty_runs),
		TEST("a change anywhere is found in its block, later plaintext is wiped", forgeries),
		TEST("keys of the wrong length and back ends of another cipher are refused", keys),
		TEST("one usable back end is chosen per cipher and kept", selection),
		TEST("the self-test refuses a back end that errs or believes", selftest_refuses),
		TEST("a failing library leaves neither plaintext nor ciphertext behind", failures_wipe),
		TEST("single GCM messages take nonces of 1 to 64 bytes", single_messages),
		TEST("threads share ciphers, more of them than they remember", threads_share),
		TEST("threads outlive ciphers and work with their successors", ciphers_come_and_go),
		TEST("a forked child goes on with the same ciphers", child_goes_on),
	};

	return cmocka_run_group_tests_name("aead", tests, NULL, NULL);
}
