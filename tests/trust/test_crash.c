/* test_crash.c - a crash at every moment of some workloads, with every legal subset of what was not yet
 * synced: nothing acknowledged is lost, only blocks in flight are damaged, every name and directory can be
 * read (site-docs/durability.md).
 *
 * Legal: the backing file system keeps the order of operations on names and sizes (ext4, xfs, btrfs and the
 * servers of NFS and Lustre do), may lose a tail of them back to the last sync of anything, and may lose or
 * tear any write(2) that no sync of its file has followed. */
#include "unit.h"
#include "shim.h"
#include "util/cleanup.h"
#include "view/check.h"
#include "view_fixture.h"

#define T50  "12345678901234567890123456789012345678901234567890"
#define LONG "long-" T50 T50 T50 T50

enum { BLOCK = 4096, BLOCKS = 12, NOTES = 256 };

/* What the workload may rely on, or has under way, from an operation on. */
struct note {
	enum { PROMISE, TOUCH, REPLACE, EXISTS, LEAVES } kind;
	size_t at; /* number of backing operations made before */
	char name[256];
	unsigned int from, to;	 /* TOUCH: blocks */
	bool if_torn;		 /* TOUCH: only a torn write can have damaged them */
	unsigned int size;	 /* PROMISE: blocks */
	uint8_t version[BLOCKS]; /* PROMISE: content of each block; EXISTS: [0], the oldest allowed */
};

static struct note notes[NOTES];
static size_t n_notes;
static const struct shim_op *ops;
static size_t n_ops;
static struct fixture recorded;
static unsigned int states;
static char where[256];
static bool torn_state;

static struct note *note(int kind, const char *name)
{
	struct note *n = &notes[n_notes++];

	assert_true(n_notes < NOTES);
	*n = (struct note){ .kind = (unsigned int)kind, .at = shim_position() };
	(void)snprintf(n->name, sizeof(n->name), "%s", name);
	return n;
}

/* --- workloads --- */

struct file {
	struct fixture *fx;
	const char *name;
	struct view_file *f;
	struct view_entry e;
	unsigned int size;
	uint8_t version[BLOCKS];
};

static void start(struct file *f, struct fixture *fx, const char *name, int flags)
{
	*f = (struct file){ .fx = fx, .name = name };
	assert_int_equal(
	    fx->ops->create(fx->view, NULL, fx_root(fx), name, O_RDWR | O_CREAT | flags, 0644, &f->e, &f->f),
	    0);
}

/* Blocks [from, to) get a version; parts says how many requests that takes. */
static void put(struct file *f, uint8_t version, unsigned int from, unsigned int to, unsigned int parts)
{
	static uint8_t buf[BLOCKS * BLOCK];
	size_t n = (size_t)(to - from) * BLOCK, step = (n + parts - 1) / parts;
	struct note *touch = note(TOUCH, f->name);

	touch->from = from;
	touch->to = to;
	memset(buf, version, n);
	for (size_t at = 0; at < n; at += step) {
		size_t len = n - at < step ? n - at : step;

		assert_int_equal(f->fx->ops->write(f->f, NULL, (size_t)from * BLOCK + at, buf + at, len),
				 len);
	}
	memset(f->version + from, version, to - from);
	if (to > f->size)
		f->size = to;
}

static void cut(struct file *f, unsigned int size)
{
	struct stat st = { .st_size = (off_t)size * BLOCK };
	struct note *touch = note(TOUCH, f->name);

	touch->from = size < f->size ? size : f->size;
	touch->to = BLOCKS;
	assert_int_equal(f->fx->ops->setattr(f->fx->view, NULL, f->e.node, f->f, &st, VIEW_SET_SIZE, &st), 0);
	if (size > f->size)
		memset(f->version + f->size, 0, size - f->size);
	f->size = size;
}

