/* check.c - fsck: start, end, counts and reports. The walk is in check_dir.c, the looking in check_scan.c and
 * check_object.c. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/cleanup.h"
#include "util/err.h"
#include "view/check_priv.h"

enum { MAX_THREADS = 16, PROGRESS_MS = 250 };

void check_fail(struct check *c, int e)
{
	int none = 0;

	(void)atomic_compare_exchange_strong(&c->error, &none, e);
}

bool check_stopped(struct check *c)
{
	if (c->opt->stop && atomic_load_explicit(c->opt->stop, memory_order_relaxed))
		check_fail(c, -EINTR);
	return atomic_load_explicit(&c->error, memory_order_relaxed) != 0;
}

void check_progress(struct check *c)
{
	int_fast64_t last = atomic_load_explicit(&c->last_progress, memory_order_relaxed), now;
	struct timespec ts;

	if (!c->opt->progress)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	now = (int_fast64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	if (now - last < PROGRESS_MS || !atomic_compare_exchange_strong(&c->last_progress, &last, now))
		return;
	auto_unlock pthread_mutex_t *held = mutex_hold(&c->report);
	c->opt->progress(c->opt->arg, atomic_load(&c->files), atomic_load(&c->bytes));
}

static size_t path_len(const struct check_dir *dir, bool cipher)
{
	size_t len = 0;

	for (; dir && dir->parent; dir = dir->parent)
		len += strlen(cipher ? dir->cname : dir->name) + 1;
	return len;
}

/* Path of dir, or of last in it; malloc'ed. Built from its end, as the chain of directories leads upwards. */
static char *path_of(const struct check_dir *dir, const char *last, bool cipher)
{
	size_t len = path_len(dir, cipher) + (last ? strlen(last) : 0);
	char *path = malloc(len + 2), *p;

	if (!path)
		return NULL;
	p = path + len + 1;
	*p = '\0';
	if (last) {
		p -= strlen(last);
		memcpy(p, last, strlen(last));
	}
	for (; dir && dir->parent; dir = dir->parent) {
		const char *name = cipher ? dir->cname : dir->name;

		if (*p)
			*--p = '/';
		p -= strlen(name);
		memcpy(p, name, strlen(name));
	}
	memmove(path, p, strlen(p) + 1);
	return path;
}

void check_report(struct check *c, enum check_fault fault, const struct check_dir *dir, const char *name,
		  const char *cname, uint64_t ino, const char *detail)
{
	auto_free char *plain_path = path_of(dir, name, false);
	auto_free char *cipher_path = path_of(dir, cname, true);
	const struct check_finding f = { .fault = fault,
					 .plain_path = plain_path,
					 .cipher_path = cipher_path,
					 .detail = detail ? detail : "",
					 .ino = ino };

	if (!plain_path || !cipher_path) {
		check_fail(c, -ENOMEM);
		return;
	}
	atomic_fetch_add(fault == CHECK_SKIPPED	   ? &c->skipped
			 : fault == CHECK_LEFTOVER ? &c->leftovers
						   : &c->corrupt,
			 1);
	auto_unlock pthread_mutex_t *held = mutex_hold(&c->report);
	c->opt->finding(c->opt->arg, &f);
}

void check_report_errno(struct check *c, enum check_fault fault, const struct check_object *o, int e)
{
	char buf[128];
	const char *text = strerror_r(-e, buf, sizeof(buf));

	/* Renamed or removed while we looked: not our business. */
	if (e == -ENOENT || e == -ESTALE)
		return;
	if (e == -ENOMEM)
		check_fail(c, e);
	else
		check_report(c, check_is_damage(e) ? fault : CHECK_SKIPPED, o->scan->dir, o->name, o->cname,
			     o->entry.st.st_ino, check_is_damage(e) ? "" : text);
}

static unsigned int default_threads(void)
{
	cpu_set_t cpus;
	int n = 1;

	/* The processors we may use, which in a job are not all of the node's. */
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		n = CPU_COUNT(&cpus);
	return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (unsigned int)n;
}

static int walk(struct check *c)
{
	struct check_dir *root;
	struct view_entry e = { .node = view_root(c->v) };
	int r = c->ops->getattr(c->v, e.node, NULL, &e.st);

	if (r < 0)
		return r;
	root = check_dir_new(c, NULL, &e, "", "");
	if (!root)
		return -ENOMEM;
	c->pool = pool_new(c->threads);
	if (!c->pool) {
		check_dir_unref(root);
		return -ENOMEM;
	}
	check_dir_submit(root);
	pool_wait(c->pool);
	pool_free(c->pool);
	return atomic_load(&c->error);
}

int check_run(struct view *v, const struct volume *vol, int dirfd, const struct check_options *opt,
	      struct check_result *ret, struct err *err)
{
	struct check c = {
		.v = v, .ops = view_ops(v), .vol = vol, .dirfd = dirfd, .opt = opt, .now = time(NULL)
	};
	int r;

	c.threads = opt->threads ? opt->threads : default_threads();
	(void)pthread_mutex_init(&c.report, NULL);
	(void)pthread_mutex_init(&c.links.lock, NULL);
	r = walk(&c);
	free(c.links.slots);
	(void)pthread_mutex_destroy(&c.links.lock);
	(void)pthread_mutex_destroy(&c.report);
	*ret = (struct check_result){ .files = atomic_load(&c.files),
				      .dirs = atomic_load(&c.dirs),
				      .symlinks = atomic_load(&c.symlinks),
				      .others = atomic_load(&c.others),
				      .bytes = atomic_load(&c.bytes),
				      .corrupt = atomic_load(&c.corrupt),
				      .leftovers = atomic_load(&c.leftovers),
				      .aged = atomic_load(&c.aged),
				      .aged_seconds = atomic_load(&c.aged_seconds),
				      .skipped = atomic_load(&c.skipped) };
	if (r < 0)
		return err_set(err, r, "check ended early: %s", strerror(-r));
	return 0;
}
