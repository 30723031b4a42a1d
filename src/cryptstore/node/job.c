/* job.c - one job on this node while its views are opened and watched. */
#include "cryptstore/node/job.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "cryptstore/node/jobdir.h"
#include "grant/identity.h"
#include "grant/policy.h"
#include "grant/ticket.h"
#include "util/cleanup.h"
#include "util/err.h"

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

static int init_store(struct store *s, const struct ticket *t, const struct policy *policy)
{
	*s = (struct store){ .ticket = t, .fuse_fd = -1, .key_fd = -1, .ready_fd = -1, .err_fd = -1 };
	s->state = "starting";
	s->since = time(NULL);
	identity_hex(s->id, t->store_id, sizeof(t->store_id));
	identity_hex(s->ticket_id, t->id, sizeof(t->id));
	snprintf(s->mode, sizeof(s->mode), "%s,%s", t->mode & TICKET_RO ? "ro" : "rw",
		 t->mode & TICKET_EXCLUSIVE ? "exclusive" : "shared");
	s->path = strdup(t->path);
	if (asprintf(&s->view, "%s/%s", policy->view_root, t->view) < 0)
		s->view = NULL;
	return s->path && s->view ? 0 : -ENOMEM;
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
			err_set(err, r, "out of memory");
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
		int *fds[] = { &s->fuse_fd, &s->key_fd, &s->ready_fd, &s->err_fd };

		for (size_t k = 0; k < sizeof(fds) / sizeof(fds[0]); k++)
			if (*fds[k] >= 0)
				(void)close(take_fd(fds[k]));
		free(take(s->path));
		free(take(s->view));
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
