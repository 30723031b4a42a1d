/* test_sandbox.c - in the sandbox of a mounted daemon what is forbidden fails and what serving needs works.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse/sandbox.h"

static char top[64];
static struct sandbox_state state;

static int set_up(void **s)
{
	char path[128];
	const char *base = getenv("TMPDIR");

	(void)s;
	(void)snprintf(top, sizeof(top), "%s/gcfbox.XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
	if (!mkdtemp(top))
		return -1;
	for (int i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", top,
			       i == 0	? "store"
			       : i == 1 ? "store/d"
					: "outside");
		if (mkdir(path, 0700) < 0)
			return -1;
	}
	return 0;
}

static int tear_down(void **s)
{
	char command[128];

	(void)s;
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

/* Runs fn in a child that has entered the sandbox (fd: the store) and must return 0. */
static int in_sandbox(int (*fn)(int store))
{
	char path[128];
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct sandbox_options opt = { .ctlsock = NULL };

		(void)snprintf(path, sizeof(path), "%s/store", top);
		opt.store = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		sandbox_enter(&opt, &state);
		_exit(fn(opt.store));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int features(int store)
{
	(void)store;
	return (state.no_new_privs ? 1 : 0) | (state.seccomp ? 2 : 0) | (state.landlock ? 4 : 0);
}
static int found;
static int probe(void **s)
{
	if (set_up(s) < 0)
		return -1;
	found = in_sandbox(features);
	return 0;
}
static void need(int feature)
{
	if (feature && !(found & feature))
		skip();
}

#define REFUSED(call) ((call) == -1 && errno == EPERM)

static int no_programs(int store)
{
	char *argv[] = { (char[]){ "/bin/true" }, NULL };

	(void)store;
	(void)execv(argv[0], argv);
	return errno != EPERM;
}
static int no_ptrace(int store)
{
	char byte;
	struct {
		void *at;
		size_t n;
	} local = { &byte, 1 }, remote = { &byte, 1 };

	(void)store;
	return !REFUSED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)) ||
	       !REFUSED(syscall(SYS_process_vm_readv, getppid(), &local, 1, &remote, 1, 0));
}
static int no_namespaces(int store)
{
	return !REFUSED(unshare(CLONE_NEWUSER)) || !REFUSED(unshare(CLONE_NEWNS | CLONE_FS)) ||
	       !REFUSED(setns(store, 0)) || !REFUSED(syscall(SYS_mount, "none", top, "tmpfs", 0, NULL)) ||
	       !REFUSED(chroot(top));
}
/* clone(2) as fork(2) does it, with `flags`. */
static long clone_with(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid;
}
static int no_namespaces_by_clone(int store)
{
	static const unsigned long flags[] = { CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWUSER | CLONE_NEWNS,
					       CLONE_NEWNET,  CLONE_NEWPID, CLONE_NEWIPC };
	struct {
		uint64_t flags, rest[7];
	} clone3 = { .flags = CLONE_NEWUSER };

	(void)store;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (!REFUSED(clone_with(flags[i])))
			return 1;
#ifdef SYS_clone3
	if (syscall(SYS_clone3, &clone3, sizeof(clone3)) != -1 || errno != ENOSYS)
		return 2;
#endif
	return 0;
}
static int few_capabilities(int store)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	uint64_t have;

	if (syscall(SYS_capget, &head, data) < 0)
		return 1;
	have = data[0].permitted | (uint64_t)data[1].permitted << 32;
	for (unsigned int cap = 0; cap < 64; cap++)
		if ((have >> cap & 1) && (cap > CAP_SETUID || cap == CAP_KILL) && cap != CAP_MKNOD &&
		    cap != CAP_IPC_LOCK)
			return 2;
	if (data[0].effective & ~data[0].permitted || data[0].inheritable)
		return 3;
	/* What needs one of the others. */
	if (setpriority(PRIO_PROCESS, 0, -5) == 0 || !REFUSED(umount2("/", MNT_DETACH | UMOUNT_NOFOLLOW)) ||
	    !REFUSED(sethostname("x", 1)))
		return 4;
	/* As root: what serving needs is still there. */
	return geteuid() == 0 && fchownat(store, "d", 12345, 12345, 0) < 0 ? 5 : 0;
}
static int no_network(int store)
{
	(void)store;
	return !REFUSED(socket(AF_INET, SOCK_STREAM, 0)) || !REFUSED(socket(AF_NETLINK, SOCK_RAW, 0)) ||
	       !REFUSED(syscall(SYS_bpf, 0, NULL, 0)) || !REFUSED(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}
static int needed_calls_work(int store)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	(void)store;
	if (fd < 0 || unshare(CLONE_FS) < 0)
		return 1;
	if (setresuid((uid_t)-1, geteuid(), (uid_t)-1) < 0)
		return 2;
	pid = fork();
	if (pid == 0)
		_exit(0);
	return pid < 0 || waitpid(pid, NULL, 0) != pid;
}
static int no_new_rights(int store)
{
	(void)store;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

static int outside_is_closed(int store)
{
	int outside;

	if (openat(store, "../outside/new", O_WRONLY | O_CREAT, 0600) >= 0 || errno != EACCES)
		return 1;
	outside = openat(store, "../outside", O_PATH | O_DIRECTORY);
	if (outside >= 0 && (mkdirat(outside, "d", 0700) == 0 || errno != EACCES))
		return 2;
	if (openat(store, "../outside", O_RDONLY | O_DIRECTORY) >= 0 || errno != EACCES)
		return 3;
	if (symlinkat("x", store, "../outside/l") == 0 || errno != EACCES)
		return 4;
	if (open("/etc/gcf-sandbox-test", O_WRONLY | O_CREAT, 0600) >= 0 ||
	    (errno != EACCES && errno != EROFS))
		return 5;
	return open("/etc/passwd", O_RDONLY) >= 0 ? 0 : 6;
}
static int store_is_open(int store)
{
	char path[64];
	int fd = openat(store, "f", O_RDWR | O_CREAT, 0600), again;

	if (fd < 0 || write(fd, "data", 4) != 4 || ftruncate(fd, 2) < 0)
		return 1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR);
	if (again < 0 || ftruncate(again, 0) < 0)
		return 2;
	if (renameat(store, "f", store, "d/g") < 0 ||
	    linkat(AT_FDCWD, path, store, "h", AT_SYMLINK_FOLLOW) < 0)
		return 3;
	if (mkdirat(store, "e", 0700) < 0 || renameat(store, "e", store, "d/e") < 0 ||
	    symlinkat("t", store, "l") < 0 || mknodat(store, "p", S_IFIFO | 0600, 0) < 0)
		return 4;
	if (unlinkat(store, "d/g", 0) < 0 || unlinkat(store, "h", 0) < 0 || unlinkat(store, "l", 0) < 0 ||
	    unlinkat(store, "p", 0) < 0 || unlinkat(store, "d/e", AT_REMOVEDIR) < 0)
		return 5;
	fd = open("/dev/null", O_RDWR);
	return fd < 0 || write(fd, "x", 1) != 1 ? 6 : 0;
}

