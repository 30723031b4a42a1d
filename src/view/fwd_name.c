/* fwd_name.c - names made and removed: special files, symbolic links, hard links, unlink. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "view/internal.h"

enum { MASK_NONE = 01000 }; /* no umask */

int as_caller(struct view *v, const struct view_caller *who)
{
	struct proc_identity id;
	int r;

	if (!v->opt.preserve_owner || !who || (who->uid == geteuid() && who->gid == getegid()))
		return 0;
	proc_identity_of(&id, who->uid, who->gid, who->pid);
	r = proc_become(&id);
	return r < 0 ? r : 1;
}

void as_daemon(int switched)
{
	if (switched > 0)
		proc_unbecome();
}

/* The umask is one for all threads of a process, but for one that has asked for its own (unshare(2),
 * CLONE_FS). */
static bool own_umask(void)
{
	static _Thread_local enum { UNKNOWN, OWN, COMMON } state;

	if (state == UNKNOWN)
		state = unshare(CLONE_FS) == 0 ? OWN : COMMON;
	return state == OWN;
}

mode_t mask_take(struct view *v, const struct view_caller *who, mode_t *mode)
{
	if (!v->opt.acl || !who)
		return MASK_NONE;
	if (own_umask())
		return umask(who->umask & 0777);
	*mode &= ~(who->umask & 0777);
	return MASK_NONE;
}

void mask_give(mode_t before)
{
	if (before != MASK_NONE)
		(void)umask(before);
}

/* What makes an entry: called with the .name file in place. 0 or negative errno. */
typedef int (*make_fn)(const struct at *at, const void *arg);

/* type: S_IFMT bits of what is made. Found to be something else, another node has removed it this moment and
 * used its name; the kernel would take that for damage (EIO). */
static int make_entry(struct view *v, const struct view_caller *who, struct view_node *parent,
		      const char *name, mode_t type, make_fn make, const void *arg, struct view_entry *ret)
{
	struct node_id id;
	struct stat st;
	struct at at;
	int switched, named, r = at_get(v, parent, name, &at);

	if (r < 0)
		return r;
	named = longname_ensure(at.dir.fd, &at.cn);
	r = named < 0 ? named : 0;
	if (r == 0) {
		switched = as_caller(v, who);
		r = switched < 0 ? switched : make(&at, arg);
		as_daemon(switched);
	}
	if (r < 0 && named == 1)
		longname_remove(at.dir.fd, &at.cn);
	if (r == 0)
		r = longname_confirm(at.dir.fd, &at.cn);
	if (r == 0)
		r = stat_entry(v, at.dir.fd, at.cn.name, &st, &id);
	if (r == 0 && (st.st_mode & S_IFMT) != type)
		r = -ENOENT;
	if (r == 0)
		r = node_intern(v, parent, at.cn.name, &st, &id, ret);
	at_put(&at);
	return r;
}

struct mknod_arg {
	const struct view_caller *who;
	mode_t mode;
	dev_t rdev;
};

static int make_node(const struct at *at, const void *arg)
{
	const struct mknod_arg *m = arg;
	mode_t mode = m->mode;
	mode_t mask = mask_take(at->dir.v, m->who, &mode);
	int r = mknodat(at->dir.fd, at->cn.name, mode, m->rdev) < 0 ? -errno : 0;

	mask_give(mask);
	return r;
}

int fwd_mknod(struct view *v, const struct view_caller *who, struct view_node *parent, const char *name,
	      mode_t mode, dev_t rdev, struct view_entry *ret)
{
	struct mknod_arg arg = { who, mode, rdev };

	return make_entry(v, who, parent, name, mode & S_IFMT ? mode & S_IFMT : S_IFREG, make_node, &arg,
			  ret);
}

static int make_symlink(const struct at *at, const void *arg)
{
	return symlinkat(arg, at->dir.fd, at->cn.name) < 0 ? -errno : 0;
}

int fwd_symlink(struct view *v, const struct view_caller *who, struct view_node *parent, const char *name,
		const char *target, struct view_entry *ret)
{
	char stored[PATH_MAX];
	ssize_t n;

	if (v->vol->opt.plaintextnames)
		return make_entry(v, who, parent, name, S_IFLNK, make_symlink, target, ret);
	n = content_seal_target(&v->vol->content, target, strlen(target), stored, sizeof(stored));
	if (n < 0)
		return (int)n;
	return make_entry(v, who, parent, name, S_IFLNK, make_symlink, stored, ret);
}

static int make_link(const struct at *at, const void *arg)
{
	const struct node_fd *nf = arg;
	char path[32];

	/* By way of /proc: the very object, whatever its name is now, and no privilege needed (open(2),
	 * O_TMPFILE). */
	return linkat(AT_FDCWD, fd_proc_path(path, nf->fd), at->dir.fd, at->cn.name, AT_SYMLINK_FOLLOW) < 0
		   ? -errno
		   : 0;
}

int fwd_link(struct view *v, const struct view_caller *who, struct view_node *node,
	     struct view_node *new_parent, const char *new_name, struct view_entry *ret)
{
	struct node_fd nf;
	int r;

	(void)who; /* a link has the owner of its file */
	r = node_fd_get(v, node, NULL, &nf);
	if (r == 0)
		r = make_entry(v, NULL, new_parent, new_name, node->type, make_link, &nf, ret);
	node_fd_put(v, &nf);
	return r;
}

int fwd_unlink(struct view *v, struct view_node *parent, const char *name)
{
	struct node_id id;
	struct stat st;
	struct at at;
	int r = at_get(v, parent, name, &at);

	if (r < 0)
		return r == -EPERM ? -ENOENT : r;
	r = stat_at(at.dir.fd, at.cn.name, &st, &id);
	if (r == 0 && unlinkat(at.dir.fd, at.cn.name, 0) < 0)
		r = -errno;
	if (r == 0) {
		node_drop_name(v, &id, st.st_nlink <= 1, parent, at.cn.name);
		longname_remove(at.dir.fd, &at.cn);
	}
	at_put(&at);
	return r;
}
