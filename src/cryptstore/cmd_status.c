/* cmd_status.c - cryptstore status: stores of this job, or of all jobs on this node. */
#include "cryptstore/cmd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cryptstore/statusfile.h"
#include "grant/units.h"
#include "util/cleanup.h"
#include "util/fd.h"

#define RUN_DIR "/run/cryptstore"

struct options {
	const char *run_dir, *job; /* job NULL: all */
	bool no_header;
};

/* "12.3 MiB"; one place is enough to see that something moves. */
static const char *size_text(char buf[static 16], int64_t n)
{
	static const char units[] = "BKMGTPE";
	double v = (double)n;
	int u = 0;

	for (; v >= 1024 && units[u + 1]; u++)
		v /= 1024;
	(void)snprintf(buf, 16, u ? "%.1f%c" : "%.0f%c", v, units[u]);
	return buf;
}

static void print_store(const struct status *s, const struct status_store *st)
{
	auto_free char *source = status_mount_source(st->view);
	char r[16], w[16], t[UNITS_TIME_LEN];

	(void)printf("%-10s %-12s %-8s %-24s %-12s %8s %8s %-20s %s\n", s->job, s->node, st->state, st->view,
		     st->mode, size_text(r, st->read), size_text(w, st->written),
		     units_time_text(t, st->since), source ? source : "-");
}

static void print_job(const struct status *s)
{
	size_t i;
	char t[UNITS_TIME_LEN];

	for (i = 0; i < s->n; i++)
		print_store(s, &s->stores[i]);
	if (s->n == 0)
		(void)printf("%-10s %-12s %-8s %-24s %-12s %8s %8s %-20s %s\n", s->job, s->node, s->state,
			     "-", "-", "-", "-", units_time_text(t, s->since), "-");
	if (s->reason[0])
		(void)printf("%-10s %-12s %s: %s\n", s->job, s->node, s->state, s->reason);
}

/* 1: printed, 0: none there, negative errno. */
static int one_job(int dirfd, const char *job, struct err *err)
{
	auto_free struct status *s = malloc(sizeof(*s));
	char name[300];
	auto_free char *text = NULL;
	auto_fd int fd = -1;
	size_t n;
	int r;

	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	(void)snprintf(name, sizeof(name), "%s/status.json", job);
	fd = fd_openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR ? 0 : err_set(err, fd, "%s: %s", name, strerror(-fd));
	r = fd_slurp(fd, STATUS_BYTES_MAX, &text, &n);
	if (r < 0)
		return err_set(err, r, "%s: %s", name, strerror(-r));
	r = status_parse(s, text, n, name, err);
	if (r < 0)
		return r;
	print_job(s);
	return 1;
}

/* Every job with a status file, or the one asked for. Returns the number printed or negative errno. */
static int all_jobs(const struct options *o, struct err *err)
{
	auto_dir DIR *dir = opendir(o->run_dir);
	int count = 0, r = 0, bad = 0;
	const struct dirent *d;

	if (!dir)
		return errno == ENOENT ? 0 : err_set(err, -errno, "'%s': %s", o->run_dir, strerror(errno));
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.' || (o->job && strcmp(o->job, d->d_name) != 0))
			continue;
		r = one_job(dirfd(dir), d->d_name, err);
		if (r < 0) {
			(void)cs_fail(err); /* go on: one damaged file must not hide the others */
			bad = r;
		} else {
			count += r;
		}
	}
	return bad ? bad : count;
}

static void print_header(void)
{
	(void)printf("%-10s %-12s %-8s %-24s %-12s %8s %8s %-20s %s\n", "JOB", "NODE", "STATE", "VIEW",
		     "MODE", "READ", "WRITTEN", "SINCE", "STORE");
}

/* The same on every node of the job: a step of one task per node. Slurm is told their number, or what a step
 * around this program has in its environment would count. */
static int on_all_nodes(const struct options *o)
{
	const char *squeue[] = { "squeue", "--noheader", "--format=%D", "--jobs", o->job, NULL };
	char text[32], nodes[48], tasks[48];
	unsigned long n = cs_ask(squeue, text, sizeof(text)) ? strtoul(text, NULL, 10) : 0;
	auto_free char *job = NULL;

	if (n == 0) {
		(void)fprintf(stderr, "cryptstore: squeue knows of no job %s that runs\n", o->job);
		return CS_OTHER;
	}
	(void)snprintf(nodes, sizeof(nodes), "--nodes=%lu", n);
	(void)snprintf(tasks, sizeof(tasks), "--ntasks=%lu", n);
	if (asprintf(&job, "--jobid=%s", o->job) < 0) {
		job = NULL;
		return CS_OTHER;
	}
	if (!o->no_header)
		print_header();
	(void)fflush(stdout);
	cs_forget_step();
	(void)execlp("srun", "srun", job, "--overlap", nodes, tasks, "--ntasks-per-node=1",
		     LIBEXECDIR "/cryptstore/cryptstore", "status", "--no-header", "--job", o->job,
		     (char *)NULL);
	(void)fprintf(stderr, "cryptstore: srun: %s\n", strerror(errno));
	return CS_OTHER;
}

static int run(const struct options *o)
{
	struct err err = { 0 };
	int r;

	if (!o->no_header)
		print_header();
	r = all_jobs(o, &err);
	if (r < 0)
		return err.text[0] ? CS_OTHER : cs_fail(&err);
	if (r == 0 && o->job) {
		(void)fprintf(stderr, "cryptstore: job %s has no encrypted store on this node\n", o->job);
		return CS_OTHER;
	}
	return CS_OK;
}

int cmd_status(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "all", no_argument, NULL, 'a' },	     { "job", required_argument, NULL, 'j' },
		{ "nodes", no_argument, NULL, 'n' },	     { "no-header", no_argument, NULL, 'h' },
		{ "run-dir", required_argument, NULL, 'd' }, { NULL, 0, NULL, 0 }
	};
	struct options o = { .run_dir = RUN_DIR, .job = getenv("SLURM_JOB_ID") };
	bool nodes = false;
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (c) {
		case 'a':
			o.job = NULL;
			break;
		case 'j':
			o.job = optarg;
			break;
		case 'n':
			nodes = true;
			break;
		case 'h':
			o.no_header = true;
			break;
		case 'd':
			o.run_dir = optarg;
			break;
		default:
			return cs_usage("status", "see the manual");
		}
	}
	if (optind != argc)
		return cs_usage("status", "'%s' is one word too many", argv[optind]);
	if (nodes && !o.job)
		return cs_usage("status", "--nodes wants --job, or to be run inside a job");
	return nodes ? on_all_nodes(&o) : run(&o);
}
