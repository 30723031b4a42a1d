/* inspect.h - look at a store with the user's rights before the daemon opens it. */
#ifndef NODE_INSPECT_H
#define NODE_INSPECT_H

#include <stdint.h>

struct err;
struct job;
struct store;

/* What the policy says of the job's tickets before their stores are touched. To be called where a hang does
 * no harm: the directories that the policy names are resolved. 0 or -EPERM, ... with text. */
int inspect_tickets(struct job *job, struct err *err);

struct inspect_request {
	const char *path;
	int64_t issued, lifetime; /* of the ticket */
	unsigned int mode;
};
/* Of a store whose ticket is still there. path is borrowed. */
struct inspect_request inspect_request_of(const struct store *s);

/* Both are owned by the caller. */
struct inspect_result {
	int store_fd; /* the directory that was looked at */
	int lock_fd;  /* holds the store's lock as long as it is open */
};

/* Called by a process that already is the user. The store must still be where it was, must not have been made
 * anew since the ticket was, and the policy must allow its place and what its gocryptfs.conf says. Then it is
 * locked: exclusive or shared, both without waiting, so that one exclusive opening keeps all others out and
 * the other way round. Whoever opens it afterwards must do so through store_fd: at the path there may be
 * another directory by then. */
int inspect_store(struct inspect_result *ret, const struct job *job, const struct inspect_request *q,
		  struct err *err);

#endif
