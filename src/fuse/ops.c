/* ops.c - the adapter between FUSE requests and a view: table, negotiation with the kernel, common replies.
 */
#include "ops.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuse/wire.h"

static_assert((int)VIEW_SET_MODE == FUSE_SET_ATTR_MODE, "view.h");
static_assert((int)VIEW_SET_UID == FUSE_SET_ATTR_UID, "view.h");
static_assert((int)VIEW_SET_GID == FUSE_SET_ATTR_GID, "view.h");
static_assert((int)VIEW_SET_SIZE == FUSE_SET_ATTR_SIZE, "view.h");
static_assert((int)VIEW_SET_ATIME == FUSE_SET_ATTR_ATIME, "view.h");
static_assert((int)VIEW_SET_MTIME == FUSE_SET_ATTR_MTIME, "view.h");
static_assert((int)VIEW_SET_ATIME_NOW == FUSE_SET_ATTR_ATIME_NOW, "view.h");
static_assert((int)VIEW_SET_MTIME_NOW == FUSE_SET_ATTR_MTIME_NOW, "view.h");
static_assert(sizeof(fuse_ino_t) >= sizeof(void *), "a node id is the address of the node");

/* One second is what the Go gocryptfs uses; raise here once somebody tells the kernel about changes from
 * outside. */
static const struct ops_timeouts timeouts[] = {
	[VIEW_EXCLUSIVE] = { .entry = 1, .attr = 1, .negative = 1 },
	[VIEW_SHARED] = { .entry = 0, .attr = 0, .negative = 0 },
	[VIEW_STRICT] = { .entry = 0, .attr = 0, .negative = 0 },
};

/* Background requests (read-ahead, asynchronous direct I/O) the kernel may have under way; its default is 12.
 */
enum { MAX_BACKGROUND = 64 };

/* Large enough for every xattr value and for a directory reply; larger requests are answered in part. */
static _Thread_local struct {
	void *p;
	size_t n;
} scratch;

void ops_state_init(struct ops_state *s, struct view *v, enum view_sharing sharing)
{
	s->view = v;
	s->v = view_ops(v);
	s->sharing = sharing;
	s->timeouts = timeouts[sharing];
	s->privileged = geteuid() == 0;
}

/* What we never want, whatever a version of libfuse switches on by itself:
 *   HANDLE_KILLPRIV   the kernel clears set-id bits, or we take version 2 in wire.c
 *   ATOMIC_O_TRUNC    the kernel truncates first, then opens
 *   SPLICE_*          data must be decrypted anyway
 *   DIRECT_IO_ALLOW_MMAP  pages of a mapping would be kept beside direct I/O (-sharedstorage=strict)
 *   WRITEBACK_CACHE   sizes and times of a store that others may touch are not the kernel's: only by
 * -writeback, which is not for shared stores. Then the kernel reads through write-only handles to fill pages
 * (the backing file is always open for both), appends by itself, and sends the times. EXPORT_SUPPORT    would
 * need lookups of "." and ".." */
