/* procs.h - find the processes of a job without asking Slurm. */
#ifndef NODE_PROCS_H
#define NODE_PROCS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Signal every process of uid (not 0) that is in the mount namespace with this inode number, or carries
 * SLURM_JOB_ID=job in its environment. Returns how many there were. */
int procs_signal(uint32_t job, uid_t uid, ino_t ns, int sig);

/* How many processes of uid in that mount namespace are dying just now: SIGKILL is on its way to them, or
 * they are closing their files and do not come to an end. Reads nothing that could wait for their memory. */
int procs_dying(uid_t uid, ino_t ns);

/* True if a slurmstepd of root's works for the job on this node (with PrologFlags=Contain one does, as long
 * as the job has not ended here). */
bool procs_job_has_stepd(uint32_t job);

#endif
