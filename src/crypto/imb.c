/* imb.c - intel-ipsec-mb's function table for this processor, set up once. */
#ifdef HAVE_IPSEC_MB
#include "crypto/imb.h"

#include <pthread.h>
#include <stddef.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const IMB_MGR *table;

static void set_up(void)
{
	IMB_ARCH arch = IMB_ARCH_NONE;
	IMB_MGR *m;

	/* Below this the library would emulate AES instructions in C, with table look-ups: slow and not
	 * constant-time. */
	if ((imb_get_feature_flags() & IMB_CPUFLAGS_SSE) != IMB_CPUFLAGS_SSE)
		return;
	m = alloc_mb_mgr(0);
	if (!m)
		return;
	init_mb_mgr_auto(m, &arch);
	if (arch < IMB_ARCH_SSE || imb_get_errno(m) != 0 || !m->gcm256_init_var_iv ||
	    !m->chacha20_poly1305_init ||
	    ((m->features & IMB_FEATURE_SELF_TEST) && !(m->features & IMB_FEATURE_SELF_TEST_PASS))) {
		free_mb_mgr(m);
		return;
	}
	table = m; /* kept for the life of the process */
}

const IMB_MGR *imb_get(void)
{
	(void)pthread_once(&once, set_up);
	return table;
}

#endif
