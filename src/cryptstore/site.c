/* site.c - messages, and the site's files as a subcommand finds and trusts them. */
#include "cryptstore/cmd.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"

int cs_fail(const struct err *err)
{
	(void)fprintf(stderr, "cryptstore: %s\n", err->text);
	return err->exitcode ? err->exitcode : CS_OTHER;
}

int cs_usage(const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fprintf(stderr, "cryptstore: %s: ", name);
	(void)vfprintf(stderr, fmt, ap);
	(void)fprintf(stderr, " (man cryptstore)\n");
	va_end(ap);
	return CS_USAGE;
}

void cs_note(const char *line)
{
	(void)fprintf(stderr, "cryptstore: %s\n", line);
}

/* Files below a directory the caller chose may be the caller's own: only the caller can be harmed by them. */
static uid_t owner_for(const char *dir)
{
	return dir ? geteuid() : 0;
}

char *cs_conf_path(const char *dir, const char *name)
{
	auto_free char *cwd = NULL;
	char *path = NULL;

	if (!dir)
		dir = CS_CONF_DIR;
	if (dir[0] != '/')
		cwd = getcwd(NULL, 0);
	if (asprintf(&path, "%s%s%s%s%s", cwd ? cwd : "", cwd ? "/" : "", dir, name ? "/" : "",
		     name ? name : "") < 0)
		return NULL;
	return path;
}

/* Give a failure the exit code of "the site is not set up". */
static int site_failed(struct err *err, int r)
{
	err->exitcode = CS_SITE;
	return r;
}

int cs_load_policy(struct policy **ret, const char *dir, struct err *err)
{
	auto_free char *path = cs_conf_path(dir, "policy.yaml");
	int r = path ? policy_load(ret, path, owner_for(dir), err) : err_set(err, -ENOMEM, "out of memory");

	return r < 0 ? site_failed(err, r) : 0;
}

int cs_load_public(uint8_t ret[static SITEKEY_LEN], const char *dir, struct err *err)
{
	auto_free char *path = cs_conf_path(dir, "site.pub");
	int r = path ? sitekey_load_public(ret, path, owner_for(dir), err)
		     : err_set(err, -ENOMEM, "out of memory");

	if (r == -ENOENT)
		r = err_set(
		    err, r,
		    "the site's public key '%s' is missing: root makes one with 'cryptstore site-key new'",
		    path);
	return r < 0 ? site_failed(err, r) : 0;
}

int cs_load_private(struct sitekeys **ret, const char *dir, struct err *err)
{
	auto_free char *path = cs_conf_path(dir, "site.key");
	int r = path ? sitekeys_load(ret, path, owner_for(dir), err) : err_set(err, -ENOMEM, "out of memory");

	return r < 0 ? site_failed(err, r) : 0;
}

int cs_request_self(struct policy_request *q, gid_t **ret_groups, struct err *err)
{
	int n = getgroups(0, NULL);
	gid_t *groups = n < 0 ? NULL : malloc(((size_t)n + 1) * sizeof(*groups));

	if (groups)
		n = getgroups(n, groups);
	if (!groups || n < 0) {
		free(groups);
		return err_set(err, -ENOMEM, "cannot find out my groups");
	}
	groups[n++] = getegid();
	q->uid = geteuid();
	q->groups = groups;
	q->n_groups = (size_t)n;
	*ret_groups = groups;
	return 0;
}
