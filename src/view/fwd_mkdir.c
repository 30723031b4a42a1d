/* fwd_mkdir.c - directories made and removed. With encrypted names a directory is nothing without its
 * gocryptfs.diriv, so it appears and disappears as one: made under a temporary name (gocryptfs.diriv.rmdir.N,
 * which every reader hides and -fsck ignores), the IV made durable in it, then renamed into place; removed
 * the other way round. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/rng.h"
#include "util/cleanup.h"
#include "util/fd.h"
#include "view/internal.h"

enum { TMP_NAME = 64 };

static void tmp_name(char ret[static TMP_NAME])
{
	(void)snprintf(ret, TMP_NAME, "%s%llu", NAME_RMDIR_PREFIX, (unsigned long long)rng_u64());
}

static int iv_write(int dirfd, const uint8_t iv[static NAME_IV_LEN])
{
	auto_fd int fd = fd_openat(dirfd, NAME_DIRIV, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0444);
	int r;

	if (fd < 0)
		return fd;
	r = fd_write(fd, iv, NAME_IV_LEN);
	if (r == 0 && (fsync(fd) < 0 || fsync(dirfd) < 0))
		r = -errno;
	if (r < 0)
		(void)unlinkat(dirfd, NAME_DIRIV, 0);
	return r;
}

/* Give the directory the mode that was asked for, keeping what it inherited (setgid, ACL mask). */
static int set_mode(int fd, mode_t mode)
{
	struct stat st;

	if ((mode & S_IRWXU) == S_IRWXU && !(mode & (S_ISVTX | S_ISUID)))
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	mode = (st.st_mode & (07777 & ~S_IRWXU)) | (mode & (S_IRWXU | S_ISVTX | S_ISUID));
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

static int put_in_place(int dirfd, const char *tmp, const char *name)
{
	struct stat st;

	if (renameat2(dirfd, tmp, dirfd, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* A file system without NOREPLACE. A directory of the store is never empty, so it cannot be replaced
	 * by accident. */
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	if (renameat(dirfd, tmp, dirfd, name) == 0)
		return 0;
	return errno == ENOTEMPTY || errno == ENOTDIR ? -EEXIST : -errno;
}

/* mkdir(2) with `more` rights for the owner. *mode loses what the caller's umask takes from the owner. */
static int make_plain(struct view *v, const struct view_caller *who, int dirfd, const char *name,
		      mode_t *mode, mode_t more)
{
	struct view_caller lenient = who ? *who : (struct view_caller){ 0 };
	mode_t wanted, mask;
	int r;

	lenient.umask &= ~more;
	wanted = (*mode & 07777) | more;
	mask = mask_take(v, who ? &lenient : NULL, &wanted);
	r = mkdirat(dirfd, name, wanted) < 0 ? -errno : 0;
	mask_give(mask);
	if (v->opt.acl && who)
		*mode &= ~(who->umask & more);
	return r;
}

/* Attributes are taken before it appears: another node may remove it at once, and it was made all the same.
 */
static int make_with_iv(const struct view_caller *who, const struct at *at, mode_t mode, struct stat *ret_st,
			struct node_id *ret_id)
{
	uint8_t iv[NAME_IV_LEN];
	char tmp[TMP_NAME];
	struct stat st;
	int r;

	/* The usual refusal without the work. */
	if (fstatat(at->dir.fd, at->cn.name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	tmp_name(tmp);
	r = make_plain(at->dir.v, who, at->dir.fd, tmp, &mode, S_IRWXU);
	if (r < 0)
		return r;
	auto_fd int fd = fd_openat(at->dir.fd, tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	iv_new(iv);
	r = fd < 0 ? fd : iv_write(fd, iv);
	if (r == 0)
		r = set_mode(fd, mode);
	if (r == 0)
		r = stat_at(fd, "", ret_st, ret_id);
	if (r == 0)
		r = put_in_place(at->dir.fd, tmp, at->cn.name);
	if (r < 0) {
		if (fd >= 0)
			(void)fchmod(fd, S_IRWXU);
		if (fd >= 0)
			(void)unlinkat(fd, NAME_DIRIV, 0);
		(void)unlinkat(at->dir.fd, tmp, AT_REMOVEDIR);
	}
	return r;
}

int fwd_mkdir(struct view *v, const struct view_caller *who, struct view_node *parent, const char *name,
	      mode_t mode, struct view_entry *ret)
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
		if (switched < 0)
			r = switched;
		else if (v->use_iv)
			r = make_with_iv(who, &at, mode, &st, &id);
		else
			r = make_plain(v, who, at.dir.fd, at.cn.name, &mode, 0);
		if (r == 0 && !v->use_iv)
			r = stat_at(at.dir.fd, at.cn.name, &st, &id);
		if (r == 0 && !S_ISDIR(st.st_mode)) /* removed elsewhere, its name used again */
			r = -ENOENT;
		as_daemon(switched);
	}
	if (r < 0 && named == 1)
		longname_remove(at.dir.fd, &at.cn);
	if (r == 0)
		r = longname_confirm(at.dir.fd, &at.cn);
	if (r == 0)
		r = node_intern(v, parent, at.cn.name, &st, &id, ret);
	at_put(&at);
	return r;
}

/* The .name file of a long name: if its entry is there as well, that one is not a leftover. */
static bool is_name_file(const char *name)
{
	const size_t len = strlen(name), suffix = sizeof(NAME_LONG_SUFFIX) - 1;

	return strncmp(name, NAME_LONG_PREFIX, sizeof(NAME_LONG_PREFIX) - 1) == 0 && len > suffix &&
	       strcmp(name + len - suffix, NAME_LONG_SUFFIX) == 0;
}

static bool is_leftover(const char *name)
{
	return strncmp(name, NAME_RMDIR_PREFIX, sizeof(NAME_RMDIR_PREFIX) - 1) == 0 || is_name_file(name);
}

static int check_empty(int fd, bool *ret_iv);

/* What a crash, or a mkdir cut short by this very rmdir, left behind. */
static void sweep_leftover(int dirfd, const char *name)
{
	uint8_t iv[NAME_IV_LEN];
	bool have_iv;

	if (unlinkat(dirfd, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
		return;
	auto_fd int fd = fd_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	/* It may be a directory that another node is bringing back, for a file appeared in it: never without
	 * its IV. */
	if (fd < 0 || check_empty(fd, &have_iv) < 0 || (have_iv && dir_read_iv(fd, iv) < 0))
		return;
	if (have_iv && unlinkat(fd, NAME_DIRIV, 0) < 0)
		return;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && have_iv)
		(void)iv_write(fd, iv);
}

/* 0 if nothing but the IV (and leftovers, which are removed) is in the directory; -ENOTEMPTY; *ret_iv says if
 * it is there. */
static int check_empty(int fd, bool *ret_iv)
{
	struct dirent *e;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	auto_dir DIR *d = copy < 0 ? NULL : fdopendir(copy);
	bool leftovers = false;

	*ret_iv = false;
	if (!d) {
		int r = -errno;

		if (copy >= 0)
			(void)close(copy);
		return r;
	}
	rewinddir(d);
	while (errno = 0, (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (strcmp(e->d_name, NAME_DIRIV) == 0)
			*ret_iv = true;
		else if (is_leftover(e->d_name))
			leftovers = true;
		else
			return -ENOTEMPTY; /* it stays, and so does what another node may be making in it */
	}
	if (errno)
		return -errno;
	rewinddir(d);
	while (leftovers && (e = readdir(d)))
		if (is_name_file(e->d_name))
			longname_sweep(fd, e->d_name);
		else if (is_leftover(e->d_name))
			sweep_leftover(fd, e->d_name);
	return 0;
}

/* Open for reading; a directory without rights for us as its owner gets them for the moment it still has to
 * live. */
static int open_doomed(int dirfd, const char *name, mode_t *ret_mode)
{
	int fd = fd_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		int r = -errno;

		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	*ret_mode = st.st_mode & 07777;
	if (!S_ISDIR(st.st_mode))
		return fd >= 0 ? fd : -ENOTDIR;
	if ((st.st_mode & S_IRWXU) != S_IRWXU && st.st_uid == geteuid() &&
	    fchmodat(dirfd, name, (st.st_mode & 07777) | S_IRWXU, 0) == 0 && fd < 0)
		fd = fd_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return fd;
}

/* The directory was hidden under tmp; remove it, or bring it back whole. Its IV waits beside it meanwhile: to
 * move it back needs no space on a full disk. */
static int remove_hidden(struct view *v, int dirfd, int fd, const char *tmp, const char *name)
{
	char tmp_iv[TMP_NAME];
	bool have_iv;
	int r = check_empty(fd, &have_iv); /* somebody may have got in before it was hidden */

	tmp_name(tmp_iv);
	if (r == 0 && have_iv && renameat(fd, NAME_DIRIV, dirfd, tmp_iv) < 0)
		r = -errno;
	else if (r == 0 && unlinkat(dirfd, tmp, AT_REMOVEDIR) < 0) {
		r = errno == EEXIST ? -ENOTEMPTY : -errno;
		if (have_iv && renameat(dirfd, tmp_iv, fd, NAME_DIRIV) < 0)
			view_warn(v, "rmdir: the IV of directory \"%s\" is left in \"%s\"", name, tmp_iv);
	} else if (r == 0 && have_iv) {
		(void)unlinkat(dirfd, tmp_iv, 0); /* hidden, and swept with its directory */
	}
	if (r < 0 && put_in_place(dirfd, tmp, name) < 0)
		view_warn(v,
			  "rmdir: directory \"%s\" got a new entry meanwhile and its name was taken; "
			  "it is kept as \"%s\"",
			  name, tmp);
	return r;
}

int fwd_rmdir_at(struct view *v, const struct dirref *dir, const struct cname *cn)
{
	char tmp[TMP_NAME];
	bool have_iv;
	mode_t mode = 0;
	int r;

	if (!v->use_iv)
		return unlinkat(dir->fd, cn->name, AT_REMOVEDIR) < 0 ? -errno : 0;
	auto_fd int fd = open_doomed(dir->fd, cn->name, &mode);

	if (fd < 0)
		return fd == -ELOOP ? -ENOTDIR : fd;
	r = check_empty(fd, &have_iv);
	if (r == 0) {
		tmp_name(tmp);
		if (renameat(dir->fd, cn->name, dir->fd, tmp) < 0) {
			r = -errno;
		} else {
			/* Perhaps not what was opened: another node may have removed that and made it anew.
			 */
			auto_fd int hidden = fd_openat(dir->fd, tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

			r = remove_hidden(v, dir->fd, hidden < 0 ? fd : hidden, tmp, cn->name);
		}
	}
	if (r < 0)
		(void)fchmod(fd, mode);
	return r;
}

/* A directory that is about to be removed may be somebody's working directory: have its descriptor cached. */
static void hold_known(struct view *v, const struct node_id *id)
{
	struct view_node *node = node_known(v, id);
	struct dirref dir;

	if (node && dir_get(v, node, v->use_iv, &dir) == 0)
		dir_put(&dir);
	if (node)
		node_unref(v, node);
}

int fwd_rmdir(struct view *v, struct view_node *parent, const char *name)
{
	struct node_id id;
	struct stat st;
	struct at at;
	int r = at_get(v, parent, name, &at);

	if (r < 0)
		return r == -EPERM ? -ENOENT : r;
	r = stat_at(at.dir.fd, at.cn.name, &st, &id);
	if (r == 0 && S_ISDIR(st.st_mode))
		hold_known(v, &id);
	if (r == 0)
		r = fwd_rmdir_at(v, &at.dir, &at.cn);
	if (r == 0) {
		node_drop_name(v, &id, true, parent, at.cn.name);
		longname_remove(at.dir.fd, &at.cn);
	}
	at_put(&at);
	return r;
}
