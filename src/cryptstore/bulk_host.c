/* bulk_host.c - the host's side of import and export: names, attributes, extended attributes. */
#include "cryptstore/bulk_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"

enum { PROC_NAME = 32 + 1 + 256 };

struct host {
	struct view_base base;
	struct host_node *root;
};

static struct host *host_of(struct view *v)
{
	return (struct host *)(void *)v;
}

static struct host_node *node_of(struct view_node *n)
{
	return (struct host_node *)(void *)n;
}

static void node_put(struct host_node *n)
{
	while (n && atomic_fetch_sub(&n->refs, 1) == 1) {
		struct host_node *parent = n->parent;
		int fd = atomic_load(&n->fd);

		if (fd >= 0)
			(void)close(fd);
		free(n);
		n = parent;
	}
}

static struct host_node *node_new(struct host_node *parent, const char *name, int fd)
{
	size_t n = strlen(name);
	struct host_node *node = malloc(sizeof(*node) + n + 1);

	if (!node)
		return NULL;
	if (parent)
		atomic_fetch_add(&parent->refs, 1);
	node->parent = parent;
	atomic_init(&node->fd, fd);
	atomic_init(&node->refs, 1);
	memcpy(node->name, name, n + 1);
	return node;
}

int bulk_host_dirfd(struct host_node *n)
{
	int fd = atomic_load(&n->fd), none = -1;

	if (fd >= 0)
		return fd;
	fd = bulk_host_dirfd(n->parent); /* open as long as its children are known */
	if (fd >= 0)
		fd = fd_openat(fd, n->name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd >= 0 && !atomic_compare_exchange_strong(&n->fd, &none, fd)) { /* another thread was faster */
		(void)close(fd);
		fd = none;
	}
	return fd;
}

