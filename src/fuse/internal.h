/* internal.h - a session, as mount.c makes it and session.c serves it. Internal to fuse/. */
#ifndef FUSE_INTERNAL_H
#define FUSE_INTERNAL_H

#include <signal.h>

#include "fuse/idle.h"
#include "fuse/ops.h"
#include "fuse/session.h"

struct session {
	struct fuse_session *se;
	struct ops_state ops;
	char *mountpoint; /* canonical, or /dev/fd/N */
	char dev[24];	  /* "major:minor" of the mount, "" if not known */
	bool mounted;	  /* by us, and not unmounted so far as we know */
	bool monitored;	  /* the monitor knows of it */
	unsigned int threads;
	struct idle idle;
	int ctlsock_fd;
	struct ctlsock *ctlsock;
	session_ready_fn ready;
	void *ready_arg;
};

/* SIGINT, SIGTERM and SIGHUP wait for session_loop from now on: between mounting and serving they would leave
 * a dead mount. */
void session_block_signals(sigset_t *ret_set);

/* Called from a worker once INIT was answered; arg is the session. */
void session_first_request(void *arg);

/* Unmount lazily, which always works unless the monitor was killed, if our mount is still there. */
void session_unmount(struct session *s);

#endif
