/* policy_schema.c - the table of every option of policy.yaml, and the walk through the file by it. */
#include "grant/policy_schema.h"

#include <stdint.h>
#include <string.h>

#include "grant/yaml.h"

struct section {
	const char *key;
	const struct policy_option *options;
};

#define AT(field) offsetof(struct policy, field)
static const char *const cgroup_words[] = { "try", "require", "off", NULL };
static const char *const loss_words[] = { "report", "cancel", NULL };
static const char *const cipher_words[] = { "AES-GCM-256", "AES-SIV-512", "XChaCha20-Poly1305", NULL };

static const struct policy_option opts_stores[] = {
	{ "allow", PATHS, AT(stores_allow) },
	{ "deny", PATHS, AT(stores_deny) },
	{ "read_only", PATHS, AT(stores_read_only) },
	{ "max_per_job", NUMBER, AT(stores_max_per_job), 1, POLICY_STORES_MAX },
	{ NULL },
};
static const struct policy_option opts_users[] = {
	{ "groups", NAMES, AT(users_groups) },
	{ "deny", NAMES, AT(users_deny) },
	{ "min_uid", NUMBER, AT(users_min_uid), 1, UINT32_MAX - 1 },
	{ NULL },
};
static const struct policy_option opts_tickets[] = {
	{ "default_lifetime", DURATION, AT(default_lifetime), 60, 400 * INT64_C(86400) },
	{ "max_lifetime", DURATION, AT(max_lifetime), 60, 400 * INT64_C(86400) },
	{ "clock_skew", DURATION, AT(clock_skew), 1, 3600 },
	{ "revoked", IDS, AT(revoked) },
	{ "revoked_users", REVOKED, AT(revoked_users) },
	{ NULL },
};
static const struct policy_option opts_ciphers[] = {
	{ "allow", CIPHERS, AT(ciphers), 0, 0, cipher_words },
	{ "min_scrypt_logn", NUMBER, AT(min_scrypt_logn), 10, 28 },
	{ NULL },
};
static const struct policy_option opts_mount[] = {
	{ "exec", BOOL, AT(mount_exec) },
	{ "suid", FALSE_ONLY },
	{ "dev", FALSE_ONLY },
	{ "exclusive", BOOL, AT(mount_exclusive) },
	{ NULL },
};
static const struct policy_option opts_daemon[] = {
	{ "memory", SIZE, AT(daemon_memory), 64 << 20, (int64_t)1 << 50 },
	{ "threads", NUMBER, AT(daemon_threads), 0, 256 },
	{ "cgroup", WORD, AT(cgroup), 0, 0, cgroup_words },
	{ NULL },
};
static const struct policy_option opts_grace[] = {
	{ "prolog", DURATION, AT(prolog_deadline), 1, 600 },
	{ "epilog", DURATION, AT(epilog_deadline), 1, 600 },
	{ "daemon_start", DURATION, AT(daemon_start), 1, 600 },
	{ "unmount", DURATION, AT(unmount_grace), 1, 600 },
	{ NULL },
};
static const struct policy_option opts_loss[] = {
	{ "action", WORD, AT(loss), 0, 0, loss_words },
	{ NULL },
};
static const struct policy_option opts_audit[] = {
	{ "syslog", BOOL, AT(audit_syslog) },
	{ "file", PATH_OR_NULL, AT(audit_file) },
	{ NULL },
};
static const struct policy_option opts_top[] = {
	{ "enabled", BOOL, AT(enabled) },
	{ "view_root", PATH, AT(view_root) },
	{ NULL },
};
static const struct section sections[] = {
	{ "stores", opts_stores },   { "users", opts_users },
	{ "tickets", opts_tickets }, { "ciphers", opts_ciphers },
	{ "mount", opts_mount },     { "daemon", opts_daemon },
	{ "grace", opts_grace },     { "loss", opts_loss },
	{ "audit", opts_audit },     { NULL, NULL },
};

static const struct policy_option *find_option(const struct policy_option *o, const char *key)
{
	while (o->key && strcmp(o->key, key) != 0)
		o++;
	return o->key ? o : NULL;
}

static int read_section(const struct policy_ctx *c, const struct section *s)
{
	const struct policy_option *o;
	struct ycur_event ev;
	int r = ycur_expect(c->y, YCUR_MAP, "a mapping", &ev, c->err);

	while (r == 0) {
		r = ycur_next(c->y, &ev, c->err);
		if (r < 0 || ev.kind == YCUR_MAP_END)
			return r;
		o = find_option(s->options, ev.text);
		if (!o)
			return ycur_refuse(c->y, &ev, c->err, "unknown key '%.64s' in '%s'", ev.text, s->key);
		r = policy_value_read(c, o);
	}
	return r;
}

static int read_top_key(const struct policy_ctx *c, const struct ycur_event *ev)
{
	const struct policy_option *o = find_option(opts_top, ev->text);
	const struct section *s = sections;
	struct ycur_event value;
	int r;

	if (!strcmp(ev->text, "version")) {
		r = ycur_expect(c->y, YCUR_SCALAR, "a single value", &value, c->err);
		if (r < 0 || !strcmp(value.text, "1"))
			return r;
		return ycur_refuse(c->y, &value, c->err,
				   "version '%.16s' of the policy is not known to this program", value.text);
	}
	if (o)
		return policy_value_read(c, o);
	while (s->key && strcmp(s->key, ev->text) != 0)
		s++;
	if (!s->key)
		return ycur_refuse(c->y, ev, c->err, "unknown key '%.64s'", ev->text);
	return read_section(c, s);
}

int policy_schema_read(struct policy *p, struct ycur *y, struct err *err)
{
	const struct policy_ctx c = { y, p, err };
	struct ycur_event ev;
	int r = ycur_expect(y, YCUR_MAP, "a mapping of options", &ev, err);

	while (r == 0) {
		r = ycur_next(y, &ev, err);
		if (r < 0)
			return r;
		if (ev.kind == YCUR_MAP_END)
			return ycur_expect(y, YCUR_END, "the end of the file", &ev, err);
		r = read_top_key(&c, &ev);
	}
	return r;
}
