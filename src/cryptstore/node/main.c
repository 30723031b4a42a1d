/* main.c - cryptstore-node: what root does on a compute node around a job with encrypted stores. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "cryptstore/node/commands.h"
#include "cryptstore/node/fields.h"
#include "cryptstore/node/jobdir.h"
#include "util/fd.h"
#include "util/proc.h"

static const struct command {
	const char *name;
	int (*run)(const struct command_request *q);
	bool needs_job;
} commands[] = {
	{ "prolog", command_prolog, true }, { "ensure", command_ensure, true },
	{ "epilog", command_epilog, true }, { "sweep", command_sweep, false },
	{ "list", command_list, false },
};

static int usage(void)
{
	fputs("usage: cryptstore-node prolog|ensure|epilog --job=N --uid=N [--sysconfdir=DIR]\n"
	      "       cryptstore-node sweep|list [--sysconfdir=DIR]\n"
	      "Run by the SPANK plugin spank_cryptstore.so as root; see cryptstore-node(8).\n",
	      stderr);
	return 2;
}

static bool parse(struct command_request *q, bool *ret_has_job, int argc, char **argv)
{
	bool has_job = false, has_uid = false;
	uint64_t n;

	for (int i = 2; i < argc; i++) {
		if (strncmp(argv[i], "--job=", 6) == 0 && fields_is_number(argv[i] + 6, UINT32_MAX - 1, &n) &&
		    n > 0) {
			q->job = (uint32_t)n;
			has_job = true;
		} else if (strncmp(argv[i], "--uid=", 6) == 0 &&
			   fields_is_number(argv[i] + 6, UINT32_MAX, &n)) {
			q->uid = (uid_t)n;
			has_uid = true;
		} else if (strncmp(argv[i], "--sysconfdir=/", 14) == 0) {
			q->sysconfdir = argv[i] + 13;
		} else {
			return false;
		}
	}
	*ret_has_job = has_job && has_uid;
	return has_job == has_uid;
}

int command_list(const struct command_request *q)
{
	uint32_t jobs[1024];
	size_t n = jobdir_list(jobs, sizeof(jobs) / sizeof(jobs[0]));

	(void)q;
	for (size_t i = 0; i < n; i++) {
		char path[64];
		struct stat st;

		printf("job %" PRIu32 ":", jobs[i]);
		for (const char *const *name = (const char *const[]){ "fail", "lost", "closing", "ns", NULL };
		     *name; name++) {
			snprintf(path, sizeof(path), "%s/%" PRIu32 "/%s", JOBDIR_PIN, jobs[i], *name);
			if (lstat(path, &st) == 0)
				printf(" %s", *name);
		}
		putchar('\n');
	}
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct command_request q = { .sysconfdir = SYSCONFDIR "/cryptstore", .uid = (uid_t)-1 };
	bool has_job = false;

	(void)fd_sanitize_std();
	(void)proc_no_dumps();
	(void)umask(022);
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc < 2 || !parse(&q, &has_job, argc, argv))
		return usage();
	openlog("cryptstore-node", LOG_PID, LOG_AUTHPRIV);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (commands[i].needs_job != has_job)
			return usage();
		if (geteuid() != 0) {
			fputs("cryptstore-node: must be run as root\n", stderr);
			return EXIT_FAILURE;
		}
		return commands[i].run(&q);
	}
	return usage();
}
