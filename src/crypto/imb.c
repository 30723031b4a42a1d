/* imb.c - intel-ipsec-mb's function table for this processor, set up once. */
#ifdef HAVE_IPSEC_MB
#include "crypto/imb.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/secret.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const IMB_MGR *table;

/* The library's code loads whole vectors from it. */
static const size_t MGR_ALIGN = 64;

IMB_MGR *imb_new(void)
{
	size_t size = (imb_get_mb_mgr_size() + MGR_ALIGN - 1) / MGR_ALIGN * MGR_ALIGN;
	IMB_ARCH arch = IMB_ARCH_NONE;
	IMB_MGR *m;

	/* Below this the library would emulate AES instructions in C, with table look-ups: slow and not
	 * constant-time. */
	if ((imb_get_feature_flags() & IMB_CPUFLAGS_SSE) != IMB_CPUFLAGS_SSE)
		return NULL;
	m = aligned_alloc(MGR_ALIGN, size);
	if (!m)
		return NULL;
	memset(m, 0, size);
	if (imb_set_pointers_mb_mgr(m, 0, 1))
		init_mb_mgr_auto(m, &arch);
	if (arch >= IMB_ARCH_SSE && imb_get_errno(m) == 0 &&
	    (!(m->features & IMB_FEATURE_SELF_TEST) || (m->features & IMB_FEATURE_SELF_TEST_PASS)))
		return m;
	free(m);
	return NULL;
}

void imb_free(IMB_MGR *m)
{
	if (m)
		secret_wipe(m, imb_get_mb_mgr_size());
	free(m);
}

static void set_up(void)
{
	IMB_MGR *m = imb_new();

	if (m && (!m->gcm256_init_var_iv || !m->chacha20_poly1305_init)) {
		imb_free(m);
		m = NULL;
	}
	table = m; /* kept for the life of the process */
}

const IMB_MGR *imb_get(void)
{
	(void)pthread_once(&once, set_up);
	return table;
}

/* The library's functions are exported under names such as aes_gcm_enc_256_update_vaes_avx512. */
static const char *symbol_ending(const void *function)
{
	static const char verb[] = "update_", cipher[] = "_poly1305_";
	Dl_info info;
	const char *at;

	if (dladdr(function, &info) == 0 || !info.dli_sname || info.dli_saddr != function)
		return NULL;
	at = strstr(info.dli_sname, cipher);
	if (at)
		return at + strlen(cipher);
	at = strstr(info.dli_sname, verb);
	return at ? at + strlen(verb) : NULL;
}

const char *imb_code(const void *function)
{
	static const char *const words[][2] = { { "sse", "SSE" },
						{ "avx", "AVX" },
						{ "avx_gen2", "AVX" },
						{ "avx2", "AVX2" },
						{ "avx_gen4", "AVX2" },
						{ "avx512", "AVX512" },
						{ "fma_avx512", "AVX512-IFMA" },
						{ "vaes_avx512", "VAES-AVX512" } };
	const char *ending = symbol_ending(function);
	const IMB_MGR *m = imb_get();

	for (size_t i = 0; ending && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(ending, words[i][0]) == 0)
			return words[i][1];
	}
	if (ending)
		return ending;
	/* linked without symbols: what it says of itself is less exact */
	switch (m ? m->used_arch : IMB_ARCH_NONE) {
	case IMB_ARCH_SSE:
		return "SSE";
	case IMB_ARCH_AVX2:
		return "AVX2";
	case IMB_ARCH_AVX512:
		return "AVX512";
	default: /* the first AVX is not known to version 2 any more */
		return "";
	}
}

#endif
