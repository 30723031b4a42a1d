/* s2v.c - AES-CMAC and S2V (RFC 4493, RFC 5297) over many messages side by side. */
#include "crypto/s2v.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/secret.h"

/* One AES block; GCC's and clang's vectors, so that XOR is one instruction on any processor. */
typedef uint64_t block16 __attribute__((vector_size(16)));

enum {
	STEPS = 4,     /* blocks fetched from a lane at once: one cache line, and lanes lie 4 KiB apart */
	MIN_LANES = 2, /* for one message a CBC pass is faster than a call per block; two are faster side by
			  side (measured) */
	CBC_CHUNK = 1024,
};

struct s2v {
	EVP_CIPHER_CTX *ecb, *cbc;
	block16 k1, k2;	   /* CMAC's subkeys (RFC 4493, section 2.3) */
	block16 zero_cmac; /* CMAC of the zero block, where S2V starts */
	block16 state[S2V_LANES], d[S2V_LANES];
	block16 stage[STEPS][S2V_LANES];
	uint8_t tail[S2V_LANES][2 * S2V_BLOCK];
	uint8_t scratch[CBC_CHUNK];
};

static inline block16 load(const uint8_t *p)
{
	block16 b;

	memcpy(&b, p, sizeof(b));
	return b;
}

/* Times 2 in GF(2^128), byte 0 the MOST significant ("dbl" of RFC 5297, section 2.3); no branch on the data.
 */
static block16 dbl(block16 in)
{
	uint8_t b[S2V_BLOCK], carry = 0;

	memcpy(b, &in, sizeof(b));
	for (int i = S2V_BLOCK - 1; i >= 0; i--) {
		uint8_t v = b[i];

		b[i] = (uint8_t)(v << 1 | carry);
		carry = v >> 7;
	}
	b[S2V_BLOCK - 1] ^= (uint8_t)(0x87 & -carry);
	return load(b);
}

static bool ecb(const struct s2v *s, block16 *blocks, size_t n)
{
	uint8_t *p = (uint8_t *)blocks;
	int len;

	return EVP_EncryptUpdate(s->ecb, p, &len, p, (int)(n * S2V_BLOCK)) == 1;
}

static EVP_CIPHER_CTX *keyed(const EVP_CIPHER *cipher, const uint8_t *key)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

	if (c && EVP_EncryptInit_ex(c, cipher, NULL, key, NULL) == 1 && EVP_CIPHER_CTX_set_padding(c, 0) == 1)
		return c;
	EVP_CIPHER_CTX_free(c);
	return NULL;
}

struct s2v *s2v_new(const uint8_t *key, size_t key_len)
{
	struct s2v *s = aligned_alloc(64, (sizeof(*s) + 63) / 64 * 64);
	bool big = key_len == 32;

	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->ecb = keyed(big ? EVP_aes_256_ecb() : EVP_aes_128_ecb(), key);
	s->cbc = keyed(big ? EVP_aes_256_cbc() : EVP_aes_128_cbc(), key);
	if (!s->ecb || !s->cbc || !ecb(s, &s->k1, 1))
		goto fail;
	s->k1 = dbl(s->k1);
	s->k2 = dbl(s->k1);
	s->zero_cmac = s->k1;
	if (!ecb(s, &s->zero_cmac, 1))
		goto fail;
	return s;
fail:
	s2v_free(s);
	return NULL;
}

void s2v_free(struct s2v *s)
{
	if (!s)
		return;
	EVP_CIPHER_CTX_free(s->ecb);
	EVP_CIPHER_CTX_free(s->cbc);
	secret_wipe(s, sizeof(*s));
	free(s);
}

/* n whole blocks of one message into its state: CBC encryption, of which only the last block counts. */
static bool absorb_cbc(struct s2v *s, block16 *state, const uint8_t *in, size_t n)
{
	int len;

	if (EVP_EncryptInit_ex(s->cbc, NULL, NULL, NULL, (const uint8_t *)state) != 1)
		return false;
	for (n *= S2V_BLOCK; n;) {
		size_t chunk = n < CBC_CHUNK ? n : CBC_CHUNK;

		if (EVP_EncryptUpdate(s->cbc, s->scratch, &len, in, (int)chunk) != 1)
			return false;
		in += chunk;
		n -= chunk;
		if (!n)
			*state = load(s->scratch + chunk - S2V_BLOCK);
	}
	return true;
}

/* n whole blocks of every lane into the lanes' states. */
static bool absorb(struct s2v *s, const uint8_t *const *in, size_t n, size_t lanes)
{
	if (lanes < MIN_LANES) {
		for (size_t i = 0; i < lanes && n; i++)
			if (!absorb_cbc(s, &s->state[i], in[i], n))
				return false;
		return true;
	}
	for (size_t at = 0; at < n; at += STEPS) {
		size_t steps = n - at < STEPS ? n - at : STEPS;

		for (size_t i = 0; i < lanes; i++)
			for (size_t k = 0; k < steps; k++)
				s->stage[k][i] = load(in[i] + (at + k) * S2V_BLOCK);
		for (size_t k = 0; k < steps; k++) {
			for (size_t i = 0; i < lanes; i++)
				s->state[i] ^= s->stage[k][i];
			if (!ecb(s, s->state, lanes))
				return false;
		}
	}
	return true;
}

