/* view.h - THE interface of the file system: the plain view of a store, without FUSE. Everything that can
 * corrupt data is behind this table and can be driven with no mount (tests, fsck, import, export). Forward
 * and reverse mode are two implementations of it. */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <time.h>

struct err;
struct volume;
struct proc_identity;

/* One request moves at most this much data (FUSE max_pages 256 * 4096). */
enum { VIEW_IO_MAX = 1 << 20 };

/* write: this offset means the end of the file, wherever that is when the write gets its turn. */
#define VIEW_APPEND UINT64_MAX

struct view;	  /* one opened store */
struct view_node; /* a file, directory, ... known to the kernel; reference-counted by lookups */
struct view_file; /* an open regular file (one per open) */
struct view_dir;  /* an open directory (one per opendir) */

/* Multi-writer semantics; see site-docs/concurrency.md. */
enum view_sharing {
	VIEW_EXCLUSIVE, /* this process alone changes the store */
	VIEW_SHARED,	/* -sharedstorage: close-to-open, OFD locks on the ciphertext */
	VIEW_STRICT	/* -sharedstorage=strict: and no data caching */
};

struct view_options {
	enum view_sharing sharing;
	bool read_only;
	bool noprealloc;
	bool noxattr;
	bool suid;	     /* -suid: security.capability is really asked for */
	bool acl;	     /* -acl */
	bool preserve_owner; /* root with -allow_other: create as the caller (per-thread identity) */
	bool force_owner;
	uid_t force_uid;
	gid_t force_gid;
	char *const *badname;	  /* -badname patterns, NULL-terminated, or NULL */
	unsigned int max_dir_fds; /* bound on cached directory descriptors; 0 = 256 */
	bool conf_hidden; /* gocryptfs.conf in the root is ours (always true but for unusual -config) */
	/* Told of damage in words ("readdir: ..."), at most once a second; may be NULL. Cipher names only. */
	void (*warn)(void *arg, const char *text);
	void *warn_arg;
};

/* Who asks; NULL is ourselves (fsck, tests). pid 0: a process in another pid namespace; its groups are not
 * known. */
struct view_caller {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	mode_t umask;
};

/* Result of anything that makes a node known. The caller holds one lookup reference on node. */
struct view_entry {
	struct view_node *node;
	uint64_t generation;
	struct stat st; /* plaintext size; st_ino of the backing file */
};

/* setattr: which fields of st count (same values as FUSE_SET_ATTR_*, see view_fuse_asserts in fuse/ops.c). */
enum view_set {
	VIEW_SET_MODE = 1 << 0,
	VIEW_SET_UID = 1 << 1,
	VIEW_SET_GID = 1 << 2,
	VIEW_SET_SIZE = 1 << 3,
	VIEW_SET_ATIME = 1 << 4,
	VIEW_SET_MTIME = 1 << 5,
	VIEW_SET_ATIME_NOW = 1 << 7,
	VIEW_SET_MTIME_NOW = 1 << 8,
};

/* readdir hands each entry to this; name is NUL-terminated plaintext, off the position after the entry. type
 * is a DT_* value. cname is the backing name (fsck). Return false when the caller's buffer is full (the entry
 * is then not consumed). */
typedef bool (*view_fill_fn)(void *arg, const char *name, const char *cname, uint64_t ino, unsigned char type,
			     off_t off);
/* readdirplus: entry is NULL for "." and ".." and where the lookup failed; otherwise the filler owns the
 * reference if it returns true, and readdir drops it if it returns false. */
typedef bool (*view_fill_plus_fn)(void *arg, const char *name, const struct view_entry *entry, uint64_t ino,
				  unsigned char type, off_t off);

/* All return 0 (or a count) or a negative errno; -EBADMSG and -EUCLEAN mean damaged ciphertext. All are
 * thread-safe. Names are plaintext, NUL-terminated. A NULL entry in a table means the operation is not there
 * (EROFS in reverse mode and read-only views, ENOSYS otherwise; decided in fuse/ops.c). */
struct view_ops {
	int (*lookup)(struct view *v, struct view_node *parent, const char *name, struct view_entry *ret);
	void (*forget)(struct view *v, struct view_node *node, uint64_t n);
	int (*getattr)(struct view *v, struct view_node *node, struct view_file *f, struct stat *ret);
	int (*setattr)(struct view *v, const struct view_caller *who, struct view_node *node,
		       struct view_file *f, const struct stat *st, unsigned int which, struct stat *ret);
	int (*access)(struct view *v, const struct view_caller *who, struct view_node *node, int mask);
	ssize_t (*readlink)(struct view *v, struct view_node *node, char *buf,
			    size_t size); /* NUL added; size >= PATH_MAX+1 */
	int (*mknod)(struct view *v, const struct view_caller *who, struct view_node *parent,
		     const char *name, mode_t mode, dev_t rdev, struct view_entry *ret);
	int (*mkdir)(struct view *v, const struct view_caller *who, struct view_node *parent,
		     const char *name, mode_t mode, struct view_entry *ret);
	int (*symlink)(struct view *v, const struct view_caller *who, struct view_node *parent,
		       const char *name, const char *target, struct view_entry *ret);
	int (*link)(struct view *v, const struct view_caller *who, struct view_node *node,
		    struct view_node *new_parent, const char *new_name, struct view_entry *ret);
	int (*unlink)(struct view *v, struct view_node *parent, const char *name);
	int (*rmdir)(struct view *v, struct view_node *parent, const char *name);
	int (*rename)(struct view *v, struct view_node *parent, const char *name,
		      struct view_node *new_parent, const char *new_name, unsigned int flags); /* RENAME_* */
	int (*statfs)(struct view *v, struct view_node *node, struct statvfs *ret);

