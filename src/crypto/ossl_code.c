/* ossl_code.c - which of its implementations OpenSSL's libcrypto runs on this processor, in a word. */
#include "crypto/ossl_code.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The capability words as in OPENSSL_ia32cap(3): first CPUID 1 EDX, ECX, then CPUID 7 EBX, ECX. */
#define BIT(n) (UINT64_C(1) << (n))
enum { PCLMULQDQ = 33, SSSE3 = 41, MOVBE = 54, AESNI = 57, AVX = 60 };
enum { AVX2 = 5, AVX512F = 16, AVX512DQ = 17, AVX512BW = 30, AVX512VL = 31, VAES = 41, VPCLMULQDQ = 42 };

struct caps {
	uint64_t leaf1, leaf7;
};

static bool get(struct caps *c)
{
	const char *text = OPENSSL_info(OPENSSL_INFO_CPU_SETTINGS);

	return text && sscanf(text, "OPENSSL_ia32cap=0x%" SCNx64 ":0x%" SCNx64, &c->leaf1, &c->leaf7) == 2;
}

static bool has(uint64_t word, uint64_t bits)
{
	return (word & bits) == bits;
}

/* crypto/aes/asm/aesni-x86_64.pl, vpaes-x86_64.pl. */
static const char *aes(const struct caps *c)
{
	return has(c->leaf1, BIT(AESNI)) ? "AES-NI" : has(c->leaf1, BIT(SSSE3)) ? "SSSE3" : "portable";
}

const char *ossl_code_aes(void)
{
	struct caps c;

	return get(&c) ? aes(&c) : "";
}

/* crypto/modes/asm/aesni-gcm-x86_64.pl (AVX and MOVBE) and, since 3.1, aes-gcm-avx512.pl. */
const char *ossl_code_gcm(void)
{
	const uint64_t wide =
	    BIT(AVX512F) | BIT(AVX512DQ) | BIT(AVX512BW) | BIT(AVX512VL) | BIT(VAES) | BIT(VPCLMULQDQ);
	struct caps c;

	if (!get(&c))
		return "";
	if (!has(c.leaf1, BIT(AESNI) | BIT(PCLMULQDQ)))
		return aes(&c);
	if (OpenSSL_version_num() >= 0x30100000UL && has(c.leaf7, wide))
		return "VAES-AVX512";
	return has(c.leaf1, BIT(AVX) | BIT(MOVBE)) ? "AES-NI-AVX" : "AES-NI";
}

/* crypto/chacha/asm/chacha-x86_64.pl. */
const char *ossl_code_chacha(void)
{
	struct caps c;

	if (!get(&c))
		return "";
	if (!has(c.leaf1, BIT(SSSE3)))
		return "portable";
	return has(c.leaf7, BIT(AVX512F)) ? "AVX512" : has(c.leaf7, BIT(AVX2)) ? "AVX2" : "SSSE3";
}