#define IN_SANDBOX(name, feature)                                                                            \
	static void test_##name(void **s)                                                                    \
	{                                                                                                    \
		(void)s;                                                                                     \
		need(feature);                                                                               \
		assert_int_equal(in_sandbox(name), 0);                                                       \
	}
IN_SANDBOX(no_new_rights, 1)
IN_SANDBOX(no_programs, 2)
IN_SANDBOX(no_ptrace, 2)
IN_SANDBOX(no_namespaces, 2)
IN_SANDBOX(no_namespaces_by_clone, 2)
IN_SANDBOX(few_capabilities, 0)
IN_SANDBOX(no_network, 2)
IN_SANDBOX(needed_calls_work, 0)
IN_SANDBOX(outside_is_closed, 4)
IN_SANDBOX(store_is_open, 0)

static void test_words(void **s)
{
	const struct sandbox_state all = {
		.no_new_privs = true, .seccomp = true, .few_capabilities = true, .landlock = 6
	};
	const struct sandbox_state none = { 0 };
	char text[256];

	(void)s;
	assert_non_null(
	    strstr(sandbox_describe(&all, text, sizeof(text)),
		   "no_new_privs on, seccomp filter on, Landlock on (version 6), capabilities dropped"));
	assert_non_null(strstr(sandbox_describe(&none, text, sizeof(text)),
			       "no_new_privs off, seccomp filter off, Landlock off, capabilities kept"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("no new privileges", test_no_new_rights),
		TEST("no program can be run", test_no_programs),
		TEST("no other process can be looked into", test_no_ptrace),
		TEST("no mounts, no namespaces", test_no_namespaces),
		TEST("no namespaces by way of clone", test_no_namespaces_by_clone),
		TEST("no capability but those for files and locked memory", test_few_capabilities),
		TEST("what is in force can be said in words", test_words),
		TEST("no network, no kernel interfaces", test_no_network),
		TEST("what serving needs works", test_needed_calls_work),
		TEST("nothing outside the store can be changed, nor home directories read",
		     test_outside_is_closed),
		TEST("the store can be used in every way", test_store_is_open),
	};

	return cmocka_run_group_tests_name("sandbox", tests, probe, tear_down);
}
