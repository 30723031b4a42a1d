/* workers.c - the threads that read requests from the kernel and answer them.
 *
 * libfuse's own loop keeps up to ten idle threads waiting; the kernel wakes them in turn, so that a single
 * client is served by threads with cold caches on ever other processors. Here few threads wait, and more join
 * only while all of them are stuck in the store (slow server, cold disk):
 *   - every thread has a request buffer of its own that is never freed, placed so that the data of a write
 * starts on a page boundary, and a clone of the device descriptor;
 *   - the thread that leaves nobody waiting wakes the main thread, which looks every TICK_MS: if nobody is
 * waiting twice in a row, and the threads are not simply computing (see waiting()), it adds some;
 *   - threads that were not needed for a second park, the last one first to come back; the pages of all
 * their buffers go back. So no request waits longer than about 2 * TICK_MS for a thread as long as fewer than
 * max are stuck;
 *   - one of the waiting threads may ask again and again for the next request instead of sleeping (eager.h).
 */
#include "workers.h"

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuse/eager.h"
#include "fuse/ops.h"
#include "fuse/wire.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/secret.h"

enum {
	PAGE = 4096,
	CACHE_LINE = 64,
	BUFFER = PAGE + VIEW_IO_MAX + PAGE, /* header before the first boundary, some room behind */
	STACK = 512 << 10,
	BASE_MIN = 2,
	BASE_MAX = 4, /* always waiting; more come by themselves */
	THREADS_MAX = 16,
	TICK_MS = 2,
	TRIM_MS = 1000,
	QUIET_MS = 50, /* watch closely for that long after nobody was waiting */
	STOP_RETRY_MS = 20,
	SLOW_US = 200,	     /* a request that took longer has waited for the store ... */
	SLOW_BULK_US = 2000, /* ... or longer than that if there was much to compute */
	WAKE_SIGNAL = SIGUSR2
};

struct worker {
	struct workers *all;
	pthread_t thread;
	pthread_cond_t unpark;
	bool parked;
	int fd;		  /* a clone, or the session's own */
	int eager;	  /* a clone that does not sleep in read(2), or -1 */
	int channel;	  /* that of the two which the request came from: the answer must go there */
	uint8_t *map;	  /* BUFFER bytes */
	uint64_t written; /* node whose data lies in it, up to `used` bytes of the request */
	size_t used;
	/* Written by this thread, read by the main thread; apart from other threads' counts. */
	_Alignas(CACHE_LINE) atomic_ulong done; /* requests answered */
	atomic_ulong slow;			/* those of them that waited for the store */
};

struct workers {
	struct fuse_session *se;
	session_ready_fn ready;
	void *ready_arg;
	unsigned int base, max, processors;
	int event;
	struct eager eager;
	atomic_uint active;  /* threads neither parked nor ended */
	atomic_uint reading; /* those of them waiting in read(2) */
	atomic_uint peak;    /* most threads busy at once since the last trim */
	atomic_uint surplus; /* threads asked to park */
	atomic_bool dozing;  /* the main thread wants to hear when nobody is reading */
	atomic_bool stop, finished;
	atomic_int error;
	atomic_uint exited;

	pthread_mutex_t lock; /* guards parking */
	struct worker **parked;
	unsigned int n_parked;

	/* The main thread's own. */
	struct worker *worker; /* max of them */
	unsigned int started;
	bool starved;
	uint64_t last_starved, last_trim;
	unsigned long last_done, last_slow;
};

static void poke(struct workers *w)
{
	uint64_t one = 1;

	(void)!write(w->event, &one, sizeof(one)); /* full means: already told */
}

static void finish(struct workers *w, int error)
{
	if (error)
		atomic_store(&w->error, error);
	atomic_store(&w->finished, true);
	poke(w);
}

