/* inspect.h - look at a store with the user's rights before the daemon opens it. */
#ifndef NODE_INSPECT_H
#define NODE_INSPECT_H

#include <stdint.h>

struct err;
struct job;

struct inspect_request {
	const char *path;
	int64_t issued, lifetime; /* of the ticket */
	unsigned int mode;
};
struct inspect_result {
	int lock_fd; /* holds the store's lock as long as it is open; owned by the caller */
};

/* Called by a process that already is the user. The store must still be where it was, must not have been made
 * anew since the ticket was, and the policy must allow what its gocryptfs.conf says. Then it is locked:
 * exclusive or shared, both without waiting, so that one exclusive opening keeps all others out and the other
 * way round. */
int inspect_store(struct inspect_result *ret, const struct job *job, const struct inspect_request *q,
		  struct err *err);

#endif
