/* test_policy.c - the policy: defaults, the example, every option, every refusal by place, every rule. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grant/identity.h"
#include "grant/policy.h"
#include "grant/units.h"
#include "util/err.h"

static struct policy *parse(const char *text)
{
	struct policy *p = NULL;
	struct err err = { 0 };

	if (policy_parse(&p, text, strlen(text), "p", &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

static void refused(const char *text, const char *message)
{
	struct policy *p = NULL;
	struct err err = { 0 };

	assert_true(policy_parse(&p, text, strlen(text), "p", &err) < 0);
	assert_null(p);
	if (!strstr(err.text, message))
		fail_msg("expected '%s' in '%s'", message, err.text);
}

static void test_defaults(void **state)
{
	struct policy *p = parse("{}");

	(void)state;
	assert_true(p->enabled && p->mount_exec && p->mount_exclusive && p->audit_syslog);
	assert_string_equal(p->view_root, "/crypt");
	assert_int_equal(p->stores_allow.n, 1);
	assert_string_equal(p->stores_allow.items[0], "/");
	assert_int_equal(p->stores_max_per_job, 8);
	assert_int_equal(p->users_min_uid, 1000);
	assert_int_equal(p->default_lifetime, 7 * 86400);
	assert_int_equal(p->max_lifetime, 30 * 86400);
	assert_int_equal(p->clock_skew, 300);
	assert_int_equal(p->ciphers.n, 3);
	assert_int_equal(p->min_scrypt_logn, 16);
	assert_int_equal(p->daemon_memory, (int64_t)2 << 30);
	assert_int_equal(p->cgroup, POLICY_CGROUP_TRY);
	assert_int_equal(p->prolog_deadline, 30);
	assert_int_equal(p->loss, POLICY_LOSS_REPORT);
	assert_null(p->audit_file);
	policy_free(p);
	policy_free(NULL);
}

static void test_all_options(void **state)
{
	struct policy *p = parse(
	    "version: 1\nenabled: false\nview_root: /v/x\n"
	    "stores: {allow: [/home, /scratch], deny: [/scratch/tmp], read_only: [/ref], max_per_job: 3}\n"
	    "users: {groups: [hpc, 100], deny: [mallory], min_uid: 500}\n"
	    "tickets: {default_lifetime: 1d12h, max_lifetime: 2w, clock_skew: 30s,\n"
	    "  revoked: [000102030405060708090A0B0C0D0E0F],\n"
	    "  revoked_users: [{user: bob, before: 2026-01-02}, {before: 2026-01-02T03:04:05Z, user: '7'}]}\n"
	    "ciphers: {allow: [AES-SIV-512], min_scrypt_logn: 10}\n"
	    "mount: {exec: false, suid: false, dev: false, exclusive: false}\n"
	    "daemon: {memory: unlimited, threads: 4, cgroup: require}\n"
	    "grace: {prolog: 20s, epilog: 21s, daemon_start: 5s, unmount: 6s}\n"
	    "loss: {action: cancel}\naudit: {syslog: false, file: /var/log/cs.json}\n");

	(void)state;
	assert_false(p->enabled || p->mount_exec || p->mount_exclusive || p->audit_syslog);
	assert_string_equal(p->view_root, "/v/x");
	assert_int_equal(p->stores_allow.n, 2);
	assert_string_equal(p->stores_allow.items[1], "/scratch");
	assert_string_equal(p->stores_deny.items[0], "/scratch/tmp");
	assert_string_equal(p->stores_read_only.items[0], "/ref");
	assert_int_equal(p->stores_max_per_job, 3);
	assert_int_equal(p->users_groups.n, 2);
	assert_string_equal(p->users_deny.items[0], "mallory");
	assert_int_equal(p->users_min_uid, 500);
	assert_int_equal(p->default_lifetime, 129600);
	assert_int_equal(p->max_lifetime, 14 * 86400);
	assert_int_equal(p->clock_skew, 30);
	assert_string_equal(p->revoked.items[0], "000102030405060708090a0b0c0d0e0f");
	assert_int_equal(p->n_revoked_users, 2);
	assert_string_equal(p->revoked_users[1].user, "7");
	assert_int_equal(p->revoked_users[1].before - p->revoked_users[0].before, 3 * 3600 + 4 * 60 + 5);
	assert_int_equal(p->ciphers.n, 1);
	assert_int_equal(p->min_scrypt_logn, 10);
	assert_int_equal(p->daemon_memory, 0);
	assert_int_equal(p->daemon_threads, 4);
	assert_int_equal(p->cgroup, POLICY_CGROUP_REQUIRE);
	assert_int_equal(p->prolog_deadline + p->epilog_deadline + p->daemon_start + p->unmount_grace, 52);
	assert_int_equal(p->loss, POLICY_LOSS_CANCEL);
	assert_string_equal(p->audit_file, "/var/log/cs.json");
	policy_free(p);
}

static void test_refusals(void **state)
{
	(void)state;
	refused("", "p:1:1: expected a mapping of options");
	refused("[]", "p:1:1: expected a mapping of options, found a list");
	refused("enabeld: true\n", "p:1:1: unknown key 'enabeld'");
	refused("version: 2\n", "p:1:10: version '2'");
	refused("stores:\n  permit: [/]\n", "p:2:3: unknown key 'permit' in 'stores'");
	refused("stores: {allow: [/]}\nstores: {deny: [/x]}\n", "p:2:1: key 'stores' is given twice");
	refused("enabled: yes\n", "p:1:10: 'enabled' must be true or false, not 'yes'");
	refused("enabled: 'true'\n", "'enabled' must be true or false");
	refused("enabled: [true]\n", "expected a single value, found a list");
	refused("view_root: crypt\n", "p:1:12: 'view_root' must be an absolute path");
	refused("view_root: /\n", "'view_root' must be an absolute path");
	refused("view_root: /a/../b\n", "'view_root' must be an absolute path");
	refused("view_root: /a/\n", "'view_root' must be an absolute path");
	refused("stores: {allow: /home}\n", "expected a list, found a value");
	refused("stores: {allow: [home]}\n", "'allow' must be absolute paths");
	refused("stores: {allow: [/a, /a]}\n", "'/a' stands twice in 'allow'");
	refused("stores: {allow: [[/a]]}\n", "'allow' must be a list of single values");
	refused("stores: {max_per_job: 0}\n", "'max_per_job' must be a whole number from 1 to 32, not '0'");
	refused("stores: {max_per_job: 33}\n", "from 1 to 32");
	refused("stores: {max_per_job: -1}\n", "from 1 to 32");
	refused("stores: {max_per_job: 0x3}\n", "from 1 to 32");
	refused("stores: {max_per_job: '3'}\n", "from 1 to 32");
	refused("stores: {max_per_job: 99999999999999999999}\n", "from 1 to 32");
	refused("stores: {max_per_job: 4K}\n", "from 1 to 32");
	refused("tickets: {max_lifetime: 30}\n", "'max_lifetime' must be a duration such as 30s");
	refused("tickets: {max_lifetime: 500d}\n", "from 1m to 400d");
	refused("tickets: {default_lifetime: 40d}\n", "default_lifetime is longer than tickets.max_lifetime");
	refused("tickets: {revoked: [12]}\n", "'revoked' must be ticket ids of 32 hex digits");
	refused("tickets: {revoked_users: [bob]}\n", "list of { user: NAME, before: DATE }");
	refused("tickets: {revoked_users: [{user: bob}]}\n", "'user' and 'before' are both needed");
	refused("tickets: {revoked_users: [{user: bob, before: 2026-02-30}]}\n", "'before' must be a date");
	refused("tickets: {revoked_users: [{user: bob, since: 2026-02-20}]}\n", "unknown key 'since'");
	refused("ciphers: {allow: [AES-CBC]}\n", "'allow' must be a list of AES-GCM-256");
	refused("ciphers: {allow: []}\n", "ciphers.allow is empty");
	refused("mount: {suid: true}\n", "'suid: true' is not offered");
	refused("mount: {dev: true}\n", "'dev: true' is not offered");
	refused("daemon: {memory: 1M}\n", "'memory' must be a size of at least 64M");
	refused("daemon: {memory: 2GB}\n", "'memory' must be a size");
	refused("daemon: {cgroup: yes}\n", "'cgroup' must be one of try, require, off, not 'yes'");
	refused("grace: {daemon_start: 40s}\n", "grace.daemon_start is longer than grace.prolog");
	refused("grace: {unmount: 40s}\n", "grace.unmount is longer than grace.epilog");
	refused("a: &x 1\n", "unknown key");
	refused("enabled: &x true\n", "anchors (&) are not allowed");
	refused("enabled: true\n---\nenabled: false\n", "a second document");
	refused("enabled: true\n...\ngarbage\n", "p:3:1:");
}

static void test_example(void **state)
{
	const char *top = getenv("top_srcdir");
	char path[PATH_MAX], real[PATH_MAX], text[16384];
	struct policy *p = NULL, *d = parse("{}");
	struct err err = { 0 };
	ssize_t n;
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/spank/policy.yaml.example", top ? top : ".");
	assert_non_null(realpath(path, real));
	fd = open(real, O_RDONLY);
	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text));
	(void)close(fd);
	assert_true(n > 0);
	if (policy_parse(&p, text, (size_t)n, real, &err) < 0)
		fail_msg("%s", err.text);
	/* The example says that it shows the defaults. */
	assert_string_equal(p->view_root, d->view_root);
	assert_int_equal(p->stores_max_per_job, d->stores_max_per_job);
	assert_int_equal(p->users_min_uid, d->users_min_uid);
	assert_int_equal(p->default_lifetime, d->default_lifetime);
	assert_int_equal(p->max_lifetime, d->max_lifetime);
	assert_int_equal(p->clock_skew, d->clock_skew);
	assert_int_equal(p->min_scrypt_logn, d->min_scrypt_logn);
	assert_int_equal(p->ciphers.n, d->ciphers.n);
	assert_int_equal(p->daemon_memory, d->daemon_memory);
	assert_int_equal(p->cgroup, d->cgroup);
	assert_int_equal(p->prolog_deadline, d->prolog_deadline);
	assert_int_equal(p->epilog_deadline, d->epilog_deadline);
	assert_int_equal(p->daemon_start, d->daemon_start);
	assert_int_equal(p->unmount_grace, d->unmount_grace);
	assert_int_equal(p->mount_exec, d->mount_exec);
	assert_int_equal(p->mount_exclusive, d->mount_exclusive);
	policy_free(p);
	policy_free(d);
}

