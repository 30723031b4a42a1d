/* aead.c - keyed content ciphers: runs of file blocks cut into batches for a back end. */
#include "crypto/aead.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/aead_backend.h"
#include "crypto/threadctx.h"
#include "util/secret.h"

struct aead {
	const struct aead_backend *backend;
	struct secret *material; /* the key, or what the back end made of it */
	struct threadctx_owner *ctxs;
};

int aead_new(struct aead **ret, enum aead_alg alg, const struct aead_backend *backend,
	     const struct secret *key)
{
	struct aead *a;
	int rc = -ENOMEM;

	if (key->len != aead_key_len(alg))
		return -EINVAL;
	if (!backend)
		backend = aead_backend_select(alg);
	if (!backend || backend->alg != alg || !backend->usable())
		return -EIO;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->backend = backend;
	a->material = backend->expand ? backend->expand(key) : secret_copy(key->data, key->len);
	if (!a->material)
		goto fail;
	a->ctxs = threadctx_owner_new(backend->ctx_make, backend->ctx_free, a->material);
	if (!a->ctxs)
		goto fail;
	rc = -EIO;
	if (!threadctx_get(a->ctxs)) /* a libcrypto without this cipher shows here, not at the first block */
		goto fail;
	*ret = a;
	return 0;
fail:
	aead_free(a);
	return rc;
}

void aead_free(struct aead *a)
{
	if (!a)
		return;
	threadctx_owner_free(a->ctxs);
	secret_free(a->material);
	free(a);
}

enum aead_alg aead_get_alg(const struct aead *a)
{
	return a->backend->alg;
}

const struct aead_backend *aead_get_backend(const struct aead *a)
{
	return a->backend;
}

int aead_seal_jobs(const struct aead *a, const struct aead_job *jobs, size_t n)
{
	void *ctx = threadctx_get(a->ctxs);

	return ctx ? a->backend->seal(ctx, jobs, n) : -EIO;
}

ssize_t aead_open_jobs(const struct aead *a, const struct aead_job *jobs, size_t n)
{
	void *ctx = threadctx_get(a->ctxs);

	return ctx ? a->backend->open(ctx, jobs, n) : -EIO;
}

struct batch {
	struct aead_job job[AEAD_BATCH];
	uint8_t ad[AEAD_BATCH][AEAD_AD_MAX];
};

static size_t run_blocks(const struct aead_run *run)
{
	return run->n_plain / run->block_len + (run->n_plain % run->block_len != 0);
}

static size_t stored_overhead(const struct aead *a)
{
	return aead_nonce_len(a->backend->alg) + AEAD_TAG_LEN;
}

static void store_be64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

/* The messages of blocks from .. from + n - 1 of the run. */
static void fill_batch(struct batch *b, const struct aead *a, const struct aead_run *run, size_t from,
		       size_t n)
{
	size_t nonce_len = aead_nonce_len(a->backend->alg), stored = run->block_len + stored_overhead(a);
	bool tag_first = a->backend->alg == AEAD_AES_SIV_512;

	for (size_t i = 0; i < n; i++) {
		size_t block = from + i, done = block * run->block_len;
		uint8_t *at = run->cipher + block * stored;
		struct aead_job *j = &b->job[i];

		store_be64(b->ad[i], run->first + block);
		if (run->file_id)
			memcpy(b->ad[i] + 8, run->file_id, AEAD_FILE_ID_LEN);
		j->n = run->n_plain - done < run->block_len ? run->n_plain - done : run->block_len;
		j->nonce = at;
		j->nonce_len = nonce_len;
		j->ad = b->ad[i];
		j->ad_len = run->file_id ? AEAD_AD_MAX : 8;
		j->plain = run->plain + done;
		j->cipher = at + nonce_len + (tag_first ? AEAD_TAG_LEN : 0);
		j->tag = at + nonce_len + (tag_first ? 0 : j->n);
	}
}

static bool run_valid(const struct aead_run *run)
{
	return run->block_len >= 1 && run->block_len <= INT_MAX;
}

int aead_seal_run(const struct aead *a, const struct aead_run *run)
{
	size_t blocks;
	struct batch b;

	if (!run_valid(run))
		return -EIO;
	blocks = run_blocks(run);
	for (size_t from = 0; from < blocks; from += AEAD_BATCH) {
		size_t n = blocks - from < AEAD_BATCH ? blocks - from : AEAD_BATCH;

		fill_batch(&b, a, run, from, n);
		if (aead_seal_jobs(a, b.job, n) < 0) {
			memset(run->cipher, 0, run->n_plain + blocks * stored_overhead(a));
			return -EIO;
		}
	}
	return 0;
}

int aead_open_run(const struct aead *a, const struct aead_run *run, size_t *ret_bad)
{
	size_t blocks;
	struct batch b;

	if (!run_valid(run))
		return -EIO;
	blocks = run_blocks(run);
	for (size_t from = 0; from < blocks; from += AEAD_BATCH) {
		size_t n = blocks - from < AEAD_BATCH ? blocks - from : AEAD_BATCH, good;
		ssize_t rc;

		fill_batch(&b, a, run, from, n);
		rc = aead_open_jobs(a, b.job, n);
		if (rc < 0) {
			secret_wipe(run->plain, run->n_plain);
			return -EIO;
		}
		good = (size_t)rc;
		if (good < n) {
			size_t valid = (from + good) * run->block_len;

			secret_wipe(run->plain + valid, run->n_plain - valid);
			if (ret_bad)
				*ret_bad = from + good;
			return -EBADMSG;
		}
	}
	return 0;
}
