/* test_fault.c - every call the view makes on the backing file system fails in turn: the right errno reaches
 * the caller, the store stays whole, what was acknowledged is there, nothing leaks. */
#include "steps.h"

#include <sys/xattr.h>

#include "shim.h"
#include "util/cleanup.h"
#include "view/check.h"
#include "view_fixture.h"

struct mode {
	const char *name;
	struct volume_options vo;
	struct view_options opt;
};

static unsigned int injected, survived;
static char where[256];

static unsigned int count_fds(void)
{
	auto_dir DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	return n;
}

struct found {
	unsigned int n, orphans;
	char text[512];
};
static void on_finding(void *arg, const struct check_finding *f)
{
	struct found *found = arg;

	found->n++;
	if (f->fault == CHECK_LEFTOVER)
		found->orphans++; /* hides nothing */
	else
		(void)snprintf(found->text, sizeof(found->text), "fault %d in %s: %s", (int)f->fault,
			       f->plain_path, f->detail);
}

static void verify_store(struct fixture *fx)
{
	struct found found = { 0 };
	const struct check_options opt = { .threads = 1, .finding = on_finding, .arg = &found };
	struct check_result result;

	assert_int_equal(check_run(fx->view, fx->vol, fx->dirfd, &opt, &result, NULL), 0);
	if (found.n != found.orphans)
		fail_msg("%s: -fsck: %s", where, found.text);
	if (result.skipped)
		fail_msg("%s: -fsck could not read something", where);
}

/* May the operation answer this, with that error injected? */
static bool is_right(int rc, int error)
{
	if (rc == 0 || rc == -error || rc == -EIO || rc == -EBADMSG)
		return true;
	return error == ESTALE && rc == -ENOENT;
}

static const char *error_name(int error)
{
	return error == SHIM_SHORT ? "a short count" : error == SHIM_STALE ? "stale bytes" : strerror(error);
}

/* Returns false once `at` is beyond the last call. */
static bool try_one(const struct step *s, const struct mode *m, const struct shim_fault *f)
{
	struct fixture fx;
	unsigned int fds;
	const char *hit;
	int rc;

	fx_open(&fx, &m->vo, &m->opt);
	s->prepare(&fx);
	view_close(fx.view);
	fds = count_fds();
	fx_mount(&fx, &m->opt); /* cold caches */
	shim_arm(f);
	rc = s->run(&fx);
	(void)shim_disarm();
	hit = shim_hit();
	(void)snprintf(where, sizeof(where), "%s, %s, call %u (%s) fails with %s%s: %s", m->name, s->name,
		       f->at, hit ? hit : "-", error_name(f->error), f->lasting ? " for ever" : "",
		       strerror(-rc));
	if (hit && !is_right(rc, f->error < 0 ? 0 : f->error))
		fail_msg("%s: wrong answer", where);
	view_close(fx.view);
	if (count_fds() != fds)
		fail_msg("%s: %u descriptors leaked", where, count_fds() - fds);
	fx_mount(&fx, &m->opt);
	if (!s->pending)
		verify_store(&fx);
	if (rc == 0 && !s->after(&fx))
		fail_msg("%s: acknowledged, but not there", where);
	if (rc < 0 && !s->before(&fx) && !s->after(&fx) && !(s->between && s->between(&fx)))
		fail_msg("%s: neither old nor new", where);
	if (s->pending)
		verify_store(&fx); /* reading it finished what was pending */
	injected += hit != NULL;
	survived += hit && rc == 0;
	fx_close(&fx);
	return hit;
}

static const struct step *step_no(size_t i)
{
	return i < n_steps_data ? &steps_data[i] : &steps_name[i - n_steps_data];
}

static void sweep(const struct mode *m, int error, bool lasting)
{
	for (size_t i = 0; i < n_steps_data + n_steps_name; i++)
		for (unsigned int at = 1; at < 500; at++) {
			const struct shim_fault f = { .at = at, .error = error, .lasting = lasting };

			if (!try_one(step_no(i), m, &f))
				break;
		}
}

static struct mode normal(void)
{
	return (struct mode){ "exclusive", fx_options(), { .sharing = VIEW_EXCLUSIVE } };
}
static struct mode shared(void)
{
	return (struct mode){ "shared", fx_options(), { .sharing = VIEW_SHARED } };
}

static void without_faults(void **state)
{
	struct mode modes[] = { normal(), shared() };

	(void)state;
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < n_steps_data + n_steps_name; i++) {
			const struct shim_fault none = { 0 };

			assert_false(try_one(step_no(i), &modes[k], &none));
		}
}

static const struct {
	const char *name;
	int error;
	bool lasting;
} faults[] = {
	{ "ENOSPC", ENOSPC, false },   { "ENOSPC from then on", ENOSPC, true },
	{ "EIO", EIO, false },	       { "EINTR", EINTR, false },
	{ "EDQUOT", EDQUOT, false },   { "EDQUOT from then on", EDQUOT, true },
	{ "ESTALE", ESTALE, false },   { "EMFILE", EMFILE, false },
	{ "ENOMEM", ENOMEM, false },   { "short counts", SHIM_SHORT, false },
	{ "EBADMSG", EBADMSG, false }, { "stale bytes", SHIM_STALE, false },
};

/* Each on its own, so that the two modes are tests of their own. */
static void sweep_all(const struct mode *m)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		unsigned int before = injected;

		sweep(m, faults[i].error, faults[i].lasting);
		print_message("# %s: %s: %u faults\n", m->name, faults[i].name, injected - before);
		assert_true(injected > before);
	}
}

static void exclusive_mode(void **state)
{
	const struct mode m = normal();

	(void)state;
	sweep_all(&m);
}

static void shared_mode(void **state)
{
	const struct mode m = shared();

	(void)state;
	sweep_all(&m);
}

/* plaintext names and the other ciphers take other ways through the code */
static void other_formats(void **state)
{
	struct mode m[] = { normal(), normal(), normal() };

	(void)state;
	m[0].name = "plaintextnames";
	m[0].vo.plaintextnames = true;
	m[1].name = "xchacha";
	m[1].vo.xchacha = true;
	m[2].name = "deterministic names, AES-SIV";
	m[2].vo.deterministic_names = m[2].vo.aessiv = true;
	for (int i = 0; i < 3; i++)
		sweep(&m[i], EIO, false);
}

static void enough(void **state)
{
	(void)state;
	print_message("# %u faults injected, %u of them without effect on the caller\n", injected, survived);
	assert_true(injected > 4000);
}

/* A file system in memory, if it has attributes: thousands of stores are made, with all their fsyncs. */
static void choose_directory(void)
{
	char path[] = "/dev/shm/gcf-probe.XXXXXX";
	int fd = getenv("TMPDIR") ? -1 : mkstemp(path);

	if (fd < 0)
		return;
	if (fsetxattr(fd, "user.a", "x", 1, 0) == 0)
		(void)setenv("TMPDIR", "/dev/shm", 1);
	(void)close(fd);
	(void)unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("every operation works without faults", without_faults),
		TEST("every error, exclusive mode", exclusive_mode),
		TEST("every error, shared mode", shared_mode),
		TEST("EIO once, other formats", other_formats),
		TEST("more than four thousand faults were injected", enough),
	};

	choose_directory();
	return cmocka_run_group_tests_name("every backing call fails in turn", tests, NULL, NULL);
}
