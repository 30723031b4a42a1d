/* inspect.c - look at a store with the user's rights before the daemon opens it. */
#include "cryptstore/node/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cryptstore/node/job.h"
#include "grant/policy.h"
#include "grant/ticket.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "volume/config.h"

/* Clocks of nodes and file servers differ by less. */
enum { CLOCK_SLACK = 300 };

static const char conf_name[] = "gocryptfs.conf", diriv_name[] = "gocryptfs.diriv";

/* The path in the ticket was resolved; if it resolves elsewhere now, somebody has put a link in its way. */
static int open_place(const char *path, struct err *err)
{
	char link[32], now[4096];
	auto_fd int fd = fd_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	ssize_t n;

	if (fd < 0)
		return err_set(err, fd, "cannot open the store '%s': %s", path, strerror(-fd));
	n = readlink(fd_proc_path(link, fd), now, sizeof(now) - 1);
	now[n > 0 ? n : 0] = '\0';
	if (strcmp(now, path) != 0)
		return err_set(err, -ESTALE, "the store is no longer at '%s' (the path leads to '%s')", path,
			       now);
	return take_fd(&fd);
}

/* The key in the ticket fits no store made after it: what the job wrote there, nobody could ever read. Both
 * files that a new store has fresh are looked at; gocryptfs -passwd rewrites only the first. */
static int same_store(int dir, int64_t issued, struct err *err)
{
	struct stat conf, diriv;

	if (fstatat(dir, conf_name, &conf, 0) < 0)
		return err_set(err, -errno, "not a store: '%s': %s", conf_name, strerror(errno));
	if (fstatat(dir, diriv_name, &diriv, 0) < 0)
		return 0; /* a store with plain or deterministic names */
	if (diriv.st_mtim.tv_sec > issued + CLOCK_SLACK && conf.st_mtim.tv_sec > issued + CLOCK_SLACK)
		return err_set(err, -ESTALE, "the store was made anew after the job was submitted");
	return 0;
}

static struct policy_request policy_question(const struct job *job, const struct inspect_request *q)
{
	return (struct policy_request){ .uid = job->uid,
					.groups = job->groups,
					.n_groups = job->n_groups,
					.path = q->path,
					.read_only = q->mode & TICKET_RO,
					.exclusive = q->mode & TICKET_EXCLUSIVE,
					.lifetime = q->lifetime,
					.n_stores = job->n };
}

struct inspect_request inspect_request_of(const struct store *s)
{
	return (struct inspect_request){ .path = s->path,
					 .issued = s->ticket->issued,
					 .lifetime = s->ticket->expires - s->ticket->issued,
					 .mode = s->ticket->mode };
}

int inspect_tickets(struct job *job, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < job->n; i++) {
		const struct inspect_request q = inspect_request_of(&job->stores[i]);
		const struct policy_request p = policy_question(job, &q);

		r = policy_decide(job->policy, &p, err);
	}
	return r;
}

static int judge(const struct job *job, const struct inspect_request *q, int dir, struct err *err)
{
	struct policy_request p = policy_question(job, q);
	struct config conf;
	int r = config_load(&conf, dir, conf_name, err);

	if (r < 0)
		return r;
	p.cipher = config_cipher_name(&conf);
	p.scrypt_logn = conf.scrypt_n > 0 ? 63 - __builtin_clzll((unsigned long long)conf.scrypt_n) : 0;
	r = policy_decide(job->policy, &p, err);
	config_done(&conf);
	return r;
}

static int lock_store(int dir, unsigned int mode, struct err *err)
{
	bool exclusive = mode & TICKET_EXCLUSIVE;
	auto_fd int fd = fd_openat(dir, conf_name, O_RDONLY, 0);

	if (fd < 0)
		return err_set(err, fd, "cannot open '%s': %s", conf_name, strerror(-fd));
	if (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0)
		return take_fd(&fd);
	if (errno == EWOULDBLOCK)
		return err_set(err, -EBUSY,
			       exclusive ? "the store is open elsewhere, so it cannot be opened exclusive"
					 : "the store is open exclusive elsewhere");
	if (!exclusive)
		return take_fd(&fd); /* a file system without locks: nobody can have it exclusive either */
	return err_set(err, -errno, "this file system cannot lock a store for exclusive use: %s",
		       strerror(errno));
}

int inspect_store(struct inspect_result *ret, const struct job *job, const struct inspect_request *q,
		  struct err *err)
{
	auto_fd int dir = open_place(q->path, err);
	int r = dir;

	if (r >= 0)
		r = same_store(dir, q->issued, err);
	if (r >= 0)
		r = judge(job, q, dir, err);
	if (r >= 0)
		r = lock_store(dir, q->mode, err);
	if (r < 0)
		return r;
	ret->store_fd = take_fd(&dir);
	ret->lock_fd = r;
	return 0;
}
