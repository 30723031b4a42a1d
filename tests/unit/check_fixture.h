/* check_fixture.h - for the tests of the check: run it, compare findings, make and damage things in a store.
 */
#ifndef TESTS_CHECK_FIXTURE_H
#define TESTS_CHECK_FIXTURE_H

#include "unit.h"

#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "util/base64.h"
#include "util/cleanup.h"
#include "view/check.h"
#include "view_fixture.h"

enum { MAX_FINDINGS = 64 };

/* What check_run() said. */
struct record {
	struct {
		enum check_fault fault;
		char *plain, *cipher, *detail;
	} f[MAX_FINDINGS];
	size_t n;
	unsigned int progress;
	struct check_result result;
};

static inline void on_finding(void *arg, const struct check_finding *f)
{
	struct record *r = arg;

	assert_true(r->n < MAX_FINDINGS);
	r->f[r->n].fault = f->fault;
	r->f[r->n].plain = strdup(f->plain_path);
	r->f[r->n].cipher = strdup(f->cipher_path);
	r->f[r->n].detail = strdup(f->detail);
	r->n++;
}

static inline void record_done(struct record *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->f[i].plain);
		free(r->f[i].cipher);
		free(r->f[i].detail);
	}
	memset(r, 0, sizeof(*r));
}

static inline void run(struct fixture *fx, unsigned int threads, struct record *r)
{
	const struct check_options opt = { .threads = threads, .finding = on_finding, .arg = r };
	struct view_stats stats;

	memset(r, 0, sizeof(*r));
	assert_int_equal(check_run(fx->view, fx->vol, fx->dirfd, &opt, &r->result, NULL), 0);
	view_get_stats(fx->view, &stats);
	assert_int_equal(stats.nodes, 0); /* all that was looked up was let go */
	assert_int_equal(stats.open_files, 0);
	assert_int_equal(r->result.corrupt + r->result.skipped + r->result.leftovers, r->n);
}

static inline void print_findings(const struct record *r)
{
	for (size_t i = 0; i < r->n; i++)
		print_message("# %d '%s' '%s' '%s'\n", r->f[i].fault, r->f[i].plain, r->f[i].cipher,
			      r->f[i].detail);
}

/* Exactly one finding, of this kind, with these words in paths and detail. */
static inline void expect(struct fixture *fx, enum check_fault fault, const char *plain, const char *cipher,
			  const char *detail)
{
	struct record r;

	run(fx, 2, &r);
	if (r.n != 1 || r.f[0].fault != fault || strcmp(r.f[0].plain, plain) != 0 ||
	    !strstr(r.f[0].cipher, cipher) || !strstr(r.f[0].detail, detail)) {
		print_findings(&r);
		fail_msg("want one finding %d '%s' '%s' '%s'", fault, plain, cipher, detail);
	}
	record_done(&r);
}

static inline void expect_clean(struct fixture *fx)
{
	struct record r;

	run(fx, 2, &r);
	print_findings(&r);
	assert_int_equal(r.n, 0);
}

static inline void open_default(struct fixture *fx)
{
	const struct volume_options vo = fx_options();

	fx_open(fx, &vo, &(struct view_options){ .conf_hidden = true });
}

/* --- making things in the store
 * ------------------------------------------------------------------------------- */

static inline struct view_entry look(struct fixture *fx, struct view_node *dir, const char *name)
{
	struct view_entry e;

	assert_int_equal(fx->ops->lookup(fx->view, dir, name, &e), 0);
	return e;
}

static inline void make_file_in(struct fixture *fx, struct view_node *dir, const char *name, size_t n)
{
	auto_free uint8_t *data = malloc(n + 1);
	struct view_entry e;
	struct view_file *f = fx_create(fx, dir, name, &e);

	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i % 253);
	assert_int_equal(fx->ops->write(f, NULL, 0, data, n), n);
	fx->ops->release(f);
	fx_forget(fx, &e);
}

static inline void make_file(struct fixture *fx, const char *name, size_t n)
{
	make_file_in(fx, fx_root(fx), name, n);
}

static inline struct view_entry make_dir_in(struct fixture *fx, struct view_node *parent, const char *name)
{
	struct view_entry e;

	assert_int_equal(fx->ops->mkdir(fx->view, NULL, parent, name, 0755, &e), 0);
	return e;
}

static inline void make_dir(struct fixture *fx, const char *name)
{
	struct view_entry e = make_dir_in(fx, fx_root(fx), name);

	fx_forget(fx, &e);
}

static inline const char *long_name(char c)
{
	static char name[NAME_PLAIN_MAX + 1];

	memset(name, c, 250);
	name[250] = '\0';
	return name;
}

static inline bool set_xattr(struct fixture *fx, const char *name, const char *xattr, const char *value)
{
	struct view_entry e = look(fx, fx_root(fx), name);
	int r = fx->ops->setxattr(fx->view, NULL, e.node, xattr, value, strlen(value), 0);

	fx_forget(fx, &e);
	assert_true(r == 0 || r == -EOPNOTSUPP);
	return r == 0; /* else the file system of $TMPDIR has none */
}

/* --- damaging them
 * ------------------------------------------------------------------------------------------------ */

static inline void flip(const char *path, off_t off)
{
	auto_fd int fd = -1;
	uint8_t byte;

	assert_int_equal(chmod(path, 0644), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, off), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, off), 1);
}

static inline void put(const char *path, const void *data, size_t n)
{
	auto_fd int fd = -1;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
}

/* Path of an entry of the store by its backing name. Static buffer. */
static inline const char *raw(struct fixture *fx, const char *entry)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", fx->dir, entry);
	return path;
}

#endif
