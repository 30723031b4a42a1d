/* store.c - find, check and unlock the stores of a command line, then seal their keys. */
#include "cryptstore/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cryptstore/cmd.h"
#include "cryptstore/keysource.h"
#include "format/name.h"
#include "grant/ticket.h"
#include "util/cleanup.h"
#include "util/fd.h"
#include "util/secret.h"
#include "volume/volume.h"

void stores_done(struct stores *s)
{
	while (s->n) {
		struct store *st = &s->stores[--s->n];

		spec_done(&st->spec);
		config_done(&st->config);
		if (st->dirfd >= 0)
			(void)close(st->dirfd);
	}
	policy_free(s->policy);
	free(s->groups);
	memset(s, 0, sizeof(*s));
}

/* log2, rounded down; 0 for what is no power of two to begin with (config_load has refused it by then). */
static int64_t log2_of(int64_t n)
{
	return n > 0 ? 63 - __builtin_clzll((unsigned long long)n) : 0;
}

int store_open(struct store *st, struct err *err)
{
	const char *path = st->spec.path;
	int r;

	st->dirfd = fd_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (st->dirfd < 0)
		return err_set_exit(err, st->dirfd, CS_STORE, "store '%s': %s", path, strerror(-st->dirfd));
	if (faccessat(st->dirfd, NAME_CONF, F_OK, 0) < 0)
		return err_set_exit(err, -errno, CS_STORE, "'%s' is not a gocryptfs store: %s", path,
				    errno == ENOENT ? "there is no " NAME_CONF " in it" : strerror(errno));
	r = config_load(&st->config, st->dirfd, NAME_CONF, err);
	if (r < 0) {
		(void)err_prefix(err, "store '%s'", path);
		err->exitcode = CS_STORE;
	}
	return r;
}

static int ask_policy(const struct stores *s, const struct store *st, struct err *err)
{
	struct policy_request q = s->self;
	int r;

	q.path = st->spec.path;
	q.read_only = st->spec.mode & TICKET_RO;
	q.exclusive = st->spec.mode & TICKET_EXCLUSIVE;
	q.lifetime = s->lifetime;
	q.n_stores = s->n;
	q.cipher = config_cipher_name(&st->config);
	q.scrypt_logn = log2_of(st->config.scrypt_n);
	r = policy_decide(s->policy, &q, err);
	if (r < 0)
		err->exitcode = CS_POLICY;
	return r;
}

/* What can be said of one store without its password. */
static int prepare_store(struct stores *s, const char *text, const char *mode, struct err *err)
{
	struct store *st = &s->stores[s->n];
	int r = spec_parse(&st->spec, text, err);

	if (r < 0)
		return r;
	st->dirfd = -1;
	s->n++;
	if (mode)
		r = spec_add_mode(&st->spec, mode, err);
	if (r == 0)
		r = spec_resolve(&st->spec, err);
	if (r == 0)
		r = spec_check_user_path(&st->spec, s->policy->view_root, err);
	if (r == 0)
		r = store_open(st, err);
	return r;
}

int stores_open(struct stores *s, const char *conf_dir, char **texts, size_t n, const char *mode,
		int64_t lifetime, struct err *err)
{
	struct spec specs[SPEC_STORES_MAX];
	size_t i;
	int r;

	if (n > SPEC_STORES_MAX)
		return err_set_exit(err, -E2BIG, CS_USAGE, "more than %d stores", SPEC_STORES_MAX);
	r = cs_load_policy(&s->policy, conf_dir, err);
	if (r == 0)
		r = cs_request_self(&s->self, &s->groups, err);
	if (r < 0)
		return r;
	s->now = (int64_t)time(NULL);
	s->lifetime = lifetime ? lifetime : s->policy->default_lifetime;
	for (i = 0; i < n && r == 0; i++) {
		r = prepare_store(s, texts[i], mode, err);
		if (r == 0)
			specs[i] = s->stores[i].spec;
	}
	if (r == 0)
		r = spec_check_distinct(specs, n, err);
	for (i = 0; i < n && r == 0; i++)
		r = ask_policy(s, &s->stores[i], err);
	return r;
}

