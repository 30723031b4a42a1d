/* pool.c - worker threads behind one mutex: indexed runs first, then queued work, newest first. */
#include "util/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util/cleanup.h"

/* A pool_run() in progress; lives on its caller's stack. All fields under the pool's lock. */
struct run {
	struct run *next;
	pool_fn fn;
	void *arg;
	size_t n, taken, active;
	pthread_cond_t done;
};

struct task {
	struct task *next;
	void (*fn)(void *arg);
	void *arg;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work; /* something to do, or stopping */
	pthread_cond_t idle; /* nothing queued, nothing running */
	struct run *runs;    /* those with taken < n */
	/* A stack: work that submits more work (a tree walk) then goes depth first, which keeps the queue
	 * short. */
	struct task *tasks;
	size_t running; /* tasks being worked on */
	bool stopping;
	unsigned int n_threads;
	pthread_t threads[];
};

/* Work on one index of run. Called and returns with the lock held. */
static void run_step(struct pool *p, struct run *run)
{
	size_t index = run->taken++;

	if (run->taken == run->n) {
		struct run **link = &p->runs;

		while (*link != run)
			link = &(*link)->next;
		*link = run->next;
	}
	run->active++;
	(void)pthread_mutex_unlock(&p->lock);
	run->fn(run->arg, index);
	(void)pthread_mutex_lock(&p->lock);
	run->active--;
	if (run->active == 0 && run->taken == run->n)
		(void)pthread_cond_signal(&run->done);
}

static void task_step(struct pool *p)
{
	struct task *task = p->tasks;

	p->tasks = task->next;
	p->running++;
	(void)pthread_mutex_unlock(&p->lock);
	task->fn(task->arg);
	free(task);
	(void)pthread_mutex_lock(&p->lock);
	p->running--;
	if (!p->tasks && p->running == 0)
		(void)pthread_cond_broadcast(&p->idle);
}

static void *worker(void *arg)
{
	struct pool *p = arg;
	auto_unlock pthread_mutex_t *held = mutex_hold(&p->lock);

	for (;;) {
		if (p->runs)
			run_step(p, p->runs);
		else if (p->tasks)
			task_step(p);
		else if (p->stopping)
			return NULL;
		else
			(void)pthread_cond_wait(&p->work, &p->lock);
	}
}

struct pool *pool_new(unsigned int n_threads)
{
	struct pool *p;

	if (n_threads == 0)
		return NULL;
	p = calloc(1, sizeof(*p) + n_threads * sizeof(p->threads[0]));
	if (!p)
		return NULL;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->work, NULL);
	(void)pthread_cond_init(&p->idle, NULL);
	for (; p->n_threads < n_threads; p->n_threads++) {
		if (pthread_create(&p->threads[p->n_threads], NULL, worker, p) != 0) {
			pool_free(p);
			return NULL;
		}
	}
	return p;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	(void)pthread_mutex_lock(&p->lock);
	while (p->tasks || p->running)
		(void)pthread_cond_wait(&p->idle, &p->lock);
	p->stopping = true;
	(void)pthread_cond_broadcast(&p->work);
	(void)pthread_mutex_unlock(&p->lock);
	for (unsigned int i = 0; i < p->n_threads; i++)
		(void)pthread_join(p->threads[i], NULL);
	(void)pthread_cond_destroy(&p->idle);
	(void)pthread_cond_destroy(&p->work);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

void pool_run(struct pool *p, size_t n, pool_fn fn, void *arg)
{
	struct run run = { .fn = fn, .arg = arg, .n = n };

	if (n == 0)
		return;
	(void)pthread_cond_init(&run.done, NULL);
	(void)pthread_mutex_lock(&p->lock);
	if (n > 1) {
		struct run **link = &p->runs;

		while (*link)
			link = &(*link)->next;
		*link = &run;
		for (size_t i = 1; i < n && i <= p->n_threads; i++)
			(void)pthread_cond_signal(&p->work);
		while (run.taken < n)
			run_step(p, &run);
		while (run.active)
			(void)pthread_cond_wait(&run.done, &p->lock);
	}
	(void)pthread_mutex_unlock(&p->lock);
	if (n == 1)
		fn(arg, 0);
	(void)pthread_cond_destroy(&run.done);
}

int pool_submit(struct pool *p, void (*fn)(void *arg), void *arg)
{
	struct task *task = malloc(sizeof(*task));

	if (!task)
		return -ENOMEM;
	*task = (struct task){ .fn = fn, .arg = arg };
	(void)pthread_mutex_lock(&p->lock);
	task->next = p->tasks;
	p->tasks = task;
	(void)pthread_cond_signal(&p->work);
	(void)pthread_mutex_unlock(&p->lock);
	return 0;
}

void pool_wait(struct pool *p)
{
	auto_unlock pthread_mutex_t *held = mutex_hold(&p->lock);

	while (p->tasks || p->running)
		(void)pthread_cond_wait(&p->idle, &p->lock);
}
