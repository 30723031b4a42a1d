/* fuzz_volume.h - the store whose parts the harnesses take apart: master key 00 01 02 ... 1f, always the same
 * IVs. */
#ifndef TESTS_FUZZ_VOLUME_H
#define TESTS_FUZZ_VOLUME_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "util/secret.h"
#include "volume/volume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_ASSERT(what)                                                                                    \
	do {                                                                                                 \
		if (!(what))                                                                                 \
			abort();                                                                             \
	} while (0)

static inline struct volume *fuzz_volume(bool old_format, bool xchacha)
{
	const struct volume_options opt = { .raw64 = !old_format,
					    .hkdf = !old_format,
					    .long_names = true,
					    .long_name_max = 255,
					    .xchacha = xchacha };
	auto_secret struct secret *key = secret_new(32);
	struct volume *v = NULL;

	FUZZ_ASSERT(key);
	for (int i = 0; i < 32; i++)
		key->data[i] = (uint8_t)i;
	FUZZ_ASSERT(volume_open(&v, &opt, key, NULL) == 0);
	return v;
}

#endif
