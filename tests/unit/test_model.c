/* test_model.c - thousands of random operations on the view, each compared with a file system in memory; no
 * mount. GCF_MODEL_SEED repeats a run (the seed is printed), GCF_MODEL_OPS makes it longer. */
#include "unit.h"

#include <inttypes.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "util/cleanup.h"
#include "view/check.h"

#include "model.h"
#include "view_fixture.h"

enum { HELD = 4, N_NAMES = 10, PATH_LINK_MAX = 4097 };

static char names[N_NAMES][NAME_PLAIN_MAX + 1];
static const char *const xattr_names[M_XATTRS] = { "user.a", "user.second", "user.third-name-is-longer",
						   "user.d" };

struct run {
	struct fixture fx;
	struct view_options vopt;
	uint64_t seed;
	unsigned int step;
	bool can_exchange, can_xattr;
	struct mnode *root;
	struct {
		struct mnode *node;
		struct view_node *vn;
		struct view_file *f;
	} held[HELD];
};

/* A failure must tell how to repeat it. */
#define agree(r, got, want)                                                                                  \
	do {                                                                                                 \
		long long got_ = (long long)(got), want_ = (long long)(want);                                \
		if (got_ != want_)                                                                           \
			fail_msg("%s:%d: step %u: %s is %lld, the model says %lld", __func__, __LINE__,      \
				 (r)->step, #got, got_, want_);                                              \
	} while (0)

static void set_up_names(void)
{
	static const char *const simple[] = { "a", "fifteen-chars-x", "sixteen-chars-xx",
					      "UTF-8 \xc3\xbc\xe2\x82\xac", "\xff\xfe raw" };
	static const size_t lengths[] = { 62, 175, 176, 200, 255 };

	for (size_t i = 0; i < 5; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%s", simple[i]);
		memset(names[5 + i], 'A' + (int)i, lengths[i]);
	}
}

static unsigned int dice(struct run *r, unsigned int n)
{
	return (unsigned int)(unit_random(&r->seed) >> 33) % n;
}

static const char *pick_name(struct run *r)
{
	return names[dice(r, N_NAMES)];
}

static struct mnode *pick_dir(struct run *r)
{
	struct mnode *d = r->root;

	for (int depth = 0; depth < 4 && dice(r, 3); depth++) {
		struct mnode *c = m_child(d, pick_name(r));

		if (c && c->type == M_DIR)
			d = c;
	}
	return d;
}

/* --- the view's side of a model directory: looked up from the root, as the kernel may after forgetting
 * everything --- */
static struct view_node *hold(struct run *r, const struct mnode *dir)
{
	struct view_node *parent;
	struct view_entry e;

	if (!dir->parent)
		return fx_root(&r->fx);
	parent = hold(r, dir->parent);
	agree(r, r->fx.ops->lookup(r->fx.view, parent, dir->name, &e), 0);
	if (dir->parent->parent)
		r->fx.ops->forget(r->fx.view, parent, 1);
	return e.node;
}

static void let_go(struct run *r, const struct mnode *dir, struct view_node *n)
{
	if (dir->parent)
		r->fx.ops->forget(r->fx.view, n, 1);
}

/* 0 and *e (one reference) if it is there. */
static int find(struct run *r, const struct mnode *dir, const char *name, struct view_entry *e)
{
	struct view_node *p = hold(r, dir);
	int rc = r->fx.ops->lookup(r->fx.view, p, name, e);

	let_go(r, dir, p);
	return rc;
}

static mode_t format_of(const struct mnode *n)
{
	return n->type == M_FILE ? S_IFREG : n->type == M_DIR ? S_IFDIR : S_IFLNK;
}

static void compare_attr(struct run *r, const struct mnode *n, const struct stat *st)
{
	agree(r, st->st_mode & S_IFMT, format_of(n));
	if (n->type != M_DIR)
		agree(r, st->st_nlink, n->names);
	if (n->type != M_DIR)
		agree(r, st->st_size, n->size);
}

static void compare_content(struct run *r, const struct mnode *n, struct view_file *f, size_t off, size_t len)
{
	size_t want = off >= n->size ? 0 : len < n->size - off ? len : n->size - off;
	const uint8_t *data;

	agree(r, r->fx.ops->read(f, off, len, &data), want);
	if (want && memcmp(data, n->data + off, want) != 0)
		fail_msg("step %u: content differs in %zu bytes at %zu", r->step, want, off);
}

/* --- operations --- */
static void op_create(struct run *r)
{
	struct mnode *dir = pick_dir(r);
	const char *name = pick_name(r);
	struct view_node *p = hold(r, dir);
	struct view_entry e;
	struct view_file *f;
	int rc = r->fx.ops->create(r->fx.view, NULL, p, name, O_RDWR | O_CREAT | O_EXCL, 0600 | dice(r, 64),
				   &e, &f);

	agree(r, rc, m_child(dir, name) ? -EEXIST : 0);
	if (rc == 0) {
		struct mnode *n = m_new(M_FILE);

		m_attach(dir, name, n);
		compare_attr(r, n, &e.st);
		r->fx.ops->release(f);
		fx_forget(&r->fx, &e);
	}
	let_go(r, dir, p);
}

static void op_mkdir(struct run *r)
{
	struct mnode *dir = pick_dir(r);
	const char *name = pick_name(r);
	struct view_node *p = hold(r, dir);
	struct view_entry e;
	int rc = r->fx.ops->mkdir(r->fx.view, NULL, p, name, 0700, &e);

	agree(r, rc, m_child(dir, name) ? -EEXIST : 0);
	if (rc == 0) {
		m_attach(dir, name, m_new(M_DIR));
		agree(r, e.st.st_mode & 07777, 0700);
		fx_forget(&r->fx, &e);
	}
	let_go(r, dir, p);
}

static void op_symlink(struct run *r)
{
	struct mnode *dir = pick_dir(r), *n;
	const char *name = pick_name(r);
	struct view_node *p = hold(r, dir);
	struct view_entry e;
	char target[300];
	size_t len = 1 + dice(r, sizeof(target) - 1);
	int rc;

	memset(target, 'a' + (int)dice(r, 26), len - 1);
	target[len - 1] = 0;
	if (len == 1)
		strcpy(target, "x");
	rc = r->fx.ops->symlink(r->fx.view, NULL, p, name, target, &e);
	agree(r, rc, m_child(dir, name) ? -EEXIST : 0);
	if (rc == 0) {
		n = m_new(M_LINK);
		m_attach(dir, name, n);
		m_write(n, 0, (const uint8_t *)target, strlen(target));
		compare_attr(r, n, &e.st);
		fx_forget(&r->fx, &e);
	}
	let_go(r, dir, p);
}

static void op_link(struct run *r)
{
	struct mnode *from = pick_dir(r), *to = pick_dir(r), *n;
	const char *old = pick_name(r), *new = pick_name(r);
	struct view_node *p;
	struct view_entry e, l;
	int rc;

	n = m_child(from, old);
	agree(r, find(r, from, old, &e), n ? 0 : -ENOENT);
	if (!n)
		return;
	p = hold(r, to);
	rc = r->fx.ops->link(r->fx.view, NULL, e.node, p, new, &l);
	if (n->type == M_DIR) {
		assert_true(rc == -EPERM || (rc == -EEXIST && m_child(to, new)));
	} else {
		agree(r, rc, m_child(to, new) ? -EEXIST : 0);
		if (rc == 0) {
			m_attach(to, new, n);
			compare_attr(r, n, &l.st);
			fx_forget(&r->fx, &l);
		}
	}
	let_go(r, to, p);
	fx_forget(&r->fx, &e);
}

static void op_remove(struct run *r)
{
	struct mnode *dir = pick_dir(r);
	const char *name = pick_name(r);
	struct view_node *p = hold(r, dir);

	if (dice(r, 2)) {
		int rc = r->fx.ops->unlink(r->fx.view, p, name);

		agree(r, rc, m_unlink(dir, name));
	} else {
		int rc = r->fx.ops->rmdir(r->fx.view, p, name);

		agree(r, rc, m_rmdir(dir, name));
	}
	let_go(r, dir, p);
}

static void op_rename(struct run *r)
{
	static const unsigned int kinds[] = { 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };
	struct mnode *from = pick_dir(r), *to = pick_dir(r);
	const char *old = pick_name(r), *new = pick_name(r);
	unsigned int flags = kinds[dice(r, r->can_exchange ? 5 : 4)];
	struct view_node *a = hold(r, from), *b = hold(r, to);
	int rc = r->fx.ops->rename(r->fx.view, a, old, b, new, flags);

	/* The nodes are let go by what the directories were before. */
	if (from != r->root)
		r->fx.ops->forget(r->fx.view, a, 1);
	if (to != r->root)
		r->fx.ops->forget(r->fx.view, b, 1);
	agree(r, rc == -EEXIST && !(flags & RENAME_NOREPLACE) ? -ENOTEMPTY : rc,
	      m_rename(from, old, to, new, flags));
}

/* A file: one that is held open, or opened for this step. *slot is HELD then. */
static struct mnode *some_file(struct run *r, struct view_node **vn, struct view_file **f, unsigned int *slot)
{
	struct view_entry e;
	struct mnode *dir, *n;
	const char *name;

	*slot = dice(r, HELD * 2);
	if (*slot < HELD && r->held[*slot].node) {
		*vn = r->held[*slot].vn;
		*f = r->held[*slot].f;
		return r->held[*slot].node;
	}
	*slot = HELD;
	dir = pick_dir(r);
	name = pick_name(r);
	n = m_child(dir, name);
	agree(r, find(r, dir, name, &e), n ? 0 : -ENOENT);
	if (!n)
		return NULL;
	if (n->type != M_FILE) {
		fx_forget(&r->fx, &e);
		return NULL;
	}
	agree(r, r->fx.ops->open(r->fx.view, e.node, dice(r, 2) ? O_RDWR : O_RDWR | O_DIRECT, f, NULL), 0);
	*vn = e.node;
	return n;
}

static void done_with(struct run *r, struct view_node *vn, struct view_file *f, unsigned int slot)
{
	if (slot < HELD)
		return;
	r->fx.ops->release(f);
	r->fx.ops->forget(r->fx.view, vn, 1);
}

static size_t some_offset(struct run *r)
{
	static const size_t edges[] = { 0, 1, 17, 4095, 4096, 4097, 8192, 12288, 16383 };

	return dice(r, 2) ? edges[dice(r, 9)] : dice(r, M_SIZE_MAX / 2);
}

static size_t some_length(struct run *r)
{
	static const size_t edges[] = { 1, 18, 4095, 4096, 4097, 8192 };

	return dice(r, 2) ? edges[dice(r, 6)] : 1 + dice(r, M_SIZE_MAX / 2 - 1);
}

static void op_write(struct run *r)
{
	static uint8_t buf[M_SIZE_MAX];
	struct view_node *vn;
	struct view_file *f;
	unsigned int slot;
	struct mnode *n = some_file(r, &vn, &f, &slot);
	size_t off = some_offset(r), len = some_length(r);

	if (!n)
		return;
	unit_random_bytes(&r->seed, buf, len);
	agree(r, r->fx.ops->write(f, NULL, off, buf, len), len);
	m_write(n, off, buf, len);
	compare_content(r, n, f, off > 100 ? off - 100 : 0, len + 200);
	done_with(r, vn, f, slot);
}

static void op_truncate(struct run *r)
{
	struct view_node *vn;
	struct view_file *f;
	unsigned int slot;
	struct mnode *n = some_file(r, &vn, &f, &slot);
	struct stat st = { .st_size = (off_t)some_offset(r) }, out;

	if (!n)
		return;
	/* Through the descriptor or by name, even while others hold it open (upstream's #1024). */
	agree(r,
	      r->fx.ops->setattr(r->fx.view, NULL, vn, n->names && dice(r, 2) ? NULL : f, &st, VIEW_SET_SIZE,
				 &out),
	      0);
	m_resize(n, (size_t)st.st_size);
	agree(r, out.st_size, n->size);
	compare_content(r, n, f, n->size > 5000 ? n->size - 5000 : 0, 6000);
	done_with(r, vn, f, slot);
}

static void op_fallocate(struct run *r)
{
	struct view_node *vn;
	struct view_file *f;
	unsigned int slot;
	struct mnode *n = some_file(r, &vn, &f, &slot);
	size_t off = some_offset(r), len = some_length(r);
	bool keep = dice(r, 2);
	int rc;

	if (!n)
		return;
	rc = r->fx.ops->fallocate(f, keep ? FALLOC_FL_KEEP_SIZE : 0, off, len);
	if (rc != -EOPNOTSUPP) { /* the backing file system may have none */
		agree(r, rc, 0);
		if (!keep && off + len > n->size)
			m_resize(n, off + len);
	}
	compare_content(r, n, f, 0, M_SIZE_MAX);
	done_with(r, vn, f, slot);
}

static bool zeros(const struct mnode *n, size_t from, size_t to)
{
	for (size_t i = from; i < to && i < n->size; i++)
		if (n->data[i])
			return false;
	return true;
}

static void op_seek(struct run *r)
{
	struct view_node *vn;
	struct view_file *f;
	unsigned int slot;
	struct mnode *n = some_file(r, &vn, &f, &slot);
	off_t off = (off_t)some_offset(r), data, hole;

	if (!n)
		return;
	data = r->fx.ops->lseek(f, off, SEEK_DATA);
	hole = r->fx.ops->lseek(f, off, SEEK_HOLE);
	if ((size_t)off >= n->size) {
		agree(r, data, -ENXIO);
		agree(r, hole, -ENXIO);
	} else {
		assert_true(data == -ENXIO || (data >= off && (size_t)data < n->size));
		assert_true(zeros(n, (size_t)off, data < 0 ? n->size : (size_t)data));
		assert_true(hole >= off && (size_t)hole <= n->size);
		assert_true(zeros(n, (size_t)hole, ((size_t)hole | 4095) + 1));
	}
	done_with(r, vn, f, slot);
}

static void op_read(struct run *r)
{
	struct view_node *vn;
	struct view_file *f;
	unsigned int slot;
	struct mnode *n = some_file(r, &vn, &f, &slot);
	struct stat st;

	if (!n)
		return;
	compare_content(r, n, f, some_offset(r), some_length(r));
	agree(r, r->fx.ops->getattr(r->fx.view, vn, f, &st), 0);
	compare_attr(r, n, &st);
	done_with(r, vn, f, slot);
}

/* Keep a file open over the next steps, or let go of one. */
static void op_hold(struct run *r)
{
	unsigned int i = dice(r, HELD), slot;
	struct mnode *n;

	if (r->held[i].node) {
		r->fx.ops->release(r->held[i].f);
		r->fx.ops->forget(r->fx.view, r->held[i].vn, 1);
		r->held[i].node->opens--;
		m_put(r->held[i].node);
		r->held[i].node = NULL;
		return;
	}
	do
		n = some_file(r, &r->held[i].vn, &r->held[i].f, &slot);
	while (n && slot < HELD);
	if (n) {
		n->opens++;
		r->held[i].node = n;
	}
}

static void op_xattr(struct run *r)
{
	struct mnode *dir = pick_dir(r), *n;
	const char *name = pick_name(r);
	unsigned int i = dice(r, M_XATTRS);
	uint8_t value[M_XATTR_MAX];
	size_t len = dice(r, M_XATTR_MAX);
	struct view_entry e;

	n = m_child(dir, name);
	if (!r->can_xattr || !n || n->type == M_LINK)
		return;
	agree(r, find(r, dir, name, &e), 0);
	if (dice(r, 3)) {
		unit_random_bytes(&r->seed, n->xattr[i].value, len);
		n->xattr[i].set = true;
		n->xattr[i].n = len;
		agree(
		    r,
		    r->fx.ops->setxattr(r->fx.view, NULL, e.node, xattr_names[i], n->xattr[i].value, len, 0),
		    0);
	} else {
		agree(r, r->fx.ops->removexattr(r->fx.view, NULL, e.node, xattr_names[i]),
		      n->xattr[i].set ? 0 : -ENODATA);
		n->xattr[i].set = false;
	}
	agree(r, r->fx.ops->getxattr(r->fx.view, e.node, xattr_names[i], value, sizeof(value)),
	      n->xattr[i].set ? (ssize_t)n->xattr[i].n : -ENODATA);
	if (n->xattr[i].set)
		assert_memory_equal(value, n->xattr[i].value, n->xattr[i].n);
	fx_forget(&r->fx, &e);
}

/* --- whole directories and the whole tree --- */
struct listing {
	struct run *r;
	const struct mnode *dir;
	size_t seen;
	size_t room; /* entries that still fit, as in a reply to the kernel */
	off_t last;
};

static bool listed(void *arg, const char *name, const char *cname, uint64_t ino, unsigned char type,
		   off_t off)
{
	struct listing *l = arg;
	const struct mnode *n = m_child(l->dir, name);

	(void)cname;
	(void)ino;
	if (l->room == 0)
		return false;
	l->room--;
	l->last = off;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return true;
	if (!n)
		fail_msg("step %u: '%s' is listed, but not in the model", l->r->step, name);
	if (type != DT_UNKNOWN)
		agree(l->r, type, n->type == M_FILE ? DT_REG : n->type == M_DIR ? DT_DIR : DT_LNK);
	l->seen++;
	return true;
}

static void compare_listing(struct run *r, const struct mnode *dir, struct view_node *vn)
{
	struct listing l = { .r = r, .dir = dir };
	struct view_dir *d;
	size_t before;

	agree(r, r->fx.ops->opendir(r->fx.view, vn, &d), 0);
	do { /* in pieces of random size, going on where the last one ended */
		before = l.seen;
		l.room = 1 + dice(r, 6);
		agree(r, r->fx.ops->readdir(d, l.last, listed, &l), 0);
	} while (l.room == 0 || l.seen != before);
	agree(r, l.seen, dir->n_children);
	r->fx.ops->releasedir(d);
}

static void op_list(struct run *r)
{
	struct mnode *dir = pick_dir(r);
	struct view_node *vn = hold(r, dir);

	compare_listing(r, dir, vn);
	let_go(r, dir, vn);
}

static void compare_xattrs(struct run *r, const struct mnode *n, struct view_node *vn)
{
	uint8_t value[M_XATTR_MAX];

	for (int i = 0; i < M_XATTRS && n->type != M_LINK && r->can_xattr; i++) {
		agree(r, r->fx.ops->getxattr(r->fx.view, vn, xattr_names[i], value, sizeof(value)),
		      n->xattr[i].set ? (ssize_t)n->xattr[i].n : -ENODATA);
		if (n->xattr[i].set)
			assert_memory_equal(value, n->xattr[i].value, n->xattr[i].n);
	}
}

static void compare_tree(struct run *r, const struct mnode *dir, struct view_node *vn)
{
	char target[PATH_LINK_MAX];
	struct view_entry e;
	struct view_file *f;

	compare_listing(r, dir, vn);
	for (size_t i = 0; i < dir->n_children; i++) {
		const struct mnode *n = dir->child[i].node;

		agree(r, r->fx.ops->lookup(r->fx.view, vn, dir->child[i].name, &e), 0);
		compare_attr(r, n, &e.st);
		compare_xattrs(r, n, e.node);
		if (n->type == M_DIR) {
			compare_tree(r, n, e.node);
		} else if (n->type == M_LINK) {
			agree(r, r->fx.ops->readlink(r->fx.view, e.node, target, sizeof(target)), n->size);
			assert_memory_equal(target, n->data, n->size);
		} else {
			agree(r, r->fx.ops->open(r->fx.view, e.node, O_RDONLY, &f, NULL), 0);
			compare_content(r, n, f, 0, M_SIZE_MAX);
			r->fx.ops->release(f);
		}
		fx_forget(&r->fx, &e);
	}
}

static void no_finding(void *arg, const struct check_finding *found)
{
	(void)arg;
	fail_msg("fsck: fault %d at '%s' ('%s') %s", found->fault, found->cipher_path, found->plain_path,
		 found->detail);
}

/* --- a run --- */
static void (*const operations[])(struct run *r) = {
	op_create,   op_create,	  op_mkdir, op_symlink,	  op_link,  op_remove, op_remove, op_rename,
	op_rename,   op_rename,	  op_write, op_write,	  op_write, op_write,  op_write,  op_write,
	op_truncate, op_truncate, op_read,  op_fallocate, op_seek,  op_hold,   op_xattr,  op_list,
};

static void probe_backing(struct run *r)
{
	int a = openat(r->fx.dirfd, "probe-a", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	int b = openat(r->fx.dirfd, "probe-b", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	r->can_exchange =
	    syscall(SYS_renameat2, r->fx.dirfd, "probe-a", r->fx.dirfd, "probe-b", RENAME_EXCHANGE) == 0;
	r->can_xattr = fsetxattr(a, "user.probe", "x", 1, 0) == 0;
	close(a);
	close(b);
	assert_int_equal(unlinkat(r->fx.dirfd, "probe-a", 0) | unlinkat(r->fx.dirfd, "probe-b", 0), 0);
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static void check_whole(struct run *r)
{
	struct check_options opt = { .threads = 2, .finding = no_finding };
	struct check_result res = { 0 };

	view_close(r->fx.view);
	fx_mount(&r->fx, &r->vopt); /* a new process would know nothing */
	compare_tree(r, r->root, fx_root(&r->fx));
	assert_int_equal(check_run(r->fx.view, r->fx.vol, r->fx.dirfd, &opt, &res, NULL), 0);
	assert_int_equal(res.corrupt, 0);
}

static void run_model(const struct volume_options *vo, enum view_sharing sharing, uint64_t salt)
{
	struct run r = { .vopt = { .sharing = sharing, .conf_hidden = true } };
	uint64_t n = number_from("GCF_MODEL_OPS", 1500),
		 seed = number_from("GCF_MODEL_SEED", (uint64_t)getpid() * 1000003 + salt);

	set_up_names();
	print_message("# seed %" PRIu64 ", %" PRIu64 " operations\n", seed, n);
	r.seed = seed * 2654435761U + 1;
	fx_open(&r.fx, vo, &r.vopt);
	probe_backing(&r);
	r.root = m_new(M_DIR);
	r.root->names = 1;
	for (r.step = 1; r.step <= n; r.step++) {
		operations[dice(&r, sizeof(operations) / sizeof(operations[0]))](&r);
		if (r.step % 500 == 0)
			compare_tree(&r, r.root, fx_root(&r.fx));
	}
	for (int i = 0; i < HELD * 50; i++)
		if (r.held[i % HELD].node)
			op_hold(&r);
	for (int i = 0; i < HELD; i++)
		if (r.held[i].node) {
			r.fx.ops->release(r.held[i].f);
			r.fx.ops->forget(r.fx.view, r.held[i].vn, 1);
			r.held[i].node->opens--;
			m_put(r.held[i].node);
			r.held[i].node = NULL;
		}
	check_whole(&r);
	m_free_tree(r.root);
	r.root->names = 0;
	m_put(r.root);
	fx_close(&r.fx);
}

#define MODEL_TEST(name, sharing, ...)                                                                       \
	static void name(void **state)                                                                       \
	{                                                                                                    \
		struct volume_options vo = fx_options();                                                     \
                                                                                                             \
		(void)state;                                                                                 \
		__VA_ARGS__;                                                                                 \
		run_model(&vo, sharing, __LINE__);                                                           \
	}

MODEL_TEST(gcm, VIEW_EXCLUSIVE, )
MODEL_TEST(siv, VIEW_EXCLUSIVE, vo.aessiv = true)
MODEL_TEST(xchacha, VIEW_EXCLUSIVE, vo.xchacha = true)
MODEL_TEST(plaintextnames, VIEW_EXCLUSIVE, vo.plaintextnames = true)
MODEL_TEST(deterministic, VIEW_EXCLUSIVE, vo.deterministic_names = true)
MODEL_TEST(longnamemax, VIEW_EXCLUSIVE, vo.long_name_max = 62)
MODEL_TEST(old, VIEW_EXCLUSIVE, vo.hkdf = false; vo.raw64 = false)
MODEL_TEST(shared, VIEW_SHARED, )
MODEL_TEST(strict, VIEW_STRICT, vo.xchacha = true)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("the view agrees with a model: AES-GCM", gcm),
		TEST("the view agrees with a model: AES-SIV", siv),
		TEST("the view agrees with a model: XChaCha20-Poly1305", xchacha),
		TEST("the view agrees with a model: plain names", plaintextnames),
		TEST("the view agrees with a model: deterministic names", deterministic),
		TEST("the view agrees with a model: LongNameMax 62", longnamemax),
		TEST("the view agrees with a model: no HKDF, padded base64", old),
		TEST("the view agrees with a model: shared storage", shared),
		TEST("the view agrees with a model: strict shared storage, XChaCha20-Poly1305", strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