/* The end of CMAC: the n <= 32 bytes in s->tail, padded and masked with a subkey. */
static bool finish(struct s2v *s, size_t n, size_t lanes)
{
	size_t last = n > S2V_BLOCK ? S2V_BLOCK : 0; /* where the last block starts */
	bool whole = n != 0 && n % S2V_BLOCK == 0;

	for (size_t i = 0; i < lanes; i++) {
		uint8_t *t = s->tail[i];

		if (!whole) {
			memset(t + n, 0, last + S2V_BLOCK - n);
			t[n] = 0x80;
		}
		s->state[i] ^= load(t);
	}
	if (last) {
		if (!ecb(s, s->state, lanes))
			return false;
		for (size_t i = 0; i < lanes; i++)
			s->state[i] ^= load(s->tail[i] + last);
	}
	for (size_t i = 0; i < lanes; i++)
		s->state[i] ^= whole ? s->k1 : s->k2;
	return ecb(s, s->state, lanes);
}

/* CMAC of one string per lane into s->state. */
static bool cmac(struct s2v *s, const struct s2v_string *in, size_t lanes)
{
	size_t n = in->len;
	size_t head = n ? (n - 1) / S2V_BLOCK : 0; /* blocks in front of the last one */
	size_t rest = n - head * S2V_BLOCK;

	memset(s->state, 0, lanes * S2V_BLOCK);
	if (!absorb(s, in->lane, head, lanes))
		return false;
	for (size_t i = 0; i < lanes && rest; i++)
		memcpy(s->tail[i], in->lane[i] + head * S2V_BLOCK, rest);
	return finish(s, rest, lanes);
}

int s2v_cmac(struct s2v *s, const struct s2v_string *in, size_t lanes, uint8_t (*ret)[S2V_BLOCK])
{
	if (lanes > S2V_LANES || !cmac(s, in, lanes))
		return -EIO;
	memcpy(ret, s->state, lanes * S2V_BLOCK);
	return 0;
}

/* D = dbl(D) xor CMAC(string). */
static bool mix_in(struct s2v *s, const struct s2v_string *in, size_t lanes)
{
	if (!cmac(s, in, lanes))
		return false;
	for (size_t i = 0; i < lanes; i++)
		s->d[i] = dbl(s->d[i]) ^ s->state[i];
	return true;
}

/* T = plain xorend D, CMAC(T): D falls on the last 16 bytes, which may belong to two blocks. */
static bool long_plain(struct s2v *s, const struct s2v_string *in, size_t lanes)
{
	size_t n = in->len;
	size_t rest = n % S2V_BLOCK ? S2V_BLOCK + n % S2V_BLOCK : S2V_BLOCK;

	memset(s->state, 0, lanes * S2V_BLOCK);
	if (!absorb(s, in->lane, (n - rest) / S2V_BLOCK, lanes))
		return false;
	for (size_t i = 0; i < lanes; i++) {
		uint8_t *end = s->tail[i] + rest - S2V_BLOCK;
		block16 x;

		memcpy(s->tail[i], in->lane[i] + n - rest, rest);
		x = load(end) ^ s->d[i];
		memcpy(end, &x, sizeof(x));
	}
	return finish(s, rest, lanes);
}

/* T = dbl(D) xor pad(plain), CMAC(T). */
static bool short_plain(struct s2v *s, const struct s2v_string *in, size_t lanes)
{
	for (size_t i = 0; i < lanes; i++) {
		uint8_t *t = s->tail[i];
		block16 x;

		memset(t, 0, S2V_BLOCK);
		if (in->len)
			memcpy(t, in->lane[i], in->len);
		t[in->len] = 0x80;
		x = load(t) ^ dbl(s->d[i]);
		memcpy(t, &x, sizeof(x));
	}
	memset(s->state, 0, lanes * S2V_BLOCK);
	return finish(s, S2V_BLOCK, lanes);
}

/* s->d = what the strings in front of the plaintext come to. */
static bool mix_ads(struct s2v *s, const struct s2v_string *ad, size_t n_ad, size_t lanes)
{
	for (size_t i = 0; i < lanes; i++)
		s->d[i] = s->zero_cmac;
	for (size_t i = 0; i < n_ad; i++)
		if (!mix_in(s, &ad[i], lanes))
			return false;
	return true;
}

int s2v_ads(struct s2v *s, const struct s2v_string *ad, size_t n_ad, size_t lanes, uint8_t (*ret)[S2V_BLOCK])
{
	if (lanes > S2V_LANES || !mix_ads(s, ad, n_ad, lanes))
		return -EIO;
	memcpy(ret, s->d, lanes * S2V_BLOCK);
	return 0;
}

int s2v_lanes(struct s2v *s, const struct s2v_in *in, size_t lanes, uint8_t (*ret)[S2V_BLOCK])
{
	if (lanes > S2V_LANES || !mix_ads(s, in->ad, in->n_ad, lanes))
		return -EIO;
	if (!(in->plain.len < S2V_BLOCK ? short_plain(s, &in->plain, lanes)
					: long_plain(s, &in->plain, lanes)))
		return -EIO;
	memcpy(ret, s->state, lanes * S2V_BLOCK);
	return 0;
}
