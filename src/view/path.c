/* path.c - whole paths, plain to cipher and back, for the control socket: from the root by names, without
 * nodes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"
#include "view/internal.h"

/* Translate one component in the directory fd with IV iv; out has NAME_CIPHER_MAX+1 bytes; on_disk is the
 * entry. */
typedef int (*step_fn)(struct view *v, int fd, const uint8_t *iv, bool in_root, const char *in, char *out,
		       char *on_disk);

static int encrypt_step(struct view *v, int fd, const uint8_t *iv, bool in_root, const char *in, char *out,
			char *on_disk)
{
	struct cname cn;
	int r = name_encrypt(&v->vol->names, iv, in_root, in, strlen(in), &cn);

	(void)fd;
	if (r < 0)
		return r;
	strcpy(out, cn.name);
	strcpy(on_disk, cn.name);
	return 0;
}

static int decrypt_step(struct view *v, int fd, const uint8_t *iv, bool in_root, const char *in, char *out,
			char *on_disk)
{
	char full[NAME_FULL_MAX + 1];
	const char *name = in;
	ssize_t n = (ssize_t)strlen(in);

	if (n > NAME_CIPHER_MAX)
		return -ENAMETOOLONG;
	switch (name_classify(&v->vol->names, in_root, in)) {
	case NAME_HIDDEN:
		return -ENOENT;
	case NAME_HASHED:
		n = longname_read(fd, in, full);
		name = full;
		break;
	case NAME_ORDINARY:
		break;
	}
	if (n > 0)
		n = name_decrypt(&v->vol->names, iv, name, (size_t)n, out);
	strcpy(on_disk, in);
	return n < 0 ? (int)n : 0;
}

static int go_down(int *fd, const char *entry)
{
	int next = fd_openat(*fd, entry, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);

	if (next < 0)
		return next;
	(void)close(*fd);
	*fd = next;
	return 0;
}

static int translate(struct view *v, const char *path, step_fn step, char **ret)
{
	auto_fd int fd = fd_openat(v->root_fd, ".", O_PATH | O_DIRECTORY, 0);
	auto_free char *parts = strdup(path);
	auto_free char *out = calloc(1, strlen(path) * 4 + 1024);
	char name[NAME_CIPHER_MAX + 1], entry[NAME_CIPHER_MAX + 1];
	char *save = NULL, *end = out;
	bool in_root = true;

	if (fd < 0)
		return fd;
	if (!parts || !out)
		return -ENOMEM;
	for (char *part = strtok_r(parts, "/", &save); part; in_root = false) {
		uint8_t iv[NAME_IV_LEN] = { 0 };
		char *next = strtok_r(NULL, "/", &save);
		int r = v->use_iv ? dir_read_iv(fd, iv) : 0;

		if (r == 0)
			r = step(v, fd, iv, in_root, part, name, entry);
		if (r == 0 && next)
			r = go_down(&fd, entry);
		if (r < 0)
			return r;
		if (end != out)
			*end++ = '/';
		if ((size_t)(end - out) + strlen(name) + 1 > strlen(path) * 4 + 1023) {
			size_t used = (size_t)(end - out);
			char *bigger = realloc(out, used + strlen(name) + strlen(path) * 256 + 1024);

			if (!bigger)
				return -ENOMEM;
			out = bigger;
			end = out + used;
		}
		end = stpcpy(end, name);
		part = next;
	}
	*ret = take(out);
	return 0;
}

int view_encrypt_path(struct view *v, const char *plain, char **ret)
{
	return translate(v, plain, encrypt_step, ret);
}

int view_decrypt_path(struct view *v, const char *cipher, char **ret)
{
	return translate(v, cipher, decrypt_step, ret);
}
