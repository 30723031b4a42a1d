/* doctor_site.c - checks of the site's files: policy, keys, view root. */
#include "cryptstore/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cryptstore/cmd.h"
#include "grant/identity.h"
#include "util/cleanup.h"
#include "util/trust.h"

enum doctor_verdict doctor_policy(const struct doctor_options *o, struct doctor_answer *a)
{
	struct policy *p = NULL;
	struct err err = { 0 };
	bool enabled;

	if (cs_load_policy(&p, o->dir, &err) < 0)
		return doctor_answer(a, DOCTOR_FAIL, "repair it; cryptstore policy check FILE", "%s",
				     err.text);
	enabled = p->enabled;
	policy_free(p);
	if (!enabled)
		return doctor_answer(a, DOCTOR_WARN, "enabled: true",
				     "well formed, but the feature is switched off in it");
	return doctor_answer(a, DOCTOR_OK, NULL, "well formed and trusted");
}

/* -ENOTEMPTY if there is anything in the directory. */
static int empty(const char *path)
{
	auto_dir DIR *dir = opendir(path);
	const struct dirent *d;

	if (!dir)
		return -errno;
	while ((d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			return -ENOTEMPTY;
	return 0;
}

enum doctor_verdict doctor_view_root(const struct doctor_options *o, struct doctor_answer *a)
{
	struct policy *p = NULL;
	struct err err = { 0 };
	auto_free char *root = NULL;
	int r;

	if (cs_load_policy(&p, o->dir, &err) < 0)
		return doctor_answer(a, DOCTOR_SKIP, NULL, "no policy names it");
	root = strdup(p->view_root);
	policy_free(p);
	if (!root)
		return doctor_answer(a, DOCTOR_FAIL, NULL, "out of memory");
	r = trust_check(root, 0, TRUST_DIR, &err);
	if (r == -ENOENT)
		return doctor_answer(a, o->node ? DOCTOR_FAIL : DOCTOR_SKIP,
				     o->node ? "mkdir -m 0755 it, as root, on every node" : NULL,
				     "'%s' does not exist", root);
	if (r < 0)
		return doctor_answer(a, DOCTOR_FAIL, "make it a directory of root's with mode 0755", "%s",
				     err.text);
	if (empty(root) == -ENOTEMPTY && !getenv("SLURM_JOB_ID"))
		return doctor_answer(a, DOCTOR_FAIL,
				     "move its content away: jobs with a store would not see it",
				     "'%s' is not empty", root);
	return doctor_answer(a, DOCTOR_OK, NULL, "'%s' is root's", root);
}

enum doctor_verdict doctor_site_pub(const struct doctor_options *o, struct doctor_answer *a)
{
	uint8_t pub[SITEKEY_LEN], id[SITEKEY_ID_LEN];
	char hex[2 * SITEKEY_ID_LEN + 1];
	struct err err = { 0 };

	if (cs_load_public(pub, o->dir, &err) < 0)
		return doctor_answer(a, DOCTOR_FAIL, "cryptstore site-key new, or copy site.pub here", "%s",
				     err.text);
	sitekey_id(pub, id);
	return doctor_answer(a, DOCTOR_OK, NULL, "key %s", identity_hex(hex, id, sizeof(id)));
}

/* The private key must know the public one, or every new ticket is foreign here. */
static enum doctor_verdict compare(const struct doctor_options *o, const struct sitekeys *k,
				   struct doctor_answer *a)
{
	uint8_t pub[SITEKEY_LEN], id[SITEKEY_ID_LEN];
	char hex[2 * SITEKEY_ID_LEN + 1];
	const struct sitekey *key;

	if (cs_load_public(pub, o->dir, &(struct err){ 0 }) < 0)
		return doctor_answer(a, DOCTOR_OK, NULL, "%zu keys, not compared", k->n);
	sitekey_id(pub, id);
	key = sitekeys_find(k, id);
	if (!key)
		return doctor_answer(a, DOCTOR_FAIL, "copy the current site.key to this node",
				     "it cannot open tickets sealed to site.pub (%s)",
				     identity_hex(hex, id, sizeof(id)));
	if (key->retires && key->retires <= (int64_t)time(NULL))
		return doctor_answer(a, DOCTOR_FAIL, "copy the current site.pub here",
				     "site.pub names a key that has retired");
	if (key->retires)
		return doctor_answer(a, DOCTOR_WARN, "copy the current site.pub here",
				     "site.pub names an old key");
	return doctor_answer(a, DOCTOR_OK, NULL, "%zu keys, the current one fits site.pub", k->n);
}

enum doctor_verdict doctor_site_key(const struct doctor_options *o, struct doctor_answer *a)
{
	struct sitekeys *k = NULL;
	struct err err = { 0 };
	enum doctor_verdict v;
	int r = cs_load_private(&k, o->dir, &err);

	if (r == -ENOENT && !o->node)
		return doctor_answer(a, DOCTOR_SKIP, NULL,
				     "none here, as it should be on hosts that are no compute nodes");
	if (r == -EACCES && geteuid() != 0)
		return doctor_answer(a, DOCTOR_SKIP, NULL, "root's to check");
	if (r < 0)
		return doctor_answer(a, DOCTOR_FAIL, "copy site.key here, owner root, mode 0400", "%s",
				     err.text);
	v = compare(o, k, a);
	sitekeys_free(k);
	return v;
}
