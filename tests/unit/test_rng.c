/* test_rng.c - randomness is fresh, also across threads and fork. */
#include "crypto_test.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/rng.h"

enum { N = 4096, LEN = 16 };

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, LEN);
}

static void assert_distinct(uint8_t *nonces, size_t n)
{
	static const uint8_t zero[LEN];

	qsort(nonces, n, LEN, by_bytes);
	assert_memory_not_equal(nonces, zero, LEN);
	for (size_t i = 1; i < n; i++)
		assert_memory_not_equal(nonces + (i - 1) * LEN, nonces + i * LEN, LEN);
}

static void bytes_vary(void **state)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };

	(void)state;
	rng_bytes(a, sizeof(a));
	rng_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	rng_bytes(a, 0);
	assert_true(rng_u64() != rng_u64());
}

static void nonces_distinct(void **state)
{
	uint8_t *out = malloc(N * LEN);

	(void)state;
	assert_non_null(out);
	/* Odd numbers at a time, so that the prefetch ends in the middle of a nonce. */
	for (size_t done = 0, step = 1; done < N; done += step, step = step % 97 + 2) {
		if (step > N - done)
			step = N - done;
		rng_nonces(out + done * LEN, step, LEN, LEN);
	}
	assert_distinct(out, N);
	free(out);
}

static void nonces_in_place(void **state)
{
	enum { BLOCKS = 300, STRIDE = 100, NONCE = 24 };
	uint8_t *out = malloc(BLOCKS * STRIDE);

	(void)state;
	assert_non_null(out);
	memset(out, 0xee, BLOCKS * STRIDE);
	rng_nonces(out, BLOCKS, NONCE, STRIDE);
	for (size_t i = 0; i < BLOCKS; i++) {
		bool touched = false;

		for (size_t k = 0; k < NONCE; k++)
			touched |= out[i * STRIDE + k] != 0xee;
		assert_true(touched);
		for (size_t k = NONCE; k < STRIDE; k++)
			assert_int_equal(out[i * STRIDE + k], 0xee);
	}
	free(out);
}

static void nonces_any_length(void **state)
{
	uint8_t *out = calloc(1, 10000), one[1];
	size_t zeros = 0;

	(void)state;
	assert_non_null(out);
	rng_nonces(out, 1, 10000, 10000); /* longer than the prefetch */
	for (size_t i = 0; i < 10000; i++)
		zeros += out[i] == 0;
	assert_in_range(zeros, 1,
			200); /* 39 on average, more than 200 or none at all with probability < 2^-50 */
	/* One byte long, 1 in 256 would be zero. */
	for (size_t i = 0; i < 20000; i++) {
		rng_nonces(one, 1, 1, 1);
		assert_int_not_equal(one[0], 0);
	}
	free(out);
}

static void fork_fresh(void **state)
{
	uint8_t out[3 * 8 * LEN];
	int fd[2], status;
	pid_t pid;

	(void)state;
	rng_nonces(out, 8, LEN, LEN); /* now parent and child share a prefetch */
	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		rng_nonces(out, 8, LEN, LEN);
		_exit(write(fd[1], out, 8 * LEN) == 8 * LEN ? 0 : 1);
	}
	rng_nonces(out + 8 * LEN, 8, LEN, LEN);
	assert_int_equal(read(fd[0], out + 16 * LEN, 8 * LEN), 8 * LEN);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_distinct(out, 24);
	close(fd[0]);
	close(fd[1]);
}

static void *draw_many(void *arg)
{
	rng_nonces(arg, N, LEN, LEN);
	return NULL;
}

static void threads_fresh(void **state)
{
	enum { THREADS = 4 };
	uint8_t *out = malloc((size_t)THREADS * N * LEN);
	pthread_t t[THREADS];

	(void)state;
	assert_non_null(out);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, draw_many, out + i * N * LEN), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	assert_distinct(out, THREADS * N);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("random bytes differ from call to call", bytes_vary),
		TEST("thousands of nonces are distinct and none is zero", nonces_distinct),
		TEST("nonces are written at their places and nowhere else", nonces_in_place),
		TEST("nonces of any length work and are never all zero", nonces_any_length),
		TEST("parent and child draw different nonces after fork", fork_fresh),
		TEST("threads draw different nonces", threads_fresh),
	};

	return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
