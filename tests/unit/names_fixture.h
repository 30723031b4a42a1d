/* names_fixture.h - for the tests of the name space: make, look up, list. */
#ifndef TESTS_NAMES_FIXTURE_H
#define TESTS_NAMES_FIXTURE_H

#include "unit.h"

#include <sys/stat.h>

#include "util/cleanup.h"
#include "view_fixture.h"

static inline void open_default(struct fixture *fx)
{
	struct volume_options vo = fx_options();

	fx_open(fx, &vo, &(struct view_options){ .max_dir_fds = 4 });
}

static inline struct view_entry mkdir_in(struct fixture *fx, struct view_node *parent, const char *name)
{
	struct view_entry e;

	assert_int_equal(fx->ops->mkdir(fx->view, NULL, parent, name, 0755, &e), 0);
	return e;
}

static inline bool is_there(struct fixture *fx, struct view_node *parent, const char *name)
{
	struct view_entry e;
	int r = fx->ops->lookup(fx->view, parent, name, &e);

	if (r == 0)
		fx_forget(fx, &e);
	else
		assert_int_equal(r, -ENOENT);
	return r == 0;
}

struct list {
	char names[4096][256];
	int n;
	int room; /* entries per call */
	off_t last;
};

static inline bool take_name(void *arg, const char *name, const char *cname, uint64_t ino, unsigned char type,
			     off_t off)
{
	struct list *l = arg;

	(void)cname;
	(void)ino;
	(void)type;
	if (l->room-- == 0)
		return false;
	l->last = off;
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		strcpy(l->names[l->n++], name);
	return true;
}

/* All names of a directory, asked for in small pieces. */
static inline void list_dir(struct fixture *fx, struct view_node *node, struct list *l)
{
	struct view_dir *d;
	off_t before;

	memset(l, 0, sizeof(*l));
	assert_int_equal(fx->ops->opendir(fx->view, node, &d), 0);
	do {
		before = l->last;
		l->room = 7;
		assert_int_equal(fx->ops->readdir(d, l->last, take_name, l), 0);
	} while (l->last != before);
	fx->ops->releasedir(d);
}

/* How many entries the backing directory has, the view's own included. */
static inline int count_stored(const char *path)
{
	DIR *d = opendir(path);
	int n = -2;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

#endif