/* A master key that was given must fit the store, or the job would fail hours later. */
static int probe(const struct store *st, const struct secret *key, struct err *err)
{
	struct volume_options opt;
	struct volume *v = NULL;
	int r;

	volume_options_from_config(&opt, &st->config);
	r = volume_open(&v, &opt, key, err);
	if (r < 0)
		return r;
	r = volume_probe(v, st->dirfd);
	volume_close(v);
	if (r == -EACCES)
		return err_set_exit(err, r, CS_PASSWORD, "'%s': this is not the store's master key",
				    st->spec.path);
	return 0;
}

int store_unlock(struct secret **ret, const struct store *st, const struct keysource *k, struct err *err)
{
	auto_secret struct secret *password = NULL;
	auto_secret struct secret *key = NULL;
	int r;

	if (k->kind == KEYSOURCE_MASTERKEY) {
		r = keysource_masterkey(&key, err);
		if (r == 0)
			r = probe(st, key, err);
		if (r < 0)
			return r;
		*ret = take(key);
		return 0;
	}
	if (st->config.flags & CONFIG_FIDO2)
		return err_set_exit(
		    err, -ENOTSUP, CS_STORE,
		    "'%s' is unlocked by a FIDO2 token, which a job cannot ask: use masterkey:stdin",
		    st->spec.path);
	r = keysource_password(&password, k, st->spec.path, err);
	if (r < 0)
		return r;
	r = config_unlock(&st->config, password, ret, err);
	if (r == -EACCES)
		return err_set_exit(err, r, CS_PASSWORD, "'%s': the password is wrong", st->spec.path);
	if (r < 0) {
		(void)err_prefix(err, "store '%s'", st->spec.path);
		err->exitcode = CS_STORE;
	}
	return r;
}

/* Text that grows; freed by the caller whatever happens. */
static int append(char **text, const char *more)
{
	size_t n = *text ? strlen(*text) : 0, k = strlen(more);
	char *grown = realloc(*text, n + k + 1);

	if (!grown)
		return -ENOMEM;
	memcpy(grown + n, more, k + 1);
	*text = grown;
	return 0;
}

static int seal_one(char **text, struct ticket *t, struct stores *s, const struct store *st,
		    const struct keysource *k, const uint8_t site_pub[static SITEKEY_LEN], struct err *err)
{
	auto_secret struct secret *key = NULL;
	int r = store_unlock(&key, st, k, err);

	if (r < 0)
		return r;
	*t = (struct ticket){ .uid = s->self.uid,
			      .mode = st->spec.mode,
			      .issued = s->now,
			      .expires = s->now + s->lifetime,
			      .path = st->spec.path,
			      .view = st->spec.view,
			      .user_path = st->spec.user_path,
			      .master_key = key };
	r = ticket_make(text, t, site_pub, err);
	t->master_key = NULL;
	return r;
}

static int append_ticket(char **all, const char *text, const struct ticket *t, const char *separator,
			 bool comments)
{
	char line[128], id[2 * TICKET_ID_LEN + 1];
	int r = 0;

	if (comments) {
		(void)snprintf(line, sizeof(line), "# cryptstore ticket %s\n",
			       ticket_hex(id, t->id, TICKET_ID_LEN));
		r = append(all, line);
	} else if (*all) {
		r = append(all, separator);
	}
	if (r == 0)
		r = append(all, text);
	if (r == 0 && comments)
		r = append(all, separator);
	return r;
}

int stores_seal(char **ret, struct stores *s, const struct keysource *k,
		const uint8_t site_pub[static SITEKEY_LEN], const char *separator, bool comments,
		struct err *err)
{
	uint8_t ids[SPEC_STORES_MAX][IDENTITY_LEN];
	auto_free char *all = NULL;
	size_t i, j;
	int r;

	for (i = 0; i < s->n; i++) {
		auto_free char *text = NULL;
		struct ticket t;

		r = seal_one(&text, &t, s, &s->stores[i], k, site_pub, err);
		if (r < 0)
			return r;
		memcpy(ids[i], t.store_id, IDENTITY_LEN);
		for (j = 0; j < i; j++)
			if (!memcmp(ids[i], ids[j], IDENTITY_LEN))
				return err_set_exit(err, -EEXIST, CS_USAGE,
						    "'%s' and '%s' are the same store (one master key)",
						    s->stores[j].spec.path, s->stores[i].spec.path);
		if (append_ticket(&all, text, &t, separator, comments) < 0)
			return err_set(err, -ENOMEM, "out of memory");
	}
	*ret = take(all);
	return 0;
}
