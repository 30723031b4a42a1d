/* node.c - the node table: what the kernel knows, found by backing identity, named by (parent, entry).
 * A node holds no descriptor. Identity is device, inode number and, where the file system tells it, time of
 * birth: an inode number alone may have been reused (upstream lost data that way). */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "view/internal.h"

enum { NAMES_MAX = 8, BUCKETS_MIN = 1024, TRIM_AFTER = 16384 };

static size_t bucket_of(const struct view *v, dev_t dev, uint64_t ino)
{
	uint64_t h =
	    (ino ^ ((uint64_t)dev << 40)) * 0x9e3779b97f4a7c15u; /* Fibonacci hashing, Knuth vol. 3, 6.4 */

	return (size_t)(h >> 20) & (v->n_buckets - 1);
}

static void table_grow(struct view *v)
{
	size_t n = v->n_buckets ? v->n_buckets * 2 : BUCKETS_MIN;
	struct view_node **old = v->buckets;
	size_t n_old = v->n_buckets;
	struct view_node **buckets = calloc(n, sizeof(*buckets));

	if (!buckets)
		return; /* longer chains, nothing worse */
	v->buckets = buckets;
	v->n_buckets = n;
	for (size_t i = 0; i < n_old; i++) {
		struct view_node *next;

		for (struct view_node *k = old[i]; k; k = next) {
			size_t b = bucket_of(v, k->id.dev, k->id.ino);

			next = k->hash_next;
			k->hash_next = buckets[b];
			buckets[b] = k;
		}
	}
	free(old);
}

/* A node stays in the table until it is freed; one that is not `hashed` any more is only not to be found. */
static void unlink_bucket(struct view *v, struct view_node *node)
{
	struct view_node **at = &v->buckets[bucket_of(v, node->id.dev, node->id.ino)];

	while (*at != node)
		at = &(*at)->hash_next;
	*at = node->hash_next;
}

static bool same(const struct view_node *k, const struct node_id *id, mode_t type)
{
	return k->type == type && node_id_same(&k->id, id);
}

/* An entry with the same number that is another object is a ghost: the kernel may still refer to it, new
 * lookups must not find it. */
static struct view_node *find(struct view *v, const struct node_id *id, mode_t type)
{
	for (struct view_node *k = v->buckets[bucket_of(v, id->dev, id->ino)]; k; k = k->hash_next) {
		if (!k->hashed || k->id.ino != id->ino || k->id.dev != id->dev)
			continue;
		if (same(k, id, type))
			return k;
		k->hashed = false;
	}
	return NULL;
}

static void names_free(struct view *v, struct view_node *node);

/* Frees the node and, step by step, parents that only lived for it. */
static void maybe_free(struct view *v, struct view_node *node)
{
	while (node != &v->root && node->nlookup == 0 && node->refs == 0) {
		struct view_node *parent = node->names ? node->names->parent : NULL;

		if (node->names && node->names->next) {
			names_free(v, node);
			parent = NULL;
		} else if (node->names) {
			free(node->names);
			node->names = NULL;
		}
		unlink_bucket(v, node);
		dir_cache_drop(v, node);
		free(node);
		v->n_nodes--;
		v->n_freed++;
		if (!parent)
			return;
		parent->refs--;
		node = parent;
	}
}

static void names_free(struct view *v, struct view_node *node)
{
	while (node->names) {
		struct node_name *n = node->names;

		node->names = n->next;
		n->parent->refs--;
		maybe_free(v, n->parent);
		free(n);
	}
}

static struct node_name **find_name(struct view_node *node, const struct view_node *parent, const char *cname)
{
	for (struct node_name **at = &node->names; *at; at = &(*at)->next)
		if ((*at)->parent == parent && strcmp((*at)->cname, cname) == 0)
			return at;
	return NULL;
}

/* Put (parent, cname) first. sole: the object can have no other name (a directory, or one link). */
static int add_name(struct view *v, struct view_node *node, struct view_node *parent, const char *cname,
		    bool sole)
{
	struct node_name **at = find_name(node, parent, cname);
	struct node_name *n;
	size_t len = strlen(cname) + 1;
	int count = 0;

	if (at && *at == node->names && (!sole || !node->names->next))
		return 0;
	if (at) {
		n = *at;
		*at = n->next;
	} else {
		n = malloc(sizeof(*n) + len);
		if (!n)
			return -ENOMEM;
		n->parent = parent;
		memcpy(n->cname, cname, len);
		parent->refs++;
	}
	if (sole)
		names_free(v, node);
	n->next = node->names;
	node->names = n;
	for (; n->next; n = n->next)
		if (++count >= NAMES_MAX) {
			struct node_name *last = n->next;

			n->next = last->next;
			last->parent->refs--;
			maybe_free(v, last->parent);
			free(last);
			break;
		}
	return 0;
}

