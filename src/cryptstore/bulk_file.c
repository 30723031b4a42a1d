/* bulk_file.c - one regular file: what has to be done with it, and doing it, in ranges if it is large. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cryptstore/bulk.h"
#include "util/pool.h"

enum phase {
	COPY,
	VERIFY,	 /* what has just been copied */
	EXAMINE, /* what was there already: is it the same? */
};

/* A file being worked on. Between phases only one thread has it. */
struct job {
	struct bulk_dir *d;
	struct view_entry src, dst;
	bool have_dst; /* dst is known */
	bool created;  /* by this run, now */
	bool same;     /* size and time agreed when we came */
	bool verified;
	struct bulk_files f;
	enum phase phase;
	uint64_t size;
	atomic_uint left;  /* ranges not done yet */
	atomic_int result; /* of the ranges: the first failure or difference */
	const char *what;  /* set by whoever set result */
	char name[];
};

struct range {
	struct job *j;
	uint64_t off, end;
};

enum bulk_verdict bulk_judge(const struct stat *src, const struct stat *dst)
{
	if (!S_ISREG(dst->st_mode))
		return BULK_DIFFERENT;
	if ((dst->st_mode & 07777) == BULK_UNFINISHED && (src->st_mode & 07777) != BULK_UNFINISHED)
		return BULK_PARTIAL;
	if (src->st_size != dst->st_size)
		return BULK_DIFFERENT;
	return bulk_same_time(&src->st_mtim, &dst->st_mtim) ? BULK_SAME : BULK_SAME_SIZE;
}

static void close_files(struct job *j)
{
	if (j->f.src)
		view_ops(j->f.from)->release(j->f.src);
	if (j->f.dst)
		view_ops(j->f.to)->release(j->f.dst);
	j->f.src = j->f.dst = NULL;
}

static void forget_dst(struct job *j)
{
	if (j->have_dst)
		bulk_forget_dst(j->d->b, &j->dst);
	j->have_dst = false;
}

static void done(struct job *j, const char *what, int r)
{
	if (r < 0 || what)
		bulk_error(j->d->b, j->d->path, j->name, what, r);
	close_files(j);
	forget_dst(j);
	bulk_forget_src(j->d->b, &j->src);
	bulk_dir_put(j->d);
	free(j);
}

