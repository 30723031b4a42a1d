/* ossl_code.h - which of its implementations OpenSSL's libcrypto runs on this processor, in a word. */
#ifndef CRYPTO_OSSL_CODE_H
#define CRYPTO_OSSL_CODE_H

/* libcrypto decides by its capability word, which OPENSSL_ia32cap in the environment can change; so do these.
 * Static strings, "" on processors other than x86-64. Threads: yes. */
const char *ossl_code_gcm(void);    /* "VAES-AVX512", "AES-NI-AVX", "AES-NI", "SSSE3", "portable" */
const char *ossl_code_aes(void);    /* CTR, CBC and ECB: "AES-NI", "SSSE3", "portable" */
const char *ossl_code_chacha(void); /* "AVX512", "AVX2", "SSSE3", "portable" */

#endif
