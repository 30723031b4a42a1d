/* probe.c - does a store look as if it was made with this key? For mounts by master key, where no config file
 * tells. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format/header.h"
#include "format/iv.h"
#include "util/cleanup.h"
#include "util/fd.h"
#include "volume/volume.h"

/* A thousand nodes that open a store at once all do this. HASHED_MAX: a name that has to be fetched from a
 * file of its own costs three requests, and a few say as much as many. */
enum { PROBE_MAX = 64, HASHED_MAX = 4 };

struct probe {
	const struct volume *v;
	int dirfd;
	bool have_iv;
	uint8_t iv[NAME_IV_LEN];
	unsigned int names_good, names_bad, blocks_good, blocks_bad;
};

static void read_iv(struct probe *p)
{
	uint8_t buf[NAME_IV_LEN + 1];
	auto_fd int fd = -1;

	if (p->v->names.plaintext)
		return;
	if (p->v->names.deterministic) {
		p->have_iv = true; /* sixteen zero bytes */
		return;
	}
	fd = fd_openat(p->dirfd, NAME_DIRIV, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	p->have_iv = fd >= 0 && iv_check(buf, fd_pread(fd, buf, sizeof(buf), 0), p->iv) == 0;
}

/* The encoded name an entry stands for; length, or negative if it cannot be read. */
static ssize_t full_name(const struct probe *p, const char *entry, bool hashed,
			 char ret[static NAME_FULL_MAX + 1])
{
	char sibling[NAME_CIPHER_MAX + sizeof(NAME_LONG_SUFFIX)];
	size_t n = strlen(entry);
	auto_fd int fd = -1;

	if (n > NAME_CIPHER_MAX)
		return -ENAMETOOLONG;
	if (!hashed) {
		memcpy(ret, entry, n);
		return (ssize_t)n;
	}
	memcpy(sibling, entry, n);
	memcpy(sibling + n, NAME_LONG_SUFFIX, sizeof(NAME_LONG_SUFFIX));
	fd = fd_openat(p->dirfd, sibling, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	return fd < 0 ? fd : fd_pread(fd, ret, NAME_FULL_MAX + 1, 0);
}

static void try_name(struct probe *p, const char *entry, bool hashed)
{
	char plain[NAME_PLAIN_MAX + 1], full[NAME_FULL_MAX + 1];
	ssize_t n;

	if (!p->have_iv)
		return;
	n = full_name(p, entry, hashed, full);
	if (n < 0)
		return;
	if (n <= NAME_FULL_MAX && name_decrypt(&p->v->names, p->iv, full, (size_t)n, plain) > 0)
		p->names_good++;
	else
		p->names_bad++;
}

static bool all_zero(const uint8_t *buf, size_t n)
{
	return n == 0 || (buf[0] == 0 && memcmp(buf, buf + 1, n - 1) == 0);
}

/* The first block of a regular file. A hole says nothing: it is not authenticated. */
static void try_block(struct probe *p, const char *entry)
{
	const struct layout *l = &p->v->content.layout;
	size_t size = LAYOUT_HEADER_LEN + l->cipher_block;
	uint8_t id[LAYOUT_FILE_ID_LEN], plain[LAYOUT_BLOCK];
	auto_free uint8_t *buf = malloc(size);
	auto_fd int fd = fd_openat(p->dirfd, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	const uint8_t *block;
	struct stat st;
	ssize_t n;

	if (!buf || fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	n = fd_pread(fd, buf, size, 0);
	if (n <= LAYOUT_HEADER_LEN)
		return;
	block = buf + LAYOUT_HEADER_LEN;
	if (all_zero(block, (size_t)n - LAYOUT_HEADER_LEN))
		return;
	if (header_parse(buf, id) == 0 &&
	    content_open(&p->v->content, 0, id, block, (size_t)n - LAYOUT_HEADER_LEN, plain, NULL) == 0)
		p->blocks_good++;
	else
		p->blocks_bad++;
	explicit_bzero(plain, sizeof(plain));
}

/* An authenticated block proves the key; forging one takes 2^128 tries. Several blocks and not one of them
 * good is as clear (for instance the right key with the wrong cipher). Names are weaker: with a wrong key one
 * in 256 has, by chance, padding that is right. Among up to 64 entries more than 1 + a sixteenth of them by
 * chance happens once in a thousand stores. */
static int judge(const struct probe *p)
{
	unsigned int names = p->names_good + p->names_bad;

	if (p->blocks_good)
		return 1;
	if (p->blocks_bad > 1)
		return -EACCES;
	if (p->names_good && (names <= 2 || p->names_good >= 2 + names / 16))
		return 1;
	if (p->names_good)
		return 0;
	return p->names_bad || p->blocks_bad ? -EACCES : 0;
}

int volume_probe(const struct volume *v, int dirfd)
{
	struct probe p = { .v = v, .dirfd = dirfd };
	auto_fd int fd = fd_openat(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	auto_dir DIR *dir = NULL;
	struct dirent *entry;
	int left = PROBE_MAX;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return 0;
	(void)take_fd(&fd); /* closed with the directory */
	read_iv(&p);
	while (left > 0 && !p.blocks_good && (entry = readdir(dir))) {
		enum name_class class = name_classify(&v->names, true, entry->d_name);

		if (class == NAME_HIDDEN || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN)
			try_block(&p, entry->d_name);
		if (class != NAME_HASHED || p.names_good + p.names_bad < HASHED_MAX)
			try_name(&p, entry->d_name, class == NAME_HASHED);
		left--;
	}
	return judge(&p);
}
