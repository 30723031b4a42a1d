/* doctor_slurm.c - checks of what Slurm loads and runs: helpers, plugin, plugstack.conf. */
#include "cryptstore/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cryptstore/cmd.h"
#include "cryptstore/elfsym.h"
#include "util/cleanup.h"
#include "util/fd.h"
#include "util/trust.h"

enum { CONF_MAX = 1 << 20 };

enum doctor_verdict doctor_helpers(const struct doctor_options *o, struct doctor_answer *a)
{
	static const char *const names[] = { "cryptstore", "cryptstore-node", "gocryptfs" };
	char path[PATH_MAX];
	struct err err = { 0 };
	size_t i;
	int r;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", o->libexec, names[i]);
		r = trust_check(path, 0, TRUST_PROGRAM, &err);
		if (r == -ENOENT && !o->node)
			return doctor_answer(a, DOCTOR_WARN, "make install-slurm, or the package",
					     "'%s' is missing", path);
		if (r < 0)
			return doctor_answer(a, DOCTOR_FAIL,
					     r == -ENOENT ? "make install-slurm, or the package"
							  : "as the text says",
					     "%s", err.text);
	}
	return doctor_answer(a, DOCTOR_OK, NULL, "%s: all there, writable by root alone", o->libexec);
}

/* "slurm-wlm 22.05.8" or "slurm 24.11.5" as plugins state it: major << 16 | minor << 8 | micro. 0: no such
 * text. */
static uint32_t parse_version(const char *text)
{
	unsigned long part[3] = { 0 };
	char *p = (char *)text + strcspn(text, "0123456789");
	size_t i;

	for (i = 0; i < 3; i++) {
		if (*p < '0' || *p > '9')
			return 0;
		part[i] = strtoul(p, &p, 10);
		if (part[i] > 255)
			return 0;
		p += *p == '.';
	}
	return (uint32_t)(part[0] << 16 | part[1] << 8 | part[2]);
}

/* Version of the Slurm installed here; 0 if it is not known. Whoever asks chooses the PATH it is looked for
 * in. */
static uint32_t slurm_version(void)
{
	static const struct {
		const char *program, *option;
	} ways[] = { { "scontrol", "--version" }, { "sinfo", "--version" }, { "slurmd", "-V" } };
	char text[128];
	uint32_t v = 0;
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]) && !v; i++)
		if (cs_ask((const char *[]){ ways[i].program, ways[i].option, NULL }, text, sizeof(text)))
			v = parse_version(text);
	return v;
}

/* Slurm refuses a plugin whose major and minor differ from its own. */
static enum doctor_verdict compare(const char *plugin, uint32_t built, struct doctor_answer *a)
{
	uint32_t here = slurm_version();

	if (!here)
		return doctor_answer(a, DOCTOR_WARN, "put Slurm's commands into PATH",
				     "%s is for Slurm %u.%02u; the version here is not known", plugin,
				     built >> 16, built >> 8 & 255);
	if (built >> 8 != here >> 8)
		return doctor_answer(a, DOCTOR_FAIL, "rebuild it for this Slurm (configure --with-slurm)",
				     "%s is for Slurm %u.%02u, here is %u.%02u: it will not be loaded",
				     plugin, built >> 16, built >> 8 & 255, here >> 16, here >> 8 & 255);
	return doctor_answer(a, DOCTOR_OK, NULL, "%s is for Slurm %u.%02u, as is here", plugin, built >> 16,
			     built >> 8 & 255);
}

enum doctor_verdict doctor_plugin(const struct doctor_options *o, struct doctor_answer *a)
{
	struct err err = { 0 };
	auto_fd int fd = trust_open(o->plugin, 0, 0, &err);
	uint32_t version;

	if (fd == -ENOENT)
		return doctor_answer(a, o->node ? DOCTOR_FAIL : DOCTOR_WARN,
				     "make install-slurm, or the package", "%s is missing", o->plugin);
	if (fd < 0)
		return doctor_answer(a, DOCTOR_FAIL, "as the text says", "%s", err.text);
	if (elfsym_u32(fd, "plugin_version", &version, &err) < 0)
		return doctor_answer(a, DOCTOR_FAIL, "install it anew", "%s %s", o->plugin, err.text);
	return compare(o->plugin, version, a);
}

/* Is there a line, not a comment, that names the plugin? */
static bool names_plugin(const char *path)
{
	auto_fd int fd = fd_openat(AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0);
	auto_free char *text = NULL;
	char *line, *save = NULL;
	size_t n;

	if (fd < 0 || fd_slurp(fd, CONF_MAX, &text, &n) < 0)
		return false;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line += strspn(line, " \t");
		if (*line != '#' && strstr(line, "spank_cryptstore"))
			return true;
	}
	return false;
}

/* The file itself, and plugstack.conf.d beside it, which it usually includes. */
enum doctor_verdict doctor_plugstack(const struct doctor_options *o, struct doctor_answer *a)
{
	char pattern[PATH_MAX];
	bool found = names_plugin(o->plugstack);
	glob_t g = { 0 };
	size_t i;

	(void)snprintf(pattern, sizeof(pattern), "%s.d/*.conf", o->plugstack);
	if (!found && glob(pattern, 0, NULL, &g) == 0)
		for (i = 0; i < g.gl_pathc && !found; i++)
			found = names_plugin(g.gl_pathv[i]);
	globfree(&g);
	if (found)
		return doctor_answer(a, DOCTOR_OK, NULL, "names the plugin");
	return doctor_answer(a, o->node ? DOCTOR_FAIL : DOCTOR_WARN,
			     "add the line of the example plugstack.conf.d/cryptstore.conf on every host",
			     "%s and %s.d do not name spank_cryptstore.so", o->plugstack, o->plugstack);
}
