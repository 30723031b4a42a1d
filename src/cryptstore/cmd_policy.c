/* cmd_policy.c - cryptstore policy check|explain. */
#include "cryptstore/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cryptstore/spec.h"
#include "format/name.h"
#include "grant/ticket.h"
#include "grant/yaml.h"
#include "util/cleanup.h"
#include "util/fd.h"
#include "volume/config.h"

/* The form of a file that need not be in place yet, so owner and mode are not looked at. */
static int check(const char *dir, const char *file, struct err *err)
{
	auto_fd int fd = fd_openat(AT_FDCWD, file, O_RDONLY | O_NOCTTY, 0);
	auto_free char *text = NULL;
	struct policy *p = NULL;
	size_t n;
	int r = fd < 0 ? fd : fd_slurp(fd, YCUR_BYTES_MAX, &text, &n);

	(void)dir;
	err->exitcode = CS_SITE;
	if (r < 0)
		return err_set(err, r, "'%s': %s", file, strerror(-r));
	r = policy_parse(&p, text, n, file, err);
	if (r < 0)
		return r;
	(void)printf("%s: well formed\n", file);
	policy_free(p);
	return 0;
}

static void tell(void *arg, const char *key, enum policy_verdict v, const char *text)
{
	static const char *const words[] = {
		[POLICY_ALLOWS] = "allows", [POLICY_FORBIDS] = "FORBIDS", [POLICY_UNKNOWN] = "unknown"
	};

	(void)arg;
	(void)printf("  %-24s %-8s%s%s\n", key, words[v], *text ? " " : "", text);
}

/* What the config adds to the request, if it can be read. */
static void add_config(struct policy_request *q, struct config *c, const char *path)
{
	auto_fd int fd = fd_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	struct err err = { 0 };

	if (fd < 0 || config_load(c, fd, NAME_CONF, &err) < 0) {
		(void)printf("  (%s cannot be read: its cipher and scrypt cost are unknown)\n", NAME_CONF);
		return;
	}
	q->cipher = config_cipher_name(c);
	q->scrypt_logn = c->scrypt_n > 0 ? 63 - __builtin_clzll((unsigned long long)c->scrypt_n) : 0;
}

static int explain(const char *dir, const char *text, struct err *err)
{
	struct policy_request q = { .n_stores = 1 };
	struct policy *p = NULL;
	struct spec s = { 0 };
	struct config c = { 0 };
	auto_free gid_t *groups = NULL;
	bool allowed = false;
	int r = cs_load_policy(&p, dir, err);

	if (r == 0)
		r = cs_request_self(&q, &groups, err);
	if (r == 0)
		r = spec_parse(&s, text, err);
	if (r == 0)
		r = spec_resolve(&s, err);
	if (r == 0) {
		(void)printf("%s as %s/%s, %s:\n", s.path, p->view_root, s.view, ticket_mode_name(s.mode));
		q.path = s.path;
		q.read_only = s.mode & TICKET_RO;
		q.exclusive = s.mode & TICKET_EXCLUSIVE;
		q.lifetime = p->default_lifetime;
		add_config(&q, &c, s.path);
		allowed = policy_explain(p, &q, tell, NULL);
		r = spec_check_user_path(&s, p->view_root, err);
	}
	config_done(&c);
	spec_done(&s);
	policy_free(p);
	if (r < 0)
		return r;
	(void)printf("%s\n", allowed ? "allowed" : "forbidden");
	return allowed ? 0 : err_set_exit(err, -EPERM, CS_POLICY, "the site's policy forbids this mount");
}

int cmd_policy(int argc, char **argv)
{
	static const struct option longopts[] = { { "sysconfdir", required_argument, NULL, 'c' },
						  { NULL, 0, NULL, 0 } };
	static const struct {
		const char *name;
		int (*fn)(const char *dir, const char *arg, struct err *err);
	} actions[] = { { "check", check }, { "explain", explain } };
	const char *dir = NULL;
	struct err err = { 0 };
	size_t i;
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (c != 'c')
			return cs_usage("policy", "see the manual");
		dir = optarg;
	}
	if (argc - optind != 2)
		return cs_usage("policy", "check FILE, or explain STORE");
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(argv[optind], actions[i].name))
			return actions[i].fn(dir, argv[optind + 1], &err) < 0 ? cs_fail(&err) : CS_OK;
	return cs_usage("policy", "check or explain, not '%s'", argv[optind]);
}
