/* peers.c - other mounts of the same store: presence by locks that leave no trace, and what is known of the
 * locks of cluster file systems. */
#include "view/peers.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "format/name.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"

/* Far behind what anybody else locks in these small files. The first two are shared by all mounts of their
 * kind. */
enum { BYTE_EXCLUSIVE, BYTE_SHARED, BYTE_TEST };
/* How long another mount may take to end before it counts, and how often to look. */
enum { LEAVING_MS = 1000, LOOK_MS = 20 };
#define BYTE_BASE ((off_t)0x67630000) /* "gc" */

static const char *const files[PEERS_FILES] = { "gocryptfs.conf", NAME_DIRIV, "." };

static int lock_byte(int fd, int cmd, short type, int byte, short *ret_type)
{
	struct flock lk = { .l_type = type, .l_whence = SEEK_SET, .l_start = BYTE_BASE + byte, .l_len = 1 };
	int r = fcntl(fd, cmd, &lk) < 0 ? -errno : 0;

	if (ret_type)
		*ret_type = lk.l_type;
	return r;
}

/* --- what file systems are like
 * ------------------------------------------------------------------------------------ */

/* Is `word` one of the comma-separated options? */
static bool has_option(const char *options, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = options; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, word, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
	}
	return false;
}

struct rule {
	const char *fstype;
	const char *option; /* NULL: whatever the options */
	enum peers_verdict verdict;
	const char *fix;
};

#define OTHER_FS "keep the store on one whose locks all machines share, or mount it on one machine only"

/* The first that fits counts. */
static const struct rule rules[] = {
	/* nfs(5): OFD locks go the way of fcntl locks */
	{ "nfs", "nolock", PEERS_LOCKS_LOCAL, "mount it with 'lock' (NFSv3) or as NFSv4" },
	{ "nfs", "local_lock=all", PEERS_LOCKS_LOCAL, "mount it with 'local_lock=none'" },
	{ "nfs", "local_lock=posix", PEERS_LOCKS_LOCAL, "mount it with 'local_lock=none'" },
	{ "nfs", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "nfs4", "local_lock=all", PEERS_LOCKS_LOCAL, "mount it with 'local_lock=none'" },
	{ "nfs4", "local_lock=posix", PEERS_LOCKS_LOCAL, "mount it with 'local_lock=none'" },
	{ "nfs4", NULL, PEERS_LOCKS_SHARED, NULL },
	/* mount.lustre(8) */
	{ "lustre", "localflock", PEERS_LOCKS_LOCAL, "mount it with 'flock'" },
	{ "lustre", "noflock", PEERS_LOCKS_LOCAL, "mount it with 'flock'" },
	{ "lustre", NULL, PEERS_LOCKS_SHARED, NULL },
	/* mount.cifs(8) */
	{ "cifs", "nobrl", PEERS_LOCKS_LOCAL, "mount it without 'nobrl'" },
	{ "smb3", "nobrl", PEERS_LOCKS_LOCAL, "mount it without 'nobrl'" },
	/* gfs2(5) */
	{ "gfs2", "localflocks", PEERS_LOCKS_LOCAL, "mount it without 'localflocks'" },
	{ "gfs2", "lockproto=lock_nolock", PEERS_LOCKS_LOCAL, "mount it with 'lockproto=lock_dlm'" },
	/* These send no locks to their server at all. */
	{ "fuse.sshfs", NULL, PEERS_LOCKS_LOCAL, OTHER_FS },
	{ "fuse.s3fs", NULL, PEERS_LOCKS_LOCAL, OTHER_FS },
	{ "fuse.rclone", NULL, PEERS_LOCKS_LOCAL, OTHER_FS },
	{ "pvfs2", "local_lock", PEERS_LOCKS_LOCAL, "it has locks between programs of one machine only" },
	{ "gfs2", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "cifs", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "smb3", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "gpfs", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "ceph", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "fuse.ceph-fuse", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "ocfs2", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "wekafs", NULL, PEERS_LOCKS_SHARED, NULL },
	/* one machine has them, so all mounts are on it */
	{ "ext2", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "ext3", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "ext4", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "xfs", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "btrfs", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "zfs", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "f2fs", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "bcachefs", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "tmpfs", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "ramfs", NULL, PEERS_LOCKS_SHARED, NULL },
	{ "overlay", NULL, PEERS_LOCKS_SHARED, NULL },
};