/* A request was taken and `left` threads still wait for the next. */
static void note_load(struct workers *w, unsigned int left)
{
	unsigned int busy = atomic_load_explicit(&w->active, memory_order_relaxed) - left;
	unsigned int peak = atomic_load_explicit(&w->peak, memory_order_relaxed);

	/* Losing a race here costs a thread that parks a second early. */
	if (busy > peak)
		atomic_store_explicit(&w->peak, busy, memory_order_relaxed);
	if (left == 0 && atomic_load(&w->dozing) && atomic_exchange(&w->dozing, false))
		poke(w);
}

static ssize_t fetch(struct worker *me, void *raw)
{
	const size_t size = BUFFER - PAGE + WIRE_WRITE_HEADER;
	ssize_t n = eager_read(&me->all->eager, me->eager, raw, size);

	me->channel = me->eager;
	if (n != -EAGAIN)
		return n;
	me->channel = me->fd;
	n = read(me->fd, raw, size);
	return n < 0 ? -errno : n;
}

/* Wait for a request. Returns its length, or 0 when this thread should end. */
static size_t receive(struct worker *me, void *raw)
{
	struct workers *w = me->all;

	while (!atomic_load(&w->stop)) {
		unsigned int left;
		ssize_t n;

		atomic_fetch_add(&w->reading, 1);
		n = fetch(me, raw);
		left = atomic_fetch_sub(&w->reading, 1) - 1;
		if (n > 0) {
			note_load(w, left);
			return (size_t)n;
		}
		/* ENOENT: interrupted before we got it */
		if (n == -EINTR || n == -EAGAIN || n == -ENOENT)
			continue;
		finish(w, n == -ENODEV ? 0 : (int)n); /* ENODEV: unmounted or aborted */
		break;
	}
	return 0;
}

/* If threads are to park, be one of them until needed again. */
static void maybe_park(struct worker *me)
{
	struct workers *w = me->all;

	if (atomic_load_explicit(&w->surplus, memory_order_relaxed) == 0)
		return;
	auto_unlock pthread_mutex_t *held = mutex_hold(&w->lock);

	if (atomic_load(&w->surplus) == 0 || atomic_load(&w->stop))
		return;
	atomic_fetch_sub(&w->surplus, 1);
	atomic_fetch_sub(&w->active, 1);
	secret_wipe(me->map, PAGE + me->used);
	(void)madvise(me->map, BUFFER, MADV_DONTNEED);
	me->used = 0;
	ops_thread_rest();
	w->parked[w->n_parked++] = me;
	me->parked = true;
	while (me->parked)
		(void)pthread_cond_wait(&me->unpark, &w->lock);
}

/* A write has come into the buffer: nothing of another file's data may lie behind it. */
static void wipe_others(struct worker *me, uint8_t *raw, size_t n)
{
	uint64_t node = wire_written_node();

	if (node == 0)
		return;
	if (node != me->written && me->used > n)
		secret_wipe(raw + n, me->used - n);
	if (node != me->written || me->used < n)
		me->used = n;
	me->written = node;
}

static void answer(struct worker *me, void *raw, size_t n)
{
	struct workers *w = me->all;
	struct fuse_buf buf = { .size = n, .mem = raw };
	uint64_t start = clock_us(), end;
	bool is_init, is_bulk;

	if (me->channel == me->fd)
		eager_slept(&w->eager, start);
	wire_begin(me->channel, raw, n);
	is_init = wire_is_init();
	is_bulk = wire_is_bulk();
	wipe_others(me, raw, n);
	fuse_session_process_buf(w->se, &buf);
	wire_end();
	if (is_init && w->ready)
		w->ready(w->ready_arg);
	end = clock_us();
	eager_answered(&w->eager, end);
	if (end - start > (is_bulk ? SLOW_BULK_US : SLOW_US))
		atomic_fetch_add_explicit(&me->slow, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&me->done, 1, memory_order_relaxed);
}

