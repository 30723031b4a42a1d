/* threadctx.c - one working context per (keyed object, thread), made on first use, found again without a
 * lock. */
#include "crypto/threadctx.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* A mount has one content cipher and one name cipher; tests and passwd have a few more for a short time. */
enum { SLOTS = 8 };

/* Belongs to a thread's slot, and to its owner's list while the owner lives. `owner`, `ctx` and the links are
 * changed under registry_lock only; the thread itself may read ctx without it while its owner lives. */
struct node {
	struct threadctx_owner *owner; /* NULL: gone, and ctx with it */
	void *ctx;
	struct node *prev, *next;
};

struct threadctx_owner {
	uint64_t id;
	threadctx_make_fn make;
	threadctx_free_fn release;
	const void *arg;
	struct node *nodes;
};

struct slot {
	uint64_t id; /* 0: empty */
	struct node *node;
};

struct thread_slots {
	bool at_exit; /* the destructor of this thread is armed */
	unsigned int victim;
	struct slot slot[SLOTS];
};

static _Thread_local struct thread_slots mine;

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;
static bool exit_key_ok;
static atomic_uint_fast64_t last_id;

static void slot_clear(struct slot *s)
{
	struct node *n = s->node;
	threadctx_free_fn release = NULL;

	if (!n)
		return;
	(void)pthread_mutex_lock(&registry_lock);
	if (n->owner) {
		release = n->owner->release;
		if (n->prev)
			n->prev->next = n->next;
		else
			n->owner->nodes = n->next;
		if (n->next)
			n->next->prev = n->prev;
	}
	(void)pthread_mutex_unlock(&registry_lock);
	if (release)
		release(n->ctx);
	free(n);
	s->id = 0;
	s->node = NULL;
}

static void thread_exit(void *arg)
{
	struct thread_slots *t = arg;

	for (size_t i = 0; i < SLOTS; i++)
		slot_clear(&t->slot[i]);
	t->at_exit = false; /* a later destructor of this thread may come back to us */
}

static void make_exit_key(void)
{
	exit_key_ok = pthread_key_create(&exit_key, thread_exit) == 0;
}

struct threadctx_owner *threadctx_owner_new(threadctx_make_fn make, threadctx_free_fn release,
					    const void *arg)
{
	struct threadctx_owner *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->id = atomic_fetch_add(&last_id, 1) + 1;
	o->make = make;
	o->release = release;
	o->arg = arg;
	return o;
}

void threadctx_owner_free(struct threadctx_owner *o)
{
	if (!o)
		return;
	(void)pthread_mutex_lock(&registry_lock);
	for (struct node *n = o->nodes; n; n = n->next) {
		o->release(n->ctx);
		n->ctx = NULL;
		n->owner = NULL; /* the node itself is freed by its thread */
	}
	(void)pthread_mutex_unlock(&registry_lock);
	free(o);
}

/* An empty slot, else one whose owner is gone, else the one whose turn it is. */
static struct slot *slot_for_new(void)
{
	struct slot *s = NULL;

	for (size_t i = 0; i < SLOTS; i++)
		if (mine.slot[i].id == 0)
			return &mine.slot[i];
	(void)pthread_mutex_lock(&registry_lock);
	for (size_t i = 0; i < SLOTS && !s; i++)
		if (!mine.slot[i].node->owner)
			s = &mine.slot[i];
	(void)pthread_mutex_unlock(&registry_lock);
	if (!s)
		s = &mine.slot[mine.victim++ % SLOTS];
	slot_clear(s);
	return s;
}

static void *ctx_add(struct threadctx_owner *o)
{
	struct node *n;
	struct slot *s;

	(void)pthread_once(&key_once, make_exit_key);
	if (!exit_key_ok)
		return NULL; /* without a destructor keys would stay behind in dead threads */
	if (!mine.at_exit) {
		if (pthread_setspecific(exit_key, &mine) != 0)
			return NULL;
		mine.at_exit = true;
	}
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->ctx = o->make(o->arg);
	if (!n->ctx) {
		free(n);
		return NULL;
	}
	n->owner = o;
	s = slot_for_new();
	s->id = o->id;
	s->node = n;
	(void)pthread_mutex_lock(&registry_lock);
	n->next = o->nodes;
	if (n->next)
		n->next->prev = n;
	o->nodes = n;
	(void)pthread_mutex_unlock(&registry_lock);
	return n->ctx;
}

void *threadctx_get(struct threadctx_owner *o)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (mine.slot[i].id == o->id)
			return mine.slot[i].node->ctx;
	return ctx_add(o);
}
