/* test_fd.c - whole reads and writes over pipes, signals and limits. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"

static int temp_file(void)
{
	char path[] = "/tmp/test_fd.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	(void)unlink(path);
	return fd;
}

/* A child that writes n bytes in pieces of `piece`; returns the reading end. */
static int writer(size_t n, size_t piece, useconds_t pause, pid_t *ret_pid)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	*ret_pid = fork();
	if (*ret_pid == 0) {
		char buf[4096];

		(void)close(ends[0]);
		for (size_t done = 0; done < n; done += piece) {
			size_t now = n - done < piece ? n - done : piece;

			for (size_t i = 0; i < now; i++)
				buf[i] = (char)((done + i) % 251);
			if (write(ends[1], buf, now) != (ssize_t)now)
				_exit(1);
			(void)usleep(pause);
		}
		_exit(0);
	}
	(void)close(ends[1]);
	return ends[0];
}

static void check_pattern(const char *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal((unsigned char)buf[i], i % 251);
}

static void on_signal(int sig)
{
	(void)sig;
}

/* Signals every millisecond, without SA_RESTART. */
static void alarms(bool on)
{
	const struct sigaction sa = { .sa_handler = on_signal };
	const struct itimerval ms = { { 0, on ? 1000 : 0 }, { 0, on ? 1000 : 0 } };

	assert_int_equal(sigaction(SIGALRM, &sa, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &ms, NULL), 0);
}

static void test_pipe_in_pieces(void **state)
{
	char buf[3000];
	pid_t pid;
	auto_fd int fd = writer(2500, 100, 500, &pid);

	(void)state;
	alarms(true);
	assert_int_equal(fd_read(fd, buf, 1000), 1000);
	check_pattern(buf, 1000);
	assert_int_equal(fd_read(fd, buf + 1000, 2000), 1500);
	check_pattern(buf, 2500);
	assert_int_equal(fd_read(fd, buf, 10), 0);
	alarms(false);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_offsets(void **state)
{
	auto_fd int fd = temp_file();
	char buf[16];
	size_t done = 99;

	(void)state;
	assert_int_equal(fd_pwrite(fd, "hello world", 11, 5, &done), 0);
	assert_int_equal(done, 11);
	assert_int_equal(fd_pwrite(fd, "", 0, 0, NULL), 0);
	assert_int_equal(fd_pread(fd, buf, 16, 10), 6);
	assert_memory_equal(buf, " world", 6);
	assert_int_equal(fd_pread(fd, buf, 16, 16), 0);
	assert_int_equal(fd_pread(fd, buf, SIZE_MAX, 0), -EINVAL);
	assert_int_equal(fd_read(fd, buf, SIZE_MAX), -EINVAL);
	assert_int_equal(fd_pread(-1, buf, 16, 0), -EBADF);
	assert_int_equal(fd_pwrite(-1, buf, 16, 0, &done), -EBADF);
	assert_int_equal(done, 0);
	assert_int_equal(fd_read(-1, buf, 16), -EBADF);
	assert_int_equal(fd_write(-1, buf, 16), -EBADF);
}

static int child_over_limit(int fd)
{
	const struct rlimit limit = { 8192, 8192 };
	static const char buf[16384];
	size_t done = 0;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 2;
	if (fd_pwrite(fd, buf, sizeof(buf), 0, &done) != -EFBIG || done != 8192)
		return 1;
	return 0;
}

static void test_partial_write(void **state)
{
	auto_fd int fd = temp_file();
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(child_over_limit(fd));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A full pipe blocks the writer, which is interrupted all the time. */
static void test_long_write(void **state)
{
	enum { N = 300000 };
	static char buf[N], back[N];
	int ends[2], status;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < N; i++)
		buf[i] = (char)(i % 251);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		(void)close(ends[1]);
		(void)usleep(10000);
		if (fd_read(ends[0], back, N) != N || memcmp(buf, back, N) != 0)
			_exit(1);
		_exit(0);
	}
	(void)close(ends[0]);
	alarms(true);
	assert_int_equal(fd_write(ends[1], buf, N), 0);
	(void)close(ends[1]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	alarms(false);
	assert_int_equal(status, 0);
}

static void test_slurp(void **state)
{
	static const size_t sizes[] = { 0, 1, 4094, 4095, 4096, 4097, 8191, 50000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t n = sizes[i], len = 0;
		char *text = NULL;
		pid_t pid;
		int fd = writer(n, 1000, 0, &pid);

		assert_int_equal(fd_slurp(fd, n, &text, &len), 0);
		assert_int_equal(len, n);
		check_pattern(text, n);
		assert_int_equal(text[n], 0);
		free(text);
		(void)close(fd);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		if (n == 0)
			continue;
		text = NULL;
		fd = writer(n, 1000, 0, &pid);
		assert_int_equal(fd_slurp(fd, n - 1, &text, &len), -EFBIG);
		assert_null(text);
		(void)close(fd);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
}

static void test_slurp_error(void **state)
{
	auto_fd int fd = fd_openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0);
	char *text = NULL;
	size_t len;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_slurp(fd, 100, &text, &len), -EISDIR);
	assert_null(text);
}

static void test_openat(void **state)
{
	auto_fd int fd = fd_openat(AT_FDCWD, "/dev/null", O_RDONLY, 0);
	char path[32], target[32] = "";

	(void)state;
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fd_openat(AT_FDCWD, "/nowhere/at/all", O_RDONLY, 0), -ENOENT);
	assert_ptr_equal(fd_proc_path(path, fd), path);
	assert_int_equal(readlink(path, target, sizeof(target) - 1), 9);
	assert_string_equal(target, "/dev/null");
}

static int child_without_std(void)
{
	struct stat st;

	for (int fd = 0; fd < 3; fd++)
		(void)close(fd);
	if (fd_sanitize_std() != 0)
		return 1;
	for (int fd = 0; fd < 3; fd++)
		if (fstat(fd, &st) != 0 || !S_ISCHR(st.st_mode))
			return 2;
	return 0;
}

static void test_sanitize(void **state)
{
	pid_t pid = fork();
	int before, after, status;

	(void)state;
	if (pid == 0)
		_exit(child_without_std());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	before = dup(0);
	(void)close(before);
	assert_int_equal(fd_sanitize_std(), 0);
	after = dup(0);
	(void)close(after);
	assert_int_equal(before, after); /* nothing was left open */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("a pipe that delivers in pieces is read whole in spite of signals", test_pipe_in_pieces),
		TEST("reads and writes at offsets are whole and say what failed", test_offsets),
		TEST("a write that fails half-way says how much is on disk", test_partial_write),
		TEST("a write longer than a pipe is whole in spite of signals", test_long_write),
		TEST("slurp reads pipes to the end and keeps its limit", test_slurp),
		TEST("slurp reports a read error", test_slurp_error),
		TEST("descriptors are born close-on-exec and have a proc path", test_openat),
		TEST("missing standard descriptors are filled with /dev/null", test_sanitize),
	};

	return cmocka_run_group_tests_name("fd", tests, NULL, NULL);
}
