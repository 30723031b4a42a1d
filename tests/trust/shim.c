/* shim.c - the wrapped calls: count them, let one fail, write them down. Linked with -Wl,--wrap=NAME for
 * each. */
#include "shim.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { OBJ_MAX = 512, OPS_MAX = 4096 };
enum need { PLAIN, SPACE }; /* does it fail on a full disk? */

int __real_fstat(int fd, struct stat *st);
off_t __real_lseek(int fd, off_t off, int whence);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shim_fault fault;
static unsigned int count;
static bool armed;
static const char *hit;

static bool recording;
static struct shim_op ops[OPS_MAX];
static size_t n_ops;
static ino_t obj_ino[OBJ_MAX];
static int n_obj;

/* --- faults --- */

void shim_arm(const struct shim_fault *f)
{
	fault = f ? *f : (struct shim_fault){ 0 };
	count = 0;
	hit = NULL;
	armed = true;
}

unsigned int shim_disarm(void)
{
	armed = false;
	return count;
}

const char *shim_hit(void)
{
	return hit;
}

/* 0: go on; an errno; or one of those in shim.h. */
static int next(const char *name, enum need need)
{
	int e = 0;

	if (!armed)
		return 0;
	(void)pthread_mutex_lock(&lock);
	count++;
	if (fault.at && (count == fault.at || (fault.lasting && need == SPACE && count > fault.at))) {
		hit = name;
		e = fault.error;
	}
	(void)pthread_mutex_unlock(&lock);
	return e;
}

#define FAULT(name, need)                                                                                    \
	do {                                                                                                 \
		int fault_ = next(name, need);                                                               \
		if (fault_ > 0) {                                                                            \
			errno = fault_;                                                                      \
			return -1;                                                                           \
		}                                                                                            \
	} while (0)

/* --- the record --- */

static int obj_of_ino(ino_t ino)
{
	for (int i = n_obj - 1; i >= 0; i--)
		if (obj_ino[i] == ino)
			return i;
	return -1;
}

static int obj_of_fd(int fd)
{
	struct stat st;

	return __real_fstat(fd, &st) == 0 ? obj_of_ino(st.st_ino) : -1;
}

static int obj_new(ino_t ino)
{
	assert(n_obj < OBJ_MAX);
	obj_ino[n_obj] = ino;
	return n_obj++;
}

static struct shim_op *add(enum shim_kind kind)
{
	struct shim_op *op = &ops[n_ops++];

	assert(n_ops < OPS_MAX);
	*op = (struct shim_op){ .kind = kind, .obj = -1, .dir = -1, .dir2 = -1 };
	return op;
}

static void set_name(char to[static 300], const char *name)
{
	(void)snprintf(to, 300, "%s", name);
}

