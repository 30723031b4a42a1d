/* test_pool.c - the pool of workers: everything exactly once, and waiting means waiting. */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "util/pool.h"

enum { N = 5000 };

static void count_index(void *arg, size_t index)
{
	atomic_int *counts = arg;

	atomic_fetch_add(&counts[index], 1);
}

static void check_run(struct pool *p, size_t n)
{
	atomic_int *counts = calloc(n + 1, sizeof(*counts));

	pool_run(p, n, count_index, counts);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(atomic_load(&counts[i]), 1);
	assert_int_equal(atomic_load(&counts[n]), 0);
	free(counts);
}

static void test_run(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 7, N };

	(void)state;
	for (unsigned int threads = 1; threads <= 5; threads++) {
		struct pool *p = pool_new(threads);

		assert_non_null(p);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			check_run(p, sizes[i]);
		pool_free(p);
	}
	assert_null(pool_new(0));
	pool_free(NULL);
}

static void *run_often(void *arg)
{
	for (int i = 0; i < 50; i++)
		check_run(arg, 1 + (size_t)i * 7 % 40);
	return NULL;
}

static void test_run_from_many(void **state)
{
	struct pool *p = pool_new(3);
	pthread_t threads[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_often, p), 0);
	for (int i = 0; i < 6; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	pool_free(p);
}

/* A tree of tasks: each of depth d submits three of depth d-1. */
struct tree {
	struct pool *pool;
	atomic_int done;
};
struct branch {
	struct tree *tree;
	int depth;
};

static void grow(void *arg)
{
	struct branch *b = arg;

	for (int i = 0; b->depth > 0 && i < 3; i++) {
		struct branch *child = malloc(sizeof(*child));

		*child = (struct branch){ b->tree, b->depth - 1 };
		if (pool_submit(b->tree->pool, grow, child) != 0)
			abort();
	}
	if (b->depth == 0)
		(void)usleep(100);
	atomic_fetch_add(&b->tree->done, 1);
	free(b);
}

static void submit_tree(struct tree *tree, int depth)
{
	struct branch *root = malloc(sizeof(*root));

	*root = (struct branch){ tree, depth };
	assert_int_equal(pool_submit(tree->pool, grow, root), 0);
}

static void test_submit(void **state)
{
	struct tree tree = { .pool = pool_new(4) };

	(void)state;
	submit_tree(&tree, 6);
	pool_wait(tree.pool);
	assert_int_equal(atomic_load(&tree.done), 1093); /* 1 + 3 + 9 + ... + 729 */
	pool_wait(tree.pool);				 /* nothing to wait for */
	submit_tree(&tree, 3);
	check_run(tree.pool, 100); /* both kinds of work at once */
	pool_free(tree.pool);	   /* waits as well */
	assert_int_equal(atomic_load(&tree.done), 1133);
}

static void sleep_index(void *arg, size_t index)
{
	(void)index;
	(void)usleep(2000);
	atomic_fetch_add((atomic_int *)arg, 1);
}

static void test_run_waits(void **state)
{
	struct pool *p = pool_new(4);
	atomic_int done = 0;

	(void)state;
	pool_run(p, 40, sleep_index, &done);
	assert_int_equal(atomic_load(&done), 40);
	pool_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("a run does each index exactly once", test_run),
		TEST("runs from several threads do not mix", test_run_from_many),
		TEST("work may submit work, and waiting waits for all of it", test_submit),
		TEST("a run returns when the last index is done", test_run_waits),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
