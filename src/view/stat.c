/* stat.c - backing attributes, and how the view shows them. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "view/internal.h"

static struct timespec from_statx(const struct statx_timestamp *t)
{
	return (struct timespec){ .tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec };
}

static int statx_at(int dirfd, const char *name, int flags, struct stat *ret, struct node_id *ret_id)
{
	struct statx sx;

	flags |= AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH);
	if (statx(dirfd, name, flags, STATX_BASIC_STATS | STATX_BTIME, &sx) < 0)
		return -errno;
	if (ret) {
		memset(ret, 0, sizeof(*ret));
		ret->st_dev = makedev(sx.stx_dev_major, sx.stx_dev_minor);
		ret->st_ino = sx.stx_ino;
		ret->st_mode = sx.stx_mode;
		ret->st_nlink = sx.stx_nlink;
		ret->st_uid = sx.stx_uid;
		ret->st_gid = sx.stx_gid;
		ret->st_rdev = makedev(sx.stx_rdev_major, sx.stx_rdev_minor);
		ret->st_size = (off_t)sx.stx_size;
		ret->st_blksize = (blksize_t)sx.stx_blksize;
		ret->st_blocks = (blkcnt_t)sx.stx_blocks;
		ret->st_atim = from_statx(&sx.stx_atime);
		ret->st_mtim = from_statx(&sx.stx_mtime);
		ret->st_ctim = from_statx(&sx.stx_ctime);
	}
	if (ret_id) {
		ret_id->dev = makedev(sx.stx_dev_major, sx.stx_dev_minor);
		ret_id->ino = sx.stx_ino;
		ret_id->birth = 0;
		if (sx.stx_mask & STATX_BTIME)
			ret_id->birth = (uint64_t)sx.stx_btime.tv_sec * 1000000000u + sx.stx_btime.tv_nsec;
	}
	return 0;
}

int stat_at(int dirfd, const char *name, struct stat *ret, struct node_id *ret_id)
{
	return statx_at(dirfd, name, 0, ret, ret_id);
}

int stat_open(const struct view *v, int fd, struct stat *ret, struct node_id *ret_id)
{
	return statx_at(fd, "", view_is_shared(v) ? AT_STATX_FORCE_SYNC : 0, ret, ret_id);
}

void stat_names_anew(int dirfd)
{
	(void)statx_at(dirfd, "", AT_STATX_FORCE_SYNC, NULL, NULL);
}

/* Only stores from before Raw64 have padding, and only there the target must be read to know its length. */
static void drop_padding(int dirfd, const char *name, struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target));

	while (n > 0 && target[n - 1] == '=')
		n--;
	if (n >= 0)
		st->st_size = n;
}

int stat_entry(struct view *v, int dirfd, const char *name, struct stat *ret, struct node_id *ret_id)
{
	const int flags = view_needs_sync(v) ? AT_STATX_FORCE_SYNC : 0;
	int r = statx_at(dirfd, name, flags, ret, ret_id);

	if (r == -ENOENT && v->weak_names) {
		stat_names_anew(dirfd);
		r = statx_at(dirfd, name, flags, ret, ret_id);
	}
	if (r == 0 && S_ISLNK(ret->st_mode) && !v->vol->opt.raw64 && !v->vol->opt.plaintextnames)
		drop_padding(dirfd, name, ret);
	return r;
}

/* The length of a symbolic link follows from the stored length: no readlink, so its access time stays. */
void stat_show(struct view *v, struct stat *st)
{
	enum layout_size_state state;

	if (S_ISREG(st->st_mode)) {
		st->st_size = (off_t)layout_plain_size(view_layout(v), (uint64_t)st->st_size, &state);
		if (state == LAYOUT_TRUNCATED_HEADER)
			view_warn(v, "inode %llu: shorter than a file header: corrupt file",
				  (unsigned long long)st->st_ino);
		else if (state == LAYOUT_TORN_BLOCK)
			view_warn(v, "inode %llu: incomplete last block", (unsigned long long)st->st_ino);
	} else if (S_ISLNK(st->st_mode) && !v->vol->opt.plaintextnames) {
		st->st_size = (off_t)content_target_len(&v->vol->content, (size_t)st->st_size);
	}
	if (v->opt.force_owner) {
		st->st_uid = v->opt.force_uid;
		st->st_gid = v->opt.force_gid;
	}
}