/* policy_load looks at owner and mode before it reads. */
static void test_load(void **state)
{
	char dir[] = "/tmp/test_policy-XXXXXX", path[64];
	struct policy *p = NULL;
	struct err err = { 0 };
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/policy.yaml", dir);
	assert_int_equal(policy_load(&p, path, getuid(), &err), -ENOENT);
	assert_non_null(strstr(err.text, "is missing: install the example"));
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	assert_int_equal(write(fd, "enabled: false\n", 15), 15);
	(void)fchmod(fd, 0644);
	assert_int_equal(policy_load(&p, path, getuid(), &err), 0);
	assert_false(p->enabled);
	policy_free(p);
	(void)fchmod(fd, 0666);
	assert_int_equal(policy_load(&p, path, getuid(), &err), -EPERM);
	assert_non_null(strstr(err.text, "can be written by others"));
	(void)close(fd);
	(void)unlink(path);
	(void)rmdir(dir);
}

static void decide(const char *text, const struct policy_request *q, const char *message)
{
	struct policy *p = parse(text);
	struct err err = { 0 };
	int r = policy_decide(p, q, &err);

	if (!message && r != 0)
		fail_msg("unexpected: %s", err.text);
	if (message && (r != -EPERM || !strstr(err.text, message)))
		fail_msg("expected '%s' in '%s'", message, err.text);
	policy_free(p);
}

