/* lock.c - byte-range locks in the shared modes: our own over ciphertext offsets, around every write,
 * truncate and doubtful read; those of programs in the view (fcntl, flock) moved up to APP_BASE, where ours
 * never reach. All are open-file-description locks (fcntl(2) F_OFD_SETLK): they end with their descriptor, so
 * with a killed process. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "util/fd.h"
#include "view/internal.h"

#define APP_BASE   ((off_t)1 << 62)
#define APP_SPAN   ((off_t)1 << 61)
#define FLOCK_BYTE (APP_BASE + APP_SPAN)

/* One process (as FUSE names it) with locks on one file. Its descriptor carries them. */
struct lock_owner {
	struct lock_owner *next;
	uint64_t owner;
	int fd;
};

static int ofd(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock lk = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	return fcntl(fd, cmd, &lk) < 0 ? -errno : 0;
}

int lock_range(struct view *v, int fd, bool write, uint64_t start, uint64_t len)
{
	int r;

	if (!view_is_shared(v))
		return 0;
	if (len == 0)
		len = (uint64_t)APP_BASE - start; /* not into the applications' range */
	do
		r = ofd(fd, F_OFD_SETLKW, write ? F_WRLCK : F_RDLCK, (off_t)start, (off_t)len);
	while (r == -EINTR);
	return r;
}

void unlock_range(struct view *v, int fd, uint64_t start, uint64_t len)
{
	if (!view_is_shared(v))
		return;
	if (len == 0)
		len = (uint64_t)APP_BASE - start;
	(void)ofd(fd, F_OFD_SETLK, F_UNLCK, (off_t)start, (off_t)len);
}

/* A descriptor of its own onto the same file: writable if at all possible, since write locks need that. */
static int reopen(const struct view_file *f)
{
	char path[32];
	int fd = fd_openat(AT_FDCWD, fd_proc_path(path, f->fd), O_RDWR, 0);

	return fd >= 0 ? fd : fd_openat(AT_FDCWD, path, O_RDONLY, 0);
}

static struct lock_owner **owner_find(struct openfile *of, uint64_t owner)
{
	struct lock_owner **at = &of->owners;

	while (*at && (*at)->owner != owner)
		at = &(*at)->next;
	return at;
}

/* The owner's descriptor; made on first use if make, else -ENOENT. With owners_lock held, and good for as
 * long: a close(2) in another thread of the owner takes it away. */
static int owner_fd(struct view_file *f, uint64_t owner, bool make)
{
	struct lock_owner *o = *owner_find(f->of, owner);
	int fd;

	if (o || !make)
		return o ? o->fd : -ENOENT;
	o = calloc(1, sizeof(*o));
	fd = o ? reopen(f) : -ENOMEM;
	if (fd < 0) {
		free(o);
		return fd;
	}
	o->owner = owner;
	o->fd = fd;
	o->next = f->of->owners;
	f->of->owners = o;
	return fd;
}

/* Move an application's range up; offsets beyond the span share its last byte. */
static struct flock moved(const struct flock *lk)
{
	struct flock ret = *lk;

	ret.l_whence = SEEK_SET;
	ret.l_pid = 0;
	if (ret.l_start >= APP_SPAN)
		ret.l_start = APP_SPAN - 1;
	if (ret.l_len == 0 || ret.l_len > APP_SPAN - ret.l_start)
		ret.l_len = APP_SPAN - ret.l_start;
	ret.l_start += APP_BASE;
	return ret;
}

int lock_app_get(struct view_file *f, uint64_t owner, struct flock *lk)
{
	struct flock up = moved(lk);
	int fd, r;

	if (!view_is_shared(f->v))
		return -ENOSYS;
	pthread_mutex_lock(&f->of->owners_lock);
	fd = owner_fd(f, owner, false);
	r = fcntl(fd >= 0 ? fd : f->fd, F_OFD_GETLK, &up) < 0 ? -errno : 0;
	pthread_mutex_unlock(&f->of->owners_lock);
	if (r < 0)
		return r;
	lk->l_type = up.l_type;
	if (up.l_type != F_UNLCK) {
		lk->l_start = up.l_start - APP_BASE;
		lk->l_len = up.l_start + up.l_len >= FLOCK_BYTE ? 0 : up.l_len;
		lk->l_pid = 0; /* held by a process that may be on another node */
	}
	return 0;
}

static int set_now(struct view_file *f, uint64_t owner, struct flock *up)
{
	int fd, r;

	pthread_mutex_lock(&f->of->owners_lock);
	fd = owner_fd(f, owner, up->l_type != F_UNLCK);
	if (fd == -ENOENT)
		r = 0; /* nothing to unlock */
	else if (fd < 0)
		r = fd;
	else
		r = fcntl(fd, F_OFD_SETLK, up) < 0 ? -errno : 0;
	pthread_mutex_unlock(&f->of->owners_lock);
	return r;
}

int lock_app_set(struct view_file *f, uint64_t owner, const struct flock *lk, bool wait)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	struct flock up = moved(lk);
	int r;

	if (!view_is_shared(f->v))
		return -ENOSYS;
	while ((r = set_now(f, owner, &up)) == -EAGAIN || r == -EACCES) {
		if (!wait)
			return -EAGAIN;
		(void)nanosleep(&pause, NULL);
	}
	return r;
}

int lock_app_flock(struct view_file *f, uint64_t owner, int op)
{
	short type = op & LOCK_EX ? F_WRLCK : op & LOCK_SH ? F_RDLCK : F_UNLCK;
	int r;

	(void)owner; /* flock(2) belongs to the open file */
	if (!view_is_shared(f->v))
		return -ENOSYS;
	pthread_mutex_lock(&f->of->owners_lock);
	if (f->flock_fd < 0 && type != F_UNLCK)
		f->flock_fd = reopen(f);
	r = f->flock_fd < 0 ? f->flock_fd : 0;
	pthread_mutex_unlock(&f->of->owners_lock);
	if (type == F_UNLCK && r < 0)
		return 0;
	if (r < 0)
		return r;
	r = ofd(f->flock_fd, op & LOCK_NB || type == F_UNLCK ? F_OFD_SETLK : F_OFD_SETLKW, type, FLOCK_BYTE,
		1);
	return r == -EACCES || r == -EAGAIN ? -EWOULDBLOCK : r;
}

void lock_app_drop(struct view_file *f, uint64_t owner)
{
	struct lock_owner **at, *o;

	if (!view_is_shared(f->v))
		return;
	pthread_mutex_lock(&f->of->owners_lock);
	at = owner_find(f->of, owner);
	o = *at;
	if (o)
		*at = o->next;
	pthread_mutex_unlock(&f->of->owners_lock);
	if (o) {
		(void)close(o->fd);
		free(o);
	}
}

void lock_app_done(struct openfile *of)
{
	while (of->owners) {
		struct lock_owner *o = of->owners;

		of->owners = o->next;
		(void)close(o->fd);
		free(o);
	}
}
