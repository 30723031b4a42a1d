/* pool.h - one small pool of worker threads for work that splits (fsck, import, large requests). */
#ifndef UTIL_POOL_H
#define UTIL_POOL_H

#include <stddef.h>

struct pool;
typedef void (*pool_fn)(void *arg, size_t index);

/* Pool with n_threads >= 1 workers. NULL if threads or memory are short. */
struct pool *pool_new(unsigned int n_threads);
/* Waits for queued work, then ends the workers. NULL is fine. */
void pool_free(struct pool *p);

/* Run fn(arg, 0..n-1), the caller working too; returns when all are done. May be called from several threads
 * at once; must not be called from inside fn. */
void pool_run(struct pool *p, size_t n, pool_fn fn, void *arg);

/* Queue one piece of work (arg owned by fn). Work may submit more work. 0 or -ENOMEM. */
int pool_submit(struct pool *p, void (*fn)(void *arg), void *arg);
/* Wait until nothing is queued or running. Not from inside work. */
void pool_wait(struct pool *p);

#endif
