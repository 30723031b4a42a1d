/* elfsym.h - read one exported number out of a shared object without loading it. */
#ifndef CRYPTSTORE_ELFSYM_H
#define CRYPTSTORE_ELFSYM_H

#include <stdint.h>

struct err;

/* The 32-bit value that the 64-bit ELF shared object behind fd exports as data under `name`. Loading a SPANK
 * plugin is no way to ask: its undefined symbols are found in Slurm's programs only. 0; -ENOENT (no such
 * symbol); -ENOEXEC (no such file format, or damaged); others from reading. */
int elfsym_u32(int fd, const char *name, uint32_t *ret, struct err *err);

#endif
