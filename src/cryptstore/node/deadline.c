/* deadline.c - nothing in a prolog or epilog waits for ever: points in time, and waiting for children until
 * one. */
#include "cryptstore/node/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/fd.h"

static int64_t now_ms(void)
{
	return (int64_t)(clock_us() / 1000);
}

deadline_t deadline_in(unsigned int ms)
{
	return now_ms() + ms;
}

int deadline_left(deadline_t end)
{
	int64_t left = end - now_ms();

	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

deadline_t deadline_min(deadline_t a, deadline_t b)
{
	return a < b ? a : b;
}

bool deadline_nap(deadline_t end, unsigned int ms)
{
	unsigned int left = (unsigned int)deadline_left(end);
	unsigned int nap = ms < left ? ms : left;
	struct timespec t = { .tv_sec = nap / 1000, .tv_nsec = (long)(nap % 1000) * 1000000 };

	if (left == 0)
		return false;
	(void)nanosleep(&t, NULL);
	return true;
}

int deadline_wait(pid_t pid, deadline_t end, int *ret_status)
{
	unsigned int nap = 1;

	for (;;) {
		pid_t r = waitpid(pid, ret_status, WNOHANG);

		if (r == pid)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (!deadline_nap(end, nap))
			return -ETIMEDOUT;
		nap = nap < 50 ? nap * 2 : 50;
	}
}

int deadline_call(int (*fn)(void *arg), void *arg, deadline_t end)
{
	pid_t pid = fork();
	int status, r;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(-fn(arg) & 0xff);
	r = deadline_wait(pid, end, &status);
	if (r < 0) {
		(void)kill(pid, SIGKILL);
		(void)deadline_wait(pid, deadline_in(200), &status);
		return r;
	}
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

unsigned long long proc_start_time(pid_t pid)
{
	char path[64], text[1024], *p, *save = NULL;
	auto_fd int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = fd_openat(AT_FDCWD, path, O_RDONLY, 0);
	if (fd < 0)
		return 0;
	n = fd_read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	p = strrchr(text, ')'); /* the name before it may hold anything */
	if (!p || p[1] == '\0' || p[2] == 'Z')
		return 0; /* a zombie has ended for our purposes */
	p = strtok_r(p + 1, " ", &save);
	for (int field = 3; p && field < 22; field++)
		p = strtok_r(NULL, " ", &save);
	return p ? strtoull(p, NULL, 10) : 0;
}

bool proc_signal(pid_t pid, unsigned long long start, int sig)
{
	if (pid <= 1 || !start || proc_start_time(pid) != start)
		return false;
	return kill(pid, sig) == 0;
}

int proc_wait_gone(pid_t pid, unsigned long long start, deadline_t end)
{
	unsigned int nap = 2;

	while (start && proc_start_time(pid) == start) {
		if (!deadline_nap(end, nap))
			return -ETIMEDOUT;
		nap = nap < 50 ? nap * 2 : 50;
	}
	return 0;
}
