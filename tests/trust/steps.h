/* steps.h - the operations the fault sweep tries, each with how the store looks before and after. */
#ifndef TESTS_TRUST_STEPS_H
#define TESTS_TRUST_STEPS_H

#include "unit.h"

#include <sys/stat.h>

struct fixture;

struct step {
	const char *name;
	void (*prepare)(struct fixture *fx); /* no faults here */
	int (*run)(struct fixture *fx);	     /* 0 or negative errno; leaves nothing open */
	bool (*before)(struct fixture *fx);
	bool (*after)(struct fixture *fx);
	bool (*between)(struct fixture *fx); /* allowed after a failure as well; may be NULL */
	bool pending; /* begins with a truncate that was interrupted: whole only once it is read */
};
extern const struct step steps_data[], steps_name[];
extern const size_t n_steps_data, n_steps_name;

/* Shared by the two: a file of version 1 in the root; is the name there; is it all of version 1 and that
 * long. */
void step_make(struct fixture *fx, const char *name, size_t size);
bool step_there(struct fixture *fx, const char *name, struct stat *ret);
bool step_is_v1(struct fixture *fx, const char *name, size_t size);
void step_prepare_none(struct fixture *fx);
void step_prepare_small(struct fixture *fx); /* "f", 5000 bytes */
bool step_f_small(struct fixture *fx);

#endif
