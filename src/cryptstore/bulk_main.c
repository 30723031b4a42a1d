/* bulk_main.c - command line of import and export, their part of an srun, signals, errors. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cryptstore/bulk.h"
#include "cryptstore/cmd.h"
#include "grant/units.h"
#include "util/cleanup.h"
#include "util/proc.h"
#include "volume/text.h"

enum { NOFILE_WANTED = 65536 };

static atomic_bool stopped;
static atomic_int stopped_by; /* signal */

bool bulk_stopped(void)
{
	return atomic_load_explicit(&stopped, memory_order_relaxed);
}

/* The first signal ends the work after the piece at hand, a second one ends the process. */
static void on_signal(int sig)
{
	atomic_store(&stopped_by, sig);
	atomic_store(&stopped, true);
}

static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_RESETHAND };

	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
}

static const char *explain(int code)
{
	if (code == -EBADMSG || code == -EUCLEAN)
		return "the store's data are damaged here";
	return strerror(-code);
}

void bulk_error(struct bulk *b, const char *dir, const char *name, const char *what, int code)
{
	auto_free char *path = NULL;
	auto_free char *quoted = NULL;
	auto_free char *line = NULL;

	if (code == -ECANCELED)
		return;
	(void)atomic_fetch_add(&b->n.errors, 1);
	if (asprintf(&path, "%s%s%s", dir, *dir && *name ? "/" : "", name) < 0)
		path = NULL;
	quoted = path ? text_quote(path, strlen(path)) : NULL;
	if (asprintf(&line, "%s: %s%s%s%s%s", b->opt->name, path && *path && quoted ? quoted : "",
		     path && *path && quoted ? ": " : "", what ? what : "failed", code ? ": " : "",
		     code ? explain(code) : "") < 0)
		line = NULL;
	bulk_say(line ? line : "out of memory");
	if ((code == -ENOSPC || code == -EDQUOT) && !atomic_exchange(&stopped, true))
		bulk_say("the destination is full: giving up");
}

static unsigned int cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
		return CPU_COUNT(&set) > BULK_THREADS_MAX ? BULK_THREADS_MAX : (unsigned int)CPU_COUNT(&set);
	return 1;
}

/* A number below limit, nothing behind it but `end`. */
static bool parse_number(const char *s, char end, unsigned long limit, unsigned int *ret)
{
	char *rest;
	unsigned long n;

	if (!s || *s < '0' || *s > '9')
		return false;
	errno = 0;
	n = strtoul(s, &rest, 10);
	if (errno || *rest != end || n >= limit)
		return false;
	*ret = (unsigned int)n;
	return true;
}

/* "TASK/TASKS" */
static bool parse_task(const char *s, struct bulk_options *o)
{
	const char *slash = strchr(s, '/');

	return slash && parse_number(slash + 1, '\0', 1U << 20, &o->n_tasks) && o->n_tasks > 0 &&
	       parse_number(s, '/', o->n_tasks, &o->task);
}

/* The tasks of a step share the work. A batch script has SLURM_NTASKS as well, but runs once: its step has no
 * number, or one of the special ones at the top of the range. */
static void task_of_step(struct bulk_options *o)
{
	const char *n = getenv("SLURM_STEP_NUM_TASKS");
	unsigned int step, task, n_tasks;

	if (!n)
		n = getenv("SLURM_NTASKS");
	if (!parse_number(getenv("SLURM_STEP_ID"), '\0', 0xfffffff0, &step) ||
	    !parse_number(n, '\0', 1U << 20, &n_tasks) || n_tasks < 2 ||
	    !parse_number(getenv("SLURM_PROCID"), '\0', n_tasks, &task))
		return;
	o->task = task;
	o->n_tasks = n_tasks;
}

static int parse(int argc, char **argv, struct bulk_options *o)
{
	enum { OVERWRITE = 1, CHECKSUM, VERIFY, SHARED, NO_XATTR, QUIET, THREADS, TASK, KEY };
	static const struct option longopts[] = {
		{ "overwrite", no_argument, NULL, OVERWRITE },	 { "checksum", no_argument, NULL, CHECKSUM },
		{ "verify", no_argument, NULL, VERIFY },	 { "shared", no_argument, NULL, SHARED },
		{ "no-xattr", no_argument, NULL, NO_XATTR },	 { "quiet", no_argument, NULL, QUIET },
		{ "threads", required_argument, NULL, THREADS }, { "task", required_argument, NULL, TASK },
		{ "key", required_argument, NULL, KEY },	 { NULL, 0, NULL, 0 }
	};
	int c;

	task_of_step(o);
	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		o->overwrite |= c == OVERWRITE;
		o->checksum |= c == CHECKSUM;
		o->verify |= c == VERIFY;
		o->shared |= c == SHARED;
		o->noxattr |= c == NO_XATTR;
		o->quiet |= c == QUIET;
		if (c == KEY)
			o->key = optarg;
		if (c == THREADS &&
		    (!parse_number(optarg, '\0', BULK_THREADS_MAX + 1, &o->threads) || !o->threads))
			return cs_usage(o->name, "--threads wants a number from 1 to %d", BULK_THREADS_MAX);
		if (c == TASK && !parse_task(optarg, o))
			return cs_usage(o->name, "--task wants a part and the number of parts, such as 0/4");
		if (c == '?')
			return cs_usage(o->name, "see the manual");
	}
	o->shared |= o->n_tasks > 1;
	if (argc - optind != 2)
		return cs_usage(o->name, o->import ? "which source, and which store?"
						   : "which store, and which destination?");
	return CS_OK;
}

/* What the person should know besides the sum. Returns the exit code. */
static int conclude(const struct bulk *b)
{
	int sig = atomic_load(&stopped_by);
	char line[160];

	if (sig) {
		(void)snprintf(line, sizeof(line), "%s: interrupted; the same command goes on from here",
			       b->opt->name);
		bulk_say(line);
	}
	if (atomic_load(&b->n.errors)) {
		(void)snprintf(line, sizeof(line), "%s: %" PRIuFAST64 " errors, told above", b->opt->name,
			       atomic_load(&b->n.errors));
		bulk_say(line);
	}
	return sig || bulk_stopped() || atomic_load(&b->n.errors) ? CS_INCOMPLETE : CS_OK;
}

int bulk_main(int argc, char **argv, bool import)
{
	struct bulk_options opt = { .name = argv[0], .import = import, .threads = cores(), .n_tasks = 1 };
	struct bulk b = { .opt = &opt, .lock = PTHREAD_MUTEX_INITIALIZER, .store_fd = -1 };
	int code = parse(argc, argv, &opt), r;
	struct bulk_store s;
	struct err err = { 0 };
	double start;

	if (code != CS_OK)
		return code;
	b.as_root = geteuid() == 0;
	b.self = (struct view_caller){ .uid = geteuid(), .gid = getegid() };
	r = bulk_store_open(&s, argv[optind + import], &opt, &err);
	if (r == 0) {
		(void)umask(0); /* modes are the source's */
		(void)proc_raise_nofile(NOFILE_WANTED);
		catch_signals();
		start = bulk_now();
		r = bulk_run(&b, &s, argv[optind + !import], &err);
		if (r == 0) {
			bulk_summary(&b, bulk_now() - start);
			code = conclude(&b);
		}
	}
	bulk_store_close(&s);
	return r < 0 ? cs_fail(&err) : code;
}
