/* doctor_hardening.c - what a daemon could give up on this host: the real sandbox, entered by a child. */
#include "cryptstore/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse/sandbox.h"
#include "util/cleanup.h"
#include "util/fd.h"
#include "util/proc.h"
#include "util/secret.h"

struct report {
	bool complete;
	char text[256];
};

static void report_from_inside(int to)
{
	struct sandbox_options opt = { .store = fd_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0) };
	struct secret *key = secret_new(32);
	struct sandbox_state state;
	struct report r = { 0 };

	(void)proc_no_dumps();
	sandbox_enter(&opt, &state);
	(void)sandbox_describe(&state, r.text, sizeof(r.text));
	r.complete = state.no_new_privs && state.seccomp && state.landlock && state.few_capabilities && key &&
		     key->locked;
	secret_free(key);
	_exit(fd_write(to, &r, sizeof(r)) < 0);
}

enum doctor_verdict doctor_hardening(const struct doctor_options *o, struct doctor_answer *a)
{
	struct report r = { 0 };
	ssize_t n = -1;
	int p[2];
	pid_t pid;

	(void)o;
	if (pipe2(p, O_CLOEXEC) < 0)
		return doctor_answer(a, DOCTOR_WARN, NULL, "cannot be tried: %s", strerror(errno));
	auto_fd int from = p[0];
	pid = fork();
	if (pid == 0)
		report_from_inside(p[1]);
	(void)close(p[1]);
	if (pid > 0) {
		n = fd_read(from, &r, sizeof(r));
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (n != (ssize_t)sizeof(r))
		return doctor_answer(a, DOCTOR_WARN, NULL, "cannot be tried here");
	return doctor_answer(a, r.complete ? DOCTOR_OK : DOCTOR_WARN,
			     r.complete
				 ? NULL
				 : "a kernel with seccomp and Landlock (5.19 or later, 'landlock' in lsm=), "
				   "and a larger ulimit -l",
			     "%s", r.text);
}