static bool looks_sparse(const struct stat *st)
{
	return (uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size;
}

/* The source must still be what it was when it was looked at. */
static int check_source(struct job *j)
{
	struct stat st;
	int r = view_ops(j->f.from)->getattr(j->f.from, j->src.node, j->f.src, &st);

	if (r < 0)
		return r;
	return st.st_size == j->src.st.st_size && st.st_ino == j->src.st.st_ino &&
		       st.st_mtim.tv_sec == j->src.st.st_mtim.tv_sec &&
		       st.st_mtim.tv_nsec == j->src.st.st_mtim.tv_nsec
		   ? 0
		   : -ESTALE;
}

/* The copy is in place and, if asked for, verified. */
static void finish_copy(struct job *j)
{
	struct bulk *b = j->d->b;
	const char *what = "has changed while it was copied; run the same command again";
	int r = check_source(j);

	if (r == -ESTALE) {
		done(j, what, 0);
		return;
	}
	if (r == 0)
		r = bulk_meta(b, &j->src, &j->dst, j->f.dst, !j->d->inherits, &what);
	if (r < 0) {
		done(j, what, r);
		return;
	}
	(void)atomic_fetch_add(&b->n.files, 1);
	if (j->verified)
		(void)atomic_fetch_add(&b->n.verified, 1);
	done(j, NULL, 0);
}

/* The file was there, complete. Its attributes may still be those of an interrupted run. */
static void finish_there(struct job *j)
{
	struct bulk *b = j->d->b;
	const char *what = NULL;
	int r = 0;

	if (!j->same || !bulk_same_meta(b, &j->src.st, &j->dst.st))
		r = bulk_meta(b, &j->src, &j->dst, NULL, false, &what);
	if (r == 0) {
		(void)atomic_fetch_add(&b->n.there, 1);
		(void)atomic_fetch_add(&b->n.there_bytes, j->size);
		if (j->verified)
			(void)atomic_fetch_add(&b->n.verified, 1);
		what = NULL;
	}
	done(j, what, r);
}

static void start(struct job *j, enum phase phase);

static int create(struct job *j)
{
	struct bulk *b = j->d->b;
	const struct view_ops *ops = view_ops(b->to);
	struct stat st = { .st_size = j->src.st.st_size };
	int r;

	do
		r = ops->create(b->to, &b->self, j->d->dst.node, j->name, O_RDWR | O_CREAT | O_EXCL,
				BULK_UNFINISHED, &j->dst, &j->f.dst);
	while (bulk_dir_again(j->d, r));
	if (r < 0)
		return r;
	j->have_dst = j->created = true;
	if (!j->f.sparse && j->size <= 2 * BULK_RANGE)
		return 0;
	/* Holes and ranges need a file that has its size. */
	return ops->setattr(b->to, &b->self, j->dst.node, j->f.dst, &st, VIEW_SET_SIZE, &st);
}

static void begin_copy(struct job *j)
{
	struct bulk *b = j->d->b;
	int r;

	if (j->have_dst) { /* a part, or something else that may be replaced */
		if (j->f.dst)
			view_ops(b->to)->release(j->f.dst);
		j->f.dst = NULL;
		forget_dst(j);
		do
			r = view_ops(b->to)->unlink(b->to, j->d->dst.node, j->name);
		while (bulk_dir_again(j->d, r));
		if (r < 0 && r != -ENOENT) {
			done(j, "what is there cannot be replaced", r);
			return;
		}
	}
	if (!j->f.src) {
		r = view_ops(b->from)->open(b->from, j->src.node, O_RDONLY, &j->f.src, NULL);
		if (r < 0) {
			done(j, "cannot be opened", r);
			return;
		}
	}
	j->f.sparse = looks_sparse(&j->src.st);
	r = create(j);
	if (r < 0)
		done(j, "cannot be made", r);
	else
		start(j, COPY);
}

/* The copy, or what was there, has been compared. */
static void compared(struct job *j, int result)
{
	bool fresh = j->phase == VERIFY;

	if (result == 0) {
		j->verified = true;
		if (fresh)
			finish_copy(j);
		else
			finish_there(j);
	} else if (!fresh && j->d->b->opt->overwrite) {
		begin_copy(j);
	} else if (fresh) {
		done(j, "verification failed: the copy reads back differently", 0);
	} else {
		done(j, "exists and its content differs (--overwrite replaces it)", 0);
	}
}

static void end_phase(struct job *j)
{
	int result = atomic_load(&j->result);

	if (j->phase == COPY && result == 0) {
		if (j->d->b->opt->verify)
			start(j, VERIFY);
		else
			finish_copy(j);
	} else if (result == -ESTALE) {
		done(j, "has changed while it was copied; run the same command again", 0);
	} else if ((result == -EBADMSG || result == -EUCLEAN) && j->phase == EXAMINE &&
		   j->d->b->opt->overwrite && j->d->b->opt->import) {
		begin_copy(j); /* the damaged side is the copy */
	} else if (result < 0) {
		done(j, j->what, result);
	} else {
		compared(j, result);
	}
}

/* One range in the current phase. */
static int work(struct job *j, uint64_t off, uint64_t end, bool ranges, const char **ret_what)
{
	struct bulk *b = j->d->b;
	struct bulk_files f = j->f;
	struct bulk_lane *lane;
	struct view_entry e;
	char *path = NULL;
	int r;

	if (j->phase != COPY)
		return bulk_compare(&f, off, end, ret_what);
	if (!ranges || !b->vol)
		return bulk_copy(b, &f, off, end, ret_what);
	*ret_what = "cannot be opened again";
	path = malloc(strlen(j->d->path) + strlen(j->name) + 2);
	if (!path)
		return -ENOMEM;
	(void)stpcpy(stpcpy(stpcpy(path, j->d->path), *j->d->path ? "/" : ""), j->name);
	r = bulk_lane_open(b, path, &lane, &e, &f.dst);
	free(path);
	if (r < 0)
		return r;
	f.to = lane->view;
	r = bulk_copy(b, &f, off, end, ret_what);
	bulk_lane_close(b, lane, &e, f.dst);
	return r;
}

static void range_done(struct job *j, int r, const char *what)
{
	int none = 0;

	if (r != 0 && atomic_compare_exchange_strong(&j->result, &none, r))
		j->what = what;
	if (atomic_fetch_sub(&j->left, 1) == 1)
		end_phase(j);
}

static void range_task(void *arg)
{
	struct range *rg = arg;
	struct job *j = rg->j;
	const char *what = NULL;
	int r = atomic_load(&j->result) ? 0 : work(j, rg->off, rg->end, true, &what);

	free(rg);
	range_done(j, r, what);
}

static void start(struct job *j, enum phase phase)
{
	const bool ranges = j->size > 2 * BULK_RANGE && j->d->b->opt->threads > 1;
	uint64_t n = ranges ? (j->size + BULK_RANGE - 1) / BULK_RANGE : 1;

	j->phase = phase;
	j->what = NULL;
	atomic_store(&j->result, 0);
	atomic_store(&j->left, (unsigned int)n);
	if (!ranges) {
		const char *what = NULL;
		int r = work(j, 0, j->size, false, &what);

		range_done(j, r, what);
		return;
	}
	while (n--) { /* the last submitted is the first to run */
		uint64_t off = n * BULK_RANGE;
		struct range *rg = malloc(sizeof(*rg));

		if (rg)
			*rg =
			    (struct range){ j, off, off + BULK_RANGE < j->size ? off + BULK_RANGE : j->size };
		if (!rg || pool_submit(j->d->b->pool, range_task, rg) < 0) {
			free(rg);
			range_done(j, -ENOMEM, "not copied");
		}
	}
}

static void examine(struct job *j)
{
	struct bulk *b = j->d->b;
	const char *what = "cannot be opened";
	int r = view_ops(b->from)->open(b->from, j->src.node, O_RDONLY, &j->f.src, NULL);

	if (r == 0) {
		what = "the copy cannot be opened";
		r = view_ops(b->to)->open(b->to, j->dst.node, O_RDONLY, &j->f.dst, NULL);
	}
	if (r < 0) {
		done(j, what, r);
		return;
	}
	j->f.sparse = looks_sparse(&j->src.st) && looks_sparse(&j->dst.st);
	start(j, EXAMINE);
}

static void run(struct job *j)
{
	struct bulk *b = j->d->b;
	const struct bulk_options *o = b->opt;
	enum bulk_verdict verdict;
	int r = -ENOENT;

	if (!j->d->fresh)
		r = view_ops(b->to)->lookup(b->to, j->d->dst.node, j->name, &j->dst);
	if (r < 0 && r != -ENOENT) {
		done(j, "the copy cannot be looked at", r);
		return;
	}
	if (r == -ENOENT) {
		begin_copy(j);
		return;
	}
	j->have_dst = true;
	verdict = bulk_judge(&j->src.st, &j->dst.st);
	j->same = verdict == BULK_SAME;
	if (verdict == BULK_PARTIAL)
		begin_copy(j);
	else if (S_ISDIR(j->dst.st.st_mode))
		done(j, "a directory is in the way of this file", 0);
	else if (j->same ? o->checksum || o->verify : verdict == BULK_SAME_SIZE && o->checksum)
		examine(j);
	else if (j->same)
		finish_there(j);
	else if (o->overwrite)
		begin_copy(j);
	else
		done(j, "exists and differs (--overwrite replaces it)", 0);
}

static void run_task(void *arg)
{
	struct job *j = arg;

	if (bulk_stopped())
		done(j, NULL, 0);
	else
		run(j);
}

void bulk_file(struct bulk_dir *d, const char *name, const struct view_entry *src)
{
	struct job *j = calloc(1, sizeof(*j) + strlen(name) + 1);

	if (!j) {
		bulk_forget_src(d->b, src);
		bulk_error(d->b, d->path, name, "not copied", -ENOMEM);
		return;
	}
	bulk_dir_ref(d);
	j->d = d;
	j->src = *src;
	j->f.from = d->b->from;
	j->f.to = d->b->to;
	j->size = (uint64_t)src->st.st_size;
	memcpy(j->name, name, strlen(name) + 1);
	if (j->size < BULK_OWN_TASK || pool_submit(d->b->pool, run_task, j) < 0)
		run(j);
}
