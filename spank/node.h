/* node.h - the side of the compute node: call the helper at job start and end, bring steps into the job's
 * view. */
#ifndef SPANK_NODE_H
#define SPANK_NODE_H

#include <slurm/spank.h>

/* slurmd has started: clear what a crash left. Always 0: a node must come up. */
int node_sweep(void);

/* Prolog and epilog of a job on this node, as root. Always 0: Slurm drains a node whose prolog fails. A
 * failure waits in the job's state for node_refuse. */
int node_prolog(spank_t sp);
int node_epilog(spank_t sp);

/* In slurmstepd, before the job's files are opened: enter the job's mount namespace if this job has one here
 * (whether or not the step carries the option), and take the ticket out of the tasks' environment. Always 0.
 */
int node_join(spank_t sp);

/* In the child that becomes a task, still as root: -1 with the reason in the job's output if the view is not
 * there. */
int node_refuse(spank_t sp);

/* A task has ended: if the view was lost meanwhile, say so in the job's output. Always 0. */
int node_task_ended(spank_t sp);

#endif
