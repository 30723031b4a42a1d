/* plugin.c - what Slurm sees: every hook is a switch on the context, the work is in submit.c and node.c. */
#include <stdint.h>
#include <stdlib.h>

/* everything else is hidden; the list of names is spank.map */
#pragma GCC visibility push(default)
#include <slurm/spank.h>

SPANK_PLUGIN(cryptstore, 1);
#pragma GCC visibility pop

#include "node.h"
#include "options.h"
#include "submit.h"

int slurm_spank_init(spank_t sp, int ac, char *av[])
{
	options_configure(ac, av);
	switch (spank_context()) {
	case S_CTX_SLURMD:
		return node_sweep();
	case S_CTX_LOCAL:
	case S_CTX_ALLOCATOR:
	case S_CTX_REMOTE:
		return options_register(sp);
	default:
		return 0;
	}
}

int slurm_spank_init_post_opt(spank_t sp, int ac, char *av[])
{
	(void)ac;
	(void)av;
	switch (spank_context()) {
	case S_CTX_LOCAL:
		return submit_request(sp, true);
	case S_CTX_ALLOCATOR:
		return submit_request(sp, false);
	case S_CTX_REMOTE:
		return node_join(sp);
	default:
		return 0;
	}
}

int slurm_spank_job_prolog(spank_t sp, int ac, char *av[])
{
	options_configure(ac, av); /* Slurm calls no init in this context */
	switch (spank_context()) {
	case S_CTX_JOB_SCRIPT:
		return node_prolog(sp);
	default:
		return 0;
	}
}

int slurm_spank_job_epilog(spank_t sp, int ac, char *av[])
{
	options_configure(ac, av);
	switch (spank_context()) {
	case S_CTX_JOB_SCRIPT:
		return node_epilog(sp);
	default:
		return 0;
	}
}

int slurm_spank_task_init_privileged(spank_t sp, int ac, char *av[])
{
	(void)ac;
	(void)av;
	switch (spank_context()) {
	case S_CTX_REMOTE:
		return node_refuse(sp);
	default:
		return 0;
	}
}

int slurm_spank_task_exit(spank_t sp, int ac, char *av[])
{
	(void)ac;
	(void)av;
	switch (spank_context()) {
	case S_CTX_REMOTE:
		return node_task_ended(sp);
	default:
		return 0;
	}
}
