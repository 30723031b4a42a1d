/* submit.c - the side where a person is: turn --crypt-store into sealed tickets that travel with the job. */
#include "submit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <slurm/slurm.h>

#include "child.h"
#include "options.h"

/* one more than the largest text `cryptstore submit' gives, and its NUL */
enum { TICKETS_SIZE = 98304 + 2 };

static const char program[] = LIBEXECDIR "/cryptstore/cryptstore";

/* Slurm's own library has it in every client command; weak, so that a release without it still loads this
 * plugin. */
#pragma weak slurm_load_ctl_conf
#pragma weak slurm_free_ctl_conf

/* job_container/tmpfs makes a mount namespace of its own after the prolog and then fails to enter it from
 * ours (Slurm 22.05: setns gives EINVAL and the task dies). Better to say so here than there. */
static bool site_has_job_container(void)
{
	slurm_conf_t *conf = NULL;
	const char *type;
	bool found;

	if (!slurm_load_ctl_conf || !slurm_free_ctl_conf || slurm_load_ctl_conf((time_t)0, &conf) != 0)
		return false;
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(25, 11, 0)
	type = conf->namespace_plugin;
#else
	type = conf->job_container_plugin;
#endif
	found = type && (strstr(type, "tmpfs") || strstr(type, "namespace/linux"));
	if (found)
		slurm_error("cryptstore: this cluster uses %s, which cannot be combined with --crypt-store; "
			    "please ask your administrators",
			    type);
	slurm_free_ctl_conf(conf);
	return found;
}

/* Words of our own command line, to see `srun --jobid=N': SPANK has no question for it. */
static bool srun_joins_a_job(void)
{
	char text[65536];
	bool found = false;
	ssize_t n;
	int fd;

	if (getenv("SLURM_JOB_ID"))
		return true;
	fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (const char *p = text; p < text + n && !found; p += strlen(p) + 1)
		found = strncmp(p, "--jobid", 7) == 0 && (p[7] == '=' || p[7] == '\0');
	return found;
}

static int run_submit(char *output, size_t size)
{
	char out_fd[] = "--out-fd=3", key[OPTIONS_TEXT_MAX + 8], dir[4096 + 16];
	char *argv[8 + OPTIONS_STORES_MAX], *const *stores;
	size_t n_stores = options_stores(&stores), n = 0;
	extern char **environ;
	struct child c = { .argv = argv, .envp = environ, .output = output, .output_size = size };

	argv[n++] = (char *)program;
	argv[n++] = (char *)"submit";
	argv[n++] = out_fd;
	if (options_key()) {
		snprintf(key, sizeof(key), "--key=%s", options_key());
		argv[n++] = key;
	}
	if (options_sysconfdir()) {
		snprintf(dir, sizeof(dir), "--sysconfdir=%s", options_sysconfdir());
		argv[n++] = dir;
	}
	argv[n++] = (char *)"--";
	for (size_t i = 0; i < n_stores; i++)
		argv[n++] = stores[i];
	argv[n] = NULL;
	return child_run(&c);
}

int submit_request(spank_t sp, bool is_srun)
{
	static char *tickets; /* kept: heterogeneous jobs come by once for each component */
	char reason[CHILD_REASON_MAX];
	char *const *stores;
	int r;

	if (options_bad())
		return -1;
	if (options_stores(&stores) == 0) {
		if (options_key())
			slurm_error("cryptstore: --crypt-store-key without --crypt-store does nothing");
		return 0;
	}
	if (is_srun && srun_joins_a_job())
		return 0;
	if (!tickets) {
		if (site_has_job_container())
			return -1;
		if (!child_program_trusted(program, reason)) {
			slurm_error("cryptstore: this node's installation is not usable: %s", reason);
			return -1;
		}
		tickets = malloc(TICKETS_SIZE);
		r = tickets ? run_submit(tickets, TICKETS_SIZE) : -ENOMEM;
		if (r < 0)
			slurm_error("cryptstore: cannot run '%s': %s", program, strerror(-r));
		else if (r >= 126)
			slurm_error("cryptstore: cannot run '%s'", program);
		if (r != 0 || !tickets || !*tickets) {
			free(tickets);
			tickets = NULL;
			return -1;
		}
	}
	if (spank_job_control_setenv(sp, "CRYPTSTORE_TICKET", tickets, 1) == ESPANK_SUCCESS)
		return 0;
	slurm_error("cryptstore: Slurm did not take the ticket of this job");
	return -1;
}
