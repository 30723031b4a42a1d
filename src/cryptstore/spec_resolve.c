/* spec_resolve.c - from what was typed to real paths: the store, the view's name, the path of one's own. */
#include "cryptstore/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cryptstore/exit.h"
#include "grant/ticket.h"
#include "util/cleanup.h"
#include "util/err.h"

/* Without slashes at the end (but "/" stays). */
static void strip_slashes(char *s)
{
	size_t n = strlen(s);

	while (n > 1 && s[n - 1] == '/')
		s[--n] = '\0';
}

static const char *last_component(const char *s)
{
	const char *slash = strrchr(s, '/');

	return slash ? slash + 1 : s;
}

/* realpath(3) with the store's messages. */
static int resolve_store(struct spec *s, struct err *err)
{
	struct stat st;

	s->path = realpath(s->typed, NULL);
	if (!s->path && (errno == ENOENT || errno == ENOTDIR))
		return err_set_exit(err, -ENOENT, CS_STORE, "there is no store '%s'", s->typed);
	if (!s->path || stat(s->path, &st) < 0)
		return err_set_exit(err, -errno, CS_STORE, "store '%s': %s", s->typed, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set_exit(err, -ENOTDIR, CS_STORE, "'%s' is not a directory", s->typed);
	if (!ticket_path_ok(s->path, strlen(s->path)))
		return err_set_exit(err, -EINVAL, CS_STORE, "'%s' cannot be a store", s->path);
	return 0;
}

/* dir.crypt -> dir. "." and ".." have no name of their own; then the real one counts. */
static int name_view(struct spec *s, struct err *err)
{
	const char *name = last_component(s->typed);
	size_t n;

	if (!strcmp(name, ".") || !strcmp(name, ".."))
		name = last_component(s->path);
	n = strlen(name);
	if (n > 6 && !strcmp(name + n - 6, ".crypt"))
		n -= 6;
	if (!ticket_view_ok(name, n))
		return err_set_exit(
		    err, -EINVAL, CS_USAGE,
		    "'%.100s' gives no name for a view (1 to %d letters, digits, '.', '_', '-', not starting "
		    "with '.'): make a symbolic link with another name to the store and use that",
		    name, TICKET_VIEW_MAX);
	s->view = strndup(name, n);
	return s->view ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int resolve_user_path(struct spec *s, struct err *err)
{
	auto_free char *parent = NULL;
	auto_free char *real = NULL;
	const char *name;
	size_t n;

	strip_slashes(s->typed_user);
	name = last_component(s->typed_user);
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_set_exit(err, -EINVAL, CS_USAGE, "'%s' cannot be a path for the view",
				    s->typed_user);
	n = (size_t)(name - s->typed_user);
	parent = n ? strndup(s->typed_user, n) : strdup(".");
	real = parent ? realpath(parent, NULL) : NULL;
	if (!real)
		return err_set_exit(err, -errno, CS_USERPATH, "the directory of '%s': %s", s->typed_user,
				    strerror(errno));
	if (asprintf(&s->user_path, "%s/%s", strcmp(real, "/") ? real : "", name) < 0) {
		s->user_path = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	n = strlen(s->path);
	if (!strncmp(s->user_path, s->path, n) && (s->user_path[n] == '/' || s->user_path[n] == '\0'))
		return err_set_exit(err, -EINVAL, CS_USERPATH, "'%s' lies in the store itself", s->user_path);
	return 0;
}

int spec_resolve(struct spec *s, struct err *err)
{
	int r;

	strip_slashes(s->typed);
	r = resolve_store(s, err);
	if (r == 0)
		r = name_view(s, err);
	if (r == 0 && s->typed_user)
		r = resolve_user_path(s, err);
	return r;
}

static int check_free(const struct spec *s, struct err *err)
{
	auto_free char *parent = strndup(s->user_path, (size_t)(strrchr(s->user_path, '/') - s->user_path));

	if (!parent)
		return err_set(err, -ENOMEM, "out of memory");
	if (faccessat(AT_FDCWD, *parent ? parent : "/", W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	return err_set_exit(err, -errno, CS_USERPATH, "no link to the view can be made at '%s': %s",
			    s->user_path, strerror(errno));
}

int spec_check_user_path(const struct spec *s, const char *view_root, struct err *err)
{
	char view[PATH_MAX], target[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (!s->user_path)
		return 0;
	(void)snprintf(view, sizeof(view), "%s/%s", view_root, s->view);
	if (lstat(s->user_path, &st) < 0)
		return errno == ENOENT ? check_free(s, err)
				       : err_set_exit(err, -errno, CS_USERPATH, "'%s': %s", s->user_path,
						      strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set_exit(
		    err, -EEXIST, CS_USERPATH,
		    "'%s' is a directory, and a directory is never mounted over or replaced: rename it, name "
		    "another path, or leave the path out (the view is at %s in any case)",
		    s->user_path, view);
	if (!S_ISLNK(st.st_mode))
		return err_set_exit(err, -EEXIST, CS_USERPATH,
				    "'%s' exists and is no link to the view: remove it or name another path",
				    s->user_path);
	n = readlink(s->user_path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	if (!strcmp(target, view))
		return 0;
	return err_set_exit(err, -EEXIST, CS_USERPATH,
			    "'%s' is a link to '%s' and not to the view %s: remove it or name another path",
			    s->user_path, target, view);
}
