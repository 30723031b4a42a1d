/* bulk_host.h - a directory of the host behind the same table of operations as a store. */
#ifndef CRYPTSTORE_BULK_HOST_H
#define CRYPTSTORE_BULK_HOST_H

#include "view/view.h"

struct err;

/* The tree below dirfd (kept; the caller's may be closed afterwards). What import and export need is there:
 * lookup, forget, getattr, setattr, readlink, mknod, mkdir, symlink, link, unlink, open, create, read, write,
 * release, lseek, opendir, readdir, releasedir and the calls on extended attributes. Each lookup makes a node
 * of its own (hard links are two), a node is open at most once at a time, and symbolic links are never
 * followed. */
int bulk_host_open(struct view **ret, int dirfd, struct err *err);
/* All nodes, files and directories must have been released. NULL is fine. */
void bulk_host_close(struct view *v);
struct view_node *bulk_host_root(struct view *v); /* borrowed */

/* --- between bulk_host.c (names and attributes) and bulk_hostio.c (open files and directories) --- */

/* A name in a directory. fd is the node's own descriptor: of a directory O_PATH, opened when first needed and
 * kept; of a file the one that is open now. -1: none. */
struct host_node {
	struct host_node *parent; /* holds a reference on it; NULL: the root */
	_Atomic(int) fd;
	_Atomic(unsigned int) refs;
	char name[];
};

/* Descriptor of a directory, borrowed, or negative errno. */
int bulk_host_dirfd(struct host_node *n);
/* A node for what is at (parent, name) now. fd: it, open (taken over on success), or -1. */
int bulk_host_new(struct host_node *parent, const char *name, int fd, struct view_entry *ret);

/* See struct view_ops. */
int bulk_host_file_open(struct view *v, struct view_node *node, int flags, struct view_file **ret,
			bool *ret_keep_cache);
int bulk_host_file_create(struct view *v, const struct view_caller *who, struct view_node *parent,
			  const char *name, int flags, mode_t mode, struct view_entry *ret,
			  struct view_file **ret_file);
ssize_t bulk_host_read(struct view_file *f, uint64_t off, size_t n, const uint8_t **ret);
ssize_t bulk_host_write(struct view_file *f, const struct view_caller *who, uint64_t off, const uint8_t *buf,
			size_t n);
void bulk_host_release(struct view_file *f);
off_t bulk_host_lseek(struct view_file *f, off_t off, int whence);
int bulk_host_opendir(struct view *v, struct view_node *node, struct view_dir **ret);
int bulk_host_readdir(struct view_dir *d, off_t off, view_fill_fn fill, void *arg);
void bulk_host_releasedir(struct view_dir *d);

#endif
