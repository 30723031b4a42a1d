/* bulk_progress.c - what is seen of import and export: a bar on a terminal, a line a minute in a log, a sum
 * at the end. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cryptstore/bulk.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/pool.h"

enum { BAR_WIDTH = 24, BAR_NS = 250000000, LOG_SECONDS = 60, BYTES_TEXT = 32 };

struct bulk_progress {
	struct bulk *b;
	struct pool *pool; /* the ticker, and on a terminal the counter of the source */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop; /* guarded by lock */
	bool bar;
	double start;
};

static atomic_bool bar_shown;

double bulk_now(void)
{
	return (double)clock_us() / 1e6;
}

static void wipe_bar(void)
{
	if (atomic_exchange(&bar_shown, false))
		(void)fputs("\r\033[K", stderr);
}

void bulk_say(const char *line)
{
	flockfile(stderr);
	wipe_bar();
	(void)fprintf(stderr, "cryptstore: %s\n", line);
	funlockfile(stderr);
}

static const char *bytes_text(double n, char buf[static BYTES_TEXT])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t i = 0;

	while (n >= 1024 && i < sizeof(units) / sizeof(units[0]) - 1) {
		n /= 1024;
		i++;
	}
	(void)snprintf(buf, BYTES_TEXT, i ? "%.1f %s" : "%.0f %s", n, units[i]);
	return buf;
}

static uint64_t files_done(struct bulk *b)
{
	return atomic_load(&b->n.files) + atomic_load(&b->n.links) + atomic_load(&b->n.others) +
	       atomic_load(&b->n.there);
}

static void draw_bar(struct bulk_progress *p)
{
	struct bulk *b = p->b;
	uint64_t done = atomic_load(&b->n.bytes) + atomic_load(&b->n.there_bytes);
	uint64_t total = atomic_load(&b->n.total_bytes);
	double rate = (double)atomic_load(&b->n.bytes) / (bulk_now() - p->start + 0.001);
	char have[BYTES_TEXT], of[BYTES_TEXT], speed[BYTES_TEXT], bar[BAR_WIDTH + 1], share[16] = "";
	double part = total ? (double)done / (double)total : 0;

	if (part > 1)
		part = 1;
	memset(bar, ' ', BAR_WIDTH);
	bar[BAR_WIDTH] = '\0';
	if (atomic_load(&b->n.counted)) {
		memset(bar, '=', (size_t)(part * BAR_WIDTH));
		(void)snprintf(share, sizeof(share), "%3.0f%%", part * 100);
	}
	flockfile(stderr);
	(void)fprintf(stderr, "\r\033[K%s [%s] %s %s of %s%s, %" PRIu64 " files, %s/s", b->opt->name, bar,
		      share, bytes_text((double)done, have), bytes_text((double)total, of),
		      atomic_load(&b->n.counted) ? "" : "+", files_done(b), bytes_text(rate, speed));
	if (atomic_load(&b->n.counted) && rate > 0 && total > done)
		(void)fprintf(stderr, ", %.0f s to go", (double)(total - done) / rate);
	(void)fflush(stderr);
	atomic_store(&bar_shown, true);
	funlockfile(stderr);
}

static void log_line(struct bulk_progress *p)
{
	struct bulk *b = p->b;
	double bytes = (double)atomic_load(&b->n.bytes);
	char have[BYTES_TEXT], speed[BYTES_TEXT], task[48] = "", line[256];

	if (b->opt->n_tasks > 1)
		(void)snprintf(task, sizeof(task), "task %u of %u: ", b->opt->task, b->opt->n_tasks);
	(void)snprintf(line, sizeof(line), "%s: %s%" PRIu64 " files, %s copied, %s/s, %" PRIuFAST64 " errors",
		       b->opt->name, task, files_done(b), bytes_text(bytes, have),
		       bytes_text(bytes / (bulk_now() - p->start + 0.001), speed), atomic_load(&b->n.errors));
	bulk_say(line);
}

static void ticker(void *arg)
{
	struct bulk_progress *p = arg;
	auto_unlock pthread_mutex_t *held = mutex_hold(&p->lock);

	while (!p->stop) {
		struct timespec t;

		(void)clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_sec += p->bar ? 0 : LOG_SECONDS;
		t.tv_nsec += p->bar ? BAR_NS : 0;
		if (t.tv_nsec >= 1000000000) {
			t.tv_sec++;
			t.tv_nsec -= 1000000000;
		}
		if (pthread_cond_timedwait(&p->wake, &p->lock, &t) != ETIMEDOUT || p->stop)
			continue;
		if (p->bar)
			draw_bar(p);
		else
			log_line(p);
	}
}

