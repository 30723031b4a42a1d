/* unlock_child.c - unlock the config in a process of its own: the memory scrypt touched (64 MiB and more)
 * goes with it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "crypto/aead.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/secret.h"
#include "volume/config.h"
#include "volume/volume.h"

enum { MASTER_KEY_LEN = 32 };

/* What comes before the key in the pipe. Same program on both ends, so no byte order or padding to think of.
 */
struct answer {
	int r;
	struct err err;
};

/* The child. It leaves by _exit(): atexit handlers and stdio buffers are the parent's. */
static _Noreturn void answer_and_exit(const struct config *c, const struct secret *password, int out)
{
	struct secret *key = NULL;
	struct answer a = { 0 };
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	a.r = config_unlock(c, password, &key, &a.err);
	r = fd_write(out, &a, sizeof(a));
	if (r == 0 && a.r == 0)
		r = fd_write(out, key->data, key->len);
	secret_free(key);
	_exit(r == 0 ? 0 : 1);
}

static int child_died(const struct config *c, int status, struct err *err)
{
	uint64_t mib = (uint64_t)c->scrypt_n * (uint64_t)c->scrypt_r >> 13; /* 128 N r bytes */

	if (WIFSIGNALED(status))
		return err_set_exit(
		    err, -ENOMEM, EXITCODE_SCRYPT,
		    "the process that derives the key was killed by signal %d (%s); it needs %" PRIu64
		    " MiB of memory",
		    WTERMSIG(status), strsignal(WTERMSIG(status)), mib);
	return err_set_exit(err, -EIO, EXITCODE_SCRYPT,
			    "the process that derives the key ended without an answer (status %d)",
			    WEXITSTATUS(status));
}

/* The parent's end: 0 with the key, the child's error, or -EPIPE if the child said nothing (whole). */
static int read_answer(int in, struct secret **ret, struct err *err)
{
	auto_secret struct secret *key = secret_new(MASTER_KEY_LEN);
	struct answer a;

	if (!key)
		return err_set_exit(err, -ENOMEM, EXITCODE_OTHER, "out of memory");
	if (fd_read(in, &a, sizeof(a)) != (ssize_t)sizeof(a))
		return -EPIPE;
	if (a.r < 0) {
		if (err)
			*err = a.err;
		return a.r;
	}
	if (fd_read(in, key->data, key->len) != (ssize_t)key->len)
		return -EPIPE;
	*ret = take(key);
	return 0;
}

int volume_unlock_in_child(const struct config *c, const struct secret *password, struct secret **ret,
			   struct err *err)
{
	int pipe_fds[2], status = 0, r;
	auto_fd int in = -1;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_set_exit(err, -errno, EXITCODE_OTHER, "pipe: %s", strerror(errno));
	in = pipe_fds[0];
	pid = fork();
	if (pid == 0) {
		(void)close(pipe_fds[0]);
		answer_and_exit(c, password, pipe_fds[1]);
	}
	r = pid < 0 ? -errno : 0;
	(void)close(pipe_fds[1]);
	if (r < 0)
		return err_set_exit(err, r, EXITCODE_FORK, "fork: %s", strerror(-r));
	/* The child is busy for a while: find out meanwhile which cipher code is the fastest here. */
	(void)aead_backend_select(c->flags & CONFIG_XCHACHA  ? AEAD_XCHACHA20_POLY1305
				  : c->flags & CONFIG_AESSIV ? AEAD_AES_SIV_512
							     : AEAD_AES256_GCM);
	r = read_answer(in, ret, err);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return r == -EPIPE ? child_died(c, status, err) : r;
}
