/* policy.c - the policy's defaults, loading, and its rules as a table. */
#include "grant/policy.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "grant/identity.h"
#include "grant/policy_schema.h"
#include "grant/units.h"
#include "grant/yaml.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/trust.h"

/* --- defaults and loading (site-docs/policy.md names each default) --- */

static int add_defaults(struct policy_list *l, const char *const *items)
{
	int r = 0;

	for (; *items && r == 0; items++)
		r = policy_list_add(l, *items);
	return r;
}

static int set_defaults(struct policy *p)
{
	static const char *const anywhere[] = { "/", NULL };
	static const char *const all_ciphers[] = { "AES-GCM-256", "AES-SIV-512", "XChaCha20-Poly1305", NULL };

	p->enabled = true;
	p->view_root = strdup("/crypt");
	p->stores_max_per_job = 8;
	p->users_min_uid = 1000;
	p->default_lifetime = 7 * INT64_C(86400);
	p->max_lifetime = 30 * INT64_C(86400);
	p->clock_skew = 300;
	p->min_scrypt_logn = 16;
	p->mount_exec = true;
	p->mount_exclusive = true;
	p->daemon_memory = (int64_t)2 << 30;
	p->cgroup = POLICY_CGROUP_TRY;
	p->prolog_deadline = 30;
	p->epilog_deadline = 30;
	p->daemon_start = 15;
	p->unmount_grace = 10;
	p->loss = POLICY_LOSS_REPORT;
	p->audit_syslog = true;
	if (!p->view_root || add_defaults(&p->stores_allow, anywhere) < 0 ||
	    add_defaults(&p->ciphers, all_ciphers) < 0)
		return -ENOMEM;
	return 0;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	free(p->view_root);
	free(p->audit_file);
	policy_list_clear(&p->stores_allow);
	policy_list_clear(&p->stores_deny);
	policy_list_clear(&p->stores_read_only);
	policy_list_clear(&p->users_groups);
	policy_list_clear(&p->users_deny);
	policy_list_clear(&p->revoked);
	policy_list_clear(&p->ciphers);
	while (p->n_revoked_users)
		free(p->revoked_users[--p->n_revoked_users].user);
	free(p->revoked_users);
	free(p);
}

/* What no single option can be blamed for. */
static int check_whole(const struct policy *p, const char *where, struct err *err)
{
	if (p->default_lifetime > p->max_lifetime)
		return err_set(err, -EINVAL,
			       "%s: tickets.default_lifetime is longer than tickets.max_lifetime", where);
	if (p->ciphers.n == 0)
		return err_set(err, -EINVAL,
			       "%s: ciphers.allow is empty: use 'enabled: false' to switch the feature off",
			       where);
	if (p->daemon_start > p->prolog_deadline)
		return err_set(err, -EINVAL, "%s: grace.daemon_start is longer than grace.prolog", where);
	if (p->unmount_grace > p->epilog_deadline)
		return err_set(err, -EINVAL, "%s: grace.unmount is longer than grace.epilog", where);
	return 0;
}

