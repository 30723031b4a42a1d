/* check_scan.c - what the view hides or cannot show of a backing directory: undecryptable entries, .name
 * files without their entry, damaged IVs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "view/check_priv.h"
#include "view/internal.h"

bool check_is_canonical(const struct check *c, const struct check_scan *s, const char *name,
			const char *cname)
{
	const size_t len = strlen(name), suffix = strlen(NAME_BAD_SUFFIX);
	struct cname want;

	if (name_encrypt(&c->vol->names, s->iv, s->is_root, name, len, &want) == 0 &&
	    strcmp(want.name, cname) == 0)
		return true;
	/* -badname: no name of its own, but the content can be looked at. */
	return len > suffix && strcmp(name + len - suffix, NAME_BAD_SUFFIX) == 0;
}

const char *check_explain_iv(int fd, char *buf, size_t size)
{
	uint8_t iv[NAME_IV_LEN + 1];
	auto_fd int iv_fd = fd_openat(fd, NAME_DIRIV, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	ssize_t n = iv_fd < 0 ? iv_fd : fd_pread(iv_fd, iv, sizeof(iv), 0);
	char text[128];

	if (n == -ENOENT)
		(void)snprintf(buf, size, NAME_DIRIV " is missing");
	else if (n < 0)
		(void)snprintf(buf, size, NAME_DIRIV ": %s", strerror_r((int)-n, text, sizeof(text)));
	else if (n > NAME_IV_LEN)
		(void)snprintf(buf, size, NAME_DIRIV " has more than %d bytes", NAME_IV_LEN);
	else if (n < NAME_IV_LEN)
		(void)snprintf(buf, size, NAME_DIRIV " has %zd bytes instead of %d", n, NAME_IV_LEN);
	else
		(void)snprintf(buf, size, NAME_DIRIV " is all zero");
	return buf;
}

/* gocryptfs.diriv.rmdir.N: a directory that was being made or removed when its maker died. Somebody else may
 * have made an entry in it at that very moment, which nobody sees then. */
static void check_unfinished(struct check *c, const struct check_scan *s, const struct dirent *e)
{
	int fd = fd_openat(s->fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *inside;

	if (!dir && fd >= 0)
		(void)close(fd);
	while (dir && (inside = readdir(dir)))
		if (name_classify(&c->vol->names, false, inside->d_name) != NAME_HIDDEN &&
		    strcmp(inside->d_name, ".") != 0 && strcmp(inside->d_name, "..") != 0) {
			check_report(c, CHECK_ENTRY, s->dir, NULL, e->d_name, e->d_ino,
				     "a directory whose removal was interrupted is not empty");
			return;
		}
}

/* gocryptfs.longname.HASH.name: its entry must be there. The other direction is check_hashed(). */
static void check_name_file(struct check *c, const struct check_scan *s, const struct dirent *e)
{
	const size_t suffix = strlen(NAME_LONG_SUFFIX), len = strlen(e->d_name);
	char entry[sizeof(e->d_name)];

	if (strncmp(e->d_name, NAME_LONG_PREFIX, strlen(NAME_LONG_PREFIX)) != 0) {
		if (strncmp(e->d_name, NAME_RMDIR_PREFIX, strlen(NAME_RMDIR_PREFIX)) == 0)
			check_unfinished(c, s, e);
		return; /* or conf, diriv */
	}
	memcpy(entry, e->d_name, len - suffix);
	entry[len - suffix] = '\0';
	if (faccessat(s->fd, entry, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return;
	/* Removed this moment by somebody else? The .name goes last. */
	if (faccessat(s->fd, e->d_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		check_report(c, CHECK_LEFTOVER, s->dir, NULL, e->d_name, e->d_ino, "its entry is missing");
}

/* gocryptfs.longname.HASH: the .name must be there, decrypt, and belong to it. */
static void check_hashed(struct check *c, const struct check_scan *s, const struct dirent *e)
{
	char full[NAME_FULL_MAX + 1], plain[NAME_PLAIN_MAX + 1], text[128];
	ssize_t n = longname_read(s->fd, e->d_name, full);
	const char *why;

	if (n == -ENOENT) {
		if (faccessat(s->fd, e->d_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			check_report(c, CHECK_ENTRY, s->dir, NULL, e->d_name, e->d_ino,
				     "its .name file is missing");
		return;
	}
	if (n < 0 && !check_is_damage((int)n)) {
		why = strerror_r((int)-n, text, sizeof(text));
		check_report(c, CHECK_SKIPPED, s->dir, NULL, e->d_name, e->d_ino, why);
		return;
	}
	if (n < 0)
		why = "its .name file is empty or too long";
	else if (name_decrypt(&c->vol->names, s->iv, full, (size_t)n, plain) < 0)
		why = "its .name file cannot be decrypted";
	else if (!check_is_canonical(c, s, plain, e->d_name))
		why = "its .name file belongs to another entry";
	else
		return;
	check_report(c, CHECK_ORPHAN_NAME, s->dir, NULL, e->d_name, e->d_ino, why);
}

static void check_ordinary(struct check *c, const struct check_scan *s, const struct dirent *e)
{
	char plain[NAME_PLAIN_MAX + 1];
	const char *why = "name cannot be decrypted";

	if (name_decrypt(&c->vol->names, s->iv, e->d_name, strlen(e->d_name), plain) >= 0) {
		if (check_is_canonical(c, s, plain, e->d_name))
			return;
		why = "name is stored in the wrong form (longnamemax)";
	}
	/* A file still open somewhere, removed; only the NFS client's name of it is left. */
	if (strncmp(e->d_name, ".nfs", 4) == 0)
		return;
	/* The config before -passwd -masterkey: ours, and of the same mode. */
	if (s->is_root && strcmp(e->d_name, NAME_CONF ".bak") == 0)
		return;
	check_report(c, CHECK_ENTRY, s->dir, NULL, e->d_name, e->d_ino, why);
}

static void check_hidden_entry(struct check *c, const struct check_scan *s, const struct dirent *e)
{
	if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
		return;
	switch (name_classify(&c->vol->names, s->is_root, e->d_name)) {
	case NAME_HIDDEN:
		check_name_file(c, s, e);
		break;
	case NAME_HASHED:
		check_hashed(c, s, e);
		break;
	case NAME_ORDINARY:
		check_ordinary(c, s, e);
		break;
	}
}

int check_hidden(struct check *c, struct check_scan *s)
{
	auto_dir DIR *dir = NULL;
	auto_fd int fd = -1;
	struct dirent *e;
	int r = 0;

	if (c->vol->opt.plaintextnames)
		return 0; /* all names are good and none but the conf's is hidden */
	if (!c->vol->opt.deterministic_names)
		r = dir_read_iv(s->fd, s->iv);
	if (r < 0)
		return r;
	fd = fd_openat(s->fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)take_fd(&fd);
	while (!check_stopped(c)) {
		errno = 0;
		e = readdir(dir);
		if (!e)
			return -errno;
		check_hidden_entry(c, s, e);
	}
	return 0;
}
