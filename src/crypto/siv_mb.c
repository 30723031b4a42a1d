/* siv_mb.c - CMAC and CTR for AES-SIV by intel-ipsec-mb's job queue. */
#include "crypto/siv_mb.h"

#ifdef HAVE_IPSEC_MB
#include <stdlib.h>
#include <string.h>

#include "crypto/imb.h"
#include "util/secret.h"

enum { ROUND_KEYS = 15 * 4, HALF_KEY = 32 };

struct siv_mb {
	_Alignas(64) uint32_t mac_key[ROUND_KEYS];
	_Alignas(16) uint32_t ctr_key[ROUND_KEYS];
	_Alignas(16) uint32_t k1[4];
	_Alignas(16) uint32_t k2[4];
	IMB_MGR *m;
	IMB_JOB ctr[AEAD_BATCH];
};

bool siv_mb_usable(void)
{
	return imb_get() != NULL;
}

const char *siv_mb_code(void)
{
	const void *function;

	memcpy(&function, &imb_get()->submit_cipher_burst, sizeof(function)); /* C has no other way */
	return imb_code(function);
}

struct siv_mb *siv_mb_new(const uint8_t key[static 64])
{
	_Alignas(16) uint32_t unused[ROUND_KEYS]; /* decryption's round keys, which neither mode needs */
	struct siv_mb *s = aligned_alloc(_Alignof(struct siv_mb), sizeof(*s));

	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->m = imb_new();
	if (!s->m) {
		free(s);
		return NULL;
	}
	IMB_AES_KEYEXP_256(s->m, key, s->mac_key, unused);
	IMB_AES_CMAC_SUBKEY_GEN_256(s->m, s->mac_key, s->k1, s->k2);
	IMB_AES_KEYEXP_256(s->m, key + HALF_KEY, s->ctr_key, unused);
	secret_wipe(unused, sizeof(unused));
	for (size_t i = 0; i < AEAD_BATCH; i++)
		s->ctr[i] = (IMB_JOB){
			.enc_keys = s->ctr_key,
			.dec_keys = s->ctr_key,
			.key_len_in_bytes = IMB_KEY_256_BYTES,
			.iv_len_in_bytes = S2V_BLOCK,
			.cipher_mode = IMB_CIPHER_CNTR,
			.cipher_direction = IMB_DIR_ENCRYPT,
			.hash_alg = IMB_AUTH_NULL,
			.chain_order = IMB_ORDER_CIPHER_HASH,
		};
	return s;
}

void siv_mb_free(struct siv_mb *s)
{
	if (!s)
		return;
	imb_free(s->m);
	secret_wipe(s, sizeof(*s));
	free(s);
}

bool siv_mb_cmac(struct siv_mb *s, uint8_t *const *msg, size_t len, size_t n, uint8_t (*ret)[S2V_BLOCK])
{
	size_t good = 0;
	IMB_JOB *j;

	for (size_t i = 0; i < n; i++) {
		j = IMB_GET_NEXT_JOB(s->m);
		memset(j, 0, sizeof(*j));
		j->src = msg[i];
		j->msg_len_to_hash_in_bytes = len;
		j->cipher_mode = IMB_CIPHER_NULL;
		j->cipher_direction = IMB_DIR_ENCRYPT;
		j->chain_order = IMB_ORDER_HASH_CIPHER;
		j->hash_alg = IMB_AUTH_AES_CMAC_256;
		j->auth_tag_output = ret[i];
		j->auth_tag_output_len_in_bytes = S2V_BLOCK;
		j->u.CMAC._key_expanded = s->mac_key;
		j->u.CMAC._skey1 = s->k1;
		j->u.CMAC._skey2 = s->k2;
		for (j = IMB_SUBMIT_JOB(s->m); j; j = IMB_GET_COMPLETED_JOB(s->m))
			good += j->status == IMB_STATUS_COMPLETED;
	}
	while ((j = IMB_FLUSH_JOB(s->m))) /* leaves the queue empty, whatever happened */
		good += j->status == IMB_STATUS_COMPLETED;
	return good == n;
}

bool siv_mb_ctr(struct siv_mb *s, const struct aead_job *jobs, size_t n, uint8_t (*q)[S2V_BLOCK], bool seal)
{
	uint32_t count = 0;

	for (size_t i = 0; i < n; i++) {
		IMB_JOB *j = &s->ctr[count];

		if (jobs[i].n == 0)
			continue;
		j->src = seal ? jobs[i].plain : jobs[i].cipher;
		j->dst = seal ? jobs[i].cipher : jobs[i].plain;
		j->msg_len_to_cipher_in_bytes = jobs[i].n;
		j->iv = q[i];
		count++;
	}
	return count == 0 || IMB_SUBMIT_CIPHER_BURST(s->m, s->ctr, count, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT,
						     IMB_KEY_256_BYTES) == count;
}

#else

bool siv_mb_usable(void)
{
	return false;
}

const char *siv_mb_code(void)
{
	return "";
}

struct siv_mb *siv_mb_new(const uint8_t key[static 64])
{
	(void)key;
	return NULL;
}

void siv_mb_free(struct siv_mb *s)
{
	(void)s;
}

bool siv_mb_cmac(struct siv_mb *s, uint8_t *const *msg, size_t len, size_t n, uint8_t (*ret)[S2V_BLOCK])
{
	(void)s, (void)msg, (void)len, (void)n, (void)ret;
	return false;
}

bool siv_mb_ctr(struct siv_mb *s, const struct aead_job *jobs, size_t n, uint8_t (*q)[S2V_BLOCK], bool seal)
{
	(void)s, (void)jobs, (void)n, (void)q, (void)seal;
	return false;
}

#endif
