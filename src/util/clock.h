/* clock.h - the time that only goes forward. */
#ifndef GCF_UTIL_CLOCK_H
#define GCF_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Microseconds of CLOCK_MONOTONIC. Costs no system call where the kernel's vDSO serves it. Any thread. */
static inline uint64_t clock_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

#endif
