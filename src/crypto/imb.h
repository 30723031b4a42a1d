/* imb.h - intel-ipsec-mb's function table for this processor, set up once. */
#ifndef CRYPTO_IMB_H
#define CRYPTO_IMB_H

#include <intel-ipsec-mb.h>

/* The library picks its code by CPUID. NULL if the processor lacks AES-NI, PCLMULQDQ or SSE4.2, or if the
 * library finds fault with itself. Only the direct functions may be called through it (they keep no state in
 * the manager, so threads share it); the job queue may not. */
const IMB_MGR *imb_get(void);

/* What kind of code `function`, a member of that table, is: "SSE", "AVX", "AVX2", "AVX512", "AVX512-IFMA",
 * "VAES-AVX512", or the library's own word for a newer one. Static. function: a function pointer's bytes. */
const char *imb_code(const void *function);

/* A manager of the caller's own (200 KB, half a millisecond), whose job queue one thread may use. NULL for
 * the same reasons, and if memory is short. imb_free wipes it; NULL is fine. */
IMB_MGR *imb_new(void);
void imb_free(IMB_MGR *m);

#endif