static void test_rules(void **state)
{
	const gid_t groups[] = { 100, 4242 };
	struct policy_request q = { .uid = 1234,
				    .groups = groups,
				    .n_groups = 2,
				    .path = "/home/a/s.crypt",
				    .exclusive = true,
				    .lifetime = 86400,
				    .n_stores = 2,
				    .cipher = "AES-GCM-256",
				    .scrypt_logn = 16 };
	const struct policy_request unknown = { .uid = 1234 };

	(void)state;
	decide("{}", &q, NULL);
	decide("enabled: false", &q, "(enabled) forbids it: encrypted stores in jobs are switched off");
	decide("users: {min_uid: 2000}", &q, "(users.min_uid)");
	decide("users: {deny: ['1234']}", &q, "(users.deny)");
	decide("users: {deny: ['123', no-such-user-here]}", &q, NULL);
	decide("users: {groups: [4242]}", &q, NULL);
	decide("users: {groups: [77, no-such-group-here]}", &q, "(users.groups)");
	decide("users: {groups: [77]}", &unknown, NULL);
	decide("stores: {allow: [/home]}", &q, NULL);
	decide("stores: {allow: [/home/a/s.crypt]}", &q, NULL);
	decide("stores: {allow: [/hom, /scratch]}", &q, "(stores.allow)");
	decide("stores: {allow: []}", &q, "no directory may hold stores");
	decide("stores: {deny: [/home/a]}", &q, "(stores.deny)");
	decide("stores: {deny: [/home/ab]}", &q, NULL);
	decide("view_root: /home/a", &q, "(stores.deny)");
	decide("stores: {read_only: [/home]}", &q, "'/home/a/s.crypt' may only be read in jobs: add ',ro'");
	decide("stores: {read_only: [/scratch]}", &q, NULL);
	q.read_only = true;
	decide("stores: {read_only: [/home]}", &q, NULL);
	decide("stores: {max_per_job: 1}", &q, "2 stores in one job; at most 1");
	decide("mount: {exclusive: false}", &q, "(mount.exclusive)");
	decide("tickets: {max_lifetime: 12h, default_lifetime: 1h}", &q, "a ticket for 1d; at most 12h");
	decide("ciphers: {allow: [AES-SIV-512]}", &q, "cipher AES-GCM-256 is not allowed");
	decide("ciphers: {min_scrypt_logn: 17}", &q, "gocryptfs -passwd -scryptn 17");
	decide("ciphers: {min_scrypt_logn: 17}", &unknown, NULL);
	q.uid = 0;
	decide("users: {min_uid: 1}", &q, "(users.min_uid)");
}

