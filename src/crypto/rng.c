/* rng.c - the only source of randomness: libcrypto's generator, with a per-thread prefetch for nonces. */
#include "crypto/rng.h"

#include <limits.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/secret.h"

/* One RAND_bytes() call costs about as much as encrypting a block; 4 KiB are the nonces of a 1 MiB request.
 */
enum { PREFETCH = 4096 };

struct prefetch {
	unsigned int generation; /* fork_generation at the time of filling */
	size_t left;		 /* unused bytes, at the end of buf; those before them are wiped */
	uint8_t buf[PREFETCH];
};

static _Thread_local struct prefetch mine;

/* Raised in every forked child: what a prefetch holds then, the parent holds as well. Starts at 1, so that a
 * zeroed prefetch is never up to date. */
static atomic_uint fork_generation = 1;
static pthread_once_t atfork_once = PTHREAD_ONCE_INIT;
static bool atfork_ok;

static void in_child(void)
{
	atomic_fetch_add(&fork_generation, 1);
}

static void register_atfork(void)
{
	atfork_ok = pthread_atfork(NULL, NULL, in_child) == 0;
}

static _Noreturn void fail(const char *what)
{
	(void)fprintf(stderr, "random number generator: %s failed, stopping here\n", what);
	abort();
}

void rng_bytes(void *out, size_t n)
{
	uint8_t *p = out;

	while (n) {
		int chunk = n > INT_MAX ? INT_MAX : (int)n;

		if (RAND_bytes(p, chunk) != 1)
			fail("RAND_bytes");
		p += chunk;
		n -= (size_t)chunk;
	}
}

static bool all_zero(const uint8_t *p, size_t n)
{
	uint8_t acc = 0;

	for (size_t i = 0; i < n; i++)
		acc |= p[i];
	return acc == 0;
}

static void draw(uint8_t *out, size_t len)
{
	unsigned int generation = atomic_load_explicit(&fork_generation, memory_order_relaxed);

	if (mine.generation != generation || mine.left < len) {
		rng_bytes(mine.buf, PREFETCH);
		mine.left = PREFETCH;
		mine.generation = generation;
	}
	memcpy(out, mine.buf + PREFETCH - mine.left, len);
	secret_wipe(mine.buf + PREFETCH - mine.left, len);
	mine.left -= len;
}

void rng_nonces(uint8_t *out, size_t n, size_t len, size_t stride)
{
	(void)pthread_once(&atfork_once, register_atfork);
	for (size_t i = 0; i < n && len; i++, out += stride) {
		/* An all-zero nonce marks a hole in gocryptfs files. */
		do {
			if (atfork_ok && len <= PREFETCH)
				draw(out, len);
			else
				rng_bytes(out, len);
		} while (all_zero(out, len));
	}
}

uint64_t rng_u64(void)
{
	uint64_t v;

	rng_bytes(&v, sizeof(v));
	return v;
}
