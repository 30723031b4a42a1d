/* bulk_store.c - STORE[:DIR] of import and export: found, unlocked, opened as a view. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cryptstore/bulk.h"
#include "cryptstore/cmd.h"
#include "cryptstore/keysource.h"
#include "cryptstore/store.h"
#include "util/cleanup.h"
#include "util/secret.h"
#include "volume/volume.h"

/* Split at the first colon without a backslash. */
static int split(const char *text, char **ret_store, char **ret_dir)
{
	char *store = malloc(strlen(text) + 1), *out = store, *dir;

	if (!store)
		return -ENOMEM;
	while (*text && *text != ':') {
		if (*text == '\\' && text[1])
			text++;
		*out++ = *text++;
	}
	*out = '\0';
	dir = strdup(*text ? text + 1 : "");
	if (!dir) {
		free(store);
		return -ENOMEM;
	}
	*ret_store = store;
	*ret_dir = dir;
	return 0;
}

/* Drop empty and "." components in place; ".." is refused, since names in a store are not paths. */
static int normalize(char *dir, struct err *err)
{
	char *in = dir, *out = dir;

	while (*in) {
		size_t n = strcspn(in, "/");

		if (n == 2 && in[0] == '.' && in[1] == '.')
			return err_set_exit(err, -EINVAL, CS_USAGE,
					    "the directory in the store may not contain '..'");
		if (n > 0 && !(n == 1 && in[0] == '.')) {
			if (out != dir)
				*out++ = '/';
			memmove(out, in, n);
			out += n;
		}
		in += n + (in[n] == '/');
	}
	*out = '\0';
	return 0;
}

static int get_key(struct secret **ret, const struct store *st, const char *source, struct err *err)
{
	struct keysource k;
	int r = keysource_parse(&k, source, err);

	if (r == 0 && k.kind == KEYSOURCE_TICKET)
		r = err_set_exit(err, -EINVAL, CS_USAGE,
				 "only a compute node's root opens tickets: give passfile:FILE, "
				 "extpass:COMMAND or masterkey:stdin");
	if (r == 0)
		r = keysource_prepare(&k, err);
	return r < 0 ? r : store_unlock(ret, st, &k, err);
}

static void warn(void *arg, const char *text)
{
	(void)arg;
	bulk_say(text);
}

static int open_view(struct bulk_store *ret, const struct store *st, const struct bulk_options *opt,
		     struct err *err)
{
	auto_secret struct secret *key = NULL;
	struct volume_options vol_opt;
	int r = get_key(&key, st, opt->key, err);

	if (r < 0)
		return r;
	volume_options_from_config(&vol_opt, &st->config);
	r = volume_open(&ret->vol, &vol_opt, key, err);
	if (r < 0)
		return r;
	ret->view_opt = (struct view_options){
		.sharing = opt->shared ? VIEW_SHARED : VIEW_EXCLUSIVE,
		.read_only = !opt->import,
		.noprealloc = true, /* a file that did not fit is known to be unfinished */
		.suid = true,
		.acl = true,
		.conf_hidden = true,
		.warn = warn,
	};
	return view_open_forward(&ret->view, ret->vol, ret->fd, &ret->view_opt, err);
}

/* An import writes, so it is to mounts what they are to each other; but files are not to be risked for it. */
static int join_peers(struct bulk_store *ret, const struct bulk_options *opt, struct err *err)
{
	struct err doubt = { 0 };
	struct peers_seen seen;
	const char *why;

	if (!opt->import)
		return 0;
	if (opt->shared && peers_check_locks(ret->fd, &doubt) == PEERS_LOCKS_LOCAL)
		return err_set_exit(err, -ENOLCK, CS_STORE, "several writers are not safe here: %s",
				    doubt.text);
	if (opt->shared && doubt.code)
		bulk_say(doubt.text);
	(void)peers_join(&ret->peers, ret->fd, opt->shared,
			 &seen); /* -errno: nothing can be marked, nor seen */
	why = seen.exclusive ? "unmount it, or mount it with -sharedstorage and import with --shared"
	      : seen.shared && !opt->shared ? "import with --shared, or unmount it"
					    : NULL;
	if (!why)
		return 0;
	return err_set_exit(
	    err, -EBUSY, CS_STORE,
	    "store '%s' is mounted %s -sharedstorage or being imported to, here or on another "
	    "machine, and what both write would be damaged: %s",
	    ret->path, seen.exclusive ? "without" : "with", why);
}

int bulk_store_open(struct bulk_store *ret, const char *text, const struct bulk_options *opt, struct err *err)
{
	auto_free char *typed = NULL;
	struct store st = { .dirfd = -1 };
	int r;

	*ret = (struct bulk_store){ .fd = -1, .peers = PEERS_NONE };
	if (split(text, &typed, &ret->dir) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	r = normalize(ret->dir, err);
	if (r < 0)
		return r;
	ret->path = realpath(typed, NULL);
	if (!ret->path)
		return err_set_exit(err, -errno, CS_STORE, "store '%s': %s", typed, strerror(errno));
	st.spec.path = ret->path;
	r = store_open(&st, err);
	ret->fd = st.dirfd;
	if (r == 0)
		r = join_peers(ret, opt, err);
	if (r == 0)
		r = open_view(ret, &st, opt, err);
	config_done(&st.config);
	return r;
}

void bulk_store_close(struct bulk_store *s)
{
	view_close(s->view);
	volume_close(s->vol);
	peers_leave(&s->peers);
	if (s->fd >= 0)
		(void)close(s->fd);
	free(s->path);
	free(s->dir);
}
