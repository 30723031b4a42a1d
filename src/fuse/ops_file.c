/* ops_file.c - FUSE requests on open files: open, create, data, sync, release. */
#include "ops.h"

#include <stdatomic.h>
#include <errno.h>
#include <fcntl.h>

#include "fuse/lockwait.h"
#include "fuse/wire.h"

static void no_flush(struct fuse_file_info *fi)
{
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 11)
	fi->noflush = 1;
#else
	(void)fi;
#endif
}

/* What the kernel may do with its copy of the file while this handle is open. */
static void set_open_flags(const struct ops_state *s, struct fuse_file_info *fi, bool keep)
{
	/* In the shared modes -kernel_cache cannot be had: it would show for ever what another node has
	 * replaced. */
	fi->keep_cache =
	    s->sharing != VIEW_STRICT && (keep || (s->kernel_cache && s->sharing == VIEW_EXCLUSIVE));
	/* The kernel would keep what was appended as a page at the offset it took for the end. */
	if (s->sharing == VIEW_SHARED && (fi->flags & O_APPEND))
		fi->direct_io = 1;
	if (s->sharing == VIEW_STRICT) {
		fi->direct_io = 1;
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 15)
		fi->parallel_direct_writes = 1;
#endif
	}
	/* A reader has nothing to flush. Not so in the shared modes: flush also drops the process's locks. */
	if (!view_needs_flush(s->view) ||
	    (s->sharing == VIEW_EXCLUSIVE && (fi->flags & O_ACCMODE) == O_RDONLY))
		no_flush(fi);
}

void ops_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct ops_state *s = ops_of(req);
	struct view_file *f = NULL;
	bool keep = false;
	int rc = s->v->open(s->view, ops_node(s, ino), fi->flags, &f, &keep);

	if (rc < 0) {
		ops_reply_node_status(req, rc);
		return;
	}
	fi->fh = (uintptr_t)f;
	set_open_flags(s, fi, keep);
	if (fuse_reply_open(req, fi) < 0)
		s->v->release(f);
}

void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	const struct ops_state *s = ops_of(req);
	struct view_caller who = ops_caller(req);
	struct view_entry e = { 0 };
	struct view_file *f = NULL;
	struct fuse_entry_param param;
	int rc;

	if (!s->v->create) {
		(void)fuse_reply_err(req, EROFS);
		return;
	}
	rc = s->v->create(s->view, &who, ops_node(s, parent), name, fi->flags, mode, &e, &f);
	if (rc < 0) {
		ops_reply_status(req, rc);
		return;
	}
	fi->fh = (uintptr_t)f;
	set_open_flags(s, fi, false);
	ops_fill_entry(s, &param, &e);
	if (fuse_reply_create(req, &param, fi) < 0) {
		s->v->release(f);
		ops_forget(s, e.node, 1);
	}
}

enum counter { BYTES_READ, BYTES_WRITTEN };

static void count(const struct ops_state *s, enum counter which, ssize_t n)
{
	if (s->counters && n > 0)
		(void)atomic_fetch_add_explicit(&s->counters[which], (uint64_t)n, memory_order_relaxed);
}

void ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct ops_state *s = ops_of(req);
	const uint8_t *data = NULL;
	ssize_t n;

	(void)ino;
	n = s->v->read(ops_file(fi), (uint64_t)off, size < VIEW_IO_MAX ? size : VIEW_IO_MAX, &data);
	count(s, BYTES_READ, n);
	if (n < 0)
		ops_reply_status(req, (int)n);
	else
		(void)fuse_reply_buf(req, (const char *)data, (size_t)n);
}

/* fi->flags are those of this moment (fcntl(2) F_SETFL changes them) and 0 when the kernel writes a mapping's
 * page back, which it does through any open file. In exclusive mode the kernel itself knows the end. */
static bool appends(const struct ops_state *s, const struct fuse_file_info *fi)
{
	return s->sharing != VIEW_EXCLUSIVE && (fi->flags & O_APPEND) && !fi->writepage;
}

void ops_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	       struct fuse_file_info *fi)
{
	const struct ops_state *s = ops_of(req);
	struct view_caller who = ops_caller(req);
	ssize_t n = 0;

	if (!s->v->write) {
		(void)fuse_reply_err(req, EROFS);
		return;
	}
	if (wire_kill_privileges())
		n = ops_kill_privileges(s, &who, ino, ops_file(fi));
	if (n == 0)
		n = s->v->write(ops_file(fi), &who, appends(s, fi) ? VIEW_APPEND : (uint64_t)off,
				(const uint8_t *)buf, size);
	count(s, BYTES_WRITTEN, n);
	if (n < 0)
		ops_reply_status(req, (int)n);
	else
		(void)fuse_reply_write(req, (size_t)n);
}

void ops_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct ops_state *s = ops_of(req);
	/* The kernel leaves it to us that close(2) of any descriptor ends the process's fcntl locks; the view
	 * does that. */
	int rc = s->v->flush ? s->v->flush(ops_file(fi), fi->lock_owner) : 0;

	(void)ino;
	lockwait_kick(s->locks);
	ops_reply_status(req, rc);
}

void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct ops_state *s = ops_of(req);

	(void)ino;
	s->v->release(ops_file(fi));
	lockwait_kick(s->locks);
	(void)fuse_reply_err(req, 0);
}

void ops_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	const struct ops_state *s = ops_of(req);

	(void)ino;
	if (!s->v->fsync)
		(void)fuse_reply_err(req, ENOSYS);
	else
		ops_reply_status(req, s->v->fsync(ops_file(fi), datasync != 0));
}

void ops_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	const struct ops_state *s = ops_of(req);
	off_t rc;

	(void)ino;
	/* The kernel asks for data and holes without writing back what it has gathered: what it holds would
	 * pass for a hole, and a copy would lack it. Refused, it takes the whole file for data. */
	if (!s->v->lseek || s->writeback) {
		(void)fuse_reply_err(req, ENOSYS);
		return;
	}
	rc = s->v->lseek(ops_file(fi), off, whence);
	if (rc < 0)
		ops_reply_status(req, (int)rc);
	else
		(void)fuse_reply_lseek(req, rc);
}

void ops_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t length,
		   struct fuse_file_info *fi)
{
	const struct ops_state *s = ops_of(req);
	struct view_caller who = ops_caller(req);
	int rc = 0;

	if (!s->v->fallocate) {
		(void)fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	/* The protocol has no mark for this request, so every caller but root counts as unprivileged. */
	if (who.uid != 0 && wire_handles_killpriv())
		rc = ops_kill_privileges(s, &who, ino, ops_file(fi));
	if (rc == 0)
		rc = s->v->fallocate(ops_file(fi), mode, (uint64_t)off, (uint64_t)length);
	ops_reply_status(req, rc);
}
