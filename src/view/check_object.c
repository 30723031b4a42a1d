/* check_object.c - reading all of one object: content, symlink target, extended attributes. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "view/check_priv.h"
#include "view/internal.h"

enum { DETAIL = 160, LIST_MAX = 65536, XATTR_NAME_SIZE = 400 };

static void report_object(struct check *c, enum check_fault fault, const struct check_object *o,
			  const char *detail)
{
	check_report(c, fault, o->scan->dir, o->name, o->cname, o->entry.st.st_ino, detail);
}

/* A file open for checking. */
struct open_file {
	const struct check_object *o;
	struct view_file *f;
	uint64_t raw_size; /* ciphertext */
	enum layout_size_state state;
};

/* A read at off failed: which block is it? One finding for the file. */
static void report_bad_block(struct check *c, const struct open_file *file, uint64_t off)
{
	const struct layout *l = &c->vol->content.layout;
	const uint64_t end = off + VIEW_IO_MAX;
	enum check_fault fault = CHECK_FILE;
	uint64_t from, to, block;
	char detail[DETAIL];
	const uint8_t *data;
	ssize_t n = 1;

	for (; off < end; off += LAYOUT_BLOCK) {
		n = c->ops->read(file->f, off, LAYOUT_BLOCK, &data);
		if (n <= 0)
			break;
	}
	if (n >= 0)
		return; /* it was being written, and is good now */
	if (!check_is_damage((int)n)) {
		check_report_errno(c, CHECK_FILE, file->o, (int)n);
		return;
	}
	block = layout_block_no(off);
	from = layout_block_offset(l, block);
	to = from + l->cipher_block;
	if (to > file->raw_size)
		to = file->raw_size;
	if (file->state == LAYOUT_TORN_BLOCK && to == file->raw_size) {
		fault = CHECK_FILE_SIZE;
		(void)snprintf(detail, sizeof(detail),
			       "incomplete last block #%" PRIu64 " (%" PRIu64
			       " bytes at ciphertext offset %" PRIu64 ")",
			       block, to - from, from);
	} else if (end_is_pending(file->f, block)) {
		(void)snprintf(detail, sizeof(detail),
			       "block #%" PRIu64 " ends early: an interrupted truncate, which the next read "
			       "through a mount finishes",
			       block);
	} else {
		(void)snprintf(detail, sizeof(detail),
			       "corrupt block #%" PRIu64 " (%" PRIu64 " bytes at ciphertext offset %" PRIu64
			       ")",
			       block, to - from, from);
	}
	report_object(c, fault, file->o, detail);
}

/* Where to read on: past holes of the backing file, which are zeros and not authenticated. */
static uint64_t skip_hole(struct check *c, const struct open_file *file, uint64_t off, uint64_t size)
{
	/* A last block that is not full size is no hole, whatever the backing file says. */
	const uint64_t last = (size - 1) / LAYOUT_BLOCK * LAYOUT_BLOCK;
	off_t data;

	if (off >= last || !c->ops->lseek)
		return off;
	data = c->ops->lseek(file->f, (off_t)off, SEEK_DATA);
	if (data == -ENXIO)
		return last;
	return data < (off_t)off ? off : (uint64_t)data / LAYOUT_BLOCK * LAYOUT_BLOCK;
}

static void read_all(struct check *c, const struct open_file *file)
{
	const uint64_t size = (uint64_t)file->o->entry.st.st_size;
	uint64_t off = 0; /* the first block is always read: the header with it */

	while (off < size && !check_stopped(c)) {
		const uint8_t *data;
		ssize_t n = c->ops->read(file->f, off, VIEW_IO_MAX, &data);

		if (n == -EBADMSG) {
			report_bad_block(c, file, off);
			return;
		}
		if (n == -EUCLEAN) {
			report_object(c, CHECK_FILE, file->o, "corrupt file header");
			return;
		}
		if (n < 0) {
			check_report_errno(c, CHECK_FILE, file->o, (int)n);
			return;
		}
		if (n == 0)
			return; /* shorter by now */
		atomic_fetch_add_explicit(&c->bytes, (uint_fast64_t)n, memory_order_relaxed);
		check_progress(c);
		off = skip_hole(c, file, off + (uint64_t)n, size);
	}
}

void check_file(struct check *c, const struct check_object *o)
{
	struct open_file file = { .o = o };
	char detail[DETAIL];
	struct stat raw;
	int r;

	if (fstatat(o->scan->fd, o->cname, &raw, AT_SYMLINK_NOFOLLOW) < 0) {
		check_report_errno(c, CHECK_FILE, o, -errno);
		return;
	}
	file.raw_size = (uint64_t)raw.st_size;
	(void)layout_plain_size(&c->vol->content.layout, file.raw_size, &file.state);
	if (file.state == LAYOUT_TRUNCATED_HEADER) {
		(void)snprintf(detail, sizeof(detail),
			       "%" PRIu64 " bytes of ciphertext, less than a file header", file.raw_size);
		report_object(c, CHECK_FILE_SIZE, o, detail);
		return;
	}
	r = c->ops->open(c->v, o->entry.node, O_RDONLY, &file.f, NULL);
	if (r < 0) {
		check_report_errno(c, CHECK_FILE, o, r);
		return;
	}
	read_all(c, &file);
	c->ops->release(file.f);
}

void check_symlink(struct check *c, const struct check_object *o)
{
	char target[PATH_MAX + 1];
	ssize_t n = c->ops->readlink(c->v, o->entry.node, target, sizeof(target));

	if (n < 0)
		check_report_errno(c, CHECK_SYMLINK, o, (int)n);
}

static void check_xattr(struct check *c, const struct check_object *o, const char *stored)
{
	char plain[XATTR_NAME_SIZE], text[128], detail[DETAIL + XATTR_NAME_SIZE];
	ssize_t n = name_decrypt_xattr(&c->vol->names, stored, plain, sizeof(plain));

	if (n == -ENODATA)
		return; /* none of ours */
	if (n < 0) {
		report_object(c, CHECK_XATTR_NAME, o, stored);
		return;
	}
	n = c->ops->getxattr(c->v, o->entry.node, plain, NULL, 0);
	if (n >= 0 || n == -ENODATA || n == -EOPNOTSUPP)
		return; /* good, removed meanwhile, or not shown by this view */
	if (check_is_damage((int)n)) {
		report_object(c, CHECK_XATTR_VALUE, o, plain);
		return;
	}
	(void)snprintf(detail, sizeof(detail), "extended attribute %s: %s", plain,
		       strerror_r((int)-n, text, sizeof(text)));
	report_object(c, CHECK_SKIPPED, o, detail);
}

void check_xattrs(struct check *c, const struct check_object *o)
{
	char dir[32], path[sizeof(dir) + NAME_CIPHER_MAX + 2], first[1024];
	auto_free char *more = NULL;
	char *list = first;
	ssize_t n;

	/* The stored names: the view does not show those it cannot decrypt. */
	(void)snprintf(path, sizeof(path), "%s/%s", fd_proc_path(dir, o->scan->fd), o->cname);
	n = llistxattr(path, first, sizeof(first));
	if (n < 0 && errno == ERANGE) {
		list = more = malloc(LIST_MAX);
		if (!more) {
			check_fail(c, -ENOMEM);
			return;
		}
		n = llistxattr(path, more, LIST_MAX);
	}
	for (const char *name = list; n > 0 && name < list + n; name += strlen(name) + 1)
		check_xattr(c, o, name);
}
