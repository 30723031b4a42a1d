/* lockwait.c - file locks that somebody waits for: one thread tries them again and again, so that no worker
 * blocks.
 *
 * Waiting in the backing file system (F_OFD_SETLKW) would need a thread per waiter and a signal to interrupt
 * it, with the usual race, and would keep threads for ever on a dead server. A waiter is tried at once when
 * this mount lets go of some lock, and every 2 to 50 ms for locks held on other nodes. */
#include "lockwait.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>

#include "fuse/wire.h"
#include "util/cleanup.h"

enum { WAITERS_MAX = 4096, DELAY_MIN_MS = 2, DELAY_MAX_MS = 50 };

struct waiter {
	struct waiter *next;
	fuse_req_t req;
	int channel;
	struct lockwant want;
};

struct lockwait {
	const struct view_ops *v;
	pthread_mutex_t lock; /* guards all below; never held across a reply or a call of the view */
	pthread_cond_t wake;
	struct waiter *list;
	unsigned int count;
	bool started, stop, kicked;
	pthread_t thread;
};

int lockwait_try(const struct view_ops *v, const struct lockwant *want)
{
	int rc;

	if (want->whole)
		rc = v->flock ? v->flock(want->file, want->owner, want->op | LOCK_NB) : -ENOLCK;
	else
		rc = v->setlk ? v->setlk(want->file, want->owner, &want->lk, false) : -ENOLCK;
	return rc == -EACCES || rc == -EWOULDBLOCK ? -EAGAIN : rc;
}

void lockwait_undo(const struct view_ops *v, const struct lockwant *want)
{
	struct flock free_it = want->lk;

	free_it.l_type = F_UNLCK;
	if (want->whole)
		(void)v->flock(want->file, want->owner, LOCK_UN);
	else
		(void)v->setlk(want->file, want->owner, &free_it, false);
}

struct lockwait *lockwait_new(const struct view_ops *v)
{
	struct lockwait *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	if (!w)
		return NULL;
	w->v = v;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&w->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	return w;
}

void lockwait_kick(struct lockwait *w)
{
	if (!w)
		return;
	auto_unlock pthread_mutex_t *held = mutex_hold(&w->lock);

	if (!w->list && !w->count)
		return;
	w->kicked = true;
	(void)pthread_cond_signal(&w->wake);
}

/* Called by libfuse with the request locked, so it only wakes the thread, which asks fuse_req_interrupted. */
static void interrupted(fuse_req_t req, void *arg)
{
	(void)req;
	lockwait_kick(arg);
}

static void answer(struct waiter *w, const struct view_ops *v, int rc)
{
	fuse_req_interrupt_func(w->req, NULL, NULL);
	wire_reply_to(w->channel);
	if (rc == 0 && w->want.forget)
		(void)fuse_lowlevel_notify_inval_inode(w->want.forget, w->want.ino, 0, 0);
	if (fuse_reply_err(w->req, ops_errno(rc)) < 0 && rc == 0)
		lockwait_undo(v, &w->want);
	free(w);
}

/* Try every waiter; returns those that go on waiting, in the order they came. */
static struct waiter *try_all(struct lockwait *w, struct waiter *list, bool stop, unsigned int *ret_done)
{
	struct waiter *keep = NULL, **tail = &keep;

	*ret_done = 0;
	while (list) {
		struct waiter *one = list;
		int rc;

		list = one->next;
		one->next = NULL;
		if (one->want.held)
			rc = 0;
		else
			rc = stop || fuse_req_interrupted(one->req) ? -EINTR : lockwait_try(w->v, &one->want);
		if (rc == -EAGAIN) {
			*tail = one;
			tail = &one->next;
			continue;
		}
		answer(one, w->v, rc);
		++*ret_done;
	}
	return keep;
}

static void put_back(struct lockwait *w, struct waiter *keep)
{
	struct waiter **tail = &keep;

	while (*tail)
		tail = &(*tail)->next;
	*tail = w->list;
	w->list = keep;
}

static void sleep_until_due(struct lockwait *w, unsigned int ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += (long)ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	while (!w->kicked && !w->stop)
		if (pthread_cond_timedwait(&w->wake, &w->lock, &t) == ETIMEDOUT)
			break;
}

static void *run(void *arg)
{
	struct lockwait *w = arg;
	unsigned int delay = DELAY_MIN_MS, done;
	bool stop = false;

	(void)pthread_mutex_lock(&w->lock);
	while (!stop) {
		struct waiter *list;

		while (!w->list && !w->stop)
			(void)pthread_cond_wait(&w->wake, &w->lock);
		stop = w->stop;
		list = w->list;
		w->list = NULL;
		if (w->kicked)
			delay = DELAY_MIN_MS;
		w->kicked = false;
		(void)pthread_mutex_unlock(&w->lock);
		list = try_all(w, list, stop, &done);
		(void)pthread_mutex_lock(&w->lock);
		put_back(w, list);
		w->count -= done;
		if (!w->list)
			continue;
		sleep_until_due(w, delay);
		delay = delay * 2 < DELAY_MAX_MS ? delay * 2 : DELAY_MAX_MS;
	}
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Queue under the lock; false if there is no room or no thread. */
static bool enqueue(struct lockwait *w, struct waiter *one)
{
	struct waiter **tail = &w->list;
	auto_unlock pthread_mutex_t *held = mutex_hold(&w->lock);

	if (w->stop || w->count >= WAITERS_MAX)
		return false;
	if (!w->started && pthread_create(&w->thread, NULL, run, w) != 0)
		return false;
	w->started = true;
	while (*tail)
		tail = &(*tail)->next;
	*tail = one;
	w->count++;
	w->kicked = true;
	(void)pthread_cond_signal(&w->wake);
	return true;
}

void lockwait_add(struct lockwait *w, fuse_req_t req, const struct lockwant *want)
{
	struct waiter *one = calloc(1, sizeof(*one));

	if (!one) {
		if (want->held)
			lockwait_undo(w->v, want);
		(void)fuse_reply_err(req, ENOLCK);
		return;
	}
	one->req = req;
	one->channel = wire_channel();
	one->want = *want;
	fuse_req_interrupt_func(req, interrupted, w); /* before the thread may answer and free the request */
	if (!enqueue(w, one)) {
		fuse_req_interrupt_func(req, NULL, NULL);
		free(one);
		if (want->held)
			lockwait_undo(w->v, want);
		(void)fuse_reply_err(req, ENOLCK);
	}
}

void lockwait_free(struct lockwait *w)
{
	if (!w)
		return;
	(void)pthread_mutex_lock(&w->lock);
	w->stop = true;
	(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
	if (w->started)
		(void)pthread_join(w->thread, NULL);
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}
