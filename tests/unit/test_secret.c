/* test_secret.c - key bytes: own pages, kept out of dumps, compared as a whole. */
#include "unit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/secret.h"

static void test_new(void **state)
{
	auto_secret struct secret *s = secret_new(33);

	(void)state;
	assert_non_null(s);
	assert_int_equal(s->len, 33);
	assert_int_equal(s->map_len % (size_t)sysconf(_SC_PAGESIZE), 0);
	assert_int_equal((uintptr_t)s->data % (uintptr_t)sysconf(_SC_PAGESIZE), 0);
	for (size_t i = 0; i < s->map_len; i++)
		assert_int_equal(s->data[i], 0);
	assert_null(secret_new(0));
	assert_null(secret_new(SIZE_MAX));
	secret_free(NULL);
}

static void test_copy_and_equal(void **state)
{
	auto_secret struct secret *a = secret_copy("0123456789abcdef", 16);
	auto_secret struct secret *b = secret_copy("0123456789abcdef", 16);

	(void)state;
	assert_memory_equal(a->data, "0123456789abcdef", 16);
	assert_true(secret_equal(a, b));
	b->data[15] ^= 0x80;
	assert_false(secret_equal(a, b));
	b->len = 15;
	assert_false(secret_equal(a, b));
	a->len = 15;
	assert_true(secret_equal(a, b));
}

/* The VmFlags line of the mapping that starts at p. */
static bool has_vm_flag(const void *p, const char *flag)
{
	auto_file FILE *f = fopen("/proc/self/smaps", "re");
	char line[512], start[32];
	bool here = false;

	(void)snprintf(start, sizeof(start), "%" PRIxPTR "-", (uintptr_t)p);
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, start, strlen(start)) == 0)
			here = true;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			return strstr(line, flag) != NULL;
	}
	fail_msg("no VmFlags for %s", start);
	return false;
}

/* Sanitizers replace mlock(2) by nothing at all. */
static bool mlock_is_real(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool real;

	assert_ptr_not_equal(p, MAP_FAILED);
	real = mlock(p, page) != 0 || has_vm_flag(p, " lo");
	(void)munmap(p, page);
	return real;
}

static void test_not_dumped(void **state)
{
	auto_secret struct secret *s = secret_new(32);

	(void)state;
	assert_true(has_vm_flag(s->data, " dd"));
	if (!mlock_is_real())
		return;
	if (s->locked)
		assert_true(has_vm_flag(s->data, " lo"));
	else
		assert_true(secret_any_unlocked());
}

/* In a child without the right and the room to lock memory. */
static int child_without_memlock(void)
{
	const struct rlimit none = { 0, 0 };
	struct secret *s;

	if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0))
		return 2;
	s = secret_copy("key", 3);
	if (!s || s->locked || !secret_any_unlocked() || memcmp(s->data, "key", 3) != 0)
		return 1;
	secret_free(s);
	return 0;
}

static void test_unlocked(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	if (!mlock_is_real())
		skip();
	pid = fork();
	if (pid == 0)
		_exit(child_without_memlock());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_wipe(void **state)
{
	uint8_t buf[64];

	(void)state;
	memset(buf, 0xaa, sizeof(buf));
	secret_wipe(buf + 1, 62);
	assert_int_equal(buf[0], 0xaa);
	assert_int_equal(buf[63], 0xaa);
	for (size_t i = 1; i < 63; i++)
		assert_int_equal(buf[i], 0);
	secret_wipe(NULL, 0);
}

static void test_child_has_it(void **state)
{
	auto_secret struct secret *s = secret_copy("inherited", 9);
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(memcmp(s->data, "inherited", 9) == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("a new secret is zero and has pages of its own", test_new),
		TEST("secrets are equal if length and all bytes are", test_copy_and_equal),
		TEST("a secret is kept out of core dumps and locked", test_not_dumped),
		TEST("a secret that cannot be locked works and is told of", test_unlocked),
		TEST("wiping clears what it was given and no more", test_wipe),
		TEST("a forked child still has the key", test_child_has_it),
	};

	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
