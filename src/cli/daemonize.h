/* daemonize.h - a mount that outlives the command: fork first, mount in the child, let the parent go when it
 * is ready. */
#ifndef CLI_DAEMONIZE_H
#define CLI_DAEMONIZE_H

#include <stdbool.h>
#include <sys/types.h>

/* Fork. Returns 0 in the child, with *ret_parent = the process to notify; the child's pid in the parent,
 * which goes on to daemonize_wait; -1 if that failed (it was said). */
pid_t daemonize_fork(pid_t *ret_parent);

/* Wait until the child called daemonize_detach (returns 0) or ended (returns its exit code, 128 + signal if
 * it was killed). */
int daemonize_wait(pid_t child);

/* The mount is usable: leave the caller's directory, session, and (unless keep_output) its stdout and stderr
 * for syslog, then send SIGUSR1 to `notify`. Callable from any thread. */
void daemonize_detach(pid_t notify, bool keep_output);

#endif