/* To the middle of block `last`: what stays of it is as it was, unless writing the short block was torn. */
static void cut_inside(struct file *f, unsigned int last)
{
	struct stat st = { .st_size = (off_t)last * BLOCK + 1000 };
	struct note *touch = note(TOUCH, f->name);

	touch->from = last + 1;
	touch->to = BLOCKS;
	touch = note(TOUCH, f->name);
	touch->from = last;
	touch->to = last + 1;
	touch->if_torn = true;
	assert_int_equal(f->fx->ops->setattr(f->fx->view, NULL, f->e.node, f->f, &st, VIEW_SET_SIZE, &st), 0);
	f->size = last + 1;
}

static void promise(struct file *f)
{
	struct note *n = note(PROMISE, f->name);

	n->size = f->size;
	memcpy(n->version, f->version, sizeof(n->version));
}

static void sync_file(struct file *f)
{
	assert_int_equal(f->fx->ops->fsync(f->f, f->size % 2), 0);
	promise(f);
}

static void end(struct file *f)
{
	f->fx->ops->release(f->f);
	fx_forget(f->fx, &f->e);
}

static void sync_root(struct fixture *fx)
{
	struct view_dir *d;

	assert_int_equal(fx->ops->opendir(fx->view, fx_root(fx), &d), 0);
	assert_int_equal(fx->ops->fsyncdir(d, false), 0);
	fx->ops->releasedir(d);
}

static void writes(struct fixture *fx)
{
	struct file f;

	start(&f, fx, "f", 0);
	put(&f, 1, 0, 5, 3);
	sync_file(&f);
	put(&f, 2, 1, 4, 5); /* parts that meet inside blocks */
	put(&f, 3, 7, 9, 1); /* beyond the end */
	f.version[5] = f.version[6] = 0;
	sync_file(&f);
	put(&f, 4, 0, 9, 1);
	cut(&f, 3);
	sync_file(&f);
	cut(&f, 8);
	put(&f, 5, 3, 8, 7);
	sync_file(&f);
	cut_inside(&f, 3);
	sync_file(&f);
	put(&f, 6, 2, 6, 2);
	cut(&f, 0);
	put(&f, 7, 0, 2, 3);
	sync_file(&f);
	end(&f);
}

static void sync_writes(struct fixture *fx)
{
	struct file f;

	start(&f, fx, "s", O_SYNC);
	for (unsigned int i = 0; i < 6; i++) {
		put(&f, (uint8_t)(10 + i), i, i + 2, 1);
		promise(&f);
	}
	put(&f, 20, 0, 4, 1);
	promise(&f);
	end(&f);
}

static void replaces(struct fixture *fx)
{
	for (uint8_t v = 30; v < 34; v++) {
		struct file f;

		start(&f, fx, v % 2 ? "tmp" : LONG "tmp", O_EXCL);
		put(&f, v, 0, 3, 2);
		assert_int_equal(fx->ops->fsync(f.f, false), 0);
		(void)note(REPLACE, v % 2 ? "target" : LONG "target");
		assert_int_equal(fx->ops->rename(fx->view, fx_root(fx), f.name, fx_root(fx),
						 v % 2 ? "target" : LONG "target", 0),
				 0);
		sync_root(fx);
		note(EXISTS, v % 2 ? "target" : LONG "target")->version[0] = v;
		end(&f);
	}
}

static void made(struct fixture *fx, int r, struct view_entry *e)
{
	assert_int_equal(r, 0);
	fx_forget(fx, e);
}

