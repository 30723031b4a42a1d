/* workers.h - the threads that read requests from the kernel and answer them. Internal to fuse/. */
#ifndef FUSE_WORKERS_H
#define FUSE_WORKERS_H

#include <stdbool.h>

#include "fuse/session.h"

struct fuse_session;
struct workers;

/* threads 0: as many as the processors and the store's speed ask for; else exactly that many. ready may be
 * NULL. NULL if memory is short. */
struct workers *workers_new(struct fuse_session *se, unsigned int threads, session_ready_fn ready, void *arg);
/* Begin to answer. 0 or negative errno. */
int workers_start(struct workers *w);

/* Becomes readable when workers_tick should be called. */
int workers_event_fd(const struct workers *w);
/* Adjust the number of threads. Returns milliseconds until it wants to be called again, or -1. From one
 * thread only. */
int workers_tick(struct workers *w);

/* True once the kernel has ended the connection (unmounted) or reading failed. */
bool workers_finished(const struct workers *w);
/* 0 after an unmount, or the negative errno that ended the reading. */
int workers_error(const struct workers *w);

/* Stop reading, finish what is being answered, join all threads. */
void workers_stop(struct workers *w);
void workers_free(struct workers *w); /* NULL is fine */

#endif
