/* dircache.c - a bounded cache of directory descriptors. Directories beyond it are found again through their
 * parents, checked to be the same object; so the number of descriptors does not grow with the number of
 * files. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "view/internal.h"

enum { DIR_FDS_DEFAULT = 256 };

int dir_read_iv(int dirfd, uint8_t ret[static NAME_IV_LEN])
{
	uint8_t buf[NAME_IV_LEN + 1];
	int fd = fd_openat(dirfd, NAME_DIRIV, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	ssize_t n;

	if (fd < 0)
		return fd == -ELOOP ? -EUCLEAN : fd;
	n = fd_pread(fd, buf, sizeof(buf), 0);
	(void)close(fd);
	if (n < 0)
		return n == -EISDIR || n == -ESPIPE || n == -ENXIO ? -EUCLEAN : (int)n;
	return iv_check(buf, n, ret);
}

static void lru_unlink(struct dirfd *d)
{
	d->prev->next = d->next;
	d->next->prev = d->prev;
}

static void lru_front(struct view *v, struct dirfd *d)
{
	d->next = v->lru.next;
	d->prev = &v->lru;
	v->lru.next->prev = d;
	v->lru.next = d;
}

/* Returns the object to close, if this was its last reference. Called with the lock held, closed without. */
static struct dirfd *unref_locked(struct dirfd *d)
{
	return --d->refs == 0 ? d : NULL;
}

static void finish(struct dirfd *d)
{
	if (d) {
		(void)close(d->fd);
		free(d);
	}
}

static struct dirfd *uncache(struct view *v, struct view_node *node)
{
	struct dirfd *d = node->dirfd;

	if (!d)
		return NULL;
	node->dirfd = NULL;
	d->node = NULL;
	lru_unlink(d);
	v->n_dirfds--;
	return unref_locked(d);
}

/* Called with the lock held: close(2) of an O_PATH descriptor does no I/O, but for the end of a removed
 * directory. */
void dir_cache_drop(struct view *v, struct view_node *node)
{
	finish(uncache(v, node));
}

