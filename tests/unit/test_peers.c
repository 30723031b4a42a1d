/* test_peers.c - presence of other mounts, and what is known of the locks of file systems. */
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/err.h"
#include "view/peers.h"

static char dir[64];

static int store(const char *file)
{
	const char *base = getenv("TMPDIR");
	int dirfd, fd;

	(void)snprintf(dir, sizeof(dir), "%s/gcfpeers.XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
	assert_non_null(mkdtemp(dir));
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dirfd >= 0);
	fd = file ? openat(dirfd, file, O_WRONLY | O_CREAT, 0400) : -1;
	if (fd >= 0)
		close(fd);
	return dirfd;
}

static void store_done(int dirfd)
{
	(void)unlinkat(dirfd, "gocryptfs.conf", 0);
	(void)unlinkat(dirfd, "gocryptfs.diriv", 0);
	close(dirfd);
	assert_int_equal(rmdir(dir), 0);
}

static void mounts_see_each_other_until_they_leave(void **state)
{
	struct peers a, b, c;
	struct peers_seen seen;
	int dirfd = store("gocryptfs.conf");

	(void)state;
	assert_int_equal(peers_join(&a, dirfd, false, &seen), 0);
	assert_false(seen.exclusive || seen.shared);
	assert_int_equal(peers_join(&b, dirfd, true, &seen), 0);
	assert_true(seen.exclusive && !seen.shared);
	assert_int_equal(peers_join(&c, dirfd, true, &seen), 0);
	assert_true(seen.exclusive && seen.shared);
	peers_leave(&a);
	peers_leave(&c);
	assert_int_equal(peers_join(&a, dirfd, false, &seen), 0);
	assert_true(!seen.exclusive && seen.shared);
	peers_leave(&b);
	assert_int_equal(peers_join(&b, dirfd, true, &seen), 0);
	assert_true(seen.exclusive && !seen.shared);
	peers_leave(&a);
	peers_leave(&b);
	store_done(dirfd);
}

static void *leave_soon(void *p)
{
	(void)usleep(200 * 1000);
	peers_leave(p);
	return NULL;
}

/* "fusermount3 -u" returns before the daemon has ended, and many mount again at once. */
static void a_mount_that_just_ends_is_waited_for(void **state)
{
	struct peers a, b;
	struct peers_seen seen;
	int dirfd = store("gocryptfs.conf");
	pthread_t thread;

	(void)state;
	assert_int_equal(peers_join(&a, dirfd, false, &seen), 0);
	assert_int_equal(pthread_create(&thread, NULL, leave_soon, &a), 0);
	assert_int_equal(peers_join(&b, dirfd, false, &seen), 0);
	assert_false(seen.exclusive || seen.shared);
	assert_int_equal(pthread_join(thread, NULL), 0);
	peers_leave(&b);
	store_done(dirfd);
}

static void a_killed_mount_leaves_no_trace(void **state)
{
	struct peers p;
	struct peers_seen seen;
	int dirfd = store("gocryptfs.diriv"), ready[2], status;
	pid_t child;
	char byte;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		if (peers_join(&p, dirfd, false, &seen) == 0)
			(void)!write(ready[1], "1", 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(peers_join(&p, dirfd, false, &seen), 0);
	assert_true(seen.exclusive);
	peers_leave(&p);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(peers_join(&p, dirfd, false, &seen), 0);
	assert_false(seen.exclusive);
	peers_leave(&p);
	close(ready[0]);
	close(ready[1]);
	store_done(dirfd);
}

static void a_store_with_neither_file_is_watched_by_its_directory(void **state)
{
	struct peers a, b;
	struct peers_seen seen;
	int dirfd = store(NULL);

	(void)state;
	assert_int_equal(peers_join(&a, dirfd, false, &seen), 0);
	assert_int_equal(peers_join(&b, dirfd, false, &seen), 0);
	assert_true(seen.exclusive);
	peers_leave(&a);
	peers_leave(&b);
	store_done(dirfd);
}

static void locks_work_where_the_tests_run(void **state)
{
	struct err err = { 0 };
	int dirfd = store("gocryptfs.conf");

	(void)state;
	assert_int_not_equal(peers_check_locks(dirfd, &err), PEERS_LOCKS_LOCAL);
	store_done(dirfd);
}

static void options_that_keep_locks_local_are_known(void **state)
{
	static const struct {
		const char *type, *options;
		enum peers_verdict want;
		const char *fix;
	} t[] = {
		{ "ext4", "rw,relatime", PEERS_LOCKS_SHARED, "" },
		{ "nfs4", "rw,vers=4.2,local_lock=none,addr=10.0.0.1", PEERS_LOCKS_SHARED, "" },
		{ "nfs", "rw,vers=3,nolock,proto=tcp,local_lock=all", PEERS_LOCKS_LOCAL, "'lock'" },
		{ "nfs", "rw,vers=3,local_lock=posix", PEERS_LOCKS_LOCAL, "local_lock=none" },
		{ "nfs", "rw,vers=3,local_lock=flock", PEERS_LOCKS_SHARED,
		  "" }, /* ours are of the other kind */
		{ "lustre", "rw,flock,lazystatfs", PEERS_LOCKS_SHARED, "" },
		{ "lustre", "rw,localflock,lazystatfs", PEERS_LOCKS_LOCAL, "'flock'" },
		{ "lustre", "rw,noflock", PEERS_LOCKS_LOCAL, "'flock'" },
		{ "cifs", "rw,nobrl", PEERS_LOCKS_LOCAL, "nobrl" },
		{ "fuse.sshfs", "rw", PEERS_LOCKS_LOCAL, "fuse.sshfs" },
		{ "fuse.unheard-of", "rw", PEERS_LOCKS_UNKNOWN, "fuse.unheard-of" },
		{ "fuse.ceph-fuse", "rw", PEERS_LOCKS_SHARED, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char why[PEERS_WHY_MAX];

		assert_int_equal(peers_judge(t[i].type, t[i].options, why), t[i].want);
		assert_non_null(strstr(why, t[i].fix));
		assert_int_equal(*why == '\0', t[i].want == PEERS_LOCKS_SHARED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts_see_each_other_until_they_leave),
		cmocka_unit_test(a_mount_that_just_ends_is_waited_for),
		cmocka_unit_test(a_killed_mount_leaves_no_trace),
		cmocka_unit_test(a_store_with_neither_file_is_watched_by_its_directory),
		cmocka_unit_test(locks_work_where_the_tests_run),
		cmocka_unit_test(options_that_keep_locks_local_are_known),
	};

	return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
