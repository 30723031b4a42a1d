/* child.h - run a root-owned program from inside a Slurm process that has threads of its own. */
#ifndef SPANK_CHILD_H
#define SPANK_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Room for the one line a failed check gives. */
#define CHILD_REASON_MAX 512

/* True if path is a regular executable file of root, and neither it nor any directory above it can be written
 * by anybody else (mode bits group and other). Symbolic links on the way are refused. False: reason says what
 * is wrong. */
bool child_program_trusted(const char *path, char reason[static CHILD_REASON_MAX]);

struct child {
	char *const *argv; /* argv[0] is the absolute path, checked by the caller */
	char *const *envp;
	const char *input; /* text for its standard input, or NULL: the child keeps ours */
	char *output;	   /* what it writes to its descriptor CHILD_OUT_FD, NUL-terminated, or NULL */
	size_t output_size;
	bool own_session; /* setsid and only descriptors 0-2 (and CHILD_OUT_FD): for programs run as root on a
			     node */
	int deadline_ms;  /* after this the child and its process group are killed; 0: never (a person is
			     typing) */
};
enum { CHILD_OUT_FD = 3 };

/* Fork, exec, feed, read, wait. Returns the exit code (0..255), -ETIMEDOUT if it was killed at the deadline,
 * -ECHILD if a signal ended it, -ENOBUFS if the output did not fit, or another negative errno. Never blocks
 * past the deadline, even if the child cannot be killed (it is left to init then). */
int child_run(struct child *c);

#endif