int node_intern(struct view *v, struct view_node *parent, const char *cname, const struct stat *raw,
		const struct node_id *id, struct view_entry *ret)
{
	mode_t type = raw->st_mode & S_IFMT;
	struct view_node *fresh = NULL;
	struct view_node *node;
	int r;

	pthread_mutex_lock(&v->lock);
	node = find(v, id, type);
	if (!node) {
		fresh = calloc(1, sizeof(*fresh));
		if (!fresh) {
			pthread_mutex_unlock(&v->lock);
			return -ENOMEM;
		}
		fresh->id = *id;
		fresh->type = type;
		node = fresh;
	}
	node->nlookup++; /* before names change: nothing that add_name frees may be this node */
	r = add_name(v, node, parent, cname, S_ISDIR(type) || raw->st_nlink == 1);
	if (r < 0) {
		node->nlookup--;
		if (fresh)
			free(fresh);
		pthread_mutex_unlock(&v->lock);
		return r;
	}
	if (fresh) {
		if (++v->n_nodes > v->n_buckets)
			table_grow(v);
		size_t b = bucket_of(v, id->dev, id->ino);

		fresh->hash_next = v->buckets[b];
		v->buckets[b] = fresh;
		fresh->hashed = true;
	}
	pthread_mutex_unlock(&v->lock);
	ret->node = node;
	ret->generation = 1;
	ret->st = *raw;
	stat_show(v, &ret->st);
	return 0;
}

void node_forget(struct view *v, struct view_node *node, uint64_t n)
{
	bool trim;

	if (node == &v->root)
		return;
	pthread_mutex_lock(&v->lock);
	node->nlookup -= n < node->nlookup ? n : node->nlookup;
	maybe_free(v, node);
	trim = v->n_freed >= TRIM_AFTER && v->n_freed > v->n_nodes;
	if (trim)
		v->n_freed = 0;
	pthread_mutex_unlock(&v->lock);
	if (trim)
		(void)malloc_trim(0); /* the kernel has forgotten a large tree: so may we */
}

void node_unref(struct view *v, struct view_node *node)
{
	pthread_mutex_lock(&v->lock);
	node->refs--;
	maybe_free(v, node);
	pthread_mutex_unlock(&v->lock);
}

static struct view_node *by_id(struct view *v, const struct node_id *id)
{
	for (struct view_node *k = v->buckets[bucket_of(v, id->dev, id->ino)]; k; k = k->hash_next)
		if (k->hashed && same(k, id, k->type))
			return k;
	return NULL;
}

struct view_node *node_known(struct view *v, const struct node_id *id)
{
	struct view_node *node;

	pthread_mutex_lock(&v->lock);
	node = by_id(v, id);
	if (node)
		node->refs++;
	pthread_mutex_unlock(&v->lock);
	return node;
}

/* Take one name away. Returns it unlinked from the node but still holding its parent, or NULL. */
static struct node_name *take_name(struct view_node *node, struct view_node *parent, const char *cname)
{
	struct node_name **at = find_name(node, parent, cname);
	struct node_name *n = NULL;

	if (at) {
		n = *at;
		*at = n->next;
	}
	return n;
}

static void name_free(struct view *v, struct node_name *n)
{
	if (!n)
		return;
	n->parent->refs--;
	maybe_free(v, n->parent);
	free(n);
}

void node_drop_name(struct view *v, const struct node_id *id, bool last, struct view_node *parent,
		    const char *cname)
{
	struct view_node *node;

	pthread_mutex_lock(&v->lock);
	node = by_id(v, id);
	if (node) {
		name_free(v, take_name(node, parent, cname));
		if (last)
			node->hashed = false;
		/* A removed directory keeps its cached descriptor while the kernel knows it: it may be
		 * somebody's working directory. */
		if (node->names)
			dir_cache_drop(v, node);
	}
	pthread_mutex_unlock(&v->lock);
}

void node_move_name(struct view *v, const struct node_id *id, struct view_node *parent, const char *cname,
		    struct view_node *new_parent, const char *new_cname)
{
	struct view_node *node;

	pthread_mutex_lock(&v->lock);
	node = by_id(v, id);
	if (node && add_name(v, node, new_parent, new_cname, false) == 0)
		name_free(v, take_name(node, parent, cname));
	pthread_mutex_unlock(&v->lock);
}

void node_check_iv(struct view *v, const struct node_id *id, const uint8_t iv[static NAME_IV_LEN])
{
	struct view_node *node;

	pthread_mutex_lock(&v->lock);
	node = by_id(v, id);
	if (node && node->have_iv && memcmp(node->iv, iv, NAME_IV_LEN) != 0)
		node->hashed = false;
	pthread_mutex_unlock(&v->lock);
}

void node_table_done(struct view *v)
{
	for (size_t i = 0; i < v->n_buckets; i++)
		while (v->buckets[i]) {
			struct view_node *k = v->buckets[i];

			v->buckets[i] = k->hash_next;
			while (k->names) {
				struct node_name *n = k->names;

				k->names = n->next;
				free(n);
			}
			free(k);
		}
	free(v->buckets);
}