static void *run(void *arg)
{
	struct worker *me = arg;
	uint8_t *raw = me->map + PAGE - WIRE_WRITE_HEADER;
	size_t n;

	while ((n = receive(me, raw)) > 0) {
		answer(me, raw, n);
		maybe_park(me);
	}
	ops_thread_rest();
	atomic_fetch_sub(&me->all->active, 1);
	atomic_fetch_add(&me->all->exited, 1);
	return NULL;
}

/* --- the main thread --- */

static bool unpark_one(struct workers *w)
{
	struct worker *one;
	auto_unlock pthread_mutex_t *held = mutex_hold(&w->lock);

	if (w->n_parked == 0)
		return false;
	one = w->parked[--w->n_parked];
	one->parked = false;
	atomic_fetch_add(&w->active, 1);
	(void)pthread_cond_signal(&one->unpark);
	return true;
}

static void close_channels(const struct workers *w, const struct worker *me)
{
	if (me->eager >= 0)
		(void)close(me->eager);
	if (me->fd != fuse_session_fd(w->se))
		(void)close(me->fd);
}

static int start_one(struct workers *w)
{
	struct worker *me = &w->worker[w->started];
	pthread_attr_t attr;
	int rc;

	me->all = w;
	me->map = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (me->map == MAP_FAILED)
		return -errno;
	(void)madvise(me->map, BUFFER, MADV_DONTDUMP);
	/* A descriptor of its own saves contention in the kernel; without /dev/fuse in sight all share one.
	 */
	me->fd = w->started == 0 ? -1 : wire_clone(fuse_session_fd(w->se));
	if (me->fd < 0)
		me->fd = fuse_session_fd(w->se);
	/* More threads than these join only when the store is slow: then nothing is gained by asking. */
	me->eager = w->started < BASE_MAX ? eager_clone(fuse_session_fd(w->se), w->processors) : -1;
	(void)pthread_cond_init(&me->unpark, NULL);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK);
	atomic_fetch_add(&w->active, 1);
	rc = pthread_create(&me->thread, &attr, run, me);
	(void)pthread_attr_destroy(&attr);
	if (rc == 0) {
		w->started++;
		return 0;
	}
	atomic_fetch_sub(&w->active, 1);
	(void)pthread_cond_destroy(&me->unpark);
	close_channels(w, me);
	(void)munmap(me->map, BUFFER);
	return -rc;
}

static void grow(struct workers *w, unsigned int n)
{
	atomic_store(&w->surplus, 0);
	while (n-- > 0)
		if (!unpark_one(w) && (w->started >= w->max || start_one(w) < 0))
			break;
}

/* Are the threads waiting for the store rather than computing? If not, more of them would only get in their
 * way. Processor time would be no measure: on a busy machine threads that compute get little of it. */
static bool waiting(struct workers *w, unsigned int active)
{
	unsigned long done = 0, slow = 0, now_done, now_slow;

	for (unsigned int i = 0; i < w->started; i++) {
		done += atomic_load_explicit(&w->worker[i].done, memory_order_relaxed);
		slow += atomic_load_explicit(&w->worker[i].slow, memory_order_relaxed);
	}
	now_done = done - w->last_done;
	now_slow = slow - w->last_slow;
	w->last_done = done;
	w->last_slow = slow;
	return active < w->processors || now_done == 0 || now_slow > now_done / 2;
}

/* What was not needed since the last time may park. */
static void trim(struct workers *w, uint64_t now)
{
	unsigned int active = atomic_load(&w->active);
	unsigned int need = atomic_exchange(&w->peak, 0) + 1;

	w->last_trim = now;
	if (need < w->base)
		need = w->base;
	if (active > need)
		atomic_store(&w->surplus, active - need);
}