static void names(struct fixture *fx)
{
	struct view_node *root = fx_root(fx);
	struct view_entry e, d;
	struct file f;

	made(fx, fx->ops->mkdir(fx->view, NULL, root, "d1", 0755, &e), &e);
	made(fx, fx->ops->mkdir(fx->view, NULL, root, LONG "d2", 0700, &e), &e);
	sync_root(fx);
	(void)note(EXISTS, "d1");
	(void)note(EXISTS, LONG "d2");
	assert_int_equal(fx->ops->lookup(fx->view, root, LONG "d2", &d), 0);
	made(fx, fx->ops->mkdir(fx->view, NULL, d.node, "sub", 0750, &e), &e);
	made(fx, fx->ops->symlink(fx->view, NULL, d.node, LONG "link", "target", &e), &e);
	made(fx, fx->ops->mkdir(fx->view, NULL, d.node, LONG "sub", 0750, &e), &e);
	start(&f, fx, LONG "f", 0);
	put(&f, 40, 0, 2, 1);
	sync_file(&f);
	made(fx, fx->ops->link(fx->view, NULL, f.e.node, d.node, LONG "g", &e), &e);
	end(&f);
	(void)note(LEAVES, LONG "f");
	assert_int_equal(fx->ops->rename(fx->view, root, LONG "f", d.node, LONG "h", 0), 0);
	assert_int_equal(fx->ops->rename(fx->view, d.node, "sub", root, LONG "moved", 0), 0);
	assert_int_equal(fx->ops->unlink(fx->view, d.node, LONG "g"), 0);
	assert_int_equal(fx->ops->rename(fx->view, d.node, LONG "sub", root, "d3", 0), 0);
	sync_root(fx);
	(void)note(EXISTS, "d3");
	(void)note(EXISTS, LONG "moved");
	(void)note(LEAVES, "d1");
	(void)note(LEAVES, "d3");
	assert_int_equal(fx->ops->rename(fx->view, root, "d3", root, "d1", 0),
			 0); /* onto an empty directory */
	assert_int_equal(fx->ops->rmdir(fx->view, root, "d1"), 0);
	assert_int_equal(fx->ops->unlink(fx->view, d.node, LONG "link"), 0);
	assert_int_equal(fx->ops->unlink(fx->view, d.node, LONG "h"), 0);
	(void)note(LEAVES, LONG "moved");
	(void)note(LEAVES, LONG "d2");
	assert_int_equal(fx->ops->rename(fx->view, root, LONG "moved", root, LONG "d2", RENAME_EXCHANGE), 0);
	fx_forget(fx, &d);
}

/* --- after the crash --- */

static void on_finding(void *arg, const struct check_finding *f)
{
	(void)arg;
	if (f->fault == CHECK_FILE || f->fault == CHECK_FILE_SIZE)
		return; /* verify() knows which blocks may be damaged */
	if (f->fault == CHECK_LEFTOVER)
		return; /* the .name file of a long name comes first and goes last: it hides nothing */
	fail_msg("%s: -fsck: fault %d in %s: %s", where, (int)f->fault, f->plain_path, f->detail);
}

/* Version of block no: 0..255, -1 damaged, -2 beyond the end, -3 a mixture. */
static int block_version(struct fixture *fx, struct view_file *f, unsigned int no)
{
	const uint8_t *buf;
	ssize_t n = fx->ops->read(f, (uint64_t)no * BLOCK, BLOCK, &buf);

	if (n <= 0)
		return n < 0 ? -1 : -2;
	for (ssize_t i = 1; i < n; i++)
		if (buf[i] != buf[0])
			return -3;
	return buf[0];
}

static bool is_touched(const struct note *since, size_t crash, unsigned int no)
{
	for (const struct note *n = since + 1; n < notes + n_notes && n->at < crash; n++)
		if (n->kind == TOUCH && (!n->if_torn || torn_state) && strcmp(n->name, since->name) == 0 &&
		    no >= n->from && no < n->to)
			return true;
	return false;
}

/* Did something begin before the crash after which the name may be gone? */
static bool may_be_gone(const struct note *since, size_t crash)
{
	for (const struct note *n = since + 1; n < notes + n_notes && n->at < crash; n++)
		if (n->kind == LEAVES && strcmp(n->name, since->name) == 0)
			return true;
	return false;
}

