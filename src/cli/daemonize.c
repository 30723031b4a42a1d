/* daemonize.c - a mount that outlives the command: fork first, mount in the child, let the parent go when it
 * is ready. */
#include "cli/daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "util/cleanup.h"
#include "util/fd.h"
#include "util/log.h"
#include "volume/text.h"

/* The child has ended (or else: it only stopped; then -1). */
static int exit_code_of(pid_t child)
{
	int status;

	if (waitpid(child, &status, WNOHANG) != child)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void awaited_signals(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGUSR1);
	(void)sigaddset(set, SIGCHLD);
}

pid_t daemonize_fork(pid_t *ret_parent)
{
	sigset_t awaited, before;
	pid_t parent = getpid(), child;
	char why[TEXT_ERRNO_MAX];

	/* Blocked and taken one by one, so none can be missed however early it comes. */
	awaited_signals(&awaited);
	(void)signal(SIGCHLD, SIG_DFL); /* an inherited SIG_IGN would keep it away */
	(void)sigprocmask(SIG_BLOCK, &awaited, &before);
	(void)fflush(NULL);
	child = fork();
	if (child < 0) {
		log_error("forkChild: %s", text_errno(errno, why));
	} else if (child == 0) {
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
		*ret_parent = parent;
	}
	return child;
}

int daemonize_wait(pid_t child)
{
	sigset_t awaited;
	siginfo_t info;

	awaited_signals(&awaited);
	for (;;) {
		int sig = sigwaitinfo(&awaited, &info);

		if (sig == SIGUSR1 && info.si_pid == child)
			return EXITCODE_OK;
		if (sig == SIGCHLD) {
			int code = exit_code_of(child);

			if (code >= 0)
				return code;
		}
	}
}

static void to_dev_null(bool keep_output)
{
	auto_fd int fd = fd_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);

	if (fd < 0)
		return;
	/* A reader of our output sees its end now; it would wait for the unmount otherwise. */
	(void)dup2(fd, STDIN_FILENO);
	if (!keep_output) {
		(void)dup2(fd, STDOUT_FILENO);
		(void)dup2(fd, STDERR_FILENO);
	}
}

void daemonize_detach(pid_t notify, bool keep_output)
{
	char why[TEXT_ERRNO_MAX];

	if (chdir("/") != 0) /* the caller's directory must be free to be unmounted */
		log_warn("chdir /: %s", text_errno(errno, why));
	if (!keep_output)
		log_to_syslog("gocryptfs");
	to_dev_null(keep_output);
	/* Ctrl-C in the terminal we came from is none of our business any more. A session leader already
	 * (started with -fg -notifypid by some supervisor) is as well off. */
	if (setsid() < 0 && getsid(0) != getpid() && getpgrp() != getpid())
		log_warn("setsid: %s", text_errno(errno, why));
	if (kill(notify, SIGUSR1) != 0)
		log_warn("notifypid: could not signal process %ld: %s", (long)notify, text_errno(errno, why));
}
