/* passthrough.c - the smallest fair rival of an encrypting daemon: mirrors a directory through FUSE by
 * copying, with the cache rules of gocryptfs (write-through, entries and attributes kept for one second).
 * Like libfuse's own passthrough_hp it forwards extended attributes and FLUSH; without them the kernel would
 * learn to stop asking (ls -l asks for an ACL, every write for security.capability) and the rival would do
 * less work than any real file system. Only for the benchmark.
 *
 *     passthrough DIRECTORY MOUNTPOINT        (goes to the background)
 *
 * Low-level libfuse, many threads, 1 MiB requests, readdirplus, no splice (an encrypting daemon must touch
 * the data). A node is its parent and its name, so no descriptor is held per inode. */
#define FUSE_USE_VERSION 31
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

struct node {
	struct node *parent, *next; /* next in its hash bucket */
	uint64_t lookups;	    /* of the kernel, and one for each child */
	bool gone;		    /* its name was removed or taken by another */
	char *name;
};

enum { BUCKETS = 1 << 16, IO_MAX = 1 << 20 };
static struct node *table[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct node root = { .lookups = 1, .name = (char[]){ "" } };
static int root_fd;
static const double timeout_s = 1.0;
static __thread char *io_buffer;

static struct node *node_of(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &root : (struct node *)(uintptr_t)ino;
}

static struct node **bucket(const struct node *parent, const char *name)
{
	uint64_t h = (uintptr_t)parent * UINT64_C(0x9e3779b97f4a7c15);

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return &table[(h >> 32) % BUCKETS];
}

static struct node *find(const struct node *parent, const char *name)
{
	struct node *n = *bucket(parent, name);

	while (n && (n->parent != parent || strcmp(n->name, name) != 0))
		n = n->next;
	return n;
}

static void unhash(struct node *n)
{
	struct node **p = bucket(n->parent, n->name);

	if (n->gone)
		return;
	while (*p != n)
		p = &(*p)->next;
	*p = n->next;
	n->gone = true;
}

static void put(struct node *n, uint64_t count)
{
	while (n != &root) {
		struct node *parent = n->parent;

		n->lookups -= count;
		if (n->lookups)
			return;
		unhash(n);
		free(n->name);
		free(n);
		n = parent;
		count = 1;
	}
}

static void place(struct node *n, struct node *parent, const char *name)
{
	n->name = strdup(name);
	if (!n->name)
		abort();
	n->parent = parent;
	n->gone = false;
	parent->lookups++;
	n->next = *bucket(parent, name);
	*bucket(parent, name) = n;
}

/* A node for a name, with one more lookup. */
static struct node *get(struct node *parent, const char *name)
{
	struct node *n = find(parent, name);

	if (!n) {
		n = calloc(1, sizeof(*n));
		if (!n)
			abort();
		place(n, parent, name);
	}
	n->lookups++;
	return n;
}

static size_t join(const struct node *n, char *path, size_t at)
{
	size_t len;

	if (n == &root)
		return at;
	at = join(n->parent, path, at);
	len = strlen(n->name);
	if (at + len + 2 > PATH_MAX)
		return at;
	if (at)
		path[at++] = '/';
	memcpy(path + at, n->name, len);
	return at + len;
}

/* Path of a node (or of a name in it) under root_fd. */
static char *path_of(const struct node *n, const char *name, char path[static PATH_MAX])
{
	size_t at;

	(void)pthread_mutex_lock(&lock);
	at = join(n, path, 0);
	(void)pthread_mutex_unlock(&lock);
	path[at] = 0;
	if (name)
		(void)snprintf(path + at, PATH_MAX - at, "%s%s", at ? "/" : "", name);
	if (!path[0])
		strcpy(path, ".");
	return path;
}

static void forget_name(struct node *parent, const char *name)
{
	struct node *n;

	(void)pthread_mutex_lock(&lock);
	n = find(parent, name);
	if (n)
		unhash(n);
	(void)pthread_mutex_unlock(&lock);
}

static void move_node(struct node *from, const char *old, struct node *to, const char *new)
{
	struct node *n;

	(void)pthread_mutex_lock(&lock);
	n = find(from, old);
	if (n) {
		unhash(n);
		free(n->name);
		place(n, to, new);
		put(from, 1);
	}
	(void)pthread_mutex_unlock(&lock);
}

static int entry(fuse_ino_t parent, const char *name, struct fuse_entry_param *e)
{
	char path[PATH_MAX];
	struct node *n;

	memset(e, 0, sizeof(*e));
	if (fstatat(root_fd, path_of(node_of(parent), name, path), &e->attr, AT_SYMLINK_NOFOLLOW) < 0)
		return errno;
	(void)pthread_mutex_lock(&lock);
	n = get(node_of(parent), name);
	(void)pthread_mutex_unlock(&lock);
	e->ino = (uintptr_t)n;
	e->attr_timeout = e->entry_timeout = timeout_s;
	return 0;
}

static void reply_entry(fuse_req_t req, int failed, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;
	int rc = failed ? errno : entry(parent, name, &e);

	(void)(rc ? fuse_reply_err(req, rc) : fuse_reply_entry(req, &e));
}

static void pt_init(void *data, struct fuse_conn_info *conn)
{
	(void)data;
	conn->want &= ~(unsigned int)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
}

static void pt_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_entry(req, 0, parent, name);
}

