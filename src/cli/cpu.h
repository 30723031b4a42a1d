/* cpu.h - the processor in words, for -speed and for a hint of -init. */
#ifndef CLI_CPU_H
#define CLI_CPU_H

#include <stdbool.h>

/* Instructions for AES and for carry-less multiplication, which AES-GCM is fast with. */
bool cpu_has_aes_gcm(void);

/* "AMD EPYC 7763 64-Core Processor", malloc'ed, or NULL if the kernel does not tell. */
char *cpu_model(void);

#endif
