/* ns.h - the mount namespace of a job: made, pinned, filled with views, entered. */
#ifndef NODE_NS_H
#define NODE_NS_H

#include <stdbool.h>

struct err;
struct job;

/* Open a FUSE descriptor for every store of the job, make its namespace, mount a root-owned directory at the
 * policy's view_root and a FUSE mount for every store in it, and pin the namespace in the job's state. Sets
 * job->ns_fd and every store's fuse_fd. Nothing answers on the mounts yet. The calling process stays where it
 * is; it must be the one that will keep the job (the fallback for kernels that refuse the pin points to it).
 * 0 or negative errno with text. */
int ns_build(struct job *job, struct err *err);

/* Enter a namespace; single-threaded callers only. 0 or negative errno. */
int ns_enter(int ns_fd);

/* In the namespace of the caller: is the view mounted? *ret_minor: number of its FUSE connection. */
bool ns_view_mounted(const char *view, unsigned int *ret_minor);
/* Let the kernel read further ahead in the job's views than their daemons, who are the user, may ask for.
 * Only once they have answered the first request, whose reply lowers it. An optimisation: nothing is said of
 * failure. */
void ns_raise_readahead(const struct job *job);

#endif
