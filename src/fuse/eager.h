/* eager.h - asking for the next request without sleeping, while requests follow each other closely.
 *
 * To put a processor to sleep and wake it up again costs 5 to 50 us (more in a virtual machine), most
 * requests cost less. The measurements are in site-docs/adr/0012. */
#ifndef GCF_FUSE_EAGER_H
#define GCF_FUSE_EAGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Shared by the threads that read one session. All zero at the start. Every function may be called by any of
 * them at any time; races between them only blur the guess. */
struct eager {
	atomic_bool asking; /* by one thread at a time */
	atomic_int close;   /* above 0: the next request is expected at any moment */
	atomic_uint_fast64_t answered;
};

/* Read a request of at most `size` bytes into buf from fd, a descriptor of the session that has O_NONBLOCK,
 * asking for some 30 us. Returns its length, or a negative errno: -EAGAIN if none came, none is expected so
 * soon or another thread asks already; then sleep in read(2) on another descriptor of the session. */
ssize_t eager_read(struct eager *e, int fd, void *buf, size_t size);

/* A request came at `now` to a thread that slept. Times are in us of one monotonic clock. */
void eager_slept(struct eager *e, uint64_t now);

/* An answer was given at `now`. */
void eager_answered(struct eager *e, uint64_t now);

/* A clone of the session's descriptor with O_NONBLOCK, to be closed by the caller, or -1: none to be had, or
 * there is one processor, which asking would keep from those who are to ask us. */
int eager_clone(int session_fd, unsigned int processors);

#endif
