/* cmd_speed.c - gocryptfs -speed: how fast each cipher in this program runs on one core of this machine. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/cpu.h"
#include "cli/exitcode.h"
#include "crypto/aead.h"
#include "crypto/rng.h"
#include "util/cleanup.h"
#include "util/secret.h"

enum {
	BLOCK_LEN = 4096,
	N_BLOCKS = 32, /* 128 KiB: an ordinary request of the kernel */
	RUN_LEN = BLOCK_LEN * N_BLOCKS,
	CIPHER_MAX = (BLOCK_LEN + AEAD_NONCE_MAX + AEAD_TAG_LEN) * N_BLOCKS,
	TRIAL_MS = 500,
};

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* others may be busy as well */
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Encrypt runs for half a second; MB/s (10^6 bytes), negative if it fails. */
static double measure(const struct aead *a, uint8_t *plain, uint8_t *cipher)
{
	const struct aead_run run = {
		.block_len = BLOCK_LEN, .n_plain = RUN_LEN, .plain = plain, .cipher = cipher
	};
	size_t nonce_len = aead_nonce_len(aead_get_alg(a));
	double start, elapsed;
	unsigned long n = 0;

	if (aead_seal_run(a, &run) < 0) /* warm up */
		return -1;
	start = now();
	do {
		rng_nonces(cipher, N_BLOCKS, nonce_len, BLOCK_LEN + nonce_len + AEAD_TAG_LEN);
		if (aead_seal_run(a, &run) < 0)
			return -1;
		n++;
		elapsed = now() - start;
	} while (elapsed < TRIAL_MS / 1e3);
	return (double)n * RUN_LEN / 1e6 / elapsed;
}

static double speed_of(enum aead_alg alg, const struct aead_backend *be)
{
	auto_secret struct secret *key = secret_new(aead_key_len(alg));
	auto_free uint8_t *plain = calloc(1, RUN_LEN);
	auto_free uint8_t *cipher = calloc(1, CIPHER_MAX);
	struct aead *a = NULL;
	double speed = -1;

	if (!key || !plain || !cipher || !aead_backend_usable(be))
		return -1;
	rng_bytes(key->data, key->len);
	if (aead_new(&a, alg, be, key) == 0)
		speed = measure(a, plain, cipher);
	aead_free(a);
	return speed;
}

/* The Go program's columns; behind them the code that the back end's library has chosen for this processor.
 */
static void line(const struct aead_backend *be, double speed, bool chosen)
{
	const char *code = aead_backend_code(be);

	if (speed < 0)
		printf("%-26s\t    N/A", aead_backend_name(be));
	else
		printf("%-26s\t%7.2f MB/s%s", aead_backend_name(be), speed,
		       chosen ? "\t(selected in auto mode)" : "");
	if (*code)
		printf("\t[%s]", code);
	(void)putchar('\n');
	(void)fflush(stdout);
}

static void show(enum aead_alg alg)
{
	const struct aead_backend *const *list = aead_backends(alg);
	const struct aead_backend *chosen = aead_backend_select(alg);
	bool choice = list[0] && list[1];

	for (; *list; list++)
		line(*list, speed_of(alg, *list), choice && *list == chosen);
}

int cmd_speed(void)
{
	auto_free char *model = cpu_model();

	cmd_version_line();
	printf("cpu: %s; %s AES-GCM acceleration\n", model ? model : "unknown",
	       cpu_has_aes_gcm() ? "with" : "no");
	show(AEAD_AES256_GCM);
	show(AEAD_AES_SIV_512);
	show(AEAD_XCHACHA20_POLY1305);
	return EXITCODE_OK;
}