static void init(void *userdata, struct fuse_conn_info *conn)
{
	const struct ops_state *s = userdata;
	unsigned int never = FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_SPLICE_READ |
			     FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_WRITEBACK_CACHE |
			     FUSE_CAP_EXPORT_SUPPORT | FUSE_CAP_IOCTL_DIR;
	unsigned int want = FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO |
			    FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO;
	unsigned int locks = FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS;

#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
	never |= FUSE_CAP_HANDLE_KILLPRIV_V2;
#endif
#ifdef FUSE_CAP_DIRECT_IO_ALLOW_MMAP
	never |= FUSE_CAP_DIRECT_IO_ALLOW_MMAP;
#endif
	if (s->sharing == VIEW_EXCLUSIVE) {
		never |= locks; /* the kernel keeps them by itself */
		/* Our own writes change times too; what others changed, the view tells at open (keep_cache).
		 */
		never |= FUSE_CAP_AUTO_INVAL_DATA;
		want |= FUSE_CAP_CACHE_SYMLINKS;
	} else {
		want |= locks | FUSE_CAP_AUTO_INVAL_DATA;
		/* Entries that may not be kept: each would be looked up again at once. */
		never |= FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO;
		want &= ~(unsigned int)(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
	}
	if (s->serialize_reads) {
		never |= FUSE_CAP_ASYNC_READ;
		want &= ~(unsigned int)FUSE_CAP_ASYNC_READ;
	}
	if (s->writeback) {
		never &= ~(unsigned int)FUSE_CAP_WRITEBACK_CACHE;
		want |= FUSE_CAP_WRITEBACK_CACHE;
	}
	if (s->acl) /* a default ACL takes the place of the umask, so that is the view's to apply */
		want |= FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK;
	conn->want &= ~never;
	conn->want |= want & conn->capable;
	conn->max_write = VIEW_IO_MAX;
	conn->max_read = s->max_read;
	conn->max_background = MAX_BACKGROUND;
	conn->congestion_threshold = MAX_BACKGROUND * 3 / 4;
}

static const struct fuse_lowlevel_ops table = {
	.init = init,
	.lookup = ops_lookup,
	.forget = ops_forget_one,
	.forget_multi = ops_forget_multi,
	.getattr = ops_getattr,
	.setattr = ops_setattr,
	.readlink = ops_readlink,
	.mknod = ops_mknod,
	.mkdir = ops_mkdir,
	.unlink = ops_unlink,
	.rmdir = ops_rmdir,
	.symlink = ops_symlink,
	.rename = ops_rename,
	.link = ops_link,
	.open = ops_open,
	.create = ops_create,
	.read = ops_read,
	.write = ops_write,
	.flush = ops_flush,
	.release = ops_release,
	.fsync = ops_fsync,
	.lseek = ops_lseek,
	.fallocate = ops_fallocate,
	.getlk = ops_getlk,
	.setlk = ops_setlk,
	.flock = ops_flock,
	.opendir = ops_opendir,
	.readdir = ops_readdir,
	.readdirplus = ops_readdirplus,
	.releasedir = ops_releasedir,
	.fsyncdir = ops_fsyncdir,
	.statfs = ops_statfs,
	.access = ops_access,
	.setxattr = ops_setxattr,
	.getxattr = ops_getxattr,
	.listxattr = ops_listxattr,
	.removexattr = ops_removexattr,
};

const struct fuse_lowlevel_ops *ops_table(void)
{
	return &table;
}

int ops_errno(int rc)
{
	switch (rc) {
	case -EBADMSG: /* authentication failed */
	case -EUCLEAN: /* malformed on disk */
		return EIO;
	case -ENOSYS:
		/* The kernel takes ENOSYS as "never ask again" (and for fsync as success); what the store's
		 * own file system lacks for one file is no reason for that. Wrappers reply ENOSYS themselves
		 * if they mean it. */
		return EOPNOTSUPP;
	default:
		return rc > 0 || rc < -4095 ? EIO : -rc;
	}
}

void ops_reply_status(fuse_req_t req, int rc)
{
	(void)fuse_reply_err(req, ops_errno(rc));
}

void ops_reply_node_status(fuse_req_t req, int rc)
{
	ops_reply_status(req, rc == -ENOENT && ops_of(req)->sharing != VIEW_EXCLUSIVE ? -ESTALE : rc);
}

void ops_forget(const struct ops_state *s, struct view_node *node, uint64_t n)
{
	if (node != view_root(s->view))
		s->v->forget(s->view, node, n);
}

void ops_fill_entry(const struct ops_state *s, struct fuse_entry_param *ret, const struct view_entry *e)
{
	*ret = (struct fuse_entry_param){
		.ino = ops_ino(s, e->node),
		.generation = e->generation,
		.attr = e->st,
		.attr_timeout = s->timeouts.attr,
		.entry_timeout = s->timeouts.entry,
	};
}

void ops_reply_entry(fuse_req_t req, const struct view_entry *e)
{
	const struct ops_state *s = ops_of(req);
	struct fuse_entry_param param;

	ops_fill_entry(s, &param, e);
	if (fuse_reply_entry(req, &param) < 0)
		ops_forget(s, e->node,
			   1); /* the request was interrupted: the kernel knows nothing of the node */
}

void *ops_scratch(size_t n)
{
	void *p;

	if (n <= scratch.n)
		return scratch.p;
	p = realloc(scratch.p, n);
	if (!p)
		return NULL;
	scratch.p = p;
	scratch.n = n;
	return p;
}

void ops_thread_rest(void)
{
	view_thread_rest();
	free(scratch.p);
	scratch.p = NULL;
	scratch.n = 0;
}

/* An unprivileged daemon loses set-id bits on the store by writing; the kernel does that. Root keeps them. */
int ops_kill_privileges(const struct ops_state *s, const struct view_caller *who, fuse_ino_t ino,
			struct view_file *f)
{
	struct stat st, after;
	mode_t kill = 0;
	int rc;

	if (!s->privileged || !s->v->setattr)
		return 0;
	rc = s->v->getattr(s->view, ops_node(s, ino), f, &st);
	if (rc < 0)
		return rc;
	kill |= st.st_mode & S_ISUID;
	if (st.st_mode & S_IXGRP)
		kill |= st.st_mode & S_ISGID; /* without group execution it means mandatory locking */
	if (!kill || !S_ISREG(st.st_mode))
		return 0;
	st.st_mode &= ~kill;
	rc = s->v->setattr(s->view, who, ops_node(s, ino), f, &st, VIEW_SET_MODE, &after);
	if (rc < 0)
		return rc;
	/* The kernel still shows the old mode; a negative offset spares the cached data. */
	(void)fuse_lowlevel_notify_inval_inode(s->se, ino, -1, 0);
	return 0;
}
