/* fwd_rename.c - rename in all its forms. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "view/internal.h"

/* One side of a rename: where, and what is there before. */
struct side {
	struct view_node *parent;
	struct at at;
	struct node_id id;
	struct stat st;
	bool there;
};

static int side_get(struct view *v, struct view_node *parent, const char *name, struct side *ret)
{
	int r = at_get(v, parent, name, &ret->at);

	if (r < 0)
		return r;
	ret->parent = parent;
	r = stat_at(ret->at.dir.fd, ret->at.cn.name, &ret->st, &ret->id);
	ret->there = r == 0;
	if (r == 0 || r == -ENOENT)
		return 0;
	at_put(&ret->at);
	return r;
}

static int backing_rename(const struct side *from, const struct side *to, unsigned int flags)
{
	int fd = from->at.dir.fd, new_fd = to->at.dir.fd;
	const char *name = from->at.cn.name, *new_name = to->at.cn.name;

	if (flags == 0)
		return renameat(fd, name, new_fd, new_name) < 0 ? -errno : 0;
	return renameat2(fd, name, new_fd, new_name, flags) < 0 ? -errno : 0;
}

/* Over an empty directory: its gocryptfs.diriv makes it look full to the backing file system. */
static int onto_directory(struct view *v, const struct side *from, const struct side *to)
{
	int r = fwd_rmdir_at(v, &to->at.dir, &to->at.cn);

	return r < 0 ? r : backing_rename(from, to, 0);
}

static void names_after(struct view *v, const struct side *from, const struct side *to, unsigned int flags)
{
	if (flags & RENAME_EXCHANGE) {
		node_move_name(v, &from->id, from->parent, from->at.cn.name, to->parent, to->at.cn.name);
		if (to->there)
			node_move_name(v, &to->id, to->parent, to->at.cn.name, from->parent,
				       from->at.cn.name);
		return;
	}
	if (to->there && (to->id.ino != from->id.ino || to->id.dev != from->id.dev))
		node_drop_name(v, &to->id, S_ISDIR(to->st.st_mode) || to->st.st_nlink <= 1, to->parent,
			       to->at.cn.name);
	node_move_name(v, &from->id, from->parent, from->at.cn.name, to->parent, to->at.cn.name);
}

static int rename_sides(struct view *v, const struct side *from, const struct side *to, unsigned int flags)
{
	int named, r;

	if (!from->there)
		return -ENOENT;
	named = longname_ensure(to->at.dir.fd, &to->at.cn);
	if (named < 0)
		return named;
	r = backing_rename(from, to, flags);
	if ((r == -ENOTEMPTY || r == -EEXIST) && flags == 0 && to->there && S_ISDIR(to->st.st_mode) &&
	    S_ISDIR(from->st.st_mode) && v->use_iv)
		r = onto_directory(v, from, to);
	if (r < 0) {
		/* Even if the .name was there: the directory it named may have been made way for what another
		 * node has taken away since. */
		longname_remove(to->at.dir.fd, &to->at.cn);
		return r;
	}
	names_after(v, from, to, flags);
	longname_remove(from->at.dir.fd,
			&from->at.cn); /* stays while an entry is there (exchange, whiteout, same inode) */
	return longname_confirm(to->at.dir.fd, &to->at.cn);
}

int fwd_rename(struct view *v, struct view_node *parent, const char *name, struct view_node *new_parent,
	       const char *new_name, unsigned int flags)
{
	struct side from, to;
	int r = side_get(v, parent, name, &from);

	if (r < 0)
		return r == -EPERM ? -ENOENT : r;
	r = side_get(v, new_parent, new_name, &to);
	if (r == 0) {
		r = rename_sides(v, &from, &to, flags);
		at_put(&to.at);
	}
	at_put(&from.at);
	return r;
}
