/* fwd_attr.c - lookup, attributes, access, symbolic link targets, statfs. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "view/internal.h"

/* Where the file system tells no time of birth, its IV tells a directory from an earlier one of that number.
 */
static void check_directory(struct view *v, const struct at *at, const struct node_id *id)
{
	uint8_t iv[NAME_IV_LEN];
	auto_fd int fd = fd_openat(at->dir.fd, at->cn.name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);

	if (fd >= 0 && dir_read_iv(fd, iv) == 0)
		node_check_iv(v, id, iv);
}

int fwd_lookup(struct view *v, struct view_node *parent, const char *name, struct view_entry *ret)
{
	struct node_id id;
	struct stat st;
	struct at at;
	int r = at_get(v, parent, name, &at);

	if (r < 0)
		return r == -EPERM ? -ENOENT : r;
	r = stat_entry(v, at.dir.fd, at.cn.name, &st, &id);
	if (r == 0 && S_ISDIR(st.st_mode) && !id.birth && v->use_iv && view_is_shared(v))
		check_directory(v, &at, &id);
	if (r == 0)
		r = node_intern(v, parent, at.cn.name, &st, &id, ret);
	at_put(&at);
	return r;
}

/* Found by its first name, in one system call; -ESTALE if that is not the object. */
static int stat_by_name(struct view *v, struct view_node *node, struct stat *ret)
{
	struct node_id id;
	struct spot spot;
	int r = spot_get(v, node, 0, &spot);

	if (r < 0)
		return r;
	r = stat_entry(v, spot.dir.fd, spot.name, ret, &id);
	spot_put(&spot);
	if (r == 0 && !node_id_same(&id, &node->id))
		r = -ESTALE;
	return r;
}

int fwd_getattr(struct view *v, struct view_node *node, struct view_file *f, struct stat *ret)
{
	struct view_file *pinned = f ? NULL : openfile_pin(v, node);
	struct node_fd nf;
	int r;

	if (f || pinned) {
		int fd = f ? f->fd : pinned->fd;

		r = v->opt.sharing == VIEW_STRICT || view_needs_sync(v) ? stat_open(v, fd, ret, NULL)
									: stat_at(fd, "", ret, NULL);
		if (pinned)
			openfile_release(pinned);
	} else {
		r = node == &v->root ? stat_at(v->root_fd, "", ret, NULL) : stat_by_name(v, node, ret);
		if (r == -ENOENT || r == -ESTALE) { /* renamed this moment, or known by another link */
			r = node_fd_get(v, node, NULL, &nf);
			if (r == 0)
				r = stat_entry(v, nf.fd, "", ret, NULL);
			node_fd_put(v, &nf);
		}
	}
	if (r == 0)
		stat_show(v, ret);
	return r;
}

static int set_mode(const struct node_fd *nf, mode_t mode)
{
	char path[32];

	if (!nf->path_only)
		return fchmod(nf->fd, mode & 07777) < 0 ? -errno : 0;
	return chmod(fd_proc_path(path, nf->fd), mode & 07777) < 0 ? -errno : 0;
}

