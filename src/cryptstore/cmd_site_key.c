/* cmd_site_key.c - cryptstore site-key new|public|rotate: the keys that tickets are sealed to. */
#include "cryptstore/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "grant/identity.h"
#include "grant/units.h"
#include "util/cleanup.h"
#include "util/trust.h"

struct options {
	const char *dir;
	int64_t retire_after; /* 0: the policy's max_lifetime */
};

/* The directory must be one in which only root (or, with --sysconfdir, the caller) can put keys. */
static int trusted_dir(const struct options *o, char **ret, struct err *err)
{
	char *path = cs_conf_path(o->dir, NULL);
	int r;

	if (!path)
		return err_set(err, -ENOMEM, "out of memory");
	r = trust_check(path, o->dir ? geteuid() : 0, TRUST_DIR, err);
	if (r < 0) {
		free(path);
		err->exitcode = CS_SITE;
		return r;
	}
	*ret = path;
	return 0;
}

static void say(const struct sitekeys *k, const char *dir)
{
	char id[2 * SITEKEY_ID_LEN + 1], t[UNITS_TIME_LEN];
	size_t i;

	(void)printf("current key %s in %s/site.key and site.pub\n",
		     identity_hex(id, k->keys[0].id, SITEKEY_ID_LEN), dir);
	for (i = 1; i < k->n; i++)
		(void)printf("old key     %s opens tickets until %s\n",
			     identity_hex(id, k->keys[i].id, SITEKEY_ID_LEN),
			     units_time_text(t, k->keys[i].retires));
	(void)printf(
	    "copy site.key to the compute nodes (root only, mode 0400) first, then site.pub to all hosts\n");
}

static int run_new(const struct options *o, struct err *err)
{
	struct sitekeys *k = NULL;
	auto_free char *dir = NULL;
	int r = trusted_dir(o, &dir, err);

	if (r == 0)
		r = sitekeys_new(&k, (int64_t)time(NULL), err);
	if (r == 0)
		r = sitekeys_write(k, dir, true, err);
	if (r == 0)
		say(k, o->dir ? o->dir : CS_CONF_DIR);
	sitekeys_free(k);
	return r;
}

static int run_rotate(const struct options *o, struct err *err)
{
	int64_t now = (int64_t)time(NULL), keep = o->retire_after;
	struct sitekeys *k = NULL;
	struct policy *p = NULL;
	auto_free char *dir = NULL;
	int r = trusted_dir(o, &dir, err);

	if (r == 0 && keep == 0) {
		r = cs_load_policy(&p, o->dir, err);
		keep = r == 0 ? p->max_lifetime : 0;
		policy_free(p);
	}
	if (r == 0)
		r = cs_load_private(&k, o->dir, err);
	if (r == 0)
		r = sitekeys_rotate(k, now, now + keep, err);
	if (r == 0)
		r = sitekeys_write(k, dir, false, err);
	if (r == 0)
		say(k, o->dir ? o->dir : CS_CONF_DIR);
	sitekeys_free(k);
	return r;
}

/* From the private key where it can be read, so that a lost site.pub can be made again; else what site.pub
 * says. */
static int run_public(const struct options *o, struct err *err)
{
	struct sitekeys *k = NULL, shown = { .n = 1 };
	auto_free char *line = NULL;
	struct err ignored = { 0 };
	int r = 0;

	if (cs_load_private(&k, o->dir, &ignored) < 0) {
		r = cs_load_public(shown.keys[0].pub, o->dir, err);
		sitekey_id(shown.keys[0].pub, shown.keys[0].id);
	}
	if (r == 0) {
		line = sitekeys_public_line(k ? k : &shown);
		r = line ? 0 : err_set(err, -ENOMEM, "out of memory");
	}
	if (r == 0)
		(void)printf("%s\n", line);
	sitekeys_free(k);
	return r;
}

int cmd_site_key(int argc, char **argv)
{
	static const struct option longopts[] = { { "retire-after", required_argument, NULL, 'r' },
						  { "sysconfdir", required_argument, NULL, 'c' },
						  { NULL, 0, NULL, 0 } };
	static const struct {
		const char *name;
		int (*fn)(const struct options *o, struct err *err);
	} actions[] = { { "new", run_new }, { "public", run_public }, { "rotate", run_rotate } };
	struct options o = { 0 };
	struct err err = { 0 };
	size_t i;
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (c == 'c')
			o.dir = optarg;
		else if (c != 'r' || units_duration(optarg, strlen(optarg), &o.retire_after) < 0)
			return cs_usage("site-key", "see the manual");
	}
	if (argc - optind != 1)
		return cs_usage("site-key", "new, public or rotate?");
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(argv[optind], actions[i].name))
			return actions[i].fn(&o, &err) < 0 ? cs_fail(&err) : CS_OK;
	return cs_usage("site-key", "new, public or rotate, not '%s'", argv[optind]);
}
