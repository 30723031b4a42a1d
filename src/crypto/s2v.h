/* s2v.h - AES-CMAC and S2V (RFC 4493, RFC 5297) over many messages side by side. */
#ifndef CRYPTO_S2V_H
#define CRYPTO_S2V_H

#include <stddef.h>
#include <stdint.h>

enum { S2V_BLOCK = 16, S2V_LANES = 64 };

/* CMAC is a chain: block k+1 waits for block k, and one message leaves an AES unit mostly idle. Messages of
 * equal length advance together instead, one ECB call over all lanes per step. One of these per thread. */
struct s2v;

/* key_len 16 or 32 bytes. NULL if libcrypto fails or memory is short. */
struct s2v *s2v_new(const uint8_t *key, size_t key_len);
void s2v_free(struct s2v *s); /* wipes; NULL is fine */

/* A string of S2V in every lane; one length for all. */
struct s2v_string {
	const uint8_t *const *lane;
	size_t len;
};
struct s2v_in {
	const struct s2v_string *ad;
	size_t n_ad; /* at least 1, but each may be empty */
	struct s2v_string plain;
};

/* S2V(ad[0], .. , ad[n_ad - 1], plain) of `lanes` <= S2V_LANES messages. 0 or -EIO. */
int s2v_lanes(struct s2v *s, const struct s2v_in *in, size_t lanes, uint8_t (*ret)[S2V_BLOCK]);

/* Only the strings in front: D of RFC 5297, section 2.4, after the last of them. A plaintext P of 16 bytes or
 * more then has S2V = CMAC(P xorend D). 0 or -EIO. */
int s2v_ads(struct s2v *s, const struct s2v_string *ad, size_t n_ad, size_t lanes, uint8_t (*ret)[S2V_BLOCK]);

/* CMAC of `lanes` messages. 0 or -EIO. */
int s2v_cmac(struct s2v *s, const struct s2v_string *in, size_t lanes, uint8_t (*ret)[S2V_BLOCK]);

#endif
