/* fuzz_store.c - a hostile store: a good one whose parts are replaced as the input says is checked and
 * walked; never a crash, a hang, a leak, or more memory than the store's size explains.
 *
 * Input: records of (which file, where in it, length, that many bytes). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz_volume.h"
#include "view/check.h"
#include "view/view.h"

#define T50  "12345678901234567890123456789012345678901234567890"
#define LONG "long-" T50 T50 T50 T50

static struct volume *vol;
static char top[64];
static const uint8_t iv[NAME_IV_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static int rm(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_D || type == FTW_DNR)
		(void)chmod(path, 0700);
	return 0;
}
static int rm2(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	if (strcmp(path, top) != 0)
		(void)remove(path);
	return 0;
}

static void clean(void)
{
	if (!*top)
		return;
	(void)nftw(top, rm, 16, FTW_PHYS);
	(void)nftw(top, rm2, 16, FTW_DEPTH | FTW_PHYS);
}
static void clean_up(void)
{
	clean();
	(void)rmdir(top);
}

static void put(int dirfd, const char *name, const void *data, size_t n)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	FUZZ_ASSERT(fd >= 0 && write(fd, data, n) == (ssize_t)n);
	(void)close(fd);
}

static void fill(struct view *v)
{
	const struct view_ops *o = view_ops(v);
	struct view_node *root = view_root(v);
	struct view_entry e, d;
	struct view_file *f;

	FUZZ_ASSERT(o->mkdir(v, NULL, root, "d", 0700, &d) == 0);
	FUZZ_ASSERT(o->symlink(v, NULL, d.node, "l", "target", &e) == 0);
	o->forget(v, e.node, 1);
	FUZZ_ASSERT(o->create(v, NULL, root, LONG, O_RDWR | O_CREAT, 0600, &e, &f) == 0);
	FUZZ_ASSERT(o->write(f, NULL, 0, (const uint8_t *)LONG LONG, 300) == 300);
	(void)o->setxattr(v, NULL, e.node, "user.a", "value", 5, 0);
	o->release(f);
	o->forget(v, e.node, 1);
	FUZZ_ASSERT(o->create(v, NULL, d.node, "f", O_RDWR | O_CREAT, 0600, &e, &f) == 0);
	FUZZ_ASSERT(o->write(f, NULL, 9000, (const uint8_t *)"end", 3) == 3);
	o->release(f);
	o->forget(v, e.node, 1);
	o->forget(v, d.node, 1);
}

/* Files of the store in some order, for the input to choose from. */
static char paths[16][PATH_MAX];
static size_t n_paths;
static int collect(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	if (n_paths < 16 && strcmp(path, top) != 0)
		(void)snprintf(paths[n_paths++], PATH_MAX, "%s", path);
	return 0;
}
static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void replace(const char *path, unsigned int where, const uint8_t *data, size_t n)
{
	struct stat st;
	char name[PATH_MAX], *slash;
	int fd;

	if (lstat(path, &st) < 0)
		return;
	switch (where % 8) {
	case 0: /* another name */
		(void)snprintf(name, sizeof(name), "%s", path);
		slash = strrchr(name, '/');
		if (n == 0 || n > 200 || memchr(data, 0, n) || memchr(data, '/', n) ||
		    (n <= 2 && data[0] == '.'))
			return;
		memcpy(slash + 1, data, n);
		slash[1 + n] = '\0';
		(void)rename(path, name);
		return;
	case 1: /* another kind */
		if (remove(path) == 0)
			(void)!((n & 1) ? mkfifo(path, 0600) : mkdir(path, 0700));
		return;
	case 2: /* another target */
		if (n == 0 || n > 4000 || memchr(data, 0, n) || unlink(path) < 0)
			return;
		memcpy(name, data, n);
		name[n] = '\0';
		(void)!symlink(name, path);
		return;
	default:
		break;
	}
	if (!S_ISREG(st.st_mode) || (fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		return;
	if (where % 8 == 3)
		(void)!ftruncate(fd, n > 4 ? (off_t)1 << 40 : (off_t)(where / 8 + n));
	else
		(void)!pwrite(fd, data, n, where / 8);
	(void)close(fd);
}

static bool seen(void *arg, const char *name, const struct view_entry *e, uint64_t ino, unsigned char type,
		 off_t off)
{
	struct {
		struct view *v;
		struct view_node *dir;
		unsigned int n;
	} *w = arg;

	(void)ino;
	(void)type;
	(void)off;
	FUZZ_ASSERT(*name && !strchr(name, '/') && strlen(name) <= NAME_PLAIN_MAX);
	if (e)
		view_ops(w->v)->forget(w->v, e->node, 1);
	return ++w->n < 1000;
}

static void list(struct view *v, struct view_node *node)
{
	struct {
		struct view *v;
		struct view_node *dir;
		unsigned int n;
	} w = { v, node, 0 };
	struct view_dir *d;

	if (view_ops(v)->opendir(v, node, &d) < 0)
		return;
	(void)view_ops(v)->readdirplus(d, 0, seen, &w);
	view_ops(v)->releasedir(d);
}

/* Things programs do with what they find. */
static void use(struct view *v, const char *name)
{
	const struct view_ops *o = view_ops(v);
	struct view_file *f;
	struct view_entry e;
	struct stat st = { .st_size = 5000 };
	char target[4097];
	const uint8_t *buf;

	if (o->lookup(v, view_root(v), name, &e) < 0)
		return;
	(void)o->readlink(v, e.node, target, sizeof(target));
	(void)o->getxattr(v, e.node, "user.a", target, sizeof(target));
	if (S_ISDIR(e.st.st_mode))
		list(v, e.node);
	if (o->open(v, e.node, O_RDWR, &f, NULL) == 0) {
		(void)o->read(f, 0, 20000, &buf);
		(void)o->write(f, NULL, 4090, (const uint8_t *)"0123456789", 10);
		(void)o->setattr(v, NULL, e.node, f, &st, VIEW_SET_SIZE, &st);
		(void)o->lseek(f, 0, SEEK_HOLE);
		o->release(f);
	}
	o->forget(v, e.node, 1);
	(void)o->rename(v, view_root(v), name, view_root(v), "other", 0);
	(void)o->rmdir(v, view_root(v), "other");
	(void)o->unlink(v, view_root(v), "other");
}

static void ignore(void *arg, const struct check_finding *f)
{
	(void)arg;
	FUZZ_ASSERT(f->plain_path && f->cipher_path && f->detail);
}

static void start(void)
{
	const char *base = getenv("TMPDIR");

	vol = fuzz_volume(false, false);
	(void)snprintf(top, sizeof(top), "%s/gcffuzz.XXXXXX", base && strlen(base) < 40 ? base : "/dev/shm");
	FUZZ_ASSERT(mkdtemp(top));
	FUZZ_ASSERT(atexit(clean_up) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view_options opt = { .sharing = VIEW_EXCLUSIVE, .conf_hidden = true };
	const struct check_options copt = { .threads = 1, .finding = ignore };
	struct check_result result;
	struct view *v;
	int fd;

	if (!vol)
		start();
	clean();
	fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FUZZ_ASSERT(fd >= 0);
	put(fd, NAME_DIRIV, iv, sizeof(iv));
	FUZZ_ASSERT(view_open_forward(&v, vol, fd, &opt, NULL) == 0);
	fill(v);
	view_close(v);
	n_paths = 0;
	(void)nftw(top, collect, 16, FTW_PHYS);
	qsort(paths, n_paths, sizeof(paths[0]), by_text);
	while (size >= 4) {
		size_t n = data[2] + 256u * (data[3] % 16);

		if (n > size - 4)
			n = size - 4;
		if (n_paths)
			replace(paths[data[0] % n_paths], data[1], data + 4, n);
		data += 4 + n;
		size -= 4 + n;
	}
	FUZZ_ASSERT(view_open_forward(&v, vol, fd, &opt, NULL) == 0);
	(void)check_run(v, vol, fd, &copt, &result, NULL);
	list(v, view_root(v));
	use(v, "d");
	use(v, LONG);
	view_close(v);
	(void)close(fd);
	return 0;
}