/* A policy may name /home where that is a link; the store's path is resolved. */
static void test_link_in_policy(void **state)
{
	char dir[] = "/tmp/test_policy-XXXXXX", text[128], store[128], link[64];
	struct policy_request q = { .uid = 1234, .path = store };

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink("/usr", link), 0);
	(void)snprintf(text, sizeof(text), "stores: {allow: [%s]}", link);
	(void)snprintf(store, sizeof(store), "/usr/store");
	decide(text, &q, NULL);
	(void)snprintf(store, sizeof(store), "/usrx/store");
	decide(text, &q, "(stores.allow)");
	(void)unlink(link);
	(void)rmdir(dir);
}

static void count(void *arg, const char *key, enum policy_verdict v, const char *text)
{
	int *n = arg;

	assert_non_null(key);
	if (v == POLICY_FORBIDS)
		assert_true(text[0] != '\0');
	n[v]++;
}

static void test_explain(void **state)
{
	const struct policy_request q = { .uid = 1234, .path = "/x/y", .exclusive = true };
	struct policy *p = parse("stores: {allow: [/home]}\nmount: {exclusive: false}\n");
	int n[3] = { 0 };

	(void)state;
	assert_false(policy_explain(p, &q, count, n));
	assert_int_equal(n[POLICY_FORBIDS], 2);
	assert_int_equal(n[POLICY_UNKNOWN], 4);
	assert_int_equal(n[POLICY_ALLOWS], 6);
	policy_free(p);
}

