/* daemon.h - one gocryptfs per store, running as the user on a mount that root made. */
#ifndef NODE_DAEMON_H
#define NODE_DAEMON_H

#include <stdbool.h>

struct err;
struct job;
struct store;

/* Start the daemon of a store: a child that becomes the user, looks at the store with the user's rights
 * (still the same place, allowed by the policy now that its gocryptfs.conf is known, locked as its mode
 * wants) and executes gocryptfs with the key in a pipe. Sets pid, start and our pipe ends. */
int daemon_start(struct job *job, struct store *s, struct err *err);

/* Wait until every daemon of the job serves, or job->policy->daemon_start seconds. 0 or negative errno; the
 * text is what the daemon said last. */
int daemon_wait_ready(struct job *job, struct err *err);

/* Read what a daemon wrote to stderr, without waiting; complete lines go to syslog, the last one stays in
 * s->line. 1 if there was something, 0 at its end, -EAGAIN or another negative errno. */
int daemon_read_stderr(const struct job *job, struct store *s);

/* As the user: make the links the tickets name (user_path -> view). An existing link to the view is fine. */
int daemon_make_links(const struct job *job, struct err *err);

#endif
