/* fuzz_opts.c - any command line (words end with NUL): parsed or refused with a reason. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/opts.h"
#include "util/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), program[] = "gocryptfs", *argv[WORDS_MAX + 1] = { program }, *quoted;
	struct err err = { 0 };
	struct opts o;
	int argc = 1;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	for (char *p = text; p < text + size && argc < WORDS_MAX; p += strlen(p) + 1)
		argv[argc++] = p;
	quoted = opts_quote_argv(argc, argv);
	if (!quoted)
		abort();
	free(quoted);
	if (opts_parse(&o, argc, argv, &err) < 0 && (err.text[0] == '\0' || err.code >= 0))
		abort();
	opts_done(&o);
	free(text);
	return 0;
}
