/* submit.h - the side where a person is: turn --crypt-store into sealed tickets that travel with the job. */
#ifndef SPANK_SUBMIT_H
#define SPANK_SUBMIT_H

#include <stdbool.h>

#include <slurm/spank.h>

/* In sbatch, salloc (is_srun false) and srun: run `cryptstore submit' as the user and hand its text to Slurm.
 * A step of a job that runs already has what its job has and is never asked for a password. 0, or -1: the
 * submission is refused and the person has been told why. */
int submit_request(spank_t sp, bool is_srun);

#endif
