/* cgroup.h - a control group of its own for the daemons of a job, outside the job's: the view outlives the
 * job's processes by the grace Slurm gives them, and its memory is bounded by the policy and not charged to
 * the job. */
#ifndef NODE_CGROUP_H
#define NODE_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/* Make cryptstore/job_N and move the calling process into it (its children follow). memory_max: bytes, 0 = no
 * limit. cgroup v1: in the memory and freezer hierarchies. v2: a directory, or a scope of its own where
 * systemd runs. 0 or negative errno with text; on failure the process stays where it was. */
int cgroup_enter(uint32_t job, uint64_t memory_max, struct err *err);

/* Signal everything still in it; returns how many processes there were. */
int cgroup_kill(uint32_t job, int sig);

/* Remove it (it must be empty). 0, also if there is none; -EBUSY. */
int cgroup_remove(uint32_t job);

/* Call fn for every job number that has one. */
void cgroup_each(void (*fn)(uint32_t job, void *arg), void *arg);

#endif
