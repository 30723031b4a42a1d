/* commands.h - what cryptstore-node can be told to do. */
#ifndef NODE_COMMANDS_H
#define NODE_COMMANDS_H

#include <stdint.h>
#include <sys/types.h>

struct command_request {
	const char *sysconfdir;
	uint32_t job;
	uid_t uid;
};

/* Open the views of a job. The tickets are read from standard input. 0 even if it fails: the reason is in the
 * job's state, and a step of the job is refused with it. Another exit code only if not even that could be
 * written. */
int command_prolog(const struct command_request *q);

/* The same from a step whose job had no prolog; several steps may come at once, the first one does it. */
int command_ensure(const struct command_request *q);

/* Close them and leave nothing. 0, or 1 if something could not be removed (syslog says what). */
int command_epilog(const struct command_request *q);

/* Close what belongs to jobs that no longer run here: after a crash of slurmd or of the node. */
int command_sweep(const struct command_request *q);

/* Print the state of all jobs on this node, one line each, for people and for health checks. */
int command_list(const struct command_request *q);

/* Epilog of one job with what is in its state, until the deadline. Shared by epilog, sweep and a prolog that
 * finds remains. 0 or negative errno. */
struct policy;
int close_job(uint32_t job, uid_t uid, const struct policy *policy);

/* Remove control groups of jobs that are over, where a daemon asleep on a dead server outlived its epilog and
 * has ended since. Quick, best effort; called at every prolog and epilog. */
void tidy_cgroups(void);

#endif
