/* model.h - a file system in memory, as simple as can be: what the view must agree with. For test_model.c. */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include <assert.h>
#include <errno.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum mtype { M_FILE, M_DIR, M_LINK };
enum { M_CHILDREN_MAX = 16, M_XATTRS = 4, M_XATTR_MAX = 400, M_SIZE_MAX = 96 * 1024 };

struct mnode {
	enum mtype type;
	unsigned int names, opens; /* freed when both are 0 */
	uint8_t *data;		   /* content of a file, target of a link */
	size_t size;
	struct mnode *parent; /* of a directory; the root's is NULL */
	const char *name;     /* of a directory */
	struct {
		const char *name;
		struct mnode *node;
	} child[M_CHILDREN_MAX];
	size_t n_children;
	struct {
		bool set;
		uint8_t value[M_XATTR_MAX];
		size_t n;
	} xattr[M_XATTRS];
};

static inline struct mnode *m_new(enum mtype type)
{
	struct mnode *n = calloc(1, sizeof(*n));

	assert(n);
	n->type = type;
	n->data = calloc(1, M_SIZE_MAX);
	assert(n->data);
	return n;
}

static inline void m_put(struct mnode *n)
{
	if (n->names == 0 && n->opens == 0) {
		free(n->data);
		free(n);
	}
}

/* Index of a name, or -1. Names are from one table, so pointers would do; strings are clearer. */
static inline int m_index(const struct mnode *dir, const char *name)
{
	for (size_t i = 0; i < dir->n_children; i++)
		if (strcmp(dir->child[i].name, name) == 0)
			return (int)i;
	return -1;
}

static inline struct mnode *m_child(const struct mnode *dir, const char *name)
{
	int i = m_index(dir, name);

	return i < 0 ? NULL : dir->child[i].node;
}

static inline void m_attach(struct mnode *dir, const char *name, struct mnode *n)
{
	assert(dir->n_children < M_CHILDREN_MAX);
	dir->child[dir->n_children].name = name;
	dir->child[dir->n_children++].node = n;
	n->names++;
	if (n->type == M_DIR) {
		n->parent = dir;
		n->name = name;
	}
}

static inline void m_detach(struct mnode *dir, const char *name)
{
	int i = m_index(dir, name);
	struct mnode *n = dir->child[i].node;

	dir->child[i] = dir->child[--dir->n_children];
	n->names--;
	m_put(n);
}

static inline void m_free_tree(struct mnode *dir)
{
	while (dir->n_children) {
		if (dir->child[0].node->type == M_DIR)
			m_free_tree(dir->child[0].node);
		m_detach(dir, dir->child[0].name);
	}
}

/* Is d the directory a, or below it? */
static inline bool m_below(const struct mnode *d, const struct mnode *a)
{
	for (; d; d = d->parent)
		if (d == a)
			return true;
	return false;
}

static inline void m_resize(struct mnode *n, size_t size)
{
	if (size > n->size)
		memset(n->data + n->size, 0, size - n->size);
	n->size = size;
}

static inline void m_write(struct mnode *n, size_t off, const uint8_t *buf, size_t len)
{
	if (off > n->size)
		m_resize(n, off);
	memcpy(n->data + off, buf, len);
	if (off + len > n->size)
		n->size = off + len;
}

static inline int m_unlink(struct mnode *dir, const char *name)
{
	struct mnode *n = m_child(dir, name);

	if (!n)
		return -ENOENT;
	if (n->type == M_DIR)
		return -EISDIR;
	m_detach(dir, name);
	return 0;
}

static inline int m_rmdir(struct mnode *dir, const char *name)
{
	struct mnode *n = m_child(dir, name);

	if (!n)
		return -ENOENT;
	if (n->type != M_DIR)
		return -ENOTDIR;
	if (n->n_children)
		return -ENOTEMPTY;
	m_detach(dir, name);
	return 0;
}

static inline void m_exchange(struct mnode *da, const char *na, struct mnode *db, const char *nb)
{
	struct mnode *a = m_child(da, na), *b = m_child(db, nb);

	da->child[m_index(da, na)].node = b;
	db->child[m_index(db, nb)].node = a;
	if (a->type == M_DIR) {
		a->parent = db;
		a->name = nb;
	}
	if (b->type == M_DIR) {
		b->parent = da;
		b->name = na;
	}
}

/* rename(2), with the order of checks of Linux (fs/namei.c, do_renameat2 and vfs_rename). */
static inline int m_rename(struct mnode *da, const char *na, struct mnode *db, const char *nb,
			   unsigned int flags)
{
	struct mnode *a = m_child(da, na), *b = m_child(db, nb);

	if (!a)
		return -ENOENT;
	if ((flags & RENAME_NOREPLACE) && b)
		return -EEXIST;
	if ((flags & RENAME_EXCHANGE) && !b)
		return -ENOENT;
	if (a->type == M_DIR && m_below(db, a))
		return -EINVAL;
	if (b && b->type == M_DIR && m_below(da, b))
		return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	if (a == b)
		return 0;
	if (flags & RENAME_EXCHANGE) {
		m_exchange(da, na, db, nb);
		return 0;
	}
	if (b && a->type == M_DIR && b->type != M_DIR)
		return -ENOTDIR;
	if (b && a->type != M_DIR && b->type == M_DIR)
		return -EISDIR;
	if (b && b->type == M_DIR && b->n_children)
		return -ENOTEMPTY;
	if (b)
		m_detach(db, nb);
	a->names++; /* or detaching would free it */
	m_detach(da, na);
	m_attach(db, nb, a);
	a->names--;
	return 0;
}

#endif
