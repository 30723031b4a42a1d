/* format_keys.h - the keyed test stores behind the vectors: master key 00 01 .. 1f, made by Debian's
 * gocryptfs 2.3 unless a vector says otherwise. */
#ifndef TESTS_FORMAT_KEYS_H
#define TESTS_FORMAT_KEYS_H

#include "unit.h"

#include "crypto/kdf.h"
#include "format/content.h"
#include "format/name.h"
#include "util/secret.h"

/* Directory IV of the vectors for names. */
static const uint8_t keys_diriv[NAME_IV_LEN] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
						 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };

static inline struct secret *keys_master(void)
{
	struct secret *s = secret_new(32);

	assert_non_null(s);
	for (size_t i = 0; i < 32; i++)
		s->data[i] = (uint8_t)i;
	return s;
}

static inline void keys_names(struct names *n, bool hkdf)
{
	struct secret *master = keys_master(), *key = NULL;

	*n = (struct names){ .raw64 = true, .long_names = true, .long_max = 255 };
	assert_int_equal(kdf_derive(&key, master, "EME filename encryption", 32), 0);
	assert_int_equal(names_init(n, hkdf ? key : master), 0);
	secret_free(key);
	secret_free(master);
}

static inline struct secret *keys_content_key(enum aead_alg alg, bool hkdf)
{
	static const char *const info[] = { "AES-GCM file content encryption",
					    "AES-SIV file content encryption",
					    "XChaCha20-Poly1305 file content encryption" };
	struct secret *master = keys_master(), *key = NULL;

	if (hkdf) {
		assert_int_equal(kdf_derive(&key, master, info[alg], aead_key_len(alg)), 0);
	} else if (alg == AEAD_AES_SIV_512) {
		key = secret_new(64);
		assert_non_null(key);
		kdf_sha512(key->data, master->data, 32);
	} else {
		key = secret_copy(master->data, 32);
	}
	secret_free(master);
	return key;
}

static inline void keys_content(struct content *c, enum aead_alg alg, bool hkdf, bool raw64)
{
	struct secret *key = keys_content_key(alg, hkdf);

	assert_int_equal(content_init(c, alg, NULL, key, raw64), 0);
	secret_free(key);
}

#endif
