/* test_proc.c - what a process does to itself: dumps, limits, identity of one thread. */
#include "unit.h"

#include <errno.h>
#include <dlfcn.h>
#include <grp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/proc.h"

/* The kernel, with fs.suid_dumpable = 1: whoever changes the user id may be dumped. */
static bool dumps_return;

long syscall(long nr, ...)
{
	static long (*real)(long, ...);
	va_list ap;
	long a[6], r;

	if (!real)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	va_start(ap, nr);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	r = real(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (nr == SYS_setresuid && r == 0 && dumps_return)
		(void)prctl(PR_SET_DUMPABLE, 1);
	return r;
}

static int in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int child_no_dumps(void)
{
	struct rlimit core;

	if (proc_no_dumps() != 0 || getrlimit(RLIMIT_CORE, &core) != 0)
		return 1;
	return core.rlim_cur == 0 && core.rlim_max == 0 && prctl(PR_GET_DUMPABLE) == 0 ? 0 : 2;
}

static int child_nofile(void)
{
	const struct rlimit limit = { 64, 128 };

	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1;
	if (proc_raise_nofile(32) != 64 || proc_raise_nofile(100) != 100 || proc_raise_nofile(100000) != 128)
		return 2;
	return proc_raise_nofile(1) == 128 ? 0 : 3;
}

static void test_dumps(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_no_dumps), 0);
}

static void test_nofile(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_nofile), 0);
}

static int compare_gid(const void *a, const void *b)
{
	gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return (x > y) - (x < y);
}

static void test_identity_of(void **state)
{
	struct proc_identity id;
	gid_t groups[64];
	int n = getgroups(64, groups);

	(void)state;
	proc_identity_of(&id, 12, 34, getpid());
	assert_int_equal(id.uid, 12);
	assert_int_equal(id.gid, 34);
	assert_int_equal(id.n_groups, n);
	qsort(groups, (size_t)n, sizeof(gid_t), compare_gid);
	qsort(id.groups, (size_t)n, sizeof(gid_t), compare_gid);
	assert_memory_equal(id.groups, groups, (size_t)n * sizeof(gid_t));
	proc_identity_of(&id, 1, 2, 0x7ffffff0); /* no such process */
	assert_int_equal(id.n_groups, 0);
}

static int child_many_groups(void)
{
	struct proc_identity id;
	gid_t groups[2000];

	for (gid_t i = 0; i < 2000; i++)
		groups[i] = 1000 + i;
	if (setgroups(500, groups) != 0)
		return 1;
	proc_identity_of(&id, 1, 1, getpid());
	if (id.n_groups != 500 || id.groups[0] != 1000 || id.groups[499] != 1499)
		return 2;
	if (setgroups(2000, groups) != 0)
		return 3;
	proc_identity_of(&id, 1, 1, getpid());
	return id.n_groups == 1024 && id.groups[0] == 1000 && id.groups[1023] == 2023 ? 0 : 4;
}

static void test_many_groups(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(child_many_groups), 0);
}

static void *ids_of_other_thread(void *arg)
{
	uid_t *ret = arg;

	ret[0] = geteuid();
	ret[1] = getegid();
	return NULL;
}

static int child_become(void)
{
	const struct proc_identity user = { .uid = 4242, .gid = 4343, .n_groups = 2, .groups = { 7, 8 } };
	gid_t before[64], groups[64];
	int n_before = getgroups(64, before);
	uid_t uid, euid, suid, other[2];
	pthread_t thread;

	if (proc_become(&user) != 0)
		return 1;
	if (geteuid() != 4242 || getegid() != 4343 || getgroups(64, groups) != 2 || groups[0] != 7 ||
	    groups[1] != 8)
		return 2;
	if (getresuid(&uid, &euid, &suid) != 0 || uid != 0 || suid != 0)
		return 3;
	proc_unbecome();
	if (geteuid() != 0 || getegid() != 0 || getgroups(64, groups) != n_before ||
	    memcmp(groups, before, (size_t)n_before * sizeof(gid_t)) != 0)
		return 4;
	if (pthread_create(&thread, NULL, ids_of_other_thread, other) != 0 || pthread_join(thread, NULL) != 0)
		return 5;
	return other[0] == 0 && other[1] == 0 ? 0 : 6;
}

static int child_no_dumps_as_another(void)
{
	const struct proc_identity user = { .uid = 4242, .gid = 4343, .n_groups = 0 };

	dumps_return = true;
	if (proc_become(&user) != 0 || prctl(PR_GET_DUMPABLE) != 1)
		return 1; /* the stand-in works, and nothing is changed unasked */
	proc_unbecome();
	if (proc_no_dumps() != 0 || proc_become(&user) != 0)
		return 2;
	if (prctl(PR_GET_DUMPABLE) != 0)
		return 3;
	proc_unbecome();
	return prctl(PR_GET_DUMPABLE) == 0 ? 0 : 4;
}

struct gate {
	pthread_barrier_t changed, looked;
};

static void *become_and_wait(void *arg)
{
	const struct proc_identity user = { .uid = 4242, .gid = 4343, .n_groups = 0 };
	struct gate *gate = arg;
	intptr_t r = proc_become(&user);

	(void)pthread_barrier_wait(&gate->changed);
	(void)pthread_barrier_wait(&gate->looked);
	if (r == 0)
		proc_unbecome();
	return (void *)(r ? r : geteuid() == 0 ? 0 : -EPERM);
}

static int child_thread_only(void)
{
	struct gate gate;
	pthread_t thread;
	void *result;
	bool untouched;

	(void)pthread_barrier_init(&gate.changed, NULL, 2);
	(void)pthread_barrier_init(&gate.looked, NULL, 2);
	if (pthread_create(&thread, NULL, become_and_wait, &gate) != 0)
		return 1;
	(void)pthread_barrier_wait(&gate.changed);
	untouched = geteuid() == 0 && getegid() == 0;
	(void)pthread_barrier_wait(&gate.looked);
	(void)pthread_join(thread, &result);
	return !untouched ? 2 : result ? 3 : 0;
}

static int child_without_rights(void)
{
	if (geteuid() == 0 && setuid(65534) != 0)
		return 1;
	if (proc_become(&(struct proc_identity){ .uid = 1, .gid = 1, .n_groups = -1 }) != -EPERM)
		return 2;
	if (proc_become(&(struct proc_identity){ .uid = 1, .gid = 1, .n_groups = 0 }) != -EPERM)
		return 3;
	return 0;
}

static void test_become(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(child_become), 0);
	assert_int_equal(in_child(child_thread_only), 0);
	assert_int_equal(in_child(child_no_dumps_as_another), 0);
}

static void test_become_refused(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_without_rights), 0);
}

static void test_scrub(void **state)
{
	char arg[] = "-masterkey=00112233";

	(void)state;
	proc_scrub_arg(arg, strlen("-masterkey="));
	assert_string_equal(arg, "-masterkey=********");
	proc_scrub_arg(arg, 100);
	assert_string_equal(arg, "-masterkey=********");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("core dumps and tracing are turned off", test_dumps),
		TEST("the limit of open files is raised as far as it goes", test_nofile),
		TEST("supplementary groups of a process are found", test_identity_of),
		TEST("more groups than there is room for are left out", test_many_groups),
		TEST("one thread becomes another user, and root again", test_become),
		TEST("without privilege becoming somebody else is refused", test_become_refused),
		TEST("the end of an argument is overwritten", test_scrub),
	};

	return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