static bool is_latest(const struct note *p, size_t crash)
{
	for (const struct note *n = p + 1; n < notes + n_notes && n->at <= crash; n++)
		if (n->kind == p->kind && strcmp(n->name, p->name) == 0)
			return false;
	return true;
}

static void verify_blocks(struct fixture *fx, struct view_file *f, const struct note *p, size_t crash)
{
	for (unsigned int no = 0; no < p->size; no++) {
		int v = block_version(fx, f, no);

		if (v != p->version[no] && !is_touched(p, crash, no))
			fail_msg("%s: block %u of %.20s: promised version %d, found %d", where, no, p->name,
				 p->version[no], v);
	}
}

/* A file that is only ever replaced: one version in whole, not older than the last durable one. */
static void verify_replaced(struct fixture *fx, struct view_file *f, const struct note *p)
{
	int v = block_version(fx, f, 0), oldest = p->kind == EXISTS ? p->version[0] : 1;

	if (v < oldest || block_version(fx, f, 1) != v || block_version(fx, f, 2) != v ||
	    block_version(fx, f, 3) != -2)
		fail_msg("%s: a mixture or an old version of %.20s: %d, %d, %d", where, p->name, v,
			 block_version(fx, f, 1), block_version(fx, f, 2));
}

static void verify_note(struct fixture *fx, const struct note *p, size_t crash)
{
	struct view_file *f;
	struct view_entry e;
	int r = fx->ops->lookup(fx->view, fx_root(fx), p->name, &e);

	if (r == -ENOENT && (p->kind == REPLACE || may_be_gone(p, crash)))
		return;
	if (r < 0)
		fail_msg("%s: %.20s is lost: %s", where, p->name, strerror(-r));
	if (S_ISREG(e.st.st_mode)) {
		assert_int_equal(fx->ops->open(fx->view, e.node, O_RDONLY, &f, NULL), 0);
		if (p->kind == PROMISE)
			verify_blocks(fx, f, p, crash);
		else
			verify_replaced(fx, f, p);
		fx->ops->release(f);
	}
	fx_forget(fx, &e);
}

static void verify(struct fixture *fx, size_t crash)
{
	const struct check_options opt = { .threads = 1, .finding = on_finding };
	struct check_result result;

	assert_int_equal(check_run(fx->view, fx->vol, fx->dirfd, &opt, &result, NULL), 0);
	assert_int_equal(result.skipped, 0);
	for (const struct note *p = notes; p < notes + n_notes && p->at <= crash; p++)
		if (p->kind != TOUCH && p->kind != LEAVES && is_latest(p, crash))
			verify_note(fx, p, crash);
}

/* --- all the ways to crash --- */

