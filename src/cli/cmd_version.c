/* cmd_version.c - gocryptfs -version: three fields as in the Go program's line, then the ciphers' code on
 * this machine; with -d the details. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "crypto/aead.h"
#include "fuse/session.h"
#include "util/log.h"

/* The date would make every build different; a packager who wants one defines it (SOURCE_DATE_EPOCH in
 * configure). */
#ifndef BUILD_DATE
#define BUILD_DATE "0000-00-00"
#endif

#if defined(__clang__)
#define COMPILER "clang" __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc" __VERSION__
#else
#define COMPILER "cc"
#endif

/* As Go names them, since that is what readers of this line know. */
#if defined(__x86_64__)
#define ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define ARCHITECTURE "ppc64le"
#elif defined(__riscv)
#define ARCHITECTURE "riscv64"
#elif defined(__s390x__)
#define ARCHITECTURE "s390x"
#else
#define ARCHITECTURE "unknown"
#endif

static void backend_line(const char *what, enum aead_alg alg)
{
	const struct aead_backend *be = aead_backend_select(alg);
	const char *code = be ? aead_backend_code(be) : "";

	printf("%s: %s%s%s%s\n", what, be ? aead_backend_name(be) : "none", *code ? " [" : "", code,
	       *code ? "]" : "");
}

void cmd_version_line(void)
{
	/* the first word of the compiler's version, which may be a sentence */
	printf("gocryptfs %s; libfuse %s; %s %.*s linux/%s\n", PACKAGE_VERSION, session_library_version(),
	       BUILD_DATE, (int)strcspn(COMPILER, " "), COMPILER, ARCHITECTURE);
	(void)fflush(stdout);
}

void cmd_version(void)
{
	cmd_version_line();
	backend_line("AES-GCM-256", AEAD_AES256_GCM);
	backend_line("AES-SIV-512", AEAD_AES_SIV_512);
	backend_line("XChaCha20-Poly1305", AEAD_XCHACHA20_POLY1305);
	(void)fflush(stdout);
	if (!log_debug_on())
		return;
	log_debug("on-disk format 2");
	log_debug("not available: reverse mode, FIDO2");
}
