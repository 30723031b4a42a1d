/* password_program.c - the password from a program (-extpass). */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/secret.h"
#include "volume/password_priv.h"
#include "volume/text.h"

static int spawn(char **argv, int out, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return -r;
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawnp(ret_pid, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int start_failed(const char *program, int r, struct err *err)
{
	auto_free char *quoted = text_quote(program, strlen(program));
	char why[TEXT_ERRNO_MAX];

	/* EACCES: some directory in PATH cannot be searched. */
	if ((r == -ENOENT || r == -EACCES) && !strchr(program, '/'))
		return err_set_exit(err, r, EXITCODE_READPASSWORD,
				    "extpass cmd start failed: exec: %s: executable file not found in $PATH",
				    quoted ? quoted : "");
	return err_set_exit(err, r, EXITCODE_READPASSWORD, "extpass cmd start failed: fork/exec %s: %s",
			    program, text_errno(r, why));
}

/* How the program ended, in Go's words. */
static int ended_well(int status, struct err *err)
{
	static const char text[] = "extpass program returned an error";
	const char *name;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status))
		return err_set_exit(err, -EIO, EXITCODE_READPASSWORD, "%s: exit status %d", text,
				    WEXITSTATUS(status));
	name = strsignal(WTERMSIG(status));
	return err_set_exit(err, -EIO, EXITCODE_READPASSWORD, "%s: signal: %c%s", text,
			    tolower((unsigned char)name[0]), name + 1);
}

int password_run_program(char **argv, struct secret *s, struct err *err)
{
	auto_fd int in = -1;
	int pipe_fds[2], status = 0, r;
	pid_t pid = -1;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return password_fail(err, -errno, "extpass pipe setup failed");
	in = pipe_fds[0];
	r = spawn(argv, pipe_fds[1], &pid);
	(void)close(pipe_fds[1]); /* so that the program's end is end of file */
	if (r < 0)
		return start_failed(argv[0], r, err);
	r = password_read_line(in, s, err);
	/* A program with more to say gets SIGPIPE instead of blocking for ever. */
	(void)close(take_fd(&in));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return password_fail(err, -errno, "extpass: waiting for the program failed");
	return r < 0 ? r : ended_well(status, err);
}
