/* cpuidmask.c - test tool, preloaded: shows a program an older processor's CPUID while it runs natively.
 *
 * QEMU's own code generator has neither AVX-512 nor VPCLMULQDQ, so the choice between Skylake's code and a
 * newer one's can only be watched on a real processor. CPUID faulting (arch_prctl(ARCH_SET_CPUID)) turns each
 * CPUID instruction into SIGSEGV, whose handler answers with some bits cleared.
 *
 *   gcc -O2 -shared -fPIC -Wl,-z,initfirst -o cpuidmask.so cpuidmask.c
 *   CPUIDMASK=broadwell|skylake|westmere|none LD_PRELOAD=$PWD/cpuidmask.so PROGRAM
 *
 * Ends with 77 where the processor or the hypervisor has no CPUID faulting. It hides bits and forbids
 * nothing: that no newer instruction is executed has to be shown by emulation. Bits: Intel SDM volume 2A,
 * CPUID, leaves 1 and 7. */
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { SET_CPUID = 0x1012, /* ARCH_SET_CPUID of asm/prctl.h */ SKIP = 77 };

#define BIT(n) (UINT32_C(1) << (n))
static const uint32_t avx512_ebx = BIT(16) | BIT(17) | BIT(21) | BIT(28) | BIT(30) | BIT(31);
static const uint32_t after_skylake_ecx =
    BIT(1) | BIT(5) | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(14);

static struct {
	uint32_t leaf1_eax;				     /* family and model to show; 0: the real ones */
	uint32_t leaf1_ecx, leaf7_ebx, leaf7_ecx, leaf7_edx; /* bits to hide */
} mask;

/* No libc here: the handler may run before libc is ready. */
static long set_cpuid(unsigned long on)
{
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "0"(SYS_arch_prctl), "D"((long)SET_CPUID), "S"(on)
			 : "rcx", "r11", "memory");
	return r;
}

static void answer(int sig, siginfo_t *info, void *context)
{
	greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;
	const unsigned char *code = (const unsigned char *)reg[REG_RIP];
	uint32_t leaf = (uint32_t)reg[REG_RAX], sub = (uint32_t)reg[REG_RCX];
	uint32_t a = leaf, b, c = sub, d;

	(void)sig;
	(void)info;
	if (code[0] != 0x0f || code[1] != 0xa2) { /* not CPUID: an honest fault */
		(void)signal(SIGSEGV, SIG_DFL);
		return;
	}
	(void)set_cpuid(1);
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	(void)set_cpuid(0);
	if (leaf == 1) {
		c &= ~mask.leaf1_ecx;
		if (mask.leaf1_eax)
			a = mask.leaf1_eax;
	}
	if (leaf == 7 && sub == 0) {
		b &= ~mask.leaf7_ebx;
		c &= ~mask.leaf7_ecx;
		d &= ~mask.leaf7_edx;
	}
	if (leaf == 7 && sub == 1)
		a = b = c = d = 0;
	reg[REG_RAX] = a;
	reg[REG_RBX] = b;
	reg[REG_RCX] = c;
	reg[REG_RDX] = d;
	reg[REG_RIP] += 2;
}

static void choose(const char *name)
{
	if (!strcmp(name, "skylake")) { /* keeps AVX-512 F, DQ, CD, BW, VL */
		mask.leaf1_eax = 0x50654;
		mask.leaf7_ebx = BIT(21) | BIT(29);
		mask.leaf7_ecx = after_skylake_ecx;
		mask.leaf7_edx = ~UINT32_C(0);
	} else if (!strcmp(name, "broadwell")) {
		mask.leaf1_eax = 0x406f1;
		mask.leaf7_ebx = avx512_ebx | BIT(23) | BIT(24) | BIT(29);
		mask.leaf7_ecx = mask.leaf7_edx = ~UINT32_C(0);
	} else if (!strcmp(name, "westmere")) {
		mask.leaf1_eax = 0x206c2;
		mask.leaf1_ecx =
		    BIT(12) | BIT(22) | BIT(28) | BIT(29) | BIT(30); /* FMA, MOVBE, AVX, F16C, RDRAND */
		mask.leaf7_ebx = mask.leaf7_ecx = mask.leaf7_edx = ~UINT32_C(0);
	} else {
		_exit(2);
	}
}

/* The environment comes as an argument: with initfirst, getenv() has none yet. */
__attribute__((constructor)) static void start(int argc, char **argv, char **envp)
{
	static const char variable[] = "CPUIDMASK=";
	const char *name = NULL;
	struct sigaction sa = { .sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER };

	(void)argc;
	(void)argv;
	for (; envp && *envp; envp++) {
		if (!strncmp(*envp, variable, sizeof(variable) - 1))
			name = *envp + sizeof(variable) - 1;
	}
	if (!name || !strcmp(name, "none"))
		return;
	choose(name);
	(void)sigaction(SIGSEGV, &sa, NULL);
	if (set_cpuid(0) != 0)
		_exit(SKIP);
}
