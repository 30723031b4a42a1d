/* main.c - cryptstore: the table of subcommands and nothing else. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cryptstore/cmd.h"
#include "util/fd.h"
#include "util/proc.h"

static const struct {
	const char *name;
	int (*fn)(int argc, char **argv);
	const char *synopsis; /* NULL: for programs, not shown */
	const char *help;
	bool secrets; /* passwords or keys pass through it: no core dumps. Not for those that become srun,
		       * since Slurm hands limits on to the job. */
} commands[] = {
	{ "ticket", cmd_ticket, "[--lifetime D] [--mode M] [--key SOURCE] STORE... | --show FILE [STORE]",
	  "make a sealed ticket for stores, or explain one", true },
	{ "status", cmd_status, "[--all | --job ID] [--nodes]",
	  "encrypted stores of this job, or of all jobs on this node" },
	{ "enter", cmd_enter, "JOBID [COMMAND...]", "another shell inside a running job's view" },
	{ "keep", cmd_keep, "[--older-than D] [--threads N] STORE",
	  "renew the times of a store's own files, against purges" },
	{ "import", cmd_import, "[OPTIONS] SOURCE STORE[:DIRECTORY]",
	  "copy a tree into a store, with all cores and no mount", true },
	{ "export", cmd_export, "[OPTIONS] STORE[:DIRECTORY] DESTINATION", "copy a tree out of a store",
	  true },
	{ "policy", cmd_policy, "check FILE | explain STORE",
	  "check the site's policy, or what it says about a store" },
	{ "site-key", cmd_site_key, "new | public | rotate", "the site's keys (root)", true },
	{ "doctor", cmd_doctor, "[--node]", "check this host, with a remedy for each fault", true },
	{ "submit", cmd_submit, NULL, NULL, true },
};
enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int help(FILE *to, int code)
{
	size_t i;

	(void)fprintf(to, "cryptstore " PACKAGE_VERSION " - encrypted gocryptfs stores in Slurm jobs\n\n");
	for (i = 0; i < N_COMMANDS; i++)
		if (commands[i].synopsis)
			(void)fprintf(to, "  cryptstore %s %s\n      %s\n", commands[i].name,
				      commands[i].synopsis, commands[i].help);
	(void)fprintf(to, "\nA STORE is PATH[:OWN_PATH][,ro][,exclusive]. All of it: man cryptstore\n");
	return code;
}

int main(int argc, char **argv)
{
	size_t i;

	if (fd_sanitize_std() < 0)
		return CS_OTHER;
	if (argc < 2)
		return help(stderr, CS_USAGE);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help(stdout, CS_OK);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		return printf("cryptstore " PACKAGE_VERSION "\n") < 0 ? CS_OTHER : CS_OK;
	for (i = 0; i < N_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name)) {
			if (commands[i].secrets)
				(void)proc_no_dumps(); /* best effort */
			return commands[i].fn(argc - 1, argv + 1);
		}
	(void)fprintf(stderr, "cryptstore: '%s' is not a command of it; 'cryptstore help' lists them\n",
		      argv[1]);
	return CS_USAGE;
}