static void add_made(enum shim_kind kind, int dirfd, const char *name)
{
	int dir = obj_of_fd(dirfd);
	struct shim_op *op;
	struct stat st;

	if (!recording || dir < 0)
		return;
	op = add(kind);
	op->dir = dir;
	set_name(op->name, name);
	assert(fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
	op->obj = kind == SHIM_LINK ? obj_of_ino(st.st_ino) : obj_new(st.st_ino);
}

static void add_data(int fd, uint64_t off, const void *buf, size_t n)
{
	int obj = recording ? obj_of_fd(fd) : -1;
	struct shim_op *op;

	if (obj < 0)
		return;
	op = add(SHIM_WRITE);
	op->obj = obj;
	op->off = off;
	op->n = n;
	op->data = malloc(n + 1);
	assert(op->data);
	memcpy(op->data, buf, n);
}

static void add_on_fd(enum shim_kind kind, int fd, uint64_t off)
{
	int obj = recording ? obj_of_fd(fd) : -1;
	struct shim_op *op;

	if (obj < 0)
		return;
	op = add(kind);
	op->obj = obj;
	op->off = off;
}

void shim_record(int top)
{
	struct stat st;

	for (size_t i = 0; i < n_ops; i++)
		free(ops[i].data);
	n_ops = 0;
	n_obj = 0;
	assert(fstat(top, &st) == 0);
	(void)obj_new(st.st_ino);
	recording = true;
}

size_t shim_position(void)
{
	return n_ops;
}

const struct shim_op *shim_stop(size_t *ret_n)
{
	recording = false;
	*ret_n = n_ops;
	return ops;
}

/* --- acting it out --- */

static void replay_one(const struct shim_op *op, int *fd, size_t n)
{
	int dir = op->dir >= 0 ? fd[op->dir] : -1, dir2 = op->dir2 >= 0 ? fd[op->dir2] : -1;
	char path[32];

	switch (op->kind) {
	case SHIM_CREATE:
		if (dir >= 0)
			fd[op->obj] = openat(dir, op->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		break;
	case SHIM_MKDIR:
		if (dir >= 0 && mkdirat(dir, op->name, 0700) == 0)
			fd[op->obj] = openat(dir, op->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		break;
	case SHIM_SYMLINK:
		if (dir >= 0)
			(void)!symlinkat((const char *)op->data, dir, op->name);
		break;
	case SHIM_LINK:
		if (dir >= 0 && op->obj >= 0 && fd[op->obj] >= 0) {
			(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[op->obj]);
			(void)!linkat(AT_FDCWD, path, dir, op->name, AT_SYMLINK_FOLLOW);
		}
		break;
	case SHIM_UNLINK:
	case SHIM_RMDIR:
		if (dir >= 0)
			(void)unlinkat(dir, op->name, op->kind == SHIM_RMDIR ? AT_REMOVEDIR : 0);
		break;
	case SHIM_RENAME:
		if (dir >= 0 && dir2 >= 0)
			(void)!renameat2(dir, op->name, dir2, op->name2, op->flags);
		break;
	case SHIM_TRUNCATE:
		if (fd[op->obj] >= 0)
			(void)!ftruncate(fd[op->obj], (off_t)op->off);
		break;
	case SHIM_WRITE:
		if (fd[op->obj] >= 0)
			(void)!pwrite(fd[op->obj], op->data, n, (off_t)op->off);
		break;
	case SHIM_SYNC:
		break;
	}
}

void shim_replay(const struct shim_op *o, size_t n, const bool *use, size_t torn, size_t torn_len, int top)
{
	static int fd[OBJ_MAX];

	for (int i = 0; i < OBJ_MAX; i++)
		fd[i] = -1;
	fd[0] = top;
	for (size_t i = 0; i < n; i++)
		if (use[i])
			replay_one(&o[i], fd, i == torn && torn_len < o[i].n ? torn_len : o[i].n);
	for (int i = 1; i < OBJ_MAX; i++)
		if (fd[i] >= 0)
			(void)close(fd[i]);
}

/* --- the calls --- */

int __real_openat(int dirfd, const char *name, int flags, ...);
int __wrap_openat(int dirfd, const char *name, int flags, ...);
int __wrap_openat(int dirfd, const char *name, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;
	int fd;

	if (flags & (O_CREAT | __O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	FAULT(flags & O_CREAT ? "openat O_CREAT" : "openat", flags & O_CREAT ? SPACE : PLAIN);
	fd = __real_openat(dirfd, name, flags, mode);
	if (fd >= 0 && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		add_made(SHIM_CREATE, dirfd, name);
	return fd;
}

static size_t shortened(size_t n)
{
	return n > 5000 ? 5000 : n > 1 ? n / 2 + 1 : n;
}

#define SHORTEN(call, n)                                                                                     \
	do {                                                                                                 \
		int fault_ = next(call, PLAIN);                                                              \
		if (fault_ > 0) {                                                                            \
			errno = fault_;                                                                      \
			return -1;                                                                           \
		}                                                                                            \
		if (fault_ == SHIM_SHORT)                                                                    \
			(n) = shortened(n);                                                                  \
	} while (0)

ssize_t __real_pread(int fd, void *buf, size_t n, off_t off);
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t off);
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t off)
{
	ssize_t done;
	int error = next("pread", PLAIN);

	if (error > 0) {
		errno = error;
		return -1;
	}
	done = __real_pread(fd, buf, error == SHIM_SHORT ? shortened(n) : n, off);
	if (error == SHIM_STALE && done > 64)
		memset((uint8_t *)buf + done - 16, 0, 16);
	return done;
}

ssize_t __real_pwrite(int fd, const void *buf, size_t n, off_t off);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t off);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t off)
{
	ssize_t done;

	if (armed && fault.lasting && fault.at && count >= fault.at) { /* a full disk takes overwrites */
		struct stat st;

		if (__real_fstat(fd, &st) == 0 && off + (off_t)n > st.st_size)
			FAULT("pwrite that grows", SPACE);
	} else {
		SHORTEN("pwrite", n);
	}
	done = __real_pwrite(fd, buf, n, off);
	if (done > 0)
		add_data(fd, (uint64_t)off, buf, (size_t)done);
	return done;
}

ssize_t __real_read(int fd, void *buf, size_t n);
ssize_t __wrap_read(int fd, void *buf, size_t n);
ssize_t __wrap_read(int fd, void *buf, size_t n)
{
	SHORTEN("read", n);
	return __real_read(fd, buf, n);
}

ssize_t __real_write(int fd, const void *buf, size_t n);
ssize_t __wrap_write(int fd, const void *buf, size_t n);
ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
	off_t off = __real_lseek(fd, 0, SEEK_CUR);
	ssize_t done;

	if (armed && fault.lasting && fault.at && count >= fault.at)
		FAULT("write", SPACE);
	else
		SHORTEN("write", n);
	done = __real_write(fd, buf, n);
	if (done > 0 && off >= 0)
		add_data(fd, (uint64_t)off, buf, (size_t)done);
	return done;
}

#define WRAP(type, name, need, args, pass, after)                                                            \
	type __real_##name args;                                                                             \
	type __wrap_##name args;                                                                             \
	type __wrap_##name args                                                                              \
	{                                                                                                    \
		type ret;                                                                                    \
		FAULT(#name, need);                                                                          \
		ret = __real_##name pass;                                                                    \
		if (ret == 0 && recording) {                                                                 \
			after;                                                                               \
		}                                                                                            \
		return ret;                                                                                  \
	}

static void add_removed(int dirfd, const char *name, int flags)
{
	int dir = obj_of_fd(dirfd);
	struct shim_op *op;

	if (dir < 0)
		return;
	op = add(flags & AT_REMOVEDIR ? SHIM_RMDIR : SHIM_UNLINK);
	op->dir = dir;
	set_name(op->name, name);
}

static void add_renamed(int fd, const char *name, int fd2, const char *name2, unsigned int flags)
{
	int dir = obj_of_fd(fd), dir2 = obj_of_fd(fd2);
	struct shim_op *op;

	if (dir < 0 || dir2 < 0)
		return;
	op = add(SHIM_RENAME);
	op->dir = dir;
	op->dir2 = dir2;
	op->flags = flags;
	set_name(op->name, name);
	set_name(op->name2, name2);
}

static void add_symlink(const char *target, int dirfd, const char *name)
{
	size_t before = n_ops;

	add_made(SHIM_SYMLINK, dirfd, name);
	if (n_ops > before) {
		ops[before].data = (uint8_t *)strdup(target);
		assert(ops[before].data);
	}
}

WRAP(int, fallocate, SPACE, (int fd, int mode, off_t off, off_t n), (fd, mode, off, n), (void)0)
WRAP(int, ftruncate, PLAIN, (int fd, off_t size), (fd, size), add_on_fd(SHIM_TRUNCATE, fd, (uint64_t)size))
WRAP(int, fsync, PLAIN, (int fd), (fd), add_on_fd(SHIM_SYNC, fd, 0))
WRAP(int, fdatasync, PLAIN, (int fd), (fd), add_on_fd(SHIM_SYNC, fd, 0))
WRAP(int, fstat, PLAIN, (int fd, struct stat *st), (fd, st), (void)0)
WRAP(int, fstatat, PLAIN, (int fd, const char *name, struct stat *st, int flags), (fd, name, st, flags),
     (void)0)
WRAP(int, statx, PLAIN, (int fd, const char *name, int flags, unsigned int mask, struct statx *st),
     (fd, name, flags, mask, st), (void)0)
WRAP(int, faccessat, PLAIN, (int fd, const char *name, int mode, int flags), (fd, name, mode, flags), (void)0)
WRAP(int, mkdirat, SPACE, (int fd, const char *name, mode_t mode), (fd, name, mode),
     add_made(SHIM_MKDIR, fd, name))
WRAP(int, mknodat, SPACE, (int fd, const char *name, mode_t mode, dev_t dev), (fd, name, mode, dev), (void)0)
WRAP(int, symlinkat, SPACE, (const char *target, int fd, const char *name), (target, fd, name),
     add_symlink(target, fd, name))
WRAP(int, linkat, SPACE, (int fd, const char *name, int fd2, const char *name2, int flags),
     (fd, name, fd2, name2, flags), add_made(SHIM_LINK, fd2, name2))
WRAP(int, unlinkat, PLAIN, (int fd, const char *name, int flags), (fd, name, flags),
     add_removed(fd, name, flags))
WRAP(int, renameat, PLAIN, (int fd, const char *name, int fd2, const char *name2), (fd, name, fd2, name2),
     add_renamed(fd, name, fd2, name2, 0))
WRAP(int, renameat2, PLAIN, (int fd, const char *name, int fd2, const char *name2, unsigned int flags),
     (fd, name, fd2, name2, flags), add_renamed(fd, name, fd2, name2, flags))
WRAP(int, fchmod, PLAIN, (int fd, mode_t mode), (fd, mode), (void)0)
WRAP(int, fchmodat, PLAIN, (int fd, const char *name, mode_t mode, int flags), (fd, name, mode, flags),
     (void)0)
WRAP(int, chmod, PLAIN, (const char *name, mode_t mode), (name, mode), (void)0)
WRAP(int, fchownat, PLAIN, (int fd, const char *name, uid_t uid, gid_t gid, int flags),
     (fd, name, uid, gid, flags), (void)0)
WRAP(int, futimens, PLAIN, (int fd, const struct timespec t[2]), (fd, t), (void)0)
WRAP(int, utimensat, PLAIN, (int fd, const char *name, const struct timespec t[2], int flags),
     (fd, name, t, flags), (void)0)
WRAP(int, lsetxattr, SPACE, (const char *path, const char *name, const void *value, size_t n, int flags),
     (path, name, value, n, flags), (void)0)
WRAP(int, fsetxattr, SPACE, (int fd, const char *name, const void *value, size_t n, int flags),
     (fd, name, value, n, flags), (void)0)
WRAP(ssize_t, lgetxattr, PLAIN, (const char *path, const char *name, void *value, size_t n),
     (path, name, value, n), (void)0)
WRAP(ssize_t, fgetxattr, PLAIN, (int fd, const char *name, void *value, size_t n), (fd, name, value, n),
     (void)0)
WRAP(ssize_t, llistxattr, PLAIN, (const char *path, char *list, size_t n), (path, list, n), (void)0)
WRAP(ssize_t, flistxattr, PLAIN, (int fd, char *list, size_t n), (fd, list, n), (void)0)
WRAP(int, lremovexattr, PLAIN, (const char *path, const char *name), (path, name), (void)0)
WRAP(int, fremovexattr, PLAIN, (int fd, const char *name), (fd, name), (void)0)
WRAP(ssize_t, readlinkat, PLAIN, (int fd, const char *name, char *buf, size_t n), (fd, name, buf, n), (void)0)
WRAP(int, fstatvfs, PLAIN, (int fd, struct statvfs *st), (fd, st), (void)0)

off_t __wrap_lseek(int fd, off_t off, int whence);
off_t __wrap_lseek(int fd, off_t off, int whence)
{
	FAULT("lseek", PLAIN);
	return __real_lseek(fd, off, whence);
}

/* Locks that are taken, and copies of descriptors; giving a lock back does not fail. */
int __real_fcntl(int fd, int cmd, ...);
int __wrap_fcntl(int fd, int cmd, ...);
int __wrap_fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *); /* an int comes in the same register */
	va_end(ap);
	if (cmd == F_DUPFD_CLOEXEC)
		FAULT("fcntl dup", PLAIN);
	if ((cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW) && ((struct flock *)arg)->l_type != F_UNLCK)
		FAULT("fcntl lock", PLAIN);
	return __real_fcntl(fd, cmd, arg);
}

DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd)
{
	int e = next("fdopendir", PLAIN);

	if (e > 0) {
		errno = e;
		return NULL;
	}
	return __real_fdopendir(fd);
}

struct dirent *__real_readdir(DIR *d);
struct dirent *__wrap_readdir(DIR *d);
struct dirent *__wrap_readdir(DIR *d)
{
	int e = next("readdir", PLAIN);

	if (e > 0) {
		errno = e;
		return NULL;
	}
	return __real_readdir(d);
}

/* getdents64(2), for which libc has no function that libraries of all ages know. */
long __real_syscall(long no, ...);
long __wrap_syscall(long no, ...);
long __wrap_syscall(long no, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, no);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (no == SYS_getdents64)
		FAULT("getdents64", PLAIN);
	return __real_syscall(no, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Memory: only where the view asks for it while armed. */
void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
	if (armed && fault.error == ENOMEM && next("malloc", PLAIN) > 0)
		return NULL;
	return __real_malloc(n);
}

void *__real_calloc(size_t k, size_t n);
void *__wrap_calloc(size_t k, size_t n);
void *__wrap_calloc(size_t k, size_t n)
{
	if (armed && fault.error == ENOMEM && next("calloc", PLAIN) > 0)
		return NULL;
	return __real_calloc(k, n);
}
