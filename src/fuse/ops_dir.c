/* ops_dir.c - FUSE requests on open directories. */
#include "ops.h"

#include <errno.h>

#include "fuse/wire.h"

/* One reply; kernels that ask for more at a time get the rest with their next request. */
enum { DIR_REPLY_MAX = 64 << 10 };

struct fill {
	fuse_req_t req;
	const struct ops_state *s;
	char *buf;
	size_t size, used;
};

static bool fill_plain(void *arg, const char *name, const char *cname, uint64_t ino, unsigned char type,
		       off_t off)
{
	struct fill *f = arg;
	struct stat st = { .st_ino = ino, .st_mode = (mode_t)type << 12 };
	size_t room = f->size - f->used;
	size_t n = fuse_add_direntry(f->req, f->buf + f->used, room, name, &st, off);

	(void)cname;
	if (n > room)
		return false;
	f->used += n;
	return true;
}

static bool fill_plus(void *arg, const char *name, const struct view_entry *entry, uint64_t ino,
		      unsigned char type, off_t off)
{
	struct fill *f = arg;
	struct fuse_entry_param param = { .attr = { .st_ino = ino, .st_mode = (mode_t)type << 12 } };
	size_t room = f->size - f->used;
	size_t n;

	if (entry)
		ops_fill_entry(f->s, &param, entry);
	n = fuse_add_direntry_plus(f->req, f->buf + f->used, room, name, &param, off);
	if (n > room)
		return false;
	f->used += n;
	return true;
}

/* The reply did not arrive: what it gave to the kernel comes back. */
static void take_back(const struct fill *f)
{
	size_t off = 0;
	uint64_t node;

	while (wire_next_direntplus(f->buf, f->used, &off, &node))
		if (node != 0 && node != FUSE_ROOT_ID)
			ops_forget(f->s, ops_node(f->s, node), 1);
}

static bool begin(struct fill *f, fuse_req_t req, size_t size)
{
	*f = (struct fill){ .req = req, .s = ops_of(req) };
	f->size = size < DIR_REPLY_MAX ? size : DIR_REPLY_MAX;
	f->buf = ops_scratch(f->size);
	if (!f->buf)
		(void)fuse_reply_err(req, ENOMEM);
	return f->buf;
}

void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fill f;
	int rc;

	(void)ino;
	if (!begin(&f, req, size))
		return;
	rc = f.s->v->readdir(ops_dir(fi), off, fill_plain, &f);
	if (rc < 0 && f.used == 0)
		ops_reply_status(req, rc);
	else
		(void)fuse_reply_buf(req, f.buf, f.used);
}

void ops_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fill f;
	int rc;

	(void)ino;
	if (!begin(&f, req, size))
		return;
	if (!f.s->v->readdirplus) {
		(void)fuse_reply_err(req, ENOSYS);
		return;
	}
	rc = f.s->v->readdirplus(ops_dir(fi), off, fill_plus, &f);
	/* An error after some entries is met again, alone, by the next request. */
	if (rc < 0 && f.used == 0)
		ops_reply_status(req, rc);
	else if (fuse_reply_buf(req, f.buf, f.used) < 0)
		take_back(&f);
}

void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct ops_state *s = ops_of(req);
	struct view_dir *d = NULL;
	int rc = s->v->opendir(s->view, ops_node(s, ino), &d);

	if (rc < 0) {
		ops_reply_node_status(req, rc);
		return;
	}
	fi->fh = (uintptr_t)d;
	if (fuse_reply_open(req, fi) < 0)
		s->v->releasedir(d);
}

void ops_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct ops_state *s = ops_of(req);

	(void)ino;
	s->v->releasedir(ops_dir(fi));
	(void)fuse_reply_err(req, 0);
}

void ops_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	const struct ops_state *s = ops_of(req);

	(void)ino;
	if (!s->v->fsyncdir)
		(void)fuse_reply_err(req, ENOSYS);
	else
		ops_reply_status(req, s->v->fsyncdir(ops_dir(fi), datasync != 0));
}
