/* xattr.c - extended attributes: names and values encrypted, POSIX ACLs in clear (the kernel must read them).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "view/internal.h"

enum {
	STORED_NAME = 400,
	VALUE_MAX = 65536, /* XATTR_SIZE_MAX */
	LIST_MAX = 65536,  /* XATTR_LIST_MAX */
	TARGET_PATH = 32 + NAME_CIPHER_MAX + 2,
};

/* Where the l*xattr calls find the node: a path through a descriptor of its directory, or of itself. */
struct target {
	struct spot spot;
	char path[TARGET_PATH];
};

static int target_get(struct view *v, struct view_node *node, unsigned int nth, struct target *ret)
{
	char dir[32];
	int r = spot_get(v, node, nth, &ret->spot);

	if (r < 0)
		return r;
	(void)snprintf(ret->path, sizeof(ret->path), "%s/%s", fd_proc_path(dir, ret->spot.dir.fd),
		       *ret->spot.name ? ret->spot.name : ".");
	return 0;
}

/* One call on the node: through an open descriptor if there is one, else by name. fn returns a count or
 * -errno. */
struct call {
	const char *name; /* stored name */
	void *buf;
	size_t size;
	int flags;
};
typedef ssize_t (*call_fn)(int fd, const char *path, const struct call *c);

static ssize_t call_on(struct view *v, struct view_node *node, call_fn fn, const struct call *c)
{
	struct view_file *f = openfile_pin(v, node);
	ssize_t r = -ENOENT;

	if (f) {
		r = fn(f->fd, NULL, c);
		openfile_release(f);
		return r;
	}
	for (unsigned int nth = 0; r == -ENOENT && nth < 16; nth++) {
		struct target t;
		int e = target_get(v, node, nth, &t);

		if (e < 0)
			return e == -ENOENT ? r : e;
		r = fn(-1, t.path, c);
		spot_put(&t.spot);
	}
	return r;
}

static ssize_t do_set(int fd, const char *path, const struct call *c)
{
	int r = path ? lsetxattr(path, c->name, c->buf, c->size, c->flags)
		     : fsetxattr(fd, c->name, c->buf, c->size, c->flags);

	return r < 0 ? -errno : 0;
}

static ssize_t do_get(int fd, const char *path, const struct call *c)
{
	ssize_t r =
	    path ? lgetxattr(path, c->name, c->buf, c->size) : fgetxattr(fd, c->name, c->buf, c->size);

	return r < 0 ? -errno : r;
}

static ssize_t do_list(int fd, const char *path, const struct call *c)
{
	ssize_t r = path ? llistxattr(path, c->buf, c->size) : flistxattr(fd, c->buf, c->size);

	return r < 0 ? -errno : r;
}

static ssize_t do_remove(int fd, const char *path, const struct call *c)
{
	int r = path ? lremovexattr(path, c->name) : fremovexattr(fd, c->name);

	return r < 0 ? -errno : 0;
}

int fwd_setxattr(struct view *v, const struct view_caller *who, struct view_node *node, const char *name,
		 const void *value, size_t n, int flags)
{
	const struct content *content = &v->vol->content;
	char stored[STORED_NAME];
	struct call c = { .name = stored, .size = n, .flags = flags };
	auto_free uint8_t *sealed = NULL;
	int switched, r;

	if (v->opt.noxattr)
		return -EOPNOTSUPP;
	r = name_encrypt_xattr(&v->vol->names, name, stored, sizeof(stored));
	if (r < 0)
		return r;
	if (name_is_acl(name)) {
		c.buf = (void *)(uintptr_t)value;
		switched = as_caller(v, who); /* the kernel clears setgid for callers outside the group */
		r = switched < 0 ? switched : (int)call_on(v, node, do_set, &c);
		as_daemon(switched);
		return r;
	}
	if (content_message_len(content, n) > VALUE_MAX)
		return -E2BIG;
	sealed = malloc(content_message_len(content, n) + 1);
	if (!sealed)
		return -ENOMEM;
	c.buf = sealed;
	c.size = content_message_len(content, n);
	r = content_seal_message(content, value, n, sealed);
	return r < 0 ? r : (int)call_on(v, node, do_set, &c);
}

