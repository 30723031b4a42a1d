/* monitor.h - the daemon's side of the monitor process (see session_monitor_start in session.h). Internal to
 * fuse/. */
#ifndef FUSE_MONITOR_H
#define FUSE_MONITOR_H

#include <stdbool.h>

/* Start it unless it runs already. 0 or negative errno. */
int monitor_start(void);

/* Tell it what was mounted (absolute canonical path). From now on our death unmounts it. 0 or negative errno.
 */
int monitor_watch(const char *mountpoint);

enum monitor_how {
	MONITOR_UNMOUNT,
	MONITOR_LAZILY,	       /* busy or not */
	MONITOR_LAZILY_IF_DEAD /* only if nobody serves the mount any more; what happens when we die */
};
/* Ask for an unmount; the answer comes later through monitor_fd: poll for input, then monitor_answer. The
 * first two are for a mount that is known to be connected to us: else somebody may have unmounted it and
 * mounted another there. 0 or -errno. */
int monitor_unmount(enum monitor_how how);
int monitor_fd(void); /* -1 if there is none */
/* Reads an answer: 0 unmounted (or not ours any more), -EBUSY, other negative errno; -EPIPE if the monitor is
 * gone. */
int monitor_answer(void);

/* The mount is gone: unmount nothing when we end. */
void monitor_forget(void);
/* End it. */
void monitor_stop(void);

#endif
