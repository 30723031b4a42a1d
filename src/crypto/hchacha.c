/* hchacha.c - HChaCha20, the key derivation in front of XChaCha20-Poly1305 (libcrypto does not offer it). */
#include "crypto/hchacha.h"

#include "util/secret.h"

/* Word i of four states side by side; GCC's and clang's vectors, so that each step is one instruction. */
typedef uint32_t word4 __attribute__((vector_size(16)));

enum { LANES = 4, WORDS = 16 };

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline word4 rotl(word4 v, int n)
{
	return v << n | v >> (32 - n);
}

/* RFC 8439, section 2.1. */
static inline void quarter_round(word4 *x, int a, int b, int c, int d)
{
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 7);
}

static void rounds(word4 *x)
{
	for (int i = 0; i < 10; i++) {
		quarter_round(x, 0, 4, 8, 12);
		quarter_round(x, 1, 5, 9, 13);
		quarter_round(x, 2, 6, 10, 14);
		quarter_round(x, 3, 7, 11, 15);
		quarter_round(x, 0, 5, 10, 15);
		quarter_round(x, 1, 6, 11, 12);
		quarter_round(x, 2, 7, 8, 13);
		quarter_round(x, 3, 4, 9, 14);
	}
}

static inline word4 all(uint32_t v)
{
	return (word4){ v, v, v, v };
}

/* n <= LANES nonces; the lanes behind them compute the first one again, for nobody. */
static void four(uint8_t (*out)[32], const uint8_t *key, const uint8_t *const *nonce, size_t n)
{
	/* "expand 32-byte k" */
	word4 x[WORDS] = { all(0x61707865), all(0x3320646e), all(0x79622d32), all(0x6b206574) };

	for (int i = 0; i < 8; i++)
		x[4 + i] = all(load32(key + 4 * i));
	for (size_t lane = 0; lane < LANES; lane++)
		for (int i = 0; i < 4; i++)
			x[12 + i][lane] = load32(nonce[lane < n ? lane : 0] + 4 * i);
	rounds(x);
	for (size_t lane = 0; lane < n; lane++)
		for (int i = 0; i < 4; i++) {
			store32(out[lane] + 4 * i, x[i][lane]);
			store32(out[lane] + 16 + 4 * i, x[12 + i][lane]);
		}
	secret_wipe(x, sizeof(x));
}

void hchacha20(uint8_t (*out)[32], const uint8_t key[static 32], const uint8_t *const *nonce, size_t n)
{
	for (size_t i = 0; i < n; i += LANES)
		four(out + i, key, nonce + i, n - i < LANES ? n - i : LANES);
}
