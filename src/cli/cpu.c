/* cpu.c - the processor in words, from /proc/cpuinfo, for -speed and for a hint of -init. */
#include "cli/cpu.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

/* Is line[0..n) one of the names, with blanks behind it? */
static bool is_one_of(const char *line, size_t n, const char *const *names)
{
	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
		n--;
	for (; *names; names++) {
		if (strlen(*names) == n && strncmp(line, *names, n) == 0)
			return true;
	}
	return false;
}

/* Value of the first line whose name is one of `names` (a NULL-terminated list), malloc'ed; or NULL. */
static char *cpuinfo(const char *const *names)
{
	auto_file FILE *f = fopen("/proc/cpuinfo", "re");
	auto_free char *line = NULL;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		char *colon = strchr(line, ':');

		if (!colon || !is_one_of(line, (size_t)(colon - line), names))
			continue;
		colon += 1 + strspn(colon + 1, " \t");
		colon[strcspn(colon, "\n")] = '\0';
		return strdup(colon);
	}
	return NULL;
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n) {
		if ((p == list || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
			return true;
	}
	return false;
}

bool cpu_has_aes_gcm(void)
{
	static const char *const names[] = { "flags", "Features", NULL }; /* x86, ARM */
	auto_free char *flags = cpuinfo(names);

	return flags && has_word(flags, "aes") && (has_word(flags, "pclmulqdq") || has_word(flags, "pmull"));
}

char *cpu_model(void)
{
	static const char *const names[] = { "model name", "cpu", "Model",
					     NULL }; /* x86, POWER, ARM boards */

	return cpuinfo(names);
}