enum peers_verdict peers_judge(const char *fstype, const char *options, char why[static PEERS_WHY_MAX])
{
	*why = '\0';
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *r = &rules[i];

		if (strcmp(r->fstype, fstype) != 0 || (r->option && !has_option(options, r->option)))
			continue;
		if (r->verdict == PEERS_LOCKS_LOCAL && !r->option)
			(void)snprintf(why, PEERS_WHY_MAX,
				       "a file system of type %s has no locks that other machines see; %s",
				       fstype, r->fix);
		else if (r->verdict == PEERS_LOCKS_LOCAL)
			(void)snprintf(why, PEERS_WHY_MAX,
				       "this %s is mounted with '%s', so that no other machine sees "
				       "its locks; %s",
				       fstype, r->option, r->fix);
		return r->verdict;
	}
	(void)snprintf(why, PEERS_WHY_MAX,
		       "it cannot be told whether locks on a file system of type %.64s reach other "
		       "machines",
		       fstype);
	return PEERS_LOCKS_UNKNOWN;
}

/* A GlusterFS client shows its graph in a directory .meta at the root of every mount. Parts of it that cache
 * know nothing of locks: a write still in the client when its lock is given up is lost on whoever locks next.
 */
static enum peers_verdict judge_gluster(const char *mountpoint, char why[static PEERS_WHY_MAX])
{
	static const char *const caches[] = { "write-behind", "md-cache",   "quick-read",
					      "io-cache",     "read-ahead", "open-behind" };
	auto_free char *pattern = NULL;
	enum peers_verdict ret = PEERS_LOCKS_UNKNOWN;
	glob_t g;

	(void)snprintf(why, PEERS_WHY_MAX,
		       "it cannot be told whether this GlusterFS client caches (no .meta directory)");
	if (asprintf(&pattern, "%s/.meta/graphs/active/*/type", mountpoint) < 0 ||
	    glob(pattern, 0, NULL, &g) != 0)
		return ret;
	for (size_t i = 0; i < g.gl_pathc && ret != PEERS_LOCKS_LOCAL; i++) {
		auto_file FILE *f = fopen(g.gl_pathv[i], "re");
		char type[128] = "";

		if (!f || !fgets(type, sizeof(type), f))
			continue;
		type[strcspn(type, "\n")] = '\0';
		ret = PEERS_LOCKS_SHARED;
		for (size_t k = 0; k < sizeof(caches) / sizeof(caches[0]); k++)
			if (strncmp(type, "performance/", 12) == 0 && strcmp(type + 12, caches[k]) == 0) {
				(void)snprintf(why, PEERS_WHY_MAX,
					       "this GlusterFS client caches (%.32s) without regard to "
					       "locks; set performance.write-behind, stat-prefetch, "
					       "quick-read, io-cache, "
					       "read-ahead and open-behind of the volume to off",
					       caches[k]);
				ret = PEERS_LOCKS_LOCAL;
			}
	}
	globfree(&g);
	return ret;
}

/* The client shows its configuration in /proc/fs/beegfs/CLIENT/config; of several the worst one counts. */
static enum peers_verdict judge_beegfs(char why[static PEERS_WHY_MAX])
{
	enum peers_verdict ret = PEERS_LOCKS_UNKNOWN;
	glob_t g;

	(void)snprintf(why, PEERS_WHY_MAX,
		       "it cannot be told whether tuneUseGlobalFileLocks is set for this BeeGFS");
	if (glob("/proc/fs/beegfs/*/config", 0, NULL, &g) != 0)
		return ret;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		auto_file FILE *f = fopen(g.gl_pathv[i], "re");
		char line[512];
		int on;