static ssize_t open_value(struct view *v, struct view_node *node, const uint8_t *sealed, size_t n,
			  void *value, size_t size)
{
	auto_free uint8_t *plain = malloc(n + 1);
	ssize_t len;

	if (!plain)
		return -ENOMEM;
	len = content_open_xattr(&v->vol->content, sealed, n, plain);
	if (len < 0) {
		atomic_fetch_add_explicit(&v->errors, 1, memory_order_relaxed);
		view_warn(v, "inode %llu: corrupt extended attribute", (unsigned long long)node->id.ino);
		return len;
	}
	if (size == 0)
		return len;
	if ((size_t)len > size)
		return -ERANGE;
	memcpy(value, plain, (size_t)len);
	return len;
}

ssize_t fwd_getxattr(struct view *v, struct view_node *node, const char *name, void *value, size_t size)
{
	char stored[STORED_NAME];
	struct call c = { .name = stored, .buf = value, .size = size };
	auto_free uint8_t *sealed = NULL;
	ssize_t n;
	int r;

	if (v->opt.noxattr)
		return -ENODATA;
	/* The kernel asks this at every write: without -suid the answer could do nothing (upstream measured
	 * the cost). */
	if (!v->opt.suid && strcmp(name, "security.capability") == 0)
		return -EOPNOTSUPP;
	r = name_encrypt_xattr(&v->vol->names, name, stored, sizeof(stored));
	if (r < 0)
		return r;
	if (name_is_acl(name))
		return call_on(v, node, do_get, &c);
	sealed = malloc(VALUE_MAX);
	if (!sealed)
		return -ENOMEM;
	c.buf = sealed;
	c.size = VALUE_MAX;
	n = call_on(v, node, do_get, &c);
	if (n == -ERANGE)
		return -EOVERFLOW;
	return n <= 0 ? n : open_value(v, node, sealed, (size_t)n, value, size);
}

static ssize_t show_list(struct view *v, struct view_node *node, const char *stored, size_t n, char *list,
			 size_t size)
{
	char plain[NAME_PLAIN_MAX + 1];
	size_t used = 0;

	for (const char *s = stored; s < stored + n; s += strlen(s) + 1) {
		const char *shown = s;
		ssize_t len;

		if (!name_is_acl(s)) {
			len = name_decrypt_xattr(&v->vol->names, s, plain, sizeof(plain));
			if (len == -ENODATA)
				continue; /* none of ours */
			if (len < 0) {
				view_warn(v, "inode %llu: corrupt extended attribute name",
					  (unsigned long long)node->id.ino);
				continue;
			}
			if (name_is_acl(plain))
				continue; /* an encrypted ACL, which an old version could write */
			shown = plain;
		}
		len = (ssize_t)strlen(shown) + 1;
		if (size && used + (size_t)len > size)
			return -ERANGE;
		if (size)
			memcpy(list + used, shown, (size_t)len);
		used += (size_t)len;
	}
	return (ssize_t)used;
}

ssize_t fwd_listxattr(struct view *v, struct view_node *node, char *list, size_t size)
{
	auto_free char *stored = NULL;
	struct call c = { .size = LIST_MAX };
	ssize_t n;

	if (v->opt.noxattr)
		return 0;
	stored = malloc(LIST_MAX);
	if (!stored)
		return -ENOMEM;
	c.buf = stored;
	n = call_on(v, node, do_list, &c);
	return n <= 0 ? n : show_list(v, node, stored, (size_t)n, list, size);
}

int fwd_removexattr(struct view *v, const struct view_caller *who, struct view_node *node, const char *name)
{
	char stored[STORED_NAME];
	struct call c = { .name = stored };
	int switched, r;

	if (v->opt.noxattr)
		return -EOPNOTSUPP;
	r = name_encrypt_xattr(&v->vol->names, name, stored, sizeof(stored));
	if (r < 0)
		return r;
	switched = name_is_acl(name) ? as_caller(v, who) : 0;
	r = switched < 0 ? switched : (int)call_on(v, node, do_remove, &c);
	as_daemon(switched);
	return r;
}
