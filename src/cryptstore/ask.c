/* ask.c - other programs: what one prints, and what one must not see. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cryptstore/cmd.h"
#include "util/cleanup.h"
#include "util/fd.h"

bool cs_ask(const char *const *argv, char *buf, size_t size)
{
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	auto_fd int from = ends[0];
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		if (null >= 0 && dup2(ends[1], STDOUT_FILENO) >= 0 && dup2(null, STDERR_FILENO) >= 0)
			(void)execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	(void)close(ends[1]);
	n = pid > 0 ? fd_read(from, buf, size - 1) : -1;
	(void)close(take_fd(&from)); /* it may have more to say */
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			break;
	if (n <= 0)
		return false;
	buf[n] = '\0';
	return true;
}

void cs_forget_step(void)
{
	static const char prefix[] = "SLURM_", conf[] = "SLURM_CONF=";
	extern char **environ;
	size_t i = 0;

	while (environ[i]) {
		auto_free char *name = NULL;

		if (strncmp(environ[i], prefix, strlen(prefix)) == 0 &&
		    strncmp(environ[i], conf, strlen(conf)) != 0)
			name = strndup(environ[i], strcspn(environ[i], "="));
		if (!name || unsetenv(name) < 0)
			i++;
	}
}