static void pt_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	(void)pthread_mutex_lock(&lock);
	put(node_of(ino), n);
	(void)pthread_mutex_unlock(&lock);
	fuse_reply_none(req);
}

static void pt_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	char path[PATH_MAX];
	struct stat st;
	int rc = fi ? fstat((int)fi->fh, &st)
		    : fstatat(root_fd, path_of(node_of(ino), NULL, path), &st, AT_SYMLINK_NOFOLLOW);

	(void)(rc < 0 ? fuse_reply_err(req, errno) : fuse_reply_attr(req, &st, timeout_s));
}

static int set_times(const char *path, const struct stat *attr, int which)
{
	struct timespec ts[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };

	if (which & FUSE_SET_ATTR_ATIME)
		ts[0] = attr->st_atim;
	if (which & FUSE_SET_ATTR_ATIME_NOW)
		ts[0].tv_nsec = UTIME_NOW;
	if (which & FUSE_SET_ATTR_MTIME)
		ts[1] = attr->st_mtim;
	if (which & FUSE_SET_ATTR_MTIME_NOW)
		ts[1].tv_nsec = UTIME_NOW;
	return utimensat(root_fd, path, ts, AT_SYMLINK_NOFOLLOW);
}

static int set_size(const char *path, off_t size)
{
	int fd = openat(root_fd, path, O_WRONLY | O_CLOEXEC), rc = fd < 0 ? -1 : ftruncate(fd, size);

	if (fd >= 0)
		(void)close(fd);
	return rc;
}

static void pt_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int which,
		       struct fuse_file_info *fi)
{
	char path[PATH_MAX];
	uid_t uid = which & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1;
	gid_t gid = which & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1;
	int rc = 0;

	(void)path_of(node_of(ino), NULL, path);
	if (which & FUSE_SET_ATTR_MODE)
		rc = fchmodat(root_fd, path, attr->st_mode, 0);
	if (rc == 0 && (which & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)))
		rc = fchownat(root_fd, path, uid, gid, AT_SYMLINK_NOFOLLOW);
	if (rc == 0 && (which & FUSE_SET_ATTR_SIZE))
		rc = fi ? ftruncate((int)fi->fh, attr->st_size) : set_size(path, attr->st_size);
	if (rc == 0 && (which & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME |
				 FUSE_SET_ATTR_MTIME_NOW)))
		rc = set_times(path, attr, which);
	if (rc < 0)
		(void)fuse_reply_err(req, errno);
	else
		pt_getattr(req, ino, fi);
}

static void pt_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char path[PATH_MAX], target[PATH_MAX + 1];
	ssize_t n = readlinkat(root_fd, path_of(node_of(ino), NULL, path), target, PATH_MAX);

	if (n < 0) {
		(void)fuse_reply_err(req, errno);
		return;
	}
	target[n] = 0;
	(void)fuse_reply_readlink(req, target);
}

static void pt_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	char path[PATH_MAX];

	reply_entry(req, mkdirat(root_fd, path_of(node_of(parent), name, path), mode), parent, name);
}

static void pt_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	char path[PATH_MAX];

	reply_entry(req, symlinkat(target, root_fd, path_of(node_of(parent), name, path)), parent, name);
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, int flags)
{
	char path[PATH_MAX];

	if (unlinkat(root_fd, path_of(node_of(parent), name, path), flags) < 0) {
		(void)fuse_reply_err(req, errno);
		return;
	}
	forget_name(node_of(parent), name);
	(void)fuse_reply_err(req, 0);
}

