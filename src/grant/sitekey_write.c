/* sitekey_write.c - making, rotating and writing the site's keys. */
#include "grant/sitekey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "crypto/sealbox.h"
#include "grant/identity.h"
#include "util/base64.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/secret.h"

enum { LINE_MAX_BYTES = 160 };

static int fresh_key(struct sitekey *k, int64_t now, struct err *err)
{
	int r = sealbox_keypair(&k->priv, k->pub);

	if (r < 0)
		return err_set(err, r, "cannot make a key: %s", strerror(-r));
	sitekey_id(k->pub, k->id);
	k->created = now;
	k->retires = 0;
	return 0;
}

int sitekeys_new(struct sitekeys **ret, int64_t now, struct err *err)
{
	struct sitekeys *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return err_set(err, -ENOMEM, "out of memory");
	r = fresh_key(&k->keys[0], now, err);
	if (r < 0) {
		sitekeys_free(k);
		return r;
	}
	k->n = 1;
	*ret = k;
	return 0;
}

static void drop_retired(struct sitekeys *k, int64_t now)
{
	size_t i, kept = 0;

	for (i = 0; i < k->n; i++) {
		if (k->keys[i].retires && k->keys[i].retires <= now)
			secret_free(k->keys[i].priv);
		else
			k->keys[kept++] = k->keys[i];
	}
	k->n = kept;
}

int sitekeys_rotate(struct sitekeys *k, int64_t now, int64_t retires, struct err *err)
{
	struct sitekey fresh = { 0 };
	int r;

	drop_retired(k, now);
	if (k->n == SITEKEY_MAX)
		return err_set(err, -E2BIG, "%d keys are still in use: wait until one retires", SITEKEY_MAX);
	r = fresh_key(&fresh, now, err);
	if (r < 0)
		return r;
	k->keys[0].retires = retires;
	memmove(&k->keys[1], &k->keys[0], k->n * sizeof(k->keys[0]));
	k->keys[0] = fresh;
	k->n++;
	return 0;
}

/* Write data to dir/name through NAME.tmp, so that a reader sees the old file or the new one. */
static int replace(int dirfd, const char *name, const void *data, size_t n, mode_t mode, bool fresh,
		   struct err *err)
{
	char tmp[64];
	auto_fd int fd = -1;
	int r;

	(void)snprintf(tmp, sizeof(tmp), "%s.tmp", name);
	if (fresh && faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, -EEXIST, "'%s' exists: use 'cryptstore site-key rotate', or remove it",
			       name);
	(void)unlinkat(dirfd, tmp, 0); /* left by a crash; root alone writes here */
	fd = fd_openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0400);
	if (fd < 0)
		return err_set(err, fd, "'%s': %s", tmp, strerror(-fd));
	r = fd_write(fd, data, n);
	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		r = -errno;
	if (r == 0 && renameat(dirfd, tmp, dirfd, name) < 0)
		r = -errno;
	if (r == 0 && fsync(dirfd) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dirfd, tmp, 0);
		return err_set(err, r, "'%s': %s", name, strerror(-r));
	}
	return 0;
}

/* The lines of site.key into a secret. */
static struct secret *private_text(const struct sitekeys *k)
{
	static const char head[] =
	    "# cryptstore: the site's private keys. Root only, compute nodes only. The first is current.\n";
	struct secret *s = secret_new(sizeof(head) + k->n * LINE_MAX_BYTES);
	char b64[SITEKEY_LEN * 2], id[2 * SITEKEY_ID_LEN + 1], retires[24];
	size_t i, at;

	if (!s)
		return NULL;
	at = (size_t)snprintf((char *)s->data, s->len, "%s", head);
	for (i = 0; i < k->n; i++) {
		const struct sitekey *key = &k->keys[i];

		(void)snprintf(retires, sizeof(retires), "%lld", (long long)key->retires);
		base64std_encode(b64, key->priv->data, SITEKEY_LEN);
		at += (size_t)snprintf((char *)s->data + at, s->len - at,
				       "cryptstore-private v1 %s %s %lld %s\n",
				       identity_hex(id, key->id, SITEKEY_ID_LEN), b64,
				       (long long)key->created, key->retires ? retires : "-");
	}
	secret_wipe(b64, sizeof(b64));
	s->len = at;
	return s;
}

char *sitekeys_public_line(const struct sitekeys *k)
{
	char b64[SITEKEY_LEN * 2], id[2 * SITEKEY_ID_LEN + 1];
	char *line = NULL;

	base64std_encode(b64, k->keys[0].pub, SITEKEY_LEN);
	if (asprintf(&line, "cryptstore-public v1 %s %s", identity_hex(id, k->keys[0].id, SITEKEY_ID_LEN),
		     b64) < 0)
		return NULL;
	return line;
}

int sitekeys_write(const struct sitekeys *k, const char *dir, bool fresh, struct err *err)
{
	auto_fd int dirfd = fd_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0);
	auto_secret struct secret *text = private_text(k);
	auto_free char *line = sitekeys_public_line(k);
	auto_free char *pub = NULL;
	int r;

	if (dirfd < 0)
		return err_set(err, dirfd, "'%s': %s", dir, strerror(-dirfd));
	if (!text || !line ||
	    asprintf(&pub, "# cryptstore: the site's public key. Tickets are sealed to it.\n%s\n", line) <
		0) {
		pub = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	r = replace(dirfd, "site.key", text->data, text->len, 0400, fresh, err);
	if (r == 0)
		r = replace(dirfd, "site.pub", pub, strlen(pub), 0644, false, err);
	return r < 0 ? err_prefix(err, "%s", dir) : 0;
}
