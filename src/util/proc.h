/* proc.h - what a process does to itself: hardening, limits, per-thread identity. */
#ifndef UTIL_PROC_H
#define UTIL_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* PR_SET_DUMPABLE 0 and RLIMIT_CORE 0. Best effort, returns the first negative errno or 0. */
int proc_no_dumps(void);

/* Raise the soft RLIMIT_NOFILE to want (or the hard limit, if lower); returns the limit now in force. */
unsigned long proc_raise_nofile(unsigned long want);

/* Identity of the calling THREAD only, by raw system calls: glibc's wrappers change every thread (gocryptfs
 * #892). */
struct proc_identity {
	uid_t uid;
	gid_t gid;
	int n_groups;	    /* -1: leave supplementary groups alone */
	gid_t groups[1024]; /* users of large directories have hundreds */
};
/* Fill in the supplementary groups of process pid from /proc/PID/task/PID/status; uid and gid as given. Falls
 * back to no groups if the process is gone. */
void proc_identity_of(struct proc_identity *ret, uid_t uid, gid_t gid, pid_t pid);
/* Become it (effective ids and groups) / become root again. Return 0 or negative errno; a failed return to
 * root aborts. */
int proc_become(const struct proc_identity *id);
void proc_unbecome(void);

/* Overwrite the text of argv[i] after its first `keep` bytes in place (so /proc/PID/cmdline no longer shows
 * it). */
void proc_scrub_arg(char *arg, size_t keep);

#endif
