/* cmd_enter.c - cryptstore enter: another shell in a job's view, through Slurm itself. */
#include "cryptstore/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"

/* "123", "123_4" (array), "123+1" (heterogeneous). */
static bool job_id_ok(const char *s)
{
	return s[0] >= '0' && s[0] <= '9' && strlen(s) < 32 && strspn(s, "0123456789_+") == strlen(s);
}

int cmd_enter(int argc, char **argv)
{
	const char *shell = getenv("SHELL");
	auto_free char *job = NULL;
	auto_free char **args = NULL;
	int i, n = 0;

	if (argc < 2 || !job_id_ok(argv[1]))
		return cs_usage("enter", "which job? (a job id as squeue shows it)");
	args = calloc((size_t)argc + 7, sizeof(*args));
	if (!args || asprintf(&job, "--jobid=%s", argv[1]) < 0) {
		job = NULL;
		return CS_OTHER;
	}
	args[n++] = (char *)"srun";
	args[n++] = job;
	args[n++] = (char *)"--overlap";
	args[n++] = (char *)"--nodes=1";
	args[n++] = (char *)"--ntasks=1";
	if (isatty(STDIN_FILENO))
		args[n++] = (char *)"--pty";
	for (i = 2; i < argc; i++)
		args[n++] = argv[i];
	if (argc == 2)
		args[n++] = (char *)(shell && *shell == '/' ? shell : "/bin/sh");
	cs_forget_step();
	(void)execvp(args[0], args);
	(void)fprintf(stderr, "cryptstore: srun: %s%s\n", strerror(errno),
		      errno == ENOENT ? " (is Slurm on this host, and in PATH?)" : "");
	return CS_OTHER;
}
