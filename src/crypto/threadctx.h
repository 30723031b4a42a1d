/* threadctx.h - one working context per (keyed object, thread), made on first use, found again without a
 * lock. */
#ifndef CRYPTO_THREADCTX_H
#define CRYPTO_THREADCTX_H

#include <stdint.h>

/* The keyed object's side. Its identity is never reused in a process, so that a thread which still remembers
 * a freed object cannot mistake a new one for it. */
struct threadctx_owner;

typedef void *(*threadctx_make_fn)(const void *arg);
typedef void (*threadctx_free_fn)(void *ctx);

/* make(arg) builds a context (NULL on failure), called in the thread that needs it; arg must stay valid as
 * long as the owner. release wipes and frees one. NULL if memory is short. */
struct threadctx_owner *threadctx_owner_new(threadctx_make_fn make, threadctx_free_fn release,
					    const void *arg);

/* Frees the contexts of ALL threads at once, so that no key outlives the object. No thread may be inside a
 * call that uses one. NULL is fine. */
void threadctx_owner_free(struct threadctx_owner *o);

/* The calling thread's context, valid in this thread until its next threadctx_get() (of any object); NULL if
 * it could not be made. Freed when the thread or the owner goes. A forked child may go on using those of the
 * thread that forked. */
void *threadctx_get(struct threadctx_owner *o);

#endif
