/* forward.c - the forward view: its table of operations, opening and closing. */
#include <errno.h>
#include <linux/btrfs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "util/err.h"
#include "util/fd.h"
#include "view/internal.h"

/* Kinds of file systems, linux/magic.h; older versions of it lack some. */
enum {
	FS_BTRFS = 0x9123683E,
	FS_FUSE = 0x65735546,
	FS_NFS = 0x6969,
	FS_EXT4 = 0xEF53, /* and ext2, ext3 */
	FS_XFS = 0x58465342,
	FS_TMPFS = 0x01021994,
};

static const struct view_ops forward_ops = {
	.lookup = fwd_lookup,
	.forget = node_forget,
	.getattr = fwd_getattr,
	.setattr = fwd_setattr,
	.access = fwd_access,
	.readlink = fwd_readlink,
	.mknod = fwd_mknod,
	.mkdir = fwd_mkdir,
	.symlink = fwd_symlink,
	.link = fwd_link,
	.unlink = fwd_unlink,
	.rmdir = fwd_rmdir,
	.rename = fwd_rename,
	.statfs = fwd_statfs,
	.open = fwd_open,
	.create = fwd_create,
	.read = rw_read,
	.write = rw_write,
	.flush = fwd_flush,
	.fsync = fwd_fsync,
	.release = fwd_release,
	.lseek = rw_lseek,
	.fallocate = rw_fallocate,
	.getlk = lock_app_get,
	.setlk = lock_app_set,
	.flock = lock_app_flock,
	.opendir = fwd_opendir,
	.readdir = fwd_readdir,
	.readdirplus = fwd_readdirplus,
	.fsyncdir = fwd_fsyncdir,
	.releasedir = fwd_releasedir,
	.setxattr = fwd_setxattr,
	.getxattr = fwd_getxattr,
	.listxattr = fwd_listxattr,
	.removexattr = fwd_removexattr,
};

/* The kernel keeps a mount read-only itself, but not one that was made by others (/dev/fd/N) and read-write.
 */
static void only_reads(struct view_ops *ops)
{
	ops->setattr = NULL;
	ops->mknod = NULL;
	ops->mkdir = NULL;
	ops->symlink = NULL;
	ops->link = NULL;
	ops->unlink = NULL;
	ops->rmdir = NULL;
	ops->rename = NULL;
	ops->create = NULL;
	ops->write = NULL;
	ops->fallocate = NULL;
	ops->setxattr = NULL;
	ops->removexattr = NULL;
}

/* At most one warning a second: a damaged store must not flood the log. */
void view_warn(struct view *v, const char *fmt, ...)
{
	struct timespec now;
	int_fast64_t last = atomic_load_explicit(&v->last_warn, memory_order_relaxed);
	char text[512];
	va_list ap;

	if (!v->opt.warn)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (last == (int_fast64_t)now.tv_sec + 1 ||
	    !atomic_compare_exchange_strong(&v->last_warn, &last, (int_fast64_t)now.tv_sec + 1))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v->opt.warn(v->opt.warn_arg, text);
}

bool view_counts_quota(int fd)
{
	struct btrfs_ioctl_fs_info_args info = { 0 };
	char path[sizeof("/sys/fs/btrfs/-/-/-/-/qgroups") + 2 * BTRFS_FSID_SIZE];
	const uint8_t *u = info.fsid;

	if (ioctl(fd, BTRFS_IOC_FS_INFO, &info) < 0)
		return false;
	(void)snprintf(
	    path, sizeof(path),
	    "/sys/fs/btrfs/%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x/qgroups",
	    u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
	    u[15]);
	return access(path, F_OK) == 0;
}

/* What follows from the kind of the backing file system. */
static void look_at_fs(struct view *v)
{
	struct statfs fs;

	if (fstatfs(v->root_fd, &fs) < 0)
		return;
	v->weak_attrs = fs.f_type == FS_FUSE;
	v->weak_names = fs.f_type == FS_NFS && view_is_shared(v);
	v->weak_pages = v->weak_attrs || v->weak_names;
	/* fallocate before each write makes btrfs copy every extent twice (upstream #395): no reservation
	 * there, unless it is needed so that a quota refuses a write instead of tearing a block. */
	atomic_store(&v->prealloc,
		     !v->opt.noprealloc && (fs.f_type != FS_BTRFS || view_counts_quota(v->root_fd)));
	v->is_local = fs.f_type == FS_EXT4 || fs.f_type == FS_XFS || fs.f_type == FS_TMPFS;
}

bool view_needs_flush(const struct view *v)
{
	return view_is_shared(v) || !v->is_local;
}

int view_open_forward(struct view **ret, const struct volume *vol, int dirfd, const struct view_options *opt,
		      struct err *err)
{
	struct view *v = calloc(1, sizeof(*v));
	struct stat st;
	int r;

	if (!v)
		return err_set(err, -ENOMEM, "out of memory");
	v->ops = forward_ops;
	if (opt->read_only)
		only_reads(&v->ops);
	v->base.ops = &v->ops;
	v->vol = vol;
	v->opt = *opt;
	v->lru.prev = v->lru.next = &v->lru;
	pthread_mutex_init(&v->lock, NULL);
	v->use_iv = !vol->opt.plaintextnames && !vol->opt.deterministic_names;
	v->root_fd = fd_openat(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	r = v->root_fd < 0 ? v->root_fd : stat_at(v->root_fd, "", &st, &v->root.id);
	if (r == 0) {
		v->n_buckets = 1024;
		v->buckets = calloc(v->n_buckets, sizeof(*v->buckets));
		r = v->buckets ? 0 : -ENOMEM;
	}
	if (r < 0) {
		view_close(v);
		return err_set(err, r, "cannot open the store's directory: %s", strerror(-r));
	}
	v->root.type = S_IFDIR;
	v->root.nlookup = 1;
	look_at_fs(v);
	*ret = v;
	return 0;
}

void view_close(struct view *v)
{
	if (!v)
		return;
	/* At an unmount the kernel drops the last RELEASE and RELEASEDIR requests that it has not sent yet.
	 */
	while (v->files)
		openfile_release(v->files);
	while (v->dirs)
		fwd_releasedir(v->dirs);
	dir_cache_done(v);
	node_table_done(v);
	if (v->root_fd >= 0)
		(void)close(v->root_fd);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

struct view_node *view_root(struct view *v)
{
	return &v->root;
}

void view_get_stats(const struct view *v, struct view_stats *ret)
{
	struct view *w = (struct view *)(uintptr_t)v; /* the mutex is not the reader's business */

	ret->name_ops = atomic_load_explicit(&w->name_ops, memory_order_relaxed);
	ret->open_files = atomic_load_explicit(&w->open_files, memory_order_relaxed);
	ret->bytes_read = atomic_load_explicit(&w->bytes_read, memory_order_relaxed);
	ret->bytes_written = atomic_load_explicit(&w->bytes_written, memory_order_relaxed);
	ret->errors = atomic_load_explicit(&w->errors, memory_order_relaxed);
	pthread_mutex_lock(&w->lock);
	ret->nodes = w->n_nodes;
	pthread_mutex_unlock(&w->lock);
}
