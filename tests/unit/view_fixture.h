/* view_fixture.h - an opened view over a fresh store in a temporary directory, for the unit tests of layer
 * view. */
#ifndef TESTS_VIEW_FIXTURE_H
#define TESTS_VIEW_FIXTURE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/iv.h"
#include "util/fd.h"
#include "util/secret.h"
#include "view/view.h"
#include "volume/volume.h"

struct fixture {
	char dir[64];
	int dirfd;
	struct volume *vol;
	struct view *view;
	const struct view_ops *ops;
};

static inline struct volume_options fx_options(void)
{
	return (
	    struct volume_options){ .raw64 = true, .hkdf = true, .long_names = true, .long_name_max = 255 };
}

static inline void fx_mount(struct fixture *fx, const struct view_options *opt)
{
	assert_int_equal(view_open_forward(&fx->view, fx->vol, fx->dirfd, opt, NULL), 0);
	fx->ops = view_ops(fx->view);
}

/* A store with master key 00 01 02 ... 1f. */
static inline void fx_open(struct fixture *fx, const struct volume_options *vo,
			   const struct view_options *opt)
{
	auto_secret struct secret *key = secret_new(32);
	const char *base = getenv("TMPDIR");
	uint8_t iv[NAME_IV_LEN];

	for (int i = 0; i < 32; i++)
		key->data[i] = (uint8_t)i;
	(void)snprintf(fx->dir, sizeof(fx->dir), "%s/gcfview.XXXXXX",
		       base && strlen(base) < 40 ? base : "/tmp");
	assert_non_null(mkdtemp(fx->dir));
	fx->dirfd = open(fx->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fx->dirfd >= 0);
	assert_int_equal(volume_open(&fx->vol, vo, key, NULL), 0);
	if (!vo->plaintextnames && !vo->deterministic_names) {
		int fd = openat(fx->dirfd, NAME_DIRIV, O_WRONLY | O_CREAT | O_EXCL, 0444);

		iv_new(iv);
		assert_int_equal(write(fd, iv, sizeof(iv)), sizeof(iv));
		close(fd);
	}
	fx_mount(fx, opt);
}

static inline int fx_rm(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void fx_close(struct fixture *fx)
{
	view_close(fx->view);
	volume_close(fx->vol);
	close(fx->dirfd);
	assert_int_equal(nftw(fx->dir, fx_rm, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline struct view_node *fx_root(struct fixture *fx)
{
	return view_root(fx->view);
}

static inline struct view_file *fx_create(struct fixture *fx, struct view_node *dir, const char *name,
					  struct view_entry *e)
{
	struct view_file *f = NULL;

	assert_int_equal(fx->ops->create(fx->view, NULL, dir, name, O_RDWR | O_CREAT | O_EXCL, 0644, e, &f),
			 0);
	return f;
}

static inline void fx_forget(struct fixture *fx, struct view_entry *e)
{
	fx->ops->forget(fx->view, e->node, 1);
}

/* Path in the store of a plain path in the root directory. Static buffer. */
static inline const char *fx_stored(struct fixture *fx, const char *plain)
{
	static char path[4096];
	char *cipher = NULL;

	assert_int_equal(view_encrypt_path(fx->view, plain, &cipher), 0);
	(void)snprintf(path, sizeof(path), "%s/%s", fx->dir, cipher);
	free(cipher);
	return path;
}

/* As a kill between the two last steps of a truncate of node, stored at path, to `size` leaves it: the short
 * block lies in place, and of the long one what is behind it. */
static inline void fx_half_truncate(struct fixture *fx, struct view_node *node, const char *path, off_t size)
{
	uint8_t before[16384], after[sizeof(before)];
	struct stat st = { .st_size = size };
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ssize_t n = pread(fd, before, sizeof(before), 0), m;

	assert_true(n > 0 && n < (ssize_t)sizeof(before));
	assert_int_equal(fx->ops->setattr(fx->view, NULL, node, NULL, &st, VIEW_SET_SIZE, &st), 0);
	m = pread(fd, after, sizeof(after), 0);
	assert_true(m > 0 && m < n);
	memcpy(before, after, (size_t)m);
	assert_int_equal(pwrite(fd, before, (size_t)n, 0), n);
	(void)close(fd);
}

#endif