int policy_parse(struct policy **ret, const char *text, size_t n, const char *where, struct err *err)
{
	struct policy *p = calloc(1, sizeof(*p));
	struct ycur *y = NULL;
	int r;

	if (!p || set_defaults(p) < 0) {
		policy_free(p);
		return err_set(err, -ENOMEM, "%s: out of memory", where);
	}
	r = ycur_open(&y, text, n, where, err);
	if (r == 0)
		r = policy_schema_read(p, y, err);
	if (r == 0)
		r = check_whole(p, where, err);
	ycur_close(y);
	if (r < 0) {
		policy_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

int policy_load(struct policy **ret, const char *path, uid_t owner, struct err *err)
{
	auto_fd int fd = trust_open(path, owner, 0, err);
	auto_free char *text = NULL;
	size_t n;
	int r;

	if (fd == -ENOENT)
		return err_set(err, fd,
			       "the policy '%s' is missing: install the example that comes with cryptstore",
			       path);
	if (fd < 0)
		return fd;
	r = fd_slurp(fd, YCUR_BYTES_MAX, &text, &n);
	if (r == -EFBIG)
		return err_set(err, r, "'%s': more than %d bytes", path, YCUR_BYTES_MAX);
	if (r < 0)
		return err_set(err, r, "'%s': %s", path, strerror(-r));
	return policy_parse(ret, text, n, path, err);
}

/* --- users --- */

/* Does `name` (a user name or a number) mean uid? 1, 0, or -EIO if the user database does not answer. */
static int user_is(const char *name, uid_t uid)
{
	const struct passwd *pw;
	int64_t number;

	if (strspn(name, "0123456789") == strlen(name))
		return units_size(name, strlen(name), &number) == 0 && number == (int64_t)uid;
	errno = 0;
	pw = getpwnam(name);
	if (pw)
		return pw->pw_uid == uid;
	/* getpwnam(3): these mean "no such user" on one system or another, everything else is a failure to
	 * look. */
	return errno == 0 || errno == ENOENT || errno == ESRCH || errno == EBADF || errno == EPERM ? 0 : -EIO;
}

static int in_group(const char *name, const struct policy_request *q)
{
	const struct group *gr;
	int64_t gid = -1;
	size_t i;

	if (strspn(name, "0123456789") == strlen(name)) {
		if (units_size(name, strlen(name), &gid) < 0)
			return 0;
	} else {
		gr = getgrnam(name);
		if (!gr)
			return 0;
		gid = (int64_t)gr->gr_gid;
	}
	for (i = 0; i < q->n_groups; i++)
		if ((int64_t)q->groups[i] == gid)
			return 1;
	return 0;
}

int policy_revoked(const struct policy *p, const uint8_t id[static POLICY_TICKET_ID_LEN], uid_t uid,
		   int64_t issued, struct err *err)
{
	char hex[2 * POLICY_TICKET_ID_LEN + 1], date[UNITS_TIME_LEN];
	size_t i;
	int r;

	(void)identity_hex(hex, id, POLICY_TICKET_ID_LEN);
	for (i = 0; i < p->revoked.n; i++)
		if (!strcmp(p->revoked.items[i], hex))
			return err_set(err, -EKEYREVOKED, "the ticket %s has been revoked by the site", hex);
	for (i = 0; i < p->n_revoked_users; i++) {
		const struct policy_revoked_user *u = &p->revoked_users[i];

		if (issued >= u->before)
			continue;
		r = user_is(u->user, uid);
		if (r < 0)
			return err_set(err, r,
				       "the user '%s' of tickets.revoked_users cannot be looked up now",
				       u->user);
		if (r > 0)
			return err_set(err, -EKEYREVOKED,
				       "the site has revoked all tickets of '%s' made before %s", u->user,
				       units_time_text(date, u->before));
	}
	return 0;
}

/* --- rules: 0 allowed, -EPERM forbidden with text, 1 not known yet, -EIO cannot tell --- */

static int rule_enabled(const struct policy *p, const struct policy_request *q, struct err *err)
{
	(void)q;
	return p->enabled ? 0
			  : err_set(err, -EPERM, "encrypted stores in jobs are switched off on this system");
}

static int rule_min_uid(const struct policy *p, const struct policy_request *q, struct err *err)
{
	if ((int64_t)q->uid >= p->users_min_uid && q->uid != 0)
		return 0;
	return err_set(err, -EPERM, "uid %u is below %lld, the least the policy allows", (unsigned int)q->uid,
		       (long long)p->users_min_uid);
}

static int rule_users_deny(const struct policy *p, const struct policy_request *q, struct err *err)
{
	size_t i;
	int r;

	for (i = 0; i < p->users_deny.n; i++) {
		r = user_is(p->users_deny.items[i], q->uid);
		if (r < 0)
			return err_set(err, r, "the user '%s' cannot be looked up now",
				       p->users_deny.items[i]);
		if (r > 0)
			return err_set(err, -EPERM, "the policy excludes user '%s'", p->users_deny.items[i]);
	}
	return 0;
}

static int rule_groups(const struct policy *p, const struct policy_request *q, struct err *err)
{
	size_t i;

	if (p->users_groups.n == 0)
		return 0;
	if (!q->groups)
		return 1;
	for (i = 0; i < p->users_groups.n; i++)
		if (in_group(p->users_groups.items[i], q))
			return 0;
	return err_set(err, -EPERM, "you are in none of the groups that may use it (first of them: '%s')",
		       p->users_groups.items[0]);
}

static bool path_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (n == 1)
		return true; /* "/" */
	return !strncmp(path, dir, n) && (path[n] == '/' || path[n] == '\0');
}

/* The request's path is resolved; the policy may name a symbolic link such as /home, so its target counts as
 * well. */
static bool path_in(const char *path, const struct policy_list *l)
{
	char real[PATH_MAX];
	size_t i;

	for (i = 0; i < l->n; i++)
		if (path_below(path, l->items[i]))
			return true;
	for (i = 0; i < l->n; i++)
		if (realpath(l->items[i], real) && path_below(path, real))
			return true;
	return false;
}

static int rule_stores_allow(const struct policy *p, const struct policy_request *q, struct err *err)
{
	if (!q->path)
		return 1;
	if (path_in(q->path, &p->stores_allow))
		return 0;
	if (p->stores_allow.n == 0)
		return err_set(err, -EPERM, "no directory may hold stores");
	return err_set(err, -EPERM, "'%s' is not below a directory where stores may lie (such as '%s')",
		       q->path, p->stores_allow.items[0]);
}

static int rule_stores_deny(const struct policy *p, const struct policy_request *q, struct err *err)
{
	if (!q->path)
		return 1;
	if (!path_in(q->path, &p->stores_deny) && !path_below(q->path, p->view_root))
		return 0;
	return err_set(err, -EPERM, "'%s' is below a directory where stores may not lie", q->path);
}

static int rule_read_only(const struct policy *p, const struct policy_request *q, struct err *err)
{
	if (!q->path)
		return 1;
	if (q->read_only || !path_in(q->path, &p->stores_read_only))
		return 0;
	return err_set(err, -EPERM, "'%s' may only be read in jobs: add ',ro'", q->path);
}

static int rule_max_per_job(const struct policy *p, const struct policy_request *q, struct err *err)
{
	if (q->n_stores == 0)
		return 1;
	if (q->n_stores <= (size_t)p->stores_max_per_job)
		return 0;
	return err_set(err, -EPERM, "%zu stores in one job; at most %lld are allowed", q->n_stores,
		       (long long)p->stores_max_per_job);
}

static int rule_exclusive(const struct policy *p, const struct policy_request *q, struct err *err)
{
	if (!q->exclusive || p->mount_exclusive)
		return 0;
	return err_set(err, -EPERM, "'exclusive' is not allowed here: leave the word out");
}

static int rule_lifetime(const struct policy *p, const struct policy_request *q, struct err *err)
{
	char have[UNITS_DURATION_LEN], most[UNITS_DURATION_LEN];

	if (q->lifetime == 0)
		return 1;
	if (q->lifetime <= p->max_lifetime)
		return 0;
	return err_set(err, -EPERM, "a ticket for %s; at most %s are allowed",
		       units_duration_text(have, q->lifetime), units_duration_text(most, p->max_lifetime));
}

static int rule_cipher(const struct policy *p, const struct policy_request *q, struct err *err)
{
	size_t i;

	if (!q->cipher)
		return 1;
	for (i = 0; i < p->ciphers.n; i++)
		if (!strcmp(p->ciphers.items[i], q->cipher))
			return 0;
	return err_set(err, -EPERM, "the store's cipher %s is not allowed here", q->cipher);
}

static int rule_scrypt(const struct policy *p, const struct policy_request *q, struct err *err)
{
	if (q->scrypt_logn == 0)
		return 1;
	if (q->scrypt_logn >= p->min_scrypt_logn)
		return 0;
	return err_set(err, -EPERM,
		       "the store's password is hashed with scrypt N = 2^%lld, at least 2^%lld is wanted: "
		       "gocryptfs -passwd -scryptn %lld DIR",
		       (long long)q->scrypt_logn, (long long)p->min_scrypt_logn,
		       (long long)p->min_scrypt_logn);
}

static const struct {
	const char *key;
	int (*fn)(const struct policy *p, const struct policy_request *q, struct err *err);
} rules[] = {
	{ "enabled", rule_enabled },
	{ "users.min_uid", rule_min_uid },
	{ "users.deny", rule_users_deny },
	{ "users.groups", rule_groups },
	{ "stores.allow", rule_stores_allow },
	{ "stores.deny", rule_stores_deny },
	{ "stores.read_only", rule_read_only },
	{ "stores.max_per_job", rule_max_per_job },
	{ "mount.exclusive", rule_exclusive },
	{ "tickets.max_lifetime", rule_lifetime },
	{ "ciphers.allow", rule_cipher },
	{ "ciphers.min_scrypt_logn", rule_scrypt },
};
enum { N_RULES = sizeof(rules) / sizeof(rules[0]) };

int policy_decide(const struct policy *p, const struct policy_request *q, struct err *err)
{
	size_t i;
	int r;

	for (i = 0; i < N_RULES; i++) {
		r = rules[i].fn(p, q, err);
		if (r < 0)
			return err_prefix(err, "the site's policy (%s) forbids it", rules[i].key), r;
	}
	return 0;
}

bool policy_explain(const struct policy *p, const struct policy_request *q,
		    void (*tell)(void *arg, const char *key, enum policy_verdict v, const char *text),
		    void *arg)
{
	bool all = true;
	size_t i;

	for (i = 0; i < N_RULES; i++) {
		struct err err = { 0 };
		int r = rules[i].fn(p, q, &err);

		all = all && r >= 0;
		tell(arg, rules[i].key,
		     r < 0   ? POLICY_FORBIDS
		     : r > 0 ? POLICY_UNKNOWN
			     : POLICY_ALLOWS,
		     err.text);
	}
	return all;
}