int dir_cache_dup(struct view *v, const struct view_node *node)
{
	int fd = -ENOENT;

	pthread_mutex_lock(&v->lock);
	if (!node->names && node->dirfd) {
		fd = fcntl(node->dirfd->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			fd = -errno;
	}
	pthread_mutex_unlock(&v->lock);
	return fd;
}

void dir_cache_done(struct view *v)
{
	while (v->lru.next != &v->lru)
		finish(uncache(v, v->lru.next->node));
}

/* With the lock held: the node's cached descriptor, pinned, or NULL. */
static struct dirfd *pin_cached(struct view *v, struct view_node *node)
{
	struct dirfd *d = node->dirfd;

	if (d) {
		d->refs++;
		if (v->lru.next != d) {
			lru_unlink(d);
			lru_front(v, d);
		}
	}
	return d;
}

/* With the lock held: make fd the node's cached descriptor (or take the one that came first) and pin it. */
static struct dirfd *insert(struct view *v, struct view_node *node, int *fd, struct dirfd *fresh,
			    struct dirfd **ret_old)
{
	unsigned int max = v->opt.max_dir_fds ? v->opt.max_dir_fds : DIR_FDS_DEFAULT;
	struct dirfd *d = pin_cached(v, node);

	*ret_old = NULL;
	if (d)
		return d;
	fresh->fd = take_fd(fd);
	fresh->node = node;
	fresh->refs = 2;
	node->dirfd = fresh;
	lru_front(v, fresh);
	if (++v->n_dirfds > max && v->lru.prev != fresh)
		*ret_old = uncache(v, v->lru.prev->node);
	return fresh;
}

/* One step down: open `child` by name below the pinned `up` and cache it. The child holds a reference of
 * ours. */
static int open_child(struct view *v, int up_fd, struct view_node *child, const char *cname,
		      struct dirfd **ret)
{
	struct dirfd *fresh, *old;
	struct node_id id;
	struct stat st;
	auto_fd int fd = fd_openat(up_fd, cname, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	int r;

	if (fd < 0)
		return fd == -ELOOP ? -ENOTDIR : fd;
	r = stat_at(fd, "", &st, &id);
	if (r < 0)
		return r;
	if (!node_id_same(&id, &child->id))
		return -ESTALE;
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	pthread_mutex_lock(&v->lock);
	*ret = insert(v, child, &fd, fresh, &old);
	pthread_mutex_unlock(&v->lock);
	if (*ret != fresh)
		free(fresh);
	finish(old);
	return 0;
}

static void unpin(struct view *v, struct dirfd *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&v->lock);
	d = unref_locked(d);
	pthread_mutex_unlock(&v->lock);
	finish(d);
}

/* With the lock held: the nearest ancestor-or-self with a descriptor (NULL: the root), and the child below it
 * on the way to node. -ESTALE if the chain of names is broken. */
static int nearest(struct view *v, struct view_node *node, struct dirfd **ret_up,
		   struct view_node **ret_child)
{
	struct view_node *child = NULL;
	size_t depth = 0;

	while (node != &v->root && !node->dirfd) {
		if (!node->names)
			return -ENOENT; /* removed through us */
		if (depth++ > v->n_nodes)
			return -ESTALE; /* moved elsewhere into what was below it: the names we know form a
					   ring */
		child = node;
		node = node->names->parent;
	}
	*ret_up = node == &v->root ? NULL : pin_cached(v, node);
	*ret_child = child;
	return 0;
}

static int pin_dir(struct view *v, struct view_node *node, struct dirfd **ret)
{
	char cname[NAME_CIPHER_MAX + 1];

	for (;;) {
		struct view_node *child;
		struct dirfd *up, *d = NULL;
		int r;

		pthread_mutex_lock(&v->lock);
		r = nearest(v, node, &up, &child);
		if (r == 0 && child) {
			child->refs++;
			strcpy(cname, child->names->cname);
		}
		pthread_mutex_unlock(&v->lock);
		if (r < 0)
			return r;
		if (!child) {
			*ret = up;
			return 0;
		}
		r = open_child(v, up ? up->fd : v->root_fd, child, cname, &d);
		unpin(v, up);
		bool there = r == 0 && child == node;

		node_unref(v, child);
		if (r < 0)
			return r;
		if (there) {
			*ret = d;
			return 0;
		}
		unpin(v, d); /* it stays cached; the next round starts from it */
	}
}

int dir_get(struct view *v, struct view_node *node, bool want_iv, struct dirref *ret)
{
	bool have_iv;
	int r = 0;

	ret->v = v;
	ret->d = NULL;
	ret->is_root = node == &v->root;
	pthread_mutex_lock(&v->lock);
	if (!ret->is_root)
		ret->d = pin_cached(v, node);
	have_iv = node->have_iv;
	if (have_iv)
		memcpy(ret->iv, node->iv, NAME_IV_LEN);
	pthread_mutex_unlock(&v->lock);
	if (!ret->is_root && !ret->d)
		r = pin_dir(v, node, &ret->d);
	if (r < 0)
		return r;
	ret->fd = ret->d ? ret->d->fd : v->root_fd;
	if (!want_iv || have_iv)
		return 0;
	memset(ret->iv, 0, NAME_IV_LEN);
	if (!v->use_iv)
		return 0;
	r = dir_read_iv(ret->fd, ret->iv);
	if (r < 0) {
		dir_put(ret);
		return r;
	}
	pthread_mutex_lock(&v->lock); /* the IV of a directory never changes */
	memcpy(node->iv, ret->iv, NAME_IV_LEN);
	node->have_iv = true;
	pthread_mutex_unlock(&v->lock);
	return 0;
}

void dir_put(struct dirref *r)
{
	unpin(r->v, r->d);
	r->d = NULL;
}
