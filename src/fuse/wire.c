/* wire.c - the few facts of the kernel's FUSE protocol (linux/fuse.h) that libfuse does not hand on.
 *
 * FUSE_HANDLE_KILLPRIV_V2, which libfuse 3.14 does not know: without it the kernel asks for
 * security.capability before every single write (a second round trip), since it may not remember that a file
 * has none. With it the kernel remembers (S_NOSEC), and marks those writes and truncations that must clear
 * set-id bits. We own the channel, so we accept the offer in the INIT reply ourselves, with every version of
 * libfuse, and read the marks from the raw request. */
#include "wire.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <unistd.h>

static_assert(sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in) == WIRE_WRITE_HEADER,
	      "protocol 7.9 or later");

enum { BULK = 64 << 10 };

static _Thread_local struct {
	bool set;
	int fd;
	const void *raw;
	size_t n;
} current;

static atomic_bool handles_killpriv;
static bool one_channel;

void wire_begin(int fd, const void *raw, size_t n)
{
	current.set = true;
	current.fd = fd;
	current.raw = raw;
	current.n = n;
}

void wire_end(void)
{
	current.raw = NULL;
	current.n = 0;
}

int wire_channel(void)
{
	return current.set ? current.fd : -1;
}

void wire_reply_to(int fd)
{
	current.set = fd >= 0;
	current.fd = fd;
}

/* The body of the current request if it is of this kind and complete, else NULL. */
static const void *body(uint32_t opcode, size_t size)
{
	const struct fuse_in_header *in = current.raw;

	if (!in || in->opcode != opcode || current.n < sizeof(*in) + size)
		return NULL;
	return in + 1;
}

bool wire_is_init(void)
{
	return body(FUSE_INIT, 0) != NULL;
}

bool wire_is_bulk(void)
{
	const struct fuse_read_in *r = body(FUSE_READ, sizeof(*r));

	return r ? r->size > BULK : current.n > BULK;
}

uint64_t wire_written_node(void)
{
	const struct fuse_in_header *in = current.raw;

	return body(FUSE_WRITE, sizeof(struct fuse_write_in)) ? in->nodeid : 0;
}

bool wire_kill_privileges(void)
{
	const struct fuse_write_in *w = body(FUSE_WRITE, sizeof(*w));
	const struct fuse_setattr_in *s = body(FUSE_SETATTR, offsetof(struct fuse_setattr_in, padding));

	if (w)
		return w->write_flags & FUSE_WRITE_KILL_SUIDGID;
	/* libfuse masks bits in place before it calls us, but leaves FATTR_KILL_SUIDGID, the same bit as its
	 * own FUSE_SET_ATTR_KILL_SUID. */
	return s && (s->valid & FATTR_KILL_SUIDGID);
}

bool wire_handles_killpriv(void)
{
	return atomic_load_explicit(&handles_killpriv, memory_order_relaxed);
}

/* Take the kernel's offer in the reply to INIT that libfuse is about to send. */
static void amend_init(struct iovec *iov, int count)
{
	const struct fuse_init_in *in = body(FUSE_INIT, offsetof(struct fuse_init_in, flags2));
	const struct fuse_out_header *head = iov[0].iov_base;
	struct fuse_init_out *out;

	if (!in || head->error != 0 || count < 2 || iov[1].iov_len < sizeof(*out) || in->major != 7)
		return;
	out = iov[1].iov_base;
	if (in->flags & FUSE_HANDLE_KILLPRIV_V2) {
		out->flags |= FUSE_HANDLE_KILLPRIV_V2;
		atomic_store(&handles_killpriv, true);
	}
}

ssize_t wire_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	(void)userdata;
	if (wire_is_init())
		amend_init(iov, count);
	return writev(current.set ? current.fd : fd, iov, count);
}

ssize_t wire_read(int fd, void *buf, size_t n, void *userdata)
{
	(void)userdata;
	return read(fd, buf, n);
}

void wire_one_channel(void)
{
	one_channel = true;
}

int wire_clone(int fd)
{
	uint32_t from = (uint32_t)fd;
	int ret, rc;

	if (one_channel)
		return -EOPNOTSUPP;
	ret = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (ret < 0)
		return -errno;
	if (ioctl(ret, FUSE_DEV_IOC_CLONE, &from) < 0) {
		rc = -errno;
		(void)close(ret);
		return rc;
	}
	return ret;
}

bool wire_next_direntplus(const void *buf, size_t n, size_t *off, uint64_t *ret_node)
{
	const struct fuse_direntplus *d;

	if (n - *off < FUSE_NAME_OFFSET_DIRENTPLUS)
		return false;
	d = (const void *)((const char *)buf + *off);
	*ret_node = d->entry_out.nodeid;
	*off += FUSE_DIRENTPLUS_SIZE(d);
	return *off <= n;
}