static void pt_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, 0);
}

static void pt_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, AT_REMOVEDIR);
}

static void pt_rename(fuse_req_t req, fuse_ino_t from, const char *old, fuse_ino_t to, const char *new,
		      unsigned int flags)
{
	char a[PATH_MAX], b[PATH_MAX];
	int rc;

	if (flags & RENAME_EXCHANGE) {
		(void)fuse_reply_err(req, EINVAL);
		return;
	}
	rc = renameat2(root_fd, path_of(node_of(from), old, a), root_fd, path_of(node_of(to), new, b), flags);
	if (rc < 0) {
		(void)fuse_reply_err(req, errno);
		return;
	}
	forget_name(node_of(to), new);
	move_node(node_of(from), old, node_of(to), new);
	(void)fuse_reply_err(req, 0);
}

static void pt_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	char path[PATH_MAX];
	int fd = openat(root_fd, path_of(node_of(ino), NULL, path),
			(fi->flags & ~(O_NOFOLLOW | O_CREAT | O_APPEND)) | O_CLOEXEC);

	if (fd < 0) {
		(void)fuse_reply_err(req, errno);
		return;
	}
	fi->fh = (uint64_t)fd;
	(void)fuse_reply_open(req, fi);
}

static void pt_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	char path[PATH_MAX];
	struct fuse_entry_param e;
	int fd = openat(root_fd, path_of(node_of(parent), name, path),
			(fi->flags & ~(O_NOFOLLOW | O_APPEND)) | O_CREAT | O_CLOEXEC, mode);
	int rc = fd < 0 ? errno : entry(parent, name, &e);

	if (rc) {
		if (fd >= 0)
			(void)close(fd);
		(void)fuse_reply_err(req, rc);
		return;
	}
	fi->fh = (uint64_t)fd;
	(void)fuse_reply_create(req, &e, fi);
}

static void pt_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	ssize_t n;

	(void)ino;
	if (!io_buffer)
		io_buffer = malloc(IO_MAX);
	n = pread((int)fi->fh, io_buffer, size < IO_MAX ? size : IO_MAX, off);
	(void)(n < 0 ? fuse_reply_err(req, errno) : fuse_reply_buf(req, io_buffer, (size_t)n));
}

static void pt_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	ssize_t n = pwrite((int)fi->fh, buf, size, off);

	(void)ino;
	(void)(n < 0 ? fuse_reply_err(req, errno) : fuse_reply_write(req, (size_t)n));
}

static void pt_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fuse_reply_err(req, close(dup((int)fi->fh)) < 0 ? errno : 0);
}

static void pt_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)close((int)fi->fh);
	(void)fuse_reply_err(req, 0);
}

static void pt_fsync(fuse_req_t req, fuse_ino_t ino, int data, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fuse_reply_err(req, (data ? fdatasync((int)fi->fh) : fsync((int)fi->fh)) < 0 ? errno : 0);
}

static void pt_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	(void)ino;
	(void)(fstatvfs(root_fd, &st) < 0 ? fuse_reply_err(req, errno) : fuse_reply_statfs(req, &st));
}

/* There is no getxattrat(2) in the C library: through the root's descriptor, which follows no last link. */
static char *proc_path(fuse_ino_t ino, char path[static PATH_MAX + 32])
{
	int n = snprintf(path, 32, "/proc/self/fd/%d/", root_fd);

	(void)path_of(node_of(ino), NULL, path + n);
	return path;
}

/* size 0 asks for the length. */
static void reply_attributes(fuse_req_t req, const char *buf, ssize_t n, size_t size)
{
	if (n < 0)
		(void)fuse_reply_err(req, errno);
	else if (size == 0)
		(void)fuse_reply_xattr(req, (size_t)n);
	else
		(void)fuse_reply_buf(req, buf, (size_t)n);
}

static void pt_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	char path[PATH_MAX + 32], buf[XATTR_SIZE_MAX];

	reply_attributes(req, buf, lgetxattr(proc_path(ino, path), name, buf, size), size);
}

static void pt_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	char path[PATH_MAX + 32], buf[XATTR_LIST_MAX];

	reply_attributes(req, buf, llistxattr(proc_path(ino, path), buf, size), size);
}