/* Directories of the source still to be counted. */
struct todo {
	struct todo *next;
	struct view_entry e;
};

struct count {
	struct bulk *b;
	struct view_node *dir;
	struct todo *todo;
};

static bool count_entry(void *arg, const char *name, const char *cname, uint64_t ino, unsigned char type,
			off_t off)
{
	struct count *c = arg;
	struct bulk *b = c->b;
	struct view_entry e;
	struct todo *t;

	(void)cname;
	(void)ino;
	(void)type;
	(void)off;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    view_ops(b->from)->lookup(b->from, c->dir, name, &e) < 0)
		return !bulk_stopped();
	if (S_ISDIR(e.st.st_mode) && !(e.st.st_ino == b->own_ino && e.st.st_dev == b->own_dev) &&
	    (t = malloc(sizeof(*t)))) {
		*t = (struct todo){ c->todo, e };
		c->todo = t;
		return !bulk_stopped();
	}
	if (S_ISREG(e.st.st_mode)) {
		(void)atomic_fetch_add(&b->n.total, 1);
		(void)atomic_fetch_add(&b->n.total_bytes, (uint_fast64_t)e.st.st_size);
	}
	bulk_forget_src(b, &e);
	return !bulk_stopped();
}

static bool told_to_stop(struct bulk_progress *p)
{
	auto_unlock pthread_mutex_t *held = mutex_hold(&p->lock);

	return p->stop;
}

static void counter(void *arg)
{
	struct bulk_progress *p = arg;
	struct bulk *b = p->b;
	struct count c = { .b = b, .dir = b->from_top };
	struct view_entry at = { .node = b->from_top };
	bool whole = true;

	for (;;) {
		struct view_dir *dir;
		struct todo *t;

		if (whole && view_ops(b->from)->opendir(b->from, at.node, &dir) == 0) {
			(void)view_ops(b->from)->readdir(dir, 0, count_entry, &c);
			view_ops(b->from)->releasedir(dir);
		}
		bulk_forget_src(b, &at);
		t = c.todo;
		if (!t)
			break;
		whole = whole && !told_to_stop(p);
		c.todo = t->next;
		at = t->e;
		c.dir = at.node;
		free(t);
	}
	atomic_store(&b->n.counted, whole);
}

struct bulk_progress *bulk_progress_start(struct bulk *b)
{
	struct bulk_progress *p = b->opt->quiet ? NULL : calloc(1, sizeof(*p));
	pthread_condattr_t attr;

	if (!p)
		return NULL;
	p->b = b;
	p->bar = isatty(STDERR_FILENO);
	p->start = bulk_now();
	p->pool = pool_new(p->bar ? 2 : 1);
	if (!p->pool) {
		free(p);
		return NULL;
	}
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&p->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	(void)pool_submit(p->pool, ticker, p);
	if (p->bar && b->whole && b->opt->n_tasks == 1) /* else the total is not ours */
		(void)pool_submit(p->pool, counter, p);
	return p;
}

void bulk_progress_stop(struct bulk_progress *p)
{
	if (!p)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->stop = true;
	(void)pthread_cond_broadcast(&p->wake);
	(void)pthread_mutex_unlock(&p->lock);
	pool_free(p->pool);
	flockfile(stderr);
	wipe_bar();
	funlockfile(stderr);
	(void)pthread_cond_destroy(&p->wake);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

void bulk_summary(struct bulk *b, double seconds)
{
	double bytes = (double)atomic_load(&b->n.bytes);
	char have[BYTES_TEXT], speed[BYTES_TEXT];

	(void)printf("%s: %" PRIuFAST64 " files, %" PRIuFAST64 " links, %" PRIuFAST64 " others, %" PRIuFAST64
		     " directories made; %s in %.1f s (%s/s)\n",
		     b->opt->name, atomic_load(&b->n.files), atomic_load(&b->n.links),
		     atomic_load(&b->n.others), atomic_load(&b->n.dirs), bytes_text(bytes, have), seconds,
		     bytes_text(bytes / (seconds > 0 ? seconds : 1), speed));
	(void)printf("%s: %" PRIuFAST64 " were there, %" PRIuFAST64 " verified, %" PRIuFAST64 " errors\n",
		     b->opt->name, atomic_load(&b->n.there), atomic_load(&b->n.verified),
		     atomic_load(&b->n.errors));
}