static int set_owner(const struct node_fd *nf, const struct stat *st, unsigned int which)
{
	uid_t uid = which & VIEW_SET_UID ? st->st_uid : (uid_t)-1;
	gid_t gid = which & VIEW_SET_GID ? st->st_gid : (gid_t)-1;

	return fchownat(nf->fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static struct timespec set_time(const struct timespec *t, bool set, bool now)
{
	struct timespec ret = { .tv_nsec = UTIME_OMIT };

	if (now)
		ret.tv_nsec = UTIME_NOW;
	else if (set)
		ret = *t;
	return ret;
}

static int set_times(const struct node_fd *nf, const struct stat *st, unsigned int which)
{
	struct timespec ts[2] = {
		set_time(&st->st_atim, which & VIEW_SET_ATIME, which & VIEW_SET_ATIME_NOW),
		set_time(&st->st_mtim, which & VIEW_SET_MTIME, which & VIEW_SET_MTIME_NOW),
	};
	char path[32];

	if (!nf->path_only)
		return futimens(nf->fd, ts) < 0 ? -errno : 0;
	/* Not AT_EMPTY_PATH, which needs Linux 5.8. This leads to the very object, a symbolic link too. */
	return utimensat(AT_FDCWD, fd_proc_path(path, nf->fd), ts, 0) < 0 ? -errno : 0;
}

static int set_size(struct view *v, struct view_node *node, struct view_file *f, uint64_t size)
{
	struct view_file *own = NULL;
	struct stat st;
	int fd, r;

	if (f && f->writable)
		return rw_truncate(f, size);
	r = openfile_backing(v, node, true, &fd, &st);
	if (r < 0)
		return r;
	r = openfile_new(v, node, fd, O_RDWR, &own);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	r = rw_truncate(own, size);
	openfile_release(own);
	return r;
}

int fwd_setattr(struct view *v, const struct view_caller *who, struct view_node *node, struct view_file *f,
		const struct stat *st, unsigned int which, struct stat *ret)
{
	const unsigned int times = VIEW_SET_ATIME | VIEW_SET_MTIME | VIEW_SET_ATIME_NOW | VIEW_SET_MTIME_NOW;
	struct node_fd nf;
	int r;

	(void)who; /* the kernel has checked; ownership of what exists is not the caller's to inherit */
	r = node_fd_get(v, node, f, &nf);
	if (r == 0 && (which & (VIEW_SET_UID | VIEW_SET_GID)) && !v->opt.force_owner)
		r = set_owner(&nf, st, which);
	if (r == 0 && (which & VIEW_SET_SIZE))
		r = set_size(v, node, f, (uint64_t)st->st_size);
	if (r == 0 && (which & VIEW_SET_MODE)) /* after the owner: chown clears setuid bits */
		r = set_mode(&nf, st->st_mode);
	if (r == 0 && (which & times))
		r = set_times(&nf, st, which);
	if (r == 0)
		r = stat_entry(v, nf.fd, "", ret, NULL);
	node_fd_put(v, &nf);
	if (r == 0)
		stat_show(v, ret);
	return r;
}

int fwd_access(struct view *v, const struct view_caller *who, struct view_node *node, int mask)
{
	struct spot spot;
	int r;

	(void)who; /* without -allow_other the only caller is our own user */
	r = spot_get(v, node, 0, &spot);
	if (r < 0)
		return r;
	if (faccessat(spot.dir.fd, *spot.name ? spot.name : ".", mask, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	spot_put(&spot);
	return r;
}

static ssize_t read_target(struct view *v, struct view_node *node, char *buf, size_t size)
{
	struct node_fd nf;
	ssize_t n;
	int r = node_fd_get(v, node, NULL, &nf);

	if (r < 0)
		return r;
	n = readlinkat(nf.fd, "", buf, size);
	if (n < 0)
		n = -errno;
	node_fd_put(v, &nf);
	return n;
}

ssize_t fwd_readlink(struct view *v, struct view_node *node, char *buf, size_t size)
{
	char stored[PATH_MAX];
	ssize_t n = read_target(v, node, stored, sizeof(stored));

	if (n < 0)
		return n;
	if (v->vol->opt.plaintextnames) {
		if ((size_t)n >= size)
			return -ENAMETOOLONG;
		memcpy(buf, stored, (size_t)n);
		buf[n] = '\0';
		return n;
	}
	n = content_open_target(&v->vol->content, stored, (size_t)n, buf, size);
	if (n < 0) {
		atomic_fetch_add_explicit(&v->errors, 1, memory_order_relaxed);
		view_warn(v, "inode %llu: corrupt symbolic link", (unsigned long long)node->id.ino);
	}
	return n;
}

int fwd_statfs(struct view *v, struct view_node *node, struct statvfs *ret)
{
	(void)node;
	if (fstatvfs(v->root_fd, ret) < 0)
		return -errno;
	ret->f_namemax = NAME_PLAIN_MAX;
	return 0;
}
