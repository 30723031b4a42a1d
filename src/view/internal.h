/* internal.h - what the files of the forward view share: nodes, cached directories, open files. Not for other
 * layers.
 *
 * Locks, outermost first:
 *   openfile.content   rwlock: block I/O and file id of one backing file
 *   view.lock          leaf mutex: node table, names, directory cache, list of open files; never held across
 * I/O */
#ifndef VIEW_INTERNAL_H
#define VIEW_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "format/header.h"
#include "format/iv.h"
#include "util/proc.h"
#include "view/view.h"
#include "volume/volume.h"

struct openfile;
struct dirfd;

/* One name of a node: an entry in a directory of the backing store. */
struct node_name {
	struct view_node *parent; /* holds a reference on it */
	struct node_name *next;
	char cname[];
};

/* What tells one backing object from another; birth tells a reused inode number (0: not known). */
struct node_id {
	dev_t dev;
	uint64_t ino;
	uint64_t birth;
};

struct view_node {
	struct node_id id;
	struct view_node *hash_next;
	struct node_name *names; /* most recent first; empty once all names are gone */
	struct openfile *of;	 /* set while open */
	struct dirfd *dirfd;	 /* set while cached */
	uint64_t nlookup;	 /* references of the kernel */
	uint32_t refs;		 /* references of children's names and of running operations */
	mode_t type;		 /* S_IFMT bits */
	bool hashed;		 /* lookups may find it; false once the object is known to be gone */
	bool have_iv;
	uint8_t iv[NAME_IV_LEN];
	/* Backing state when the kernel's pages of this file were last known good (open and release). */
	bool seen;
	off_t seen_size;
	struct timespec seen_mtime, seen_ctime;
	/* Written through the kernel's pages since then. */
	atomic_bool wrote;
	/* Writes that ended within a page, of which the kernel has kept none. */
	atomic_uchar ragged;
};

/* A cached O_PATH descriptor of a directory; closed when evicted and no longer used. */
struct dirfd {
	struct view_node *node;
	int fd;
	uint32_t refs; /* 1 for the cache, 1 per user */
	struct dirfd *prev, *next;
};

/* A directory in use: dir_get ... dir_put. fd stays open and iv valid in between. */
struct dirref {
	struct view *v;
	struct dirfd *d; /* NULL for the root */
	int fd;
	bool is_root;
	uint8_t iv[NAME_IV_LEN];
};

/* All opens of one backing file share this. */
struct openfile {
	struct view_node *node;
	struct view_file *files;   /* view.lock; freed with the last of them */
	struct lock_owner *owners; /* lock.c, owners_lock */
	pthread_mutex_t owners_lock;
	pthread_rwlock_t content;
	bool end_known;		 /* end.c; content, for writing */
	uint64_t locked_size;	 /* ciphertext; rw.c; content, for writing */
	pthread_mutex_t id_lock; /* guards have_id and id among readers */
	bool have_id;
	uint8_t id[LAYOUT_FILE_ID_LEN];
};

struct view_file {
	struct view *v;
	struct openfile *of;
	struct view_file *next;
	struct view_file *all_next, **all_prev; /* view.files; view.lock */
	uint32_t refs;				/* view.lock; 1 for the opener, 1 per pin */
	int fd;
	int flock_fd; /* lock.c: carries the flock(2) of this open, -1 if none */
	bool writable;
	bool direct; /* opened with O_DIRECT: past the kernel's pages */
	bool sync;   /* O_SYNC or O_DSYNC: every write is durable before it is acknowledged */
};

struct view {
	struct view_base base;
	struct view_ops ops;
	const struct volume *vol;
	struct view_options opt;
	int root_fd;
	struct view_node root;
	bool use_iv; /* names are encrypted with directory IVs */
	/* What the kernel keeps of the store may be old. Pages: on a FUSE file system (GlusterFS, CephFS),
	 * where taking a lock does not make it forget them; on NFS, where it cannot tell another node's write
	 * from one of its own that came at the same time. Attributes: on the former. Names: on NFS, until it
	 * learns that the directory has changed. */
	bool weak_pages, weak_attrs, weak_names;
	atomic_bool prealloc;
	/* A file system known to tell in write(2) itself that the disk is full or a quota spent, and to have
	 * nothing to add at close(2): a network client may learn of it long after. */
	bool is_local;

