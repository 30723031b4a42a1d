/* cmd_passwd.c - gocryptfs -passwd: wrap the same master key with a new password. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/exitcode.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/secret.h"
#include "volume/text.h"

/* The config file itself, behind any symbolic links, which stay links. */
struct place {
	char *path; /* malloc'ed */
	const char *name;
	int dirfd;
	struct stat st;
};

static int find_place(const struct cli *c, struct place *ret)
{
	char why[TEXT_ERRNO_MAX];
	auto_free char *dir = NULL;
	char *slash;

	*ret = (struct place){ .dirfd = -1, .path = realpath(c->config, NULL) };
	if (ret->path) {
		slash = strrchr(ret->path, '/');
		ret->name = slash + 1;
		dir = strndup(ret->path, slash == ret->path ? 1 : (size_t)(slash - ret->path));
		ret->dirfd = dir ? fd_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0) : -ENOMEM;
		if (ret->dirfd >= 0 && fstatat(ret->dirfd, ret->name, &ret->st, AT_SYMLINK_NOFOLLOW) == 0)
			return 0;
	}
	log_error("open %s: %s", c->config,
		  text_errno(ret->path && ret->dirfd < 0 ? ret->dirfd : errno, why));
	return EXITCODE_WRITECONF;
}

static void place_done(struct place *p)
{
	free(p->path);
	if (p->dirfd >= 0)
		(void)close(p->dirfd);
}

/* A key from outside could be the wrong one in spite of every check: keep the old config then. */
static int keep_backup(const struct place *p)
{
	auto_free char *bak = NULL;
	auto_free char *bak_path = NULL;
	auto_free char *quoted = NULL;
	char why[TEXT_ERRNO_MAX];

	if (asprintf(&bak, "%s.bak", p->name) < 0 || asprintf(&bak_path, "%s.bak", p->path) < 0)
		return cli_no_memory();
	if (linkat(p->dirfd, p->name, p->dirfd, bak, 0) != 0) {
		log_error("Could not create backup file: link %s %s: %s", p->path, bak_path,
			  text_errno(errno, why));
		return EXITCODE_INIT;
	}
	quoted = text_quote(bak_path, strlen(bak_path));
	log_info("%sA copy of the old config file has been created at %s.\n"
		 "Delete it after you have verified that you can access your files with the new password.%s",
		 log_grey(), quoted ? quoted : bak_path, log_reset());
	return 0;
}

/* A team's config may be group-readable and belong to somebody else than the one who changes the password. */
static void restore_owner_and_mode(const struct place *p)
{
	char why[TEXT_ERRNO_MAX];
	struct stat st;

	if (fstatat(p->dirfd, p->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if ((st.st_uid != p->st.st_uid || st.st_gid != p->st.st_gid) &&
	    fchownat(p->dirfd, p->name, p->st.st_uid, p->st.st_gid, AT_SYMLINK_NOFOLLOW) != 0 &&
	    fchownat(p->dirfd, p->name, (uid_t)-1, p->st.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
		log_warn("Could not give %s its former owner and group: %s", p->path, text_errno(errno, why));
	else if ((st.st_mode & 0777) != (p->st.st_mode & 0777) &&
		 fchmodat(p->dirfd, p->name, p->st.st_mode & 0777, 0) != 0)
		log_warn("Could not give %s its former mode: %s", p->path, text_errno(errno, why));
}

/* -masterkey and the like: does it open what is stored here? */
static int check_explicit_key(struct cli *c, const struct keys *k)
{
	auto_fd int dirfd = fd_openat(AT_FDCWD, c->cipherdir, O_RDONLY | O_DIRECTORY, 0);
	struct volume *v = NULL;
	char why[TEXT_ERRNO_MAX];
	int code;

	if (dirfd < 0) {
		log_error("open %s: %s", c->cipherdir, text_errno(dirfd, why));
		return EXITCODE_CIPHERDIR;
	}
	code = keys_open_volume(c, k, dirfd, false, &v);
	volume_close(v);
	return code;
}

static int rewrap(struct cli *c, struct keys *k)
{
	auto_secret struct secret *password = NULL;
	struct err err = { 0 };
	int code, logn = 0, r;

	log_info("Please enter your new password.");
	code = keys_ask_new_password(c, false, &password);
	if (code != 0)
		return code;
	if (c->opt.scryptn_given) /* 0 would mean "as before" one layer down */
		logn = c->opt.scryptn < 1 ? 1 : c->opt.scryptn > INT_MAX ? INT_MAX : (int)c->opt.scryptn;
	r = config_rewrap(&k->config, k->master_key, password, logn, &err);
	if (r == -EINVAL)
		err.exitcode = EXITCODE_SCRYPT; /* -scryptn out of range; -init says 24, as upstream does */
	return r < 0 ? cli_fail(&err, EXITCODE_WRITECONF) : 0;
}

static int store(struct keys *k, const struct place *p)
{
	struct err err = { 0 };
	int code = 0;

	if (k->explicit_key)
		code = keep_backup(p);
	if (code != 0)
		return code;
	if (config_write(&k->config, p->dirfd, p->name, &err) < 0) {
		(void)err_prefix(&err, "%s", p->path);
		return cli_fail(&err, EXITCODE_WRITECONF);
	}
	restore_owner_and_mode(p);
	return 0;
}

int cmd_passwd(struct cli *c)
{
	struct place place = { .dirfd = -1 };
	struct keys keys;
	int code;

	code = keys_get(c, true, &keys);
	if (code == 0 && (keys.config.flags & CONFIG_FIDO2)) {
		log_error("Password change is not supported on FIDO2-enabled filesystems.");
		code = EXITCODE_USAGE;
	}
	if (code == 0 && keys.explicit_key)
		code = check_explicit_key(c, &keys);
	if (code == 0)
		code = rewrap(c, &keys);
	if (code == 0)
		code = find_place(c, &place);
	if (code == 0)
		code = store(&keys, &place);
	if (code == 0)
		log_info("%sPassword changed.%s", log_green(), log_reset());
	place_done(&place);
	keys_done(&keys);
	return code;
}
