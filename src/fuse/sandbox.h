/* sandbox.h - what the daemon gives up once it is mounted, so that a fault in it is worth little to an
 * attacker. */
#ifndef FUSE_SANDBOX_H
#define FUSE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

struct sandbox_options {
	int store;	     /* directory of the store: all that may be changed from now on */
	const char *ctlsock; /* path of the control socket, which is removed at the end; NULL: none */
};

/* What is in force. */
struct sandbox_state {
	bool no_new_privs; /* no program run from here on gains rights (fusermount3 neither: that is the
			      monitor's work) */
	bool seccomp;	   /* no exec, ptrace, mount, namespaces, kernel interfaces, no sockets but unix ones:
			      EPERM */
	bool few_capabilities; /* none for a user; root keeps those for files of all owners and for locked
				  memory */
	int landlock; /* version of the kernel's Landlock, 0: none. Files: the store, devices, /proc, the
			 system read-only */
};

/* For the calling thread and all it starts: call it when mounted, before other threads exist. Measures the
 * kernel does not have are left out; *ret (may be NULL) tells. */
void sandbox_enter(const struct sandbox_options *opt, struct sandbox_state *ret);
/* sandbox_caps.c: that alone, for the calling thread. False if the kernel does not let us. */
bool sandbox_drop_capabilities(void);
/* What is in force, in words ("no_new_privs on, seccomp filter on, ..."); memory and dumps of this process
 * too. n bytes at buf (200 are enough); buf is returned. */
const char *sandbox_describe(const struct sandbox_state *state, char *buf, size_t n);

#endif