static void copy_iv(int from, int to)
{
	char buf[64];
	int out, in = openat(from, NAME_DIRIV, O_RDONLY);
	ssize_t n = read(in, buf, sizeof(buf));

	assert_true(in >= 0 && n == NAME_IV_LEN);
	(void)unlinkat(to, NAME_DIRIV, 0); /* it is read-only: nobody but root could write over it */
	out = openat(to, NAME_DIRIV, O_WRONLY | O_CREAT | O_EXCL, 0444);
	assert_int_equal(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
}

static void crash_state(size_t crash, const bool *use, size_t torn, size_t torn_len, const char *how)
{
	const struct volume_options vo = fx_options();
	const struct view_options opt = { .sharing = VIEW_EXCLUSIVE };
	struct fixture fx;

	(void)snprintf(where, sizeof(where), "crash after %zu of %zu operations, %s", crash, n_ops, how);
	torn_state = torn != SIZE_MAX;
	fx_open(&fx, &vo, &opt);
	copy_iv(recorded.dirfd, fx.dirfd);
	shim_replay(ops, crash, use, torn, torn_len, fx.dirfd);
	verify(&fx, crash);
	fx_close(&fx);
	states++;
}

static bool is_loose(size_t i, size_t crash)
{
	if (ops[i].kind != SHIM_WRITE)
		return false;
	for (size_t k = i + 1; k < crash; k++)
		if (ops[k].kind == SHIM_SYNC && ops[k].obj == ops[i].obj)
			return false;
	return true;
}

static void tear(size_t crash, size_t i, bool *use)
{
	static const size_t at[] = { 1, 17, 512, 4096, 4114, 8192 };

	for (size_t k = 0; k < sizeof(at) / sizeof(at[0]); k++)
		if (at[k] < ops[i].n)
			crash_state(crash, use, i, at[k], "a torn write");
}

static void lose_names(size_t crash, bool *use)
{
	for (size_t i = crash; i-- > 0 && ops[i].kind != SHIM_SYNC;) {
		if (ops[i].kind == SHIM_WRITE)
			continue;
		use[i] = false;
		crash_state(crash, use, SIZE_MAX, 0, "the last operations on names lost");
	}
}

static void crash_at(size_t crash)
{
	static bool use[4096];

	memset(use, true, sizeof(use));
	crash_state(crash, use, SIZE_MAX, 0, "all done");
	for (size_t i = 0; i < crash; i++) {
		if (!is_loose(i, crash))
			continue;
		tear(crash, i, use);
		use[i] = false;
		crash_state(crash, use, SIZE_MAX, 0, "one write lost");
		use[i] = true;
	}
	for (size_t i = 0; i < crash; i++)
		use[i] = !is_loose(i, crash);
	crash_state(crash, use, SIZE_MAX, 0, "all loose writes lost");
	for (size_t i = 0; i < crash; i++) {
		if (!is_loose(i, crash))
			continue;
		use[i] = true;
		crash_state(crash, use, SIZE_MAX, 0, "one loose write done");
		use[i] = false;
	}
	lose_names(crash, use);
	memset(use, true, sizeof(use));
	lose_names(crash, use);
}

static void act(void (*workload)(struct fixture *fx), enum view_sharing sharing)
{
	const struct volume_options vo = fx_options();
	const struct view_options opt = { .sharing = sharing };

	n_notes = 0;
	fx_open(&recorded, &vo, &opt);
	shim_record(recorded.dirfd);
	workload(&recorded);
	ops = shim_stop(&n_ops);
	assert_true(n_ops > 10);
	for (size_t crash = 0; crash <= n_ops; crash++)
		crash_at(crash);
	fx_close(&recorded);
}

#define WORKLOAD(fn, sharing)                                                                                \
	static void fn##_##sharing(void **state)                                                             \
	{                                                                                                    \
		(void)state;                                                                                 \
		act(fn, sharing);                                                                            \
	}
WORKLOAD(writes, VIEW_EXCLUSIVE)
WORKLOAD(writes, VIEW_SHARED)
WORKLOAD(sync_writes, VIEW_EXCLUSIVE)
WORKLOAD(replaces, VIEW_EXCLUSIVE)
WORKLOAD(names, VIEW_EXCLUSIVE)
WORKLOAD(names, VIEW_SHARED)

static void enough(void **state)
{
	(void)state;
	print_message("# %u states\n", states);
	assert_true(states > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("writes and truncates with fsync", writes_VIEW_EXCLUSIVE),
		TEST("the same, shared", writes_VIEW_SHARED),
		TEST("O_SYNC writes", sync_writes_VIEW_EXCLUSIVE),
		TEST("a file is replaced by rename in whole or not at all", replaces_VIEW_EXCLUSIVE),
		TEST("directories and long names are there in whole or not at all", names_VIEW_EXCLUSIVE),
		TEST("the same, shared (names)", names_VIEW_SHARED),
		TEST("more than a thousand states were looked at", enough),
	};

	return cmocka_run_group_tests_name("a crash at any moment", tests, NULL, NULL);
}