static int node_stat(struct host_node *n, struct stat *ret)
{
	int fd;

	if (!n->parent)
		return fstat(atomic_load(&n->fd), ret) < 0 ? -errno : 0;
	fd = bulk_host_dirfd(n->parent);
	if (fd < 0)
		return fd;
	return fstatat(fd, n->name, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int bulk_host_new(struct host_node *parent, const char *name, int fd, struct view_entry *ret)
{
	struct host_node *n = node_new(parent, name, fd);
	int r;

	if (!n)
		return -ENOMEM;
	r = fd < 0 ? node_stat(n, &ret->st) : fstat(fd, &ret->st) < 0 ? -errno : 0;
	if (r < 0) {
		atomic_store(&n->fd, -1); /* the caller's */
		node_put(n);
		return r;
	}
	ret->node = (struct view_node *)(void *)n;
	return 0;
}

static int host_lookup(struct view *v, struct view_node *parent, const char *name, struct view_entry *ret)
{
	(void)v;
	return bulk_host_new(node_of(parent), name, -1, ret);
}

static void host_forget(struct view *v, struct view_node *node, uint64_t n)
{
	(void)v;
	while (n--)
		node_put(node_of(node));
}

static int host_getattr(struct view *v, struct view_node *node, struct view_file *f, struct stat *ret)
{
	int fd = f ? atomic_load(&node_of(node)->fd) : -1;

	(void)v;
	if (fd >= 0)
		return fstat(fd, ret) < 0 ? -errno : 0;
	return node_stat(node_of(node), ret);
}

static int set_mode(struct host_node *n, int fd, mode_t mode)
{
	char path[32];

	if (fd >= 0)
		return fchmod(fd, mode & 07777) < 0 ? -errno : 0;
	/* By way of a descriptor, since chmod by name follows symbolic links. */
	auto_fd int own = fd_openat(bulk_host_dirfd(n->parent), n->name, O_PATH | O_NOFOLLOW, 0);

	if (own < 0)
		return own;
	return chmod(fd_proc_path(path, own), mode & 07777) < 0 ? -errno : 0;
}

static int host_setattr(struct view *v, const struct view_caller *who, struct view_node *node,
			struct view_file *f, const struct stat *st, unsigned int which, struct stat *ret)
{
	struct host_node *n = node_of(node);
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	uid_t uid = which & VIEW_SET_UID ? st->st_uid : (uid_t)-1;
	gid_t gid = which & VIEW_SET_GID ? st->st_gid : (gid_t)-1;
	int fd = f || !n->parent ? atomic_load(&n->fd) : -1;
	int dir = fd >= 0 ? fd : bulk_host_dirfd(n->parent);
	const char *name = fd >= 0 ? "" : n->name;
	int flag = fd >= 0 ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
	int r = 0;

	(void)v;
	(void)who;
	if (dir < 0)
		return dir;
	if ((which & (VIEW_SET_UID | VIEW_SET_GID)) && fchownat(dir, name, uid, gid, flag) < 0)
		return -errno;
	if ((which & VIEW_SET_SIZE) && (fd < 0 || ftruncate(fd, st->st_size) < 0))
		return fd < 0 ? -EBADF : -errno;
	if (which & VIEW_SET_MODE) /* after the owner: chown clears setuid bits */
		r = set_mode(n, fd, st->st_mode);
	if (r == 0 && (which & VIEW_SET_MTIME) &&
	    (fd >= 0 ? futimens(fd, times) : utimensat(dir, name, times, flag)) < 0)
		r = -errno;
	if (r == 0 && ret)
		r = fd < 0 ? node_stat(n, ret) : fstat(fd, ret) < 0 ? -errno : 0;
	return r;
}

static ssize_t host_readlink(struct view *v, struct view_node *node, char *buf, size_t size)
{
	struct host_node *n = node_of(node);
	ssize_t len = readlinkat(bulk_host_dirfd(n->parent), n->name, buf, size);

	(void)v;
	if (len < 0)
		return -errno;
	if ((size_t)len >= size)
		return -ENAMETOOLONG;
	buf[len] = '\0';
	return len;
}

/* Finish an operation that makes a name: its result becomes a node. */
static int made(struct view_node *parent, const char *name, int failed, struct view_entry *ret)
{
	return failed < 0 ? -errno : bulk_host_new(node_of(parent), name, -1, ret);
}

static int host_mknod(struct view *v, const struct view_caller *who, struct view_node *parent,
		      const char *name, mode_t mode, dev_t rdev, struct view_entry *ret)
{
	int fd = bulk_host_dirfd(node_of(parent));

	(void)v;
	(void)who;
	return fd < 0 ? fd : made(parent, name, mknodat(fd, name, mode, rdev), ret);
}

static int host_mkdir(struct view *v, const struct view_caller *who, struct view_node *parent,
		      const char *name, mode_t mode, struct view_entry *ret)
{
	int fd = bulk_host_dirfd(node_of(parent));

	(void)v;
	(void)who;
	return fd < 0 ? fd : made(parent, name, mkdirat(fd, name, mode), ret);
}

static int host_symlink(struct view *v, const struct view_caller *who, struct view_node *parent,
			const char *name, const char *target, struct view_entry *ret)
{
	int fd = bulk_host_dirfd(node_of(parent));

	(void)v;
	(void)who;
	return fd < 0 ? fd : made(parent, name, symlinkat(target, fd, name), ret);
}

static int host_link(struct view *v, const struct view_caller *who, struct view_node *node,
		     struct view_node *new_parent, const char *new_name, struct view_entry *ret)
{
	struct host_node *n = node_of(node);
	int from = bulk_host_dirfd(n->parent), to = bulk_host_dirfd(node_of(new_parent));

	(void)v;
	(void)who;
	if (from < 0 || to < 0)
		return from < 0 ? from : to;
	return made(new_parent, new_name, linkat(from, n->name, to, new_name, 0), ret);
}

static int host_unlink(struct view *v, struct view_node *parent, const char *name)
{
	int fd = bulk_host_dirfd(node_of(parent));

	(void)v;
	if (fd < 0)
		return fd;
	return unlinkat(fd, name, 0) < 0 ? -errno : 0;
}

/* The l*xattr calls take a path only: one through the descriptor of the node's directory. */
static int proc_name(struct host_node *n, char ret[static PROC_NAME])
{
	char dir[32];
	int fd = n->parent ? bulk_host_dirfd(n->parent) : atomic_load(&n->fd);

	if (fd < 0)
		return fd;
	(void)snprintf(ret, PROC_NAME, "%s/%s", fd_proc_path(dir, fd), n->parent ? n->name : ".");
	return 0;
}

static int host_setxattr(struct view *v, const struct view_caller *who, struct view_node *node,
			 const char *name, const void *value, size_t n, int flags)
{
	char path[PROC_NAME];
	int r = proc_name(node_of(node), path);

	(void)v;
	(void)who;
	if (r < 0)
		return r;
	return lsetxattr(path, name, value, n, flags) < 0 ? -errno : 0;
}

static ssize_t host_getxattr(struct view *v, struct view_node *node, const char *name, void *value,
			     size_t size)
{
	char path[PROC_NAME];
	ssize_t n = proc_name(node_of(node), path);

	(void)v;
	if (n < 0)
		return n;
	n = lgetxattr(path, name, value, size);
	return n < 0 ? -errno : n;
}

static ssize_t host_listxattr(struct view *v, struct view_node *node, char *list, size_t size)
{
	char path[PROC_NAME];
	ssize_t n = proc_name(node_of(node), path);

	(void)v;
	if (n < 0)
		return n;
	n = llistxattr(path, list, size);
	return n < 0 ? -errno : n;
}

static int host_removexattr(struct view *v, const struct view_caller *who, struct view_node *node,
			    const char *name)
{
	char path[PROC_NAME];
	int r = proc_name(node_of(node), path);

	(void)v;
	(void)who;
	if (r < 0)
		return r;
	return lremovexattr(path, name) < 0 ? -errno : 0;
}

static const struct view_ops host_ops = {
	.lookup = host_lookup,
	.forget = host_forget,
	.getattr = host_getattr,
	.setattr = host_setattr,
	.readlink = host_readlink,
	.mknod = host_mknod,
	.mkdir = host_mkdir,
	.symlink = host_symlink,
	.link = host_link,
	.unlink = host_unlink,
	.open = bulk_host_file_open,
	.create = bulk_host_file_create,
	.read = bulk_host_read,
	.write = bulk_host_write,
	.release = bulk_host_release,
	.lseek = bulk_host_lseek,
	.opendir = bulk_host_opendir,
	.readdir = bulk_host_readdir,
	.releasedir = bulk_host_releasedir,
	.setxattr = host_setxattr,
	.getxattr = host_getxattr,
	.listxattr = host_listxattr,
	.removexattr = host_removexattr,
};

int bulk_host_open(struct view **ret, int dirfd, struct err *err)
{
	struct host *h = malloc(sizeof(*h));
	auto_fd int fd = fd_openat(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);

	if (h)
		h->root = fd < 0 ? NULL : node_new(NULL, "", fd);
	if (!h || !h->root) {
		free(h);
		return err_set(err, fd < 0 ? fd : -ENOMEM, "%s", strerror(fd < 0 ? -fd : ENOMEM));
	}
	(void)take_fd(&fd);
	h->base.ops = &host_ops;
	*ret = (struct view *)(void *)h;
	return 0;
}

void bulk_host_close(struct view *v)
{
	if (!v)
		return;
	node_put(host_of(v)->root);
	free(v);
}

struct view_node *bulk_host_root(struct view *v)
{
	return (struct view_node *)(void *)host_of(v)->root;
}
