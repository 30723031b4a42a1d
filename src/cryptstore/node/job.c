/* job.c - one job on this node while its views are opened and watched. */
#include "cryptstore/node/job.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "cryptstore/node/jobdir.h"
#include "grant/identity.h"
#include "grant/policy.h"
#include "grant/ticket.h"
#include "util/cleanup.h"
#include "util/err.h"

enum { COUNTERS_BYTES = 4096 };

static int look_up_user(struct job *job, struct err *err)
{
	int n = JOB_GROUPS_MAX;
	struct passwd *pw;

	errno = 0;
	pw = getpwuid(job->uid);
	if (!pw)
		return err_set(err, errno ? -errno : -ENOENT,
			       "user number %" PRIuMAX " is not known on this node", (uintmax_t)job->uid);
	job->gid = pw->pw_gid;
	job->user = strdup(pw->pw_name);
	job->home = strdup(pw->pw_dir);
	job->groups = calloc(JOB_GROUPS_MAX, sizeof(gid_t));
	if (!job->user || !job->home || !job->groups)
		return err_set(err, -ENOMEM, "out of memory");
	if (getgrouplist(job->user, job->gid, job->groups, &n) < 0)
		return err_set(err, -E2BIG, "user '%s' is in more than %d groups", job->user, JOB_GROUPS_MAX);
	job->n_groups = (size_t)n;
	return 0;
}

/* Memory that the daemon counts in and we read. Sealed: a daemon of the user's must not be able to shrink it
 * under us. Only a view's figures are missing if it cannot be had. */
static void make_counters(struct store *s)
{
	auto_fd int fd = memfd_create("cryptstore", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *at;

	if (fd < 0 || ftruncate(fd, COUNTERS_BYTES) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return;
	at = mmap(NULL, COUNTERS_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return;
	s->counters = at;
	s->stats_fd = take_fd(&fd);
}

static int init_store(struct store *s, const struct ticket *t, const struct policy *policy)
{
	*s = (struct store){
		.ticket = t, .fuse_fd = -1, .stats_fd = -1, .key_fd = -1, .ready_fd = -1, .err_fd = -1
	};
	s->state = "starting";
	s->since = time(NULL);
	identity_hex(s->id, t->store_id, sizeof(t->store_id));
	identity_hex(s->ticket_id, t->id, sizeof(t->id));
	snprintf(s->mode, sizeof(s->mode), "%s,%s", t->mode & TICKET_RO ? "ro" : "rw",
		 t->mode & TICKET_EXCLUSIVE ? "exclusive" : "shared");
	if ((size_t)snprintf(s->path, sizeof(s->path), "%s", t->path) >= sizeof(s->path) ||
	    (size_t)snprintf(s->view, sizeof(s->view), "%s/%s", policy->view_root, t->view) >=
		sizeof(s->view))
		return -ENAMETOOLONG;
	make_counters(s);
	return 0;
}

uint64_t store_bytes_read(const struct store *s)
{
	return s->counters ? atomic_load(&s->counters[0]) : 0;
}

uint64_t store_bytes_written(const struct store *s)
{
	return s->counters ? atomic_load(&s->counters[1]) : 0;
}

int job_init(struct job *job, struct err *err)
{
	int r = look_up_user(job, err);

	job->state = "starting";
	job->since = time(NULL);
	for (size_t i = 0; r == 0 && i < job->tickets->n && i < JOBDIR_VIEWS_MAX; i++) {
		job->n = i + 1;
		r = init_store(&job->stores[i], job->tickets->tickets[i], job->policy);
		if (r < 0)
			err_set(err, r, "the path of a store or its view is too long");
	}
	return r;
}

void job_forget_keys(struct job *job)
{
	for (size_t i = 0; i < job->n; i++)
		job->stores[i].ticket = NULL;
	ticket_set_free(take(job->tickets));
}

void job_done(struct job *job)
{
	job_forget_keys(job);
	for (size_t i = 0; i < job->n; i++) {
		struct store *s = &job->stores[i];
		int *fds[] = { &s->fuse_fd, &s->stats_fd, &s->key_fd, &s->ready_fd, &s->err_fd };

		for (size_t k = 0; k < sizeof(fds) / sizeof(fds[0]); k++)
			if (*fds[k] >= 0)
				(void)close(take_fd(fds[k]));
		if (s->counters)
			(void)munmap((void *)(uintptr_t)s->counters, COUNTERS_BYTES);
		s->counters = NULL;
	}
	job->n = 0;
	free(take(job->user));
	free(take(job->home));
	free(take(job->groups));
	if (job->ns_fd >= 0)
		(void)close(take_fd(&job->ns_fd));
}

int job_become_user(const struct job *job)
{
	/* more groups than the kernel takes from NFS are still right for local checks */
	if (setgroups(job->n_groups, job->groups) < 0 || setresgid(job->gid, job->gid, job->gid) < 0 ||
	    setresuid(job->uid, job->uid, job->uid) < 0)
		return -errno;
	if (job->uid != 0 && setuid(0) == 0)
		return -EPERM;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}
