/* main.c - runs a harness over the files of its corpus, without libFuzzer: the regression test of `make
 * check`. TAP. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20 };

int main(int argc, char **argv)
{
	static uint8_t data[INPUT_MAX];

	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		uint8_t *copy;
		size_t n;

		if (!f) {
			printf("not ok %d - %s cannot be opened\n", i, argv[i]);
			return 1;
		}
		n = fread(data, 1, sizeof(data), f);
		(void)fclose(f);
		copy = malloc(n ? n : 1); /* exactly as long as it is, for the sanitizers */
		if (!copy)
			return 1;
		for (size_t k = 0; k < n; k++)
			copy[k] = data[k];
		(void)LLVMFuzzerTestOneInput(copy, n);
		free(copy);
		printf("ok %d - %s\n", i, argv[i]);
		(void)fflush(stdout);
	}
	return 0;
}