int workers_tick(struct workers *w)
{
	uint64_t now = clock_us() / 1000, count;
	unsigned int active = atomic_load(&w->active);
	bool starved = atomic_load(&w->reading) == 0;

	(void)!read(w->event, &count, sizeof(count));
	if (w->base == w->max || atomic_load(&w->stop))
		return -1;
	if (starved) {
		bool stuck = waiting(w, active);

		if (w->starved && stuck)
			grow(w, active / 2 + 1);
		w->last_starved = now;
	}
	w->starved = starved;
	if (now - w->last_starved <= QUIET_MS)
		return TICK_MS;
	atomic_store(&w->dozing, true);
	if (atomic_load(&w->reading) == 0)
		return TICK_MS; /* it happened just before we said so */
	if (active <= w->base)
		return -1;
	if (now - w->last_trim >= TRIM_MS)
		trim(w, now);
	return TRIM_MS;
}

int workers_event_fd(const struct workers *w)
{
	return w->event;
}

bool workers_finished(const struct workers *w)
{
	return atomic_load(&w->finished);
}

int workers_error(const struct workers *w)
{
	return atomic_load(&w->error);
}

struct workers *workers_new(struct fuse_session *se, unsigned int threads, session_ready_fn ready, void *arg)
{
	struct workers *w = calloc(1, sizeof(*w));
	cpu_set_t set;

	if (!w)
		return NULL;
	w->se = se;
	w->ready = ready;
	w->ready_arg = arg;
	w->processors = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned int)CPU_COUNT(&set) : 1;
	w->max = threads ? threads : THREADS_MAX;
	if (w->max > SESSION_THREADS_MAX)
		w->max = SESSION_THREADS_MAX;
	w->base = threads ? w->max : w->processors;
	if (!threads && w->base < BASE_MIN)
		w->base = BASE_MIN;
	if (!threads && w->base > BASE_MAX)
		w->base = BASE_MAX;
	(void)pthread_mutex_init(&w->lock, NULL);
	w->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->worker = aligned_alloc(CACHE_LINE, w->max * sizeof(*w->worker));
	if (w->worker)
		memset(w->worker, 0, w->max * sizeof(*w->worker));
	w->parked = calloc(w->max, sizeof(*w->parked));
	if (w->event < 0 || !w->worker || !w->parked) {
		workers_free(w);
		return NULL;
	}
	return w;
}

static void woken(int sig)
{
	(void)sig; /* only to end a read(2) */
}

int workers_start(struct workers *w)
{
	struct sigaction act = { .sa_handler = woken };

	if (sigaction(WAKE_SIGNAL, &act, NULL) < 0)
		return -errno;
	w->last_trim = clock_us() / 1000;
	while (w->started < w->base) {
		int rc = start_one(w);

		if (rc < 0 && w->started == 0)
			return rc;
		if (rc < 0)
			break;
	}
	atomic_store(&w->dozing, true);
	return 0;
}

void workers_stop(struct workers *w)
{
	const struct timespec pause = { .tv_nsec = STOP_RETRY_MS * 1000000L };

	atomic_store(&w->stop, true);
	atomic_store(&w->surplus, 0);
	while (unpark_one(w))
		;
	/* Those in read(2) return by themselves after an unmount; after a lazy one they need a signal, which
	 * may come just before they read, so it is repeated. */
	while (atomic_load(&w->exited) < w->started) {
		for (unsigned int i = 0; i < w->started; i++)
			(void)pthread_kill(w->worker[i].thread, WAKE_SIGNAL);
		if (atomic_load(&w->exited) < w->started)
			(void)nanosleep(&pause, NULL);
	}
	for (unsigned int i = 0; i < w->started; i++)
		(void)pthread_join(w->worker[i].thread, NULL);
}

void workers_free(struct workers *w)
{
	if (!w)
		return;
	for (unsigned int i = 0; w->worker && i < w->started; i++) {
		(void)pthread_cond_destroy(&w->worker[i].unpark);
		close_channels(w, &w->worker[i]);
		secret_wipe(w->worker[i].map, PAGE + w->worker[i].used);
		(void)munmap(w->worker[i].map, BUFFER);
	}
	if (w->event >= 0)
		(void)close(w->event);
	(void)pthread_mutex_destroy(&w->lock);
	free(w->worker);
	free(w->parked);
	free(w);
}