		while (f && fgets(line, sizeof(line), f)) {
			if (sscanf(line, " tuneUseGlobalFileLocks = %d", &on) != 1)
				continue;
			if (!on) {
				(void)snprintf(why, PEERS_WHY_MAX,
					       "this BeeGFS keeps locks to one machine; set "
					       "tuneUseGlobalFileLocks = true in beegfs-client.conf");
				globfree(&g);
				return PEERS_LOCKS_LOCAL;
			}
			ret = PEERS_LOCKS_SHARED;
		}
	}
	globfree(&g);
	return ret;
}

/* --- this file system
 * ---------------------------------------------------------------------------------------------- */

/* proc(5): /proc/self/fdinfo/N has the number of the mount, which begins its line of mountinfo. -1: not
 * found. */
static long mount_id(int fd)
{
	char path[48], line[128];
	long id = -1;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	auto_file FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "mnt_id: %ld", &id) == 1)
			break;
	return id;
}

struct file_system {
	char *line; /* owns what follows */
	const char *mountpoint, *type, *options;
};

/* \\040 and the like, in place. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		unsigned int c;

		if (sscanf(s, "\\%3o", &c) == 1 && c < 256) {
			*to++ = (char)c;
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* Fields: mount id, parent id, major:minor, root, mount point, ... "-", type, source, options. */
static int parse_mount(char *line, struct file_system *ret)
{
	char *save = NULL, *type = strstr(line, " - "), *field = NULL;

	if (!type)
		return -ENOENT;
	*type = '\0';
	for (int i = 0; i < 5; i++)
		field = strtok_r(i ? NULL : line, " ", &save);
	ret->mountpoint = field;
	ret->type = strtok_r(type + 3, " ", &save);
	(void)strtok_r(NULL, " ", &save); /* the source */
	ret->options = strtok_r(NULL, " \n", &save);
	if (!field || !ret->type || !ret->options)
		return -ENOENT;
	unescape(field);
	return 0;
}

/* The file system of fd: 0 or -ENOENT. */
static int file_system(int fd, struct file_system *ret)
{
	auto_file FILE *f = fopen("/proc/self/mountinfo", "re");
	auto_free char *line = NULL;
	long wanted = mount_id(fd);
	size_t size = 0;

	while (f && wanted >= 0 && getline(&line, &size, f) > 0) {
		if (strtol(line, NULL, 10) != wanted)
			continue;
		if (parse_mount(line, ret) < 0)
			break;
		ret->line = take(line);
		return 0;
	}
	return -ENOENT;
}

