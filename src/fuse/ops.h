/* ops.h - what the files ops*.c share: the state behind a session and the common replies. Internal to fuse/.
 */
#ifndef FUSE_OPS_H
#define FUSE_OPS_H

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "view/view.h"

struct lockwait;

/* Seconds the kernel may trust names, attributes and absent names without asking. */
struct ops_timeouts {
	double entry, attr, negative;
};

/* One per session; immutable once requests come (but for what its members guard themselves). */
struct ops_state {
	struct view *view;
	const struct view_ops *v;
	enum view_sharing sharing;
	struct ops_timeouts timeouts;
	bool suid, acl, kernel_cache, serialize_reads, writeback;
	bool privileged;	    /* euid 0: writing does not clear set-id bits by itself */
	unsigned int max_read;	    /* as given to mount(2) */
	_Atomic uint64_t *counters; /* bytes read, bytes written; NULL: nobody wants to know */
	struct lockwait *locks;	    /* NULL in exclusive mode */
	struct fuse_session *se;
};

/* The table for fuse_session_new; userdata is a struct ops_state. */
const struct fuse_lowlevel_ops *ops_table(void);
/* Fill in what follows from the sharing mode. */
void ops_state_init(struct ops_state *s, struct view *v, enum view_sharing sharing);

/* Releases what the calling thread holds between requests: it ends, or will not be needed for a while. */
void ops_thread_rest(void);

/* --- for the wrappers --- */
static inline struct ops_state *ops_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}
static inline struct view_node *ops_node(const struct ops_state *s, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? view_root(s->view) : (struct view_node *)(uintptr_t)ino;
}
static inline fuse_ino_t ops_ino(const struct ops_state *s, const struct view_node *node)
{
	return node == view_root(s->view) ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)node;
}
static inline struct view_file *ops_file(const struct fuse_file_info *fi)
{
	return (struct view_file *)(uintptr_t)fi->fh;
}
static inline struct view_dir *ops_dir(const struct fuse_file_info *fi)
{
	return (struct view_dir *)(uintptr_t)fi->fh;
}
static inline struct view_caller ops_caller(fuse_req_t req)
{
	const struct fuse_ctx *c = fuse_req_ctx(req);

	return (struct view_caller){ .uid = c->uid, .gid = c->gid, .pid = c->pid, .umask = c->umask };
}

/* Reply 0 or an error (negative errno of a view; this is the one place that turns damage into EIO). */
void ops_reply_status(fuse_req_t req, int rc);
/* The same for a request on a node, not on a name: in the shared modes a node that is not found was removed
 * or renamed elsewhere; ESTALE makes the kernel look its name up again, so that the program gets the right
 * answer. */
void ops_reply_node_status(fuse_req_t req, int rc);
/* The positive errno the kernel is told for a view's negative one. */
int ops_errno(int rc);
/* Reply to a lookup-like request; gives the reference back if the kernel did not take it. */
void ops_reply_entry(fuse_req_t req, const struct view_entry *e);
void ops_fill_entry(const struct ops_state *s, struct fuse_entry_param *ret, const struct view_entry *e);
/* A lookup reference returns to the view. */
void ops_forget(const struct ops_state *s, struct view_node *node, uint64_t n);
/* n bytes that belong to the calling thread until its next request; NULL if memory is short. */
void *ops_scratch(size_t n);
/* Clear set-id bits of a file that an unprivileged caller is about to change. 0 or negative errno. */
int ops_kill_privileges(const struct ops_state *s, const struct view_caller *who, fuse_ino_t ino,
			struct view_file *f);

/* ops_name.c */
void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_forget_one(fuse_req_t req, fuse_ino_t ino, uint64_t n);
void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void ops_readlink(fuse_req_t req, fuse_ino_t ino);
void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		const char *new_name, unsigned int flags);
void ops_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name);

/* ops_attr.c */
void ops_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi);
void ops_access(fuse_req_t req, fuse_ino_t ino, int mask);
void ops_statfs(fuse_req_t req, fuse_ino_t ino);

/* ops_file.c */
void ops_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi);
void ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void ops_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	       struct fuse_file_info *fi);
void ops_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void ops_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);
void ops_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t length,
		   struct fuse_file_info *fi);

/* ops_lock.c */
void ops_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock);
void ops_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock, int sleep);
void ops_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int op);

/* ops_dir.c */
void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void ops_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void ops_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);

/* ops_xattr.c */
void ops_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
		  int flags);
void ops_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void ops_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void ops_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

#endif