	pthread_mutex_t lock;
	struct view_node **buckets;
	size_t n_buckets, n_nodes;
	size_t n_freed;		 /* nodes since memory was last given back */
	struct view_file *files; /* all that are open */
	struct view_dir *dirs;	 /* likewise */
	struct dirfd lru;	 /* list head */
	size_t n_dirfds;

	atomic_uint_fast64_t generation;
	atomic_uint_fast64_t name_ops, open_files, bytes_read, bytes_written, errors;
	atomic_int_fast64_t last_warn;
};

static inline bool view_is_shared(const struct view *v)
{
	return v->opt.sharing != VIEW_EXCLUSIVE;
}
/* Are these one object? An inode number alone may have been used again. */
static inline bool node_id_same(const struct node_id *a, const struct node_id *b)
{
	return a->ino == b->ino && a->dev == b->dev && (a->birth == b->birth || !a->birth || !b->birth);
}
static inline const struct layout *view_layout(const struct view *v)
{
	return &v->vol->content.layout;
}
static inline bool view_needs_sync(const struct view *v)
{
	return v->weak_attrs && view_is_shared(v);
}
void view_warn(struct view *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- stat.c: backing attributes as the view shows them
 * ---------------------------------------------------------- */

/* statx of (dirfd, name) without following; name "" means dirfd itself. Raw (ciphertext) attributes. */
int stat_at(int dirfd, const char *name, struct stat *ret, struct node_id *ret_id);
/* The same of an open file, in the shared modes past any cache of the backing file system's client: its size
 * decides where a block ends. */
int stat_open(const struct view *v, int fd, struct stat *ret, struct node_id *ret_id);
/* The same for an entry that is to be shown: the size of a symbolic link does not count base64 padding. */
int stat_entry(struct view *v, int dirfd, const char *name, struct stat *ret, struct node_id *ret_id);
/* Names in this directory are to be looked up anew: ask for its attributes, past any cache. */
void stat_names_anew(int dirfd);
/* Turn raw attributes (of stat_entry) into plaintext ones in place (size, owner override). */
void stat_show(struct view *v, struct stat *st);

/* --- node.c
 * ------------------------------------------------------------------------------------------------------ */

/* Find or make the node of what stat_at saw as (parent, cname); counts one lookup and fills in ret
 * (attributes shown). */
int node_intern(struct view *v, struct view_node *parent, const char *cname, const struct stat *raw,
		const struct node_id *id, struct view_entry *ret);
void node_forget(struct view *v, struct view_node *node, uint64_t n);
void node_unref(struct view *v, struct view_node *node);
/* The node of this object, if it is known, with a reference of the caller's (node_unref); else NULL. */
struct view_node *node_known(struct view *v, const struct node_id *id);
/* The object id lost its name (parent, cname). last: it was the only link, so the number may be reused from
 * now on. */
void node_drop_name(struct view *v, const struct node_id *id, bool last, struct view_node *parent,
		    const char *cname);
/* The object id was renamed. */
void node_move_name(struct view *v, const struct node_id *id, struct view_node *parent, const char *cname,
		    struct view_node *new_parent, const char *new_cname);
/* The object now at this id is a directory with this IV: a known one with another IV was removed elsewhere
 * and its number used again; it is not to be found any more. */
void node_check_iv(struct view *v, const struct node_id *id, const uint8_t iv[static NAME_IV_LEN]);
void node_table_done(struct view *v);

/* --- dircache.c
 * -------------------------------------------------------------------------------------------------- */

/* Descriptor of a directory; with want_iv also its IV (-ENOENT if there is none, -EUCLEAN if damaged). */
int dir_get(struct view *v, struct view_node *node, bool want_iv, struct dirref *ret);
void dir_put(struct dirref *r);
void dir_cache_drop(struct view *v,
		    struct view_node *node); /* forget what is cached of a removed directory */
/* A copy of the cached O_PATH descriptor of a directory that was removed here; -ENOENT if there is none. */
int dir_cache_dup(struct view *v, const struct view_node *node);
void dir_cache_done(struct view *v);
int dir_read_iv(int dirfd, uint8_t ret[static NAME_IV_LEN]);

/* --- at.c: from nodes and names to (descriptor, entry)
 * ------------------------------------------------------------ */

/* A plain name in a directory. */
struct at {
	struct dirref dir;
	struct cname cn;
};
int at_get(struct view *v, struct view_node *parent, const char *name, struct at *ret);
void at_put(struct at *a);

/* Where a node is found now: one of its names, copied. Root: name "" in the root. */
struct spot {
	struct dirref dir;
	char name[NAME_CIPHER_MAX + 1];
};
/* nth = 0, 1, ...: the node's names in turn; -ENOENT past the last. */
int spot_get(struct view *v, struct view_node *node, unsigned int nth, struct spot *ret);
void spot_put(struct spot *s);

/* A descriptor for a node: an already open one (with O_PATH rights or better) or a fresh O_PATH, checked to
 * be the very object. Given back with node_fd_put. */
struct node_fd {
	int fd;
	bool owned;
	bool path_only; /* O_PATH: use the /proc name for what needs an open file */
	struct view_file *pinned;
};
int node_fd_get(struct view *v, struct view_node *node, struct view_file *f, struct node_fd *ret);
void node_fd_put(struct view *v, struct node_fd *nf);

/* --- longname.c
 * --------------------------------------------------------------------------------------------------- */

/* Make sure the .name file of a long name is there, complete and durable. 1: made, 0: was there (or not
 * long), or -errno. */
int longname_ensure(int dirfd, const struct cname *cn);
/* After the entry was removed or could not be made: remove it, unless the entry exists (again). */
void longname_remove(int dirfd, const struct cname *cn);
/* A .name file (with its suffix) that was seen without its entry, in a directory that is to be removed:
 * remove it, unless the entry is being made. */
void longname_sweep(int dirfd, const char *file);
/* After the entry was made: put the .name back if somebody removed it in between. */
int longname_confirm(int dirfd, const struct cname *cn);
/* Read the full name of a hashed entry. Returns its length, -ENOENT or -EUCLEAN. */
ssize_t longname_read(int dirfd, const char *hashed, char ret[static NAME_FULL_MAX + 1]);

/* --- openfile.c
 * --------------------------------------------------------------------------------------------------- */

/* Open the backing file of a node for the view's own use. writable: O_RDWR, else O_RDONLY; mode-less
 * write-only files are opened by a short chmod. Checked to be the very file. */
int openfile_backing(struct view *v, struct view_node *node, bool writable, int *ret_fd, struct stat *ret_st);
/* Wrap an open descriptor (taken over on success) of node. */
int openfile_new(struct view *v, struct view_node *node, int fd, int flags, struct view_file **ret);
void openfile_release(struct view_file *f); /* drops one reference */
/* Any open file of the node, kept open until unpinned (openfile_release); NULL if none is open. */
struct view_file *openfile_pin(struct view *v, struct view_node *node);

/* --- io.c, rw.c, truncate.c, end.c
 * ---------------------------------------------------------------------------------------- */

ssize_t rw_read(struct view_file *f, uint64_t off, size_t n, const uint8_t **ret);
ssize_t rw_write(struct view_file *f, const struct view_caller *who, uint64_t off, const uint8_t *buf,
		 size_t n);
int rw_truncate(struct view_file *f, uint64_t size);
/* For -fsck: is `block`, which cannot be read, what a shrinking truncate leaves that was interrupted between
 * its steps? The next read or growing write through a view that may write finishes it. */
bool end_is_pending(struct view_file *f, uint64_t block);
int rw_fallocate(struct view_file *f, int mode, uint64_t off, uint64_t n);
off_t rw_lseek(struct view_file *f, off_t off, int whence);

/* --- lock.c: OFD byte-range locks on the ciphertext (shared modes) and application locks
 * ---------------------------- */

/* Lock ciphertext bytes [start, start+len) of fd (len 0: to the end and beyond); waits. No-op in exclusive
 * mode. */
int lock_range(struct view *v, int fd, bool write, uint64_t start, uint64_t len);
void unlock_range(struct view *v, int fd, uint64_t start, uint64_t len);
int lock_app_get(struct view_file *f, uint64_t owner, struct flock *lk);
/* wait: looks again and again; a caller that must not block asks without. */
int lock_app_set(struct view_file *f, uint64_t owner, const struct flock *lk, bool wait);
int lock_app_flock(struct view_file *f, uint64_t owner, int op);
void lock_app_drop(struct view_file *f, uint64_t owner); /* at flush */
void lock_app_done(struct openfile *of);

/* --- identity
 * -------------------------------------------------------------------------------------------------------- */

/* Act as the caller for making things (root with -allow_other). 1, 0 if that is who we are, or negative
 * errno: then nothing may be made. as_daemon takes the result, whatever it is. */
int as_caller(struct view *v, const struct view_caller *who);
void as_daemon(int switched);
/* -acl: the caller's umask counts unless the directory has a default ACL, which only the backing file system
 * can tell. So it becomes this thread's umask around the making (or is taken off *mode where threads cannot
 * have their own). The result is for mask_give. */
mode_t mask_take(struct view *v, const struct view_caller *who, mode_t *mode);
void mask_give(mode_t before);

/* --- operations, one file per kind (fwd_*.c)
 * ------------------------------------------------------------------------- */

int fwd_lookup(struct view *v, struct view_node *parent, const char *name, struct view_entry *ret);
int fwd_getattr(struct view *v, struct view_node *node, struct view_file *f, struct stat *ret);
int fwd_setattr(struct view *v, const struct view_caller *who, struct view_node *node, struct view_file *f,
		const struct stat *st, unsigned int which, struct stat *ret);
int fwd_access(struct view *v, const struct view_caller *who, struct view_node *node, int mask);
ssize_t fwd_readlink(struct view *v, struct view_node *node, char *buf, size_t size);
int fwd_statfs(struct view *v, struct view_node *node, struct statvfs *ret);

int fwd_mknod(struct view *v, const struct view_caller *who, struct view_node *parent, const char *name,
	      mode_t mode, dev_t rdev, struct view_entry *ret);
int fwd_mkdir(struct view *v, const struct view_caller *who, struct view_node *parent, const char *name,
	      mode_t mode, struct view_entry *ret);
int fwd_symlink(struct view *v, const struct view_caller *who, struct view_node *parent, const char *name,
		const char *target, struct view_entry *ret);
int fwd_link(struct view *v, const struct view_caller *who, struct view_node *node,
	     struct view_node *new_parent, const char *new_name, struct view_entry *ret);
int fwd_unlink(struct view *v, struct view_node *parent, const char *name);
int fwd_rmdir(struct view *v, struct view_node *parent, const char *name);
int fwd_rename(struct view *v, struct view_node *parent, const char *name, struct view_node *new_parent,
	       const char *new_name, unsigned int flags);
/* rmdir of an entry already resolved (also used by rename onto an empty directory). */
int fwd_rmdir_at(struct view *v, const struct dirref *dir, const struct cname *cn);

int fwd_open(struct view *v, struct view_node *node, int flags, struct view_file **ret, bool *ret_keep_cache);
int fwd_create(struct view *v, const struct view_caller *who, struct view_node *parent, const char *name,
	       int flags, mode_t mode, struct view_entry *ret, struct view_file **ret_file);
int fwd_flush(struct view_file *f, uint64_t owner);
int fwd_fsync(struct view_file *f, bool data_only);
void fwd_release(struct view_file *f);

int fwd_opendir(struct view *v, struct view_node *node, struct view_dir **ret);
int fwd_readdir(struct view_dir *d, off_t off, view_fill_fn fill, void *arg);
int fwd_readdirplus(struct view_dir *d, off_t off, view_fill_plus_fn fill, void *arg);
int fwd_fsyncdir(struct view_dir *d, bool data_only);
/* A copy of the descriptor of any open directory of the node, for one that has no name any more; -ENOENT if
 * none is open. Checked to be the very object. */
int opendir_dup(struct view *v, const struct view_node *node);
void fwd_releasedir(struct view_dir *d);

int fwd_setxattr(struct view *v, const struct view_caller *who, struct view_node *node, const char *name,
		 const void *value, size_t n, int flags);
ssize_t fwd_getxattr(struct view *v, struct view_node *node, const char *name, void *value, size_t size);
ssize_t fwd_listxattr(struct view *v, struct view_node *node, char *list, size_t size);
int fwd_removexattr(struct view *v, const struct view_caller *who, struct view_node *node, const char *name);

#endif
