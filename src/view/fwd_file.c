/* fwd_file.c - open, create, close and sync of regular files. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "view/io.h"

/* The kernel reads ahead 128 KiB unless it is told otherwise (VM_READAHEAD_PAGES, linux/mm.h). */
enum { SMALL_FILE = 128 << 10 };

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Shared modes: a change in the same tick of the clock leaves size and times alike; trust only what has
 * rested. */
static bool has_rested(const struct stat *st)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec - st->st_mtim.tv_sec >= 2 && now.tv_sec - st->st_ctim.tv_sec >= 2;
}

/* Are the kernel's pages of this file still good? Remembers the state for the next open. A change is no news
 * to the kernel if it came through it: a file is often opened before the release of its writer has come. */
static bool see(struct view *v, struct view_node *node, const struct stat *st)
{
	bool wrote = atomic_exchange(&node->wrote, false) && !view_is_shared(v);
	bool keep;

	pthread_mutex_lock(&v->lock);
	keep = node->seen && ((node->seen_size == st->st_size && same_time(&node->seen_mtime, &st->st_mtim) &&
			       same_time(&node->seen_ctime, &st->st_ctim)) ||
			      wrote);
	node->seen = !view_is_shared(v) || has_rested(st);
	node->seen_size = st->st_size;
	node->seen_mtime = st->st_mtim;
	node->seen_ctime = st->st_ctim;
	pthread_mutex_unlock(&v->lock);
	return keep;
}

/* Pages written in part are missing among those the kernel has kept, and it asks for each hole by itself: a
 * small file that was written in odd pieces is sooner read anew, in one request. */
static bool is_riddled(const struct view_node *node, int flags, const struct stat *st)
{
	return (flags & O_ACCMODE) != O_WRONLY && st->st_size <= SMALL_FILE &&
	       atomic_load_explicit(&node->ragged, memory_order_relaxed) >= 2;
}

int fwd_open(struct view *v, struct view_node *node, int flags, struct view_file **ret, bool *ret_keep_cache)
{
	bool writable = (flags & O_ACCMODE) != O_RDONLY;
	struct stat st = { 0 };
	int fd, r;

	if (writable && v->opt.read_only)
		return -EROFS;
	r = openfile_backing(v, node, writable, &fd, &st);
	if (r < 0)
		return r;
	if (flags & O_NOATIME) /* refused to all but the owner; the kernel has asked the caller the same */
		(void)fcntl(fd, F_SETFL, O_NOATIME | O_NONBLOCK);
	r = openfile_new(v, node, fd, flags, ret);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	if ((flags & O_TRUNC) && writable) {
		r = rw_truncate(*ret, 0);
		if (r < 0) {
			openfile_release(*ret);
			return r;
		}
	}
	bool keep = see(v, node, &st) && !(flags & O_TRUNC);

	if (!keep)
		io_refresh(*ret, 0, 0);
	if (is_riddled(node, flags, &st))
		keep = false;
	if (!keep)
		atomic_store_explicit(&node->ragged, 0, memory_order_relaxed);
	if (ret_keep_cache)
		*ret_keep_cache = keep;
	return 0;
}

enum { CREATE_TRIES = 100 };

/* Make the backing file, as the caller where owners are kept. */
static int make(struct view *v, const struct view_caller *who, const struct at *at, mode_t mode)
{
	int switched = as_caller(v, who);
	mode_t mask = mask_take(v, who, &mode);
	int fd = switched < 0 ? switched
			      : fd_openat(at->dir.fd, at->cn.name,
					  O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY, mode & 07777);

	mask_give(mask);
	as_daemon(switched);
	return fd;
}

/* open(2) with O_CREAT but without O_EXCL of a file that came into being this moment. */
static int open_existing(struct view *v, struct view_node *parent, const char *name, int flags,
			 struct view_entry *ret, struct view_file **ret_file)
{
	int r = fwd_lookup(v, parent, name, ret);

	if (r < 0)
		return r;
	r = S_ISREG(ret->st.st_mode) ? fwd_open(v, ret->node, flags & ~(O_CREAT | O_EXCL), ret_file, NULL)
				     : -EEXIST;
	if (r < 0)
		node_forget(v, ret->node, 1);
	return r;
}

static int create_new(struct view *v, const struct view_caller *who, struct view_node *parent,
		      const char *name, int flags, mode_t mode, struct view_entry *ret,
		      struct view_file **ret_file)
{
	struct node_id id;
	struct stat st = { 0 };
	struct at at;
	int r = at_get(v, parent, name, &at);

	if (r < 0)
		return r;
	int named = longname_ensure(at.dir.fd, &at.cn);
	auto_fd int fd = named < 0 ? named : make(v, who, &at, mode);

	r = fd < 0 ? fd : longname_confirm(at.dir.fd, &at.cn);
	if (r < 0 && named == 1)
		longname_remove(at.dir.fd, &at.cn);
	if (r == 0)
		r = stat_at(fd, "", &st, &id);
	if (r == 0)
		r = node_intern(v, parent, at.cn.name, &st, &id, ret);
	at_put(&at);
	if (r < 0)
		return r;
	r = openfile_new(v, ret->node, fd, flags, ret_file);
	if (r < 0) {
		node_forget(v, ret->node, 1);
		return r;
	}
	(void)take_fd(&fd);
	(void)see(v, ret->node, &st);
	return 0;
}

int fwd_create(struct view *v, const struct view_caller *who, struct view_node *parent, const char *name,
	       int flags, mode_t mode, struct view_entry *ret, struct view_file **ret_file)
{
	int r = -EEXIST;

	/* Another node may make and remove the file between our steps: without O_EXCL neither is an answer.
	 */
	for (int i = 0; i < CREATE_TRIES; i++) {
		r = create_new(v, who, parent, name, flags, mode, ret, ret_file);
		if (r != -EEXIST || (flags & O_EXCL))
			return r;
		/* May somebody else open it? The kernel can tell: it looks again after this. */
		if (who && who->uid != geteuid())
			return -ESTALE;
		r = open_existing(v, parent, name, flags, ret, ret_file);
		if (r != -ENOENT && r != -ESTALE)
			return r;
	}
	return r;
}

int fwd_flush(struct view_file *f, uint64_t owner)
{
	int r = 0;

	/* Closing a copy makes the backing file system do what it does at close(2): send what its client
	 * still holds, and tell of a write that failed late (NFS). Our own descriptor closes too late to
	 * report. */
	if (f->writable && !f->v->is_local) {
		int copy = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);

		if (copy < 0 || (close(copy) < 0 && errno != EINTR))
			r = -errno;
	}
	lock_app_drop(f, owner);
	return r;
}

int fwd_fsync(struct view_file *f, bool data_only)
{
	return (data_only ? fdatasync(f->fd) : fsync(f->fd)) < 0 ? -errno : 0;
}

void fwd_release(struct view_file *f)
{
	struct stat st = { 0 };

	/* What the kernel holds now it has read or written through us: good until somebody else changes the
	 * file. Shared modes: another node may have written meanwhile, so only the next open knows. */
	if (f->writable && !view_is_shared(f->v) && stat_at(f->fd, "", &st, NULL) == 0)
		(void)see(f->v, f->of->node, &st);
	openfile_release(f);
}