	/* flags: as in open(2); O_DIRECT, O_APPEND are handled here. ret_keep_cache (may be NULL): nothing
	 * changed since the pages the kernel holds of this node were read. */
	int (*open)(struct view *v, struct view_node *node, int flags, struct view_file **ret,
		    bool *ret_keep_cache);
	int (*create)(struct view *v, const struct view_caller *who, struct view_node *parent,
		      const char *name, int flags, mode_t mode, struct view_entry *ret,
		      struct view_file **ret_file);
	/* Reads up to n <= VIEW_IO_MAX bytes. *ret points into this thread's buffer, valid until the thread's
	 * next call. Returns bytes (short only at end of file). */
	ssize_t (*read)(struct view_file *f, uint64_t off, size_t n, const uint8_t **ret);
	/* Writes all n bytes (any n) or fails; a failure after a part was stored returns the part's length.
	 * off VIEW_APPEND: at the end (under a lock on it in the shared modes), each VIEW_IO_MAX bytes as
	 * one. O_APPEND of the open does nothing by itself: pages of a mapping come through any open file. */
	ssize_t (*write)(struct view_file *f, const struct view_caller *who, uint64_t off, const uint8_t *buf,
			 size_t n);
	/* close(2) was called on a copy of the descriptor by the process with this lock owner: its locks end.
	 */
	int (*flush)(struct view_file *f, uint64_t owner);
	int (*fsync)(struct view_file *f, bool data_only);
	void (*release)(struct view_file *f);
	off_t (*lseek)(struct view_file *f, off_t off, int whence); /* SEEK_DATA, SEEK_HOLE */
	int (*fallocate)(struct view_file *f, int mode, uint64_t off, uint64_t n);
	/* Application locks; forwarded to the backing file in the shared modes, -ENOSYS otherwise
	 * (kernel-local then). */
	int (*getlk)(struct view_file *f, uint64_t owner, struct flock *lk);
	int (*setlk)(struct view_file *f, uint64_t owner, const struct flock *lk, bool wait);
	int (*flock)(struct view_file *f, uint64_t owner, int op);

	int (*opendir)(struct view *v, struct view_node *node, struct view_dir **ret);
	int (*readdir)(struct view_dir *d, off_t off, view_fill_fn fill, void *arg);
	int (*readdirplus)(struct view_dir *d, off_t off, view_fill_plus_fn fill, void *arg);
	int (*fsyncdir)(struct view_dir *d, bool data_only);
	void (*releasedir)(struct view_dir *d);

	int (*setxattr)(struct view *v, const struct view_caller *who, struct view_node *node,
			const char *name, const void *value, size_t n, int flags);
	/* size 0 asks for the length; -ERANGE if size is too small. */
	ssize_t (*getxattr)(struct view *v, struct view_node *node, const char *name, void *value,
			    size_t size);
	ssize_t (*listxattr)(struct view *v, struct view_node *node, char *list, size_t size);
	int (*removexattr)(struct view *v, const struct view_caller *who, struct view_node *node,
			   const char *name);
};

/* What a struct view starts with. */
struct view_base {
	const struct view_ops *ops;
};
static inline const struct view_ops *view_ops(const struct view *v)
{
	return ((const struct view_base *)(const void *)v)->ops;
}

/* Open the forward view of the store whose top directory is dirfd (kept; the caller's may be closed
 * afterwards). opt is copied (strings borrowed for the life of the view). */
int view_open_forward(struct view **ret, const struct volume *vol, int dirfd, const struct view_options *opt,
		      struct err *err);
/* Does the btrfs of this directory count quotas? Then a write that is stopped by one can be neither finished
 * nor taken back (even ftruncate(2) says EDQUOT), so that space is reserved first, which there is slow. */
bool view_counts_quota(int fd);
/* All nodes, files and directories must have been released. NULL is fine. */
void view_close(struct view *v);
struct view_node *view_root(struct view *v); /* borrowed; never forgotten */

/* Is there anything to do at close(2) of a file that was written? Not where write(2) on the backing file
 * system has told everything and nobody else waits for locks. Constant. */
bool view_needs_flush(const struct view *v);

/* Counters for -idle and status; relaxed atomics, monotone but for open_files. */
struct view_stats {
	uint64_t name_ops;   /* operations on names since start */
	uint64_t open_files; /* files and directories open now */
	uint64_t bytes_read, bytes_written;
	uint64_t errors; /* damaged ciphertext met */
	uint64_t nodes;	 /* nodes known now */
};
void view_get_stats(const struct view *v, struct view_stats *ret);

/* The calling thread will not be needed for a while: the pages of its buffers go back to the kernel, and with
 * them the plaintext of the last request. What read() returned before is gone. */
void view_thread_rest(void);

/* Path translation for ctlsock (relative, canonical, "" = root). 0 or negative errno; ret malloc'ed. */
int view_encrypt_path(struct view *v, const char *plain, char **ret);
int view_decrypt_path(struct view *v, const char *cipher, char **ret);

#endif