/* Is a lock taken through one descriptor seen through another? 0, or the negative errno of why not. */
static int try_locks(int dirfd)
{
	for (int i = 0; i < PEERS_FILES - 1; i++) {
		auto_fd int one = fd_openat(dirfd, files[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
		auto_fd int two = fd_openat(dirfd, files[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
		short seen = F_UNLCK;
		int r;

		if (one < 0 || two < 0)
			continue;
		r = lock_byte(one, F_OFD_SETLK, F_RDLCK, BYTE_TEST, NULL);
		if (r == 0)
			r = lock_byte(two, F_OFD_GETLK, F_WRLCK, BYTE_TEST, &seen);
		return r < 0 ? r : seen == F_UNLCK ? -ENOLCK : 0;
	}
	return 0; /* no file to try: the first write will tell */
}

static enum peers_verdict judge(const struct file_system *fs, char why[static PEERS_WHY_MAX])
{
	if (strcmp(fs->type, "beegfs") == 0)
		return judge_beegfs(why);
	if (strcmp(fs->type, "fuse.glusterfs") == 0)
		return judge_gluster(fs->mountpoint, why);
	return peers_judge(fs->type, fs->options, why);
}

enum peers_verdict peers_check_locks(int dirfd, struct err *err)
{
	struct file_system fs = { .type = "file system" };
	char why[PEERS_WHY_MAX] = "the file system of the store is not in /proc/self/mountinfo";
	enum peers_verdict verdict = PEERS_LOCKS_UNKNOWN;
	int r = file_system(dirfd, &fs);
	auto_free char *line = fs.line;

	if (r == 0)
		verdict = judge(&fs, why);
	if (verdict == PEERS_LOCKS_LOCAL) {
		(void)err_set(err, -ENOLCK, "%s", why);
		return verdict;
	}
	r = try_locks(dirfd);
	if (r < 0) {
		(void)err_set(err, r, "byte-range locks do not work on this %s: %s%s", fs.type, strerror(-r),
			      strcmp(fs.type, "lustre") == 0 ? "; mount it with 'flock'" : "");
		return PEERS_LOCKS_LOCAL;
	}
	if (verdict == PEERS_LOCKS_UNKNOWN)
		(void)err_set(err, -ENOLCK, "%s", why);
	return verdict;
}

/* --- presence
 * ------------------------------------------------------------------------------------------------------ */

static bool held_by_others(int fd, int byte)
{
	short seen = F_UNLCK;

	return lock_byte(fd, F_OFD_GETLK, F_WRLCK, byte, &seen) == 0 && seen != F_UNLCK;
}

static void look(const struct peers *p, struct peers_seen *ret)
{
	*ret = (struct peers_seen){ false, false };
	for (int i = 0; i < PEERS_FILES; i++) {
		ret->exclusive |= p->fd[i] >= 0 && held_by_others(p->fd[i], BYTE_EXCLUSIVE);
		ret->shared |= p->fd[i] >= 0 && held_by_others(p->fd[i], BYTE_SHARED);
	}
}

static bool is_on_nfs(int dirfd)
{
	struct statfs fs;

	return fstatfs(dirfd, &fs) == 0 && fs.f_type == NFS_SUPER_MAGIC;
}

/* An NFSv4 client that was given a delegation of a file keeps read locks on it to itself. One that has it
 * open for writing is given none, and one that sets a mode (here: the one it has) gives it back, and its
 * locks to the server. */
static int open_watched(int dirfd, const char *name, bool nfs)
{
	const int flags = O_NOFOLLOW | O_NONBLOCK;
	int fd;

	if (nfs) {
		fd = fd_openat(dirfd, name, O_RDWR | flags, 0);
		if (fd >= 0)
			return fd;
	}
	return fd_openat(dirfd, name, O_RDONLY | flags, 0);
}

static void give_delegation_back(int fd)
{
	struct stat st;

	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		(void)fchmod(fd, st.st_mode & 07777); /* only its owner can: the others are not seen */
}

int peers_join(struct peers *p, int dirfd, bool shared, struct peers_seen *ret_seen)
{
	const bool nfs = is_on_nfs(dirfd);
	int r = -ENOENT, marked = 0;

	*p = PEERS_NONE;
	*ret_seen = (struct peers_seen){ false, false };
	for (int i = 0; i < PEERS_FILES; i++) {
		auto_fd int fd = open_watched(dirfd, files[i], nfs);
		int e =
		    fd < 0 ? fd
			   : lock_byte(fd, F_OFD_SETLK, F_RDLCK, shared ? BYTE_SHARED : BYTE_EXCLUSIVE, NULL);

		if (e < 0) {
			r = e;
			continue;
		}
		marked++;
		if (nfs)
			give_delegation_back(fd);
		p->fd[i] = take_fd(&fd);
	}
	look(p, ret_seen);
	/* Not those whose unmount this moment has not ended their daemon yet. */
	for (int i = 0; i < LEAVING_MS / LOOK_MS && (ret_seen->exclusive || (!shared && ret_seen->shared));
	     i++) {
		(void)usleep(LOOK_MS * 1000);
		look(p, ret_seen);
	}
	return marked ? 0 : r;
}

void peers_leave(struct peers *p)
{
	for (int i = 0; i < PEERS_FILES; i++)
		if (p->fd[i] >= 0)
			(void)close(p->fd[i]);
	*p = PEERS_NONE;
}