static void pt_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
			int flags)
{
	char path[PATH_MAX + 32];

	(void)fuse_reply_err(req, lsetxattr(proc_path(ino, path), name, value, size, flags) < 0 ? errno : 0);
}

static void pt_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	char path[PATH_MAX + 32];

	(void)fuse_reply_err(req, lremovexattr(proc_path(ino, path), name) < 0 ? errno : 0);
}

struct dir {
	DIR *d;
	struct dirent *pending; /* did not fit the last time */
	off_t at;
};

static void pt_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	char path[PATH_MAX];
	int fd = openat(root_fd, path_of(node_of(ino), NULL, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dir *d = calloc(1, sizeof(*d));

	if (d && fd >= 0)
		d->d = fdopendir(fd);
	if (!d || !d->d) {
		(void)fuse_reply_err(req, errno);
		free(d);
		return;
	}
	fi->fh = (uintptr_t)d;
	(void)fuse_reply_open(req, fi);
}

static size_t add(fuse_req_t req, fuse_ino_t ino, char *buf, size_t room, const struct dirent *de)
{
	struct fuse_entry_param e = { .attr = { .st_ino = de->d_ino, .st_mode = (mode_t)de->d_type << 12 } };
	bool dots = strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0;
	size_t n;

	if (!dots && entry(ino, de->d_name, &e) != 0)
		return 0;
	n = fuse_add_direntry_plus(req, buf, room, de->d_name, &e, de->d_off);
	if (n > room && !dots) {
		(void)pthread_mutex_lock(&lock);
		put(node_of(e.ino), 1);
		(void)pthread_mutex_unlock(&lock);
	}
	return n;
}

static void pt_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct dir *d = (struct dir *)(uintptr_t)fi->fh;
	char *buf = malloc(size);
	size_t used = 0;

	if (!buf) {
		(void)fuse_reply_err(req, ENOMEM);
		return;
	}
	if (off != d->at) {
		seekdir(d->d, off);
		d->pending = NULL;
	}
	for (;;) {
		struct dirent *de = d->pending ? d->pending : readdir(d->d);
		size_t n;

		d->pending = NULL;
		if (!de)
			break;
		n = add(req, ino, buf + used, size - used, de);
		if (n > size - used) {
			d->pending = de;
			break;
		}
		used += n;
		d->at = de->d_off;
	}
	(void)fuse_reply_buf(req, buf, used);
	free(buf);
}

static void pt_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct dir *d = (struct dir *)(uintptr_t)fi->fh;

	(void)ino;
	(void)closedir(d->d);
	free(d);
	(void)fuse_reply_err(req, 0);
}

static const struct fuse_lowlevel_ops ops = {
	.init = pt_init,
	.lookup = pt_lookup,
	.forget = pt_forget,
	.getattr = pt_getattr,
	.setattr = pt_setattr,
	.readlink = pt_readlink,
	.mkdir = pt_mkdir,
	.symlink = pt_symlink,
	.unlink = pt_unlink,
	.rmdir = pt_rmdir,
	.rename = pt_rename,
	.open = pt_open,
	.create = pt_create,
	.read = pt_read,
	.write = pt_write,
	.flush = pt_flush,
	.release = pt_release,
	.fsync = pt_fsync,
	.statfs = pt_statfs,
	.getxattr = pt_getxattr,
	.listxattr = pt_listxattr,
	.setxattr = pt_setxattr,
	.removexattr = pt_removexattr,
	.opendir = pt_opendir,
	.readdirplus = pt_readdirplus,
	.releasedir = pt_releasedir,
};

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *se;
	int rc = 1;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: %s DIRECTORY MOUNTPOINT\n", argv[0]);
		return 2;
	}
	root_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0) {
		perror(argv[1]);
		return 1;
	}
	(void)umask(0);
	(void)fuse_opt_add_arg(&args, argv[0]);
	(void)fuse_opt_add_arg(&args, "-osubtype=passthrough,fsname=passthrough");
	se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (se && fuse_set_signal_handlers(se) == 0 && fuse_session_mount(se, argv[2]) == 0) {
		if (fuse_daemonize(0) == 0)
			rc = fuse_session_loop_mt(se, 0);
		fuse_session_unmount(se);
	}
	if (se)
		fuse_session_destroy(se);
	fuse_opt_free_args(&args);
	return rc ? 1 : 0;
}
