/* create.c - a new store (-init): the root's IV first, then the config, whose appearance makes the store
 * exist. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "format/iv.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "volume/config.h"
#include "volume/config_priv.h"
#include "volume/durable.h"
#include "volume/text.h"
#include "volume/volume.h"

static int init_failed(struct err *err, int r, const char *name)
{
	char why[TEXT_ERRNO_MAX];

	return err_set_exit(err, r, EXITCODE_INIT, "could not create %s: %s", name, text_errno(r, why));
}

/* gocryptfs format, section 6: exactly 16 bytes, mode 0444, never changed again. */
static int create_diriv(int dirfd, struct err *err)
{
	uint8_t iv[NAME_IV_LEN];
	int fd = fd_openat(dirfd, NAME_DIRIV, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0444);
	int r;

	if (fd < 0)
		return init_failed(err, fd, NAME_DIRIV);
	iv_new(iv);
	r = fd_write(fd, iv, sizeof(iv));
	if (r == 0)
		r = durable_fd(fd);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0)
		r = durable_parent(dirfd, NAME_DIRIV);
	if (r == 0)
		return 0;
	(void)unlinkat(dirfd, NAME_DIRIV, 0); /* ours, and half done */
	return init_failed(err, r, NAME_DIRIV);
}

int volume_create(int dirfd, int conf_dirfd, const char *conf_name, const struct config *c, struct err *err)
{
	bool with_diriv = (c->flags & CONFIG_DIRIV) && !(c->flags & CONFIG_PLAINTEXTNAMES);
	int r;

	if (with_diriv) {
		r = create_diriv(dirfd, err);
		if (r < 0)
			return r;
	}
	r = config_write_new(c, conf_dirfd, conf_name, false, err);
	if (r < 0 && with_diriv)
		(void)unlinkat(dirfd, NAME_DIRIV, 0);
	return r;
}
