/* child.c - run a root-owned program from inside a Slurm process that has threads of its own. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WRITABLE_BY_OTHERS = S_IWGRP | S_IWOTH, KILL_PATIENCE_MS = 1000 };

bool child_program_trusted(const char *path, char reason[static CHILD_REASON_MAX])
{
	char part[PATH_MAX];
	struct stat st;
	size_t len = strlen(path);

	if (path[0] != '/' || len >= sizeof(part)) {
		snprintf(reason, CHILD_REASON_MAX, "'%.200s' is not an absolute path", path);
		return false;
	}
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (lstat(part, &st) < 0) {
			snprintf(reason, CHILD_REASON_MAX, "'%.300s': %s", part, strerror(errno));
			return false;
		}
		if (st.st_uid != 0 || (st.st_mode & WRITABLE_BY_OTHERS)) {
			snprintf(reason, CHILD_REASON_MAX, "'%.300s' is not owned by root alone", part);
			return false;
		}
		if (path[i] == '\0' ? !S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR)
				    : !S_ISDIR(st.st_mode)) {
			snprintf(reason, CHILD_REASON_MAX, "'%.300s' is not %s", part,
				 path[i] ? "a directory" : "a program");
			return false;
		}
	}
	return true;
}

static long long now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void close_from(int first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
#endif
	for (int fd = first; fd < 65536; fd++) /* kernels before 5.9 */
		(void)close(fd);
}

/* Between fork and exec in a process with threads: system calls only. */
static void __attribute__((noreturn)) exec_child(const struct child *c, int in_fd, int out_fd)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (c->own_session)
		(void)setsid();
	/* both descriptors are above CHILD_OUT_FD: see raise_fd */
	if (in_fd >= 0 && dup2(in_fd, STDIN_FILENO) < 0)
		_exit(126);
	if (out_fd >= 0 && dup2(out_fd, CHILD_OUT_FD) < 0)
		_exit(126);
	close_from(out_fd >= 0 ? CHILD_OUT_FD + 1 : CHILD_OUT_FD);
	(void)execve(c->argv[0], c->argv, c->envp);
	_exit(127);
}

/* Move a descriptor above those the child gets, so that dup2 there never closes one that is still needed. */
static int raise_fd(int fd)
{
	int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 16), r = high < 0 ? -errno : high;

	if (fd >= 0)
		(void)close(fd);
	return r;
}

/* The input as a file in memory: no pipe that could fill up or break (SIGPIPE would end slurmd). */
static int input_fd(const char *text)
{
	int fd = raise_fd(memfd_create("cryptstore", MFD_CLOEXEC));
	size_t len = strlen(text);

	if (fd < 0)
		return fd;
	if (write(fd, text, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	(void)close(fd);
	return -EIO;
}

static int pipe_high(int ends[static 2])
{
	int low[2];

	if (pipe2(low, O_CLOEXEC) < 0)
		return -errno;
	ends[0] = raise_fd(low[0]);
	ends[1] = raise_fd(low[1]);
	return ends[0] < 0 || ends[1] < 0 ? -EMFILE : 0;
}

/* Milliseconds left, for poll: -1 without a deadline. */
static int time_left(long long end)
{
	long long left;

	if (!end)
		return -1;
	left = end - now_ms();
	return left > 0 ? (int)left : 0;
}

/* Read what the child writes, to the end. 0 or negative errno. */
static int read_output(struct child *c, int fd, long long end)
{
	size_t got = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int r = poll(&p, 1, time_left(end));
		ssize_t n;

		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (got + 1 >= c->output_size)
			return -ENOBUFS;
		n = read(fd, c->output + got, c->output_size - 1 - got);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		got += n > 0 ? (size_t)n : 0;
		c->output[got] = '\0';
	}
}

/* Wait for pid until `end`; -EAGAIN if it still runs. Polled: kernels of RHEL 8 have no pidfd_open. */
static int wait_until(pid_t pid, long long end)
{
	struct timespec nap = { .tv_nsec = 2000000 };
	int status;

	for (;;) {
		pid_t r = waitpid(pid, &status, end ? WNOHANG : 0);

		if (r == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (end && now_ms() >= end)
			return -EAGAIN;
		if (end)
			(void)nanosleep(&nap, NULL);
		if (nap.tv_nsec < 50000000)
			nap.tv_nsec *= 2;
	}
}

static void kill_and_reap(const struct child *c, pid_t pid)
{
	if (c->own_session)
		(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
	(void)wait_until(pid, now_ms() + KILL_PATIENCE_MS); /* asleep on a dead server: init will have it */
}

static pid_t start(const struct child *c, int in_fd, int out_fd)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all); /* no signal handler of Slurm's may run in the child */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		exec_child(c, in_fd, out_fd);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

int child_run(struct child *c)
{
	long long end = c->deadline_ms ? now_ms() + c->deadline_ms : 0;
	int in = -1, out[2] = { -1, -1 }, r = 0;
	pid_t pid = -1;

	if (c->input)
		r = in = input_fd(c->input);
	if (r >= 0 && c->output) {
		c->output[0] = '\0';
		r = pipe_high(out);
	}
	if (r >= 0) {
		pid = start(c, in, out[1]);
		r = pid < 0 ? -errno : 0;
	}
	close_fd(&in);
	close_fd(&out[1]);
	if (r == 0 && c->output)
		r = read_output(c, out[0], end);
	if (r == 0)
		r = wait_until(pid, end);
	else if (pid > 0)
		kill_and_reap(c, pid);
	if (r == -EAGAIN) {
		kill_and_reap(c, pid);
		r = -ETIMEDOUT;
	}
	close_fd(&out[0]);
	return r;
}
