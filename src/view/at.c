/* at.c - from a plain name in a directory, or from a node, to a descriptor and an entry of the backing store.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "view/internal.h"

/* -badname: a name shown with the suffix stands for exactly one existing entry. */
static int bad_name(struct at *a, const char *name)
{
	const struct names *names = &a->dir.v->vol->names;
	char candidate[NAME_CIPHER_MAX + 1];
	int found = 0;

	for (size_t i = 0; name_bad_candidate(names, a->dir.iv, name, i, candidate); i++)
		if (stat_at(a->dir.fd, candidate, NULL, NULL) == 0) {
			if (found++ && strcmp(candidate, a->cn.name) != 0)
				return -ENOENT;
			strcpy(a->cn.name, candidate);
		}
	if (!found)
		return -ENOENT;
	a->cn.full[0] = '\0';
	a->cn.is_long = false;
	return 0;
}

static bool has_bad_suffix(const char *name, size_t len)
{
	const size_t n = sizeof(NAME_BAD_SUFFIX) - 1;

	return len > n && strcmp(name + len - n, NAME_BAD_SUFFIX) == 0;
}

int at_get(struct view *v, struct view_node *parent, const char *name, struct at *ret)
{
	size_t len = strlen(name);
	int r;

	atomic_fetch_add_explicit(&v->name_ops, 1, memory_order_relaxed);
	if (len > NAME_PLAIN_MAX)
		return -ENAMETOOLONG;
	r = dir_get(v, parent, true, &ret->dir);
	if (r < 0)
		return r;
	r = name_encrypt(&v->vol->names, ret->dir.iv, ret->dir.is_root, name, len, &ret->cn);
	if (r == 0 && v->opt.badname && has_bad_suffix(name, len) &&
	    stat_at(ret->dir.fd, ret->cn.name, NULL, NULL) == -ENOENT)
		(void)bad_name(ret, name); /* not found: the name may still be created as it is */
	if (r < 0)
		dir_put(&ret->dir);
	return r;
}

void at_put(struct at *a)
{
	dir_put(&a->dir);
}

int spot_get(struct view *v, struct view_node *node, unsigned int nth, struct spot *ret)
{
	struct view_node *parent = NULL;
	bool forgotten;
	int r;

	ret->name[0] = '\0';
	if (node == &v->root)
		return nth ? -ENOENT : dir_get(v, node, false, &ret->dir);
	pthread_mutex_lock(&v->lock);
	/* Not removed, but of many hard links only the latest are known: the kernel shall look it up again.
	 */
	forgotten = !node->names && node->hashed && nth == 0;
	for (struct node_name *n = node->names; n; n = n->next)
		if (nth-- == 0) {
			strcpy(ret->name, n->cname);
			parent = n->parent;
			parent->refs++;
			break;
		}
	pthread_mutex_unlock(&v->lock);
	if (!parent)
		return forgotten ? -ESTALE : -ENOENT;
	r = dir_get(v, parent, false, &ret->dir);
	node_unref(v, parent);
	return r;
}

void spot_put(struct spot *s)
{
	dir_put(&s->dir);
}

/* O_PATH descriptor by one of the names, if that is the very object. */
static int open_spot(struct view *v, struct view_node *node, unsigned int nth, int *ret_fd)
{
	struct node_id id;
	struct spot spot;
	int r = spot_get(v, node, nth, &spot);

	if (r < 0)
		return r;
	auto_fd int fd = fd_openat(spot.dir.fd, spot.name, O_PATH | O_NOFOLLOW, 0);

	spot_put(&spot);
	if (fd < 0)
		return fd;
	r = stat_at(fd, "", NULL, &id);
	if (r < 0)
		return r;
	if (!node_id_same(&id, &node->id))
		return -ESTALE;
	*ret_fd = take_fd(&fd);
	return 0;
}

int node_fd_get(struct view *v, struct view_node *node, struct view_file *f, struct node_fd *ret)
{
	int r = 0;

	*ret = (struct node_fd){ .fd = -1 };
	if (f) {
		ret->fd = f->fd;
		return 0;
	}
	ret->pinned = openfile_pin(v, node);
	if (ret->pinned) {
		ret->fd = ret->pinned->fd;
		return 0;
	}
	ret->path_only = true;
	if (node == &v->root) {
		ret->fd = v->root_fd;
		return 0;
	}
	ret->owned = true;
	/* A name may have moved since it was copied: try each, then once more. */
	for (unsigned int round = 0; round < 2; round++)
		for (unsigned int nth = 0;; nth++) {
			int e = open_spot(v, node, nth, &ret->fd);

			if (e == 0)
				return 0;
			if (e == -ENOENT && nth > 0)
				break; /* past the last name, or that one is gone: r tells of the first */
			r = e;
			if (e != -ENOENT && e != -ESTALE)
				return e;
			if (nth > 16)
				break;
		}
	if (node->type == S_IFDIR && (ret->fd = opendir_dup(v, node)) >= 0) {
		ret->path_only = false;
		return 0; /* removed, but open */
	}
	if (node->type == S_IFDIR && (ret->fd = dir_cache_dup(v, node)) >= 0)
		return 0; /* removed, but somebody is in it */
	return r;
}

void node_fd_put(struct view *v, struct node_fd *nf)
{
	(void)v;
	if (nf->pinned)
		openfile_release(nf->pinned);
	if (nf->owned && nf->fd >= 0)
		(void)close(nf->fd);
	nf->pinned = NULL;
	nf->owned = false;
}