static void test_revocation(void **state)
{
	struct policy *p =
	    parse("tickets: {revoked: [ffffffffffffffffffffffffffffffff], revoked_users: [\n"
		  "{user: '1234', before: 2026-01-02}, {user: no-such-user-here, before: 2026-01-02}, "
		  "{user: root, before: 2025-01-01}]}");
	uint8_t bad[POLICY_TICKET_ID_LEN], good[POLICY_TICKET_ID_LEN] = { 1 };
	struct err err = { 0 };
	int64_t day;

	(void)state;
	memset(bad, 0xff, sizeof(bad));
	assert_int_equal(units_time("2026-01-02", 10, &day), 0);
	assert_int_equal(policy_revoked(p, bad, 1, day, &err), -EKEYREVOKED);
	assert_string_equal(err.text,
			    "the ticket ffffffffffffffffffffffffffffffff has been revoked by the site");
	assert_int_equal(policy_revoked(p, good, 1, 0, &err), 0);
	assert_int_equal(policy_revoked(p, good, 1234, day - 1, &err), -EKEYREVOKED);
	assert_non_null(strstr(err.text, "made before 2026-01-02T00:00:00Z"));
	assert_int_equal(policy_revoked(p, good, 1234, day, &err), 0);
	assert_int_equal(policy_revoked(p, good, 0, day - 1, &err), 0);
	assert_int_equal(policy_revoked(p, good, 0, day - 400 * 86400, &err), -EKEYREVOKED);
	policy_free(p);
}

static void test_units(void **state)
{
	char buf[UNITS_DURATION_LEN], t[UNITS_TIME_LEN];
	int64_t v;

	(void)state;
	assert_int_equal(units_duration("1w2d3h4m5s", 10, &v), 0);
	assert_int_equal(v, 604800 + 2 * 86400 + 3 * 3600 + 4 * 60 + 5);
	assert_string_equal(units_duration_text(buf, v), "9d3h4m5s");
	assert_int_equal(units_duration("", 0, &v), -EINVAL);
	assert_int_equal(units_duration("5", 1, &v), -EINVAL);
	assert_int_equal(units_duration("5h1d", 4, &v), -EINVAL);
	assert_int_equal(units_duration("5s5s", 4, &v), -EINVAL);
	assert_int_equal(units_duration("0s", 2, &v), -EINVAL);
	assert_int_equal(units_duration("-5s", 3, &v), -EINVAL);
	assert_int_equal(units_duration("99999999999999999999d", 21, &v), -EINVAL);
	assert_int_equal(units_duration("1000000000w1s", 13, &v), -EINVAL);
	assert_int_equal(units_size("8191T", 5, &v), 0);
	assert_int_equal(units_size("8388608T", 8, &v), -ERANGE);
	assert_int_equal(units_size("K", 1, &v), -EINVAL);
	assert_int_equal(units_time("2026-13-01", 10, &v), -EINVAL);
	assert_int_equal(units_time("2026-01-02T24:00:00Z", 20, &v), -EINVAL);
	assert_int_equal(units_time("2026-01-02 03:04:05Z", 20, &v), -EINVAL);
	assert_int_equal(units_time("1969-12-31", 10, &v), -EINVAL);
	assert_int_equal(units_time("2024-02-29T23:59:59Z", 20, &v), 0);
	assert_string_equal(units_time_text(t, v), "2024-02-29T23:59:59Z");
	assert_string_equal(units_time_text(t, -1), "(no date)");
	assert_string_equal(units_time_text(t, INT64_MAX), "(no date)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("an empty mapping gives the documented defaults", test_defaults),
		TEST("every option is read", test_all_options),
		TEST("unknown keys, duplicates, wrong types and ranges are refused by line and column",
		     test_refusals),
		TEST("the example that is installed is accepted and shows the defaults", test_example),
		TEST("a policy that others can write, or that is missing, is refused", test_load),
		TEST("every rule allows and forbids, and skips what is not known yet", test_rules),
		TEST("a symbolic link in stores.allow covers its target", test_link_in_policy),
		TEST("policy explain tells of every rule", test_explain),
		TEST("tickets are revoked by id and by user and date", test_revocation),
		TEST("durations, sizes and dates are read strictly", test_units),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
