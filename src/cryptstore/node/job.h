/* job.h - one job on this node while its views are opened and watched. */
#ifndef NODE_JOB_H
#define NODE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cryptstore/node/deadline.h"
#include "cryptstore/node/jobdir.h"

struct err;
struct policy;
struct ticket;
struct ticket_set;

enum { STORE_LINE_MAX = 400, JOB_REASON_MAX = 1280, JOB_GROUPS_MAX = 4096 };

struct store {
	const struct ticket *ticket; /* NULL once the keeper has wiped it */
	char path[4096];	     /* the store */
	char view[JOBDIR_VIEW_MAX];  /* view_root/NAME */
	char mode[24];		     /* "rw,shared" */
	char id[33], ticket_id[33];  /* hex */
	const char *state;	     /* starting, open, failed, lost, closing */
	int64_t since;		     /* seconds since 1970 */
	int fuse_fd, stats_fd, key_fd, ready_fd,
	    err_fd; /* -1: closed; the last three: our ends of pipes to it */
	pid_t pid;  /* 0: none */
	unsigned long long start;
	char line[STORE_LINE_MAX]; /* the last line it wrote to stderr */
	size_t line_len;	   /* of the unfinished one in it */
	bool line_done;
	bool cut;			  /* its connection was aborted */
	deadline_t stopped;		  /* until when its daemon may stand still; 0: it runs */
	pid_t probe;			  /* asks the view whether it answers; 0: none */
	deadline_t probe_at;		  /* when the next one starts, or when this one is late */
	unsigned int faults;		  /* probes in a row that were answered with an error */
	bool silent;			  /* the last one was late */
	const _Atomic uint64_t *counters; /* two, kept by the daemon: bytes read, bytes written; NULL: none */
};

struct job {
	struct jobdir dir;
	const struct policy *policy;
	struct ticket_set *tickets; /* owned; NULL once wiped */
	uid_t uid;
	gid_t gid;
	char *user, *home;
	gid_t *groups;
	size_t n_groups;
	struct store stores[JOBDIR_VIEWS_MAX];
	size_t n;
	const char *state; /* as the stores', for all */
	char reason[JOB_REASON_MAX];
	const char *step; /* where it failed, for the audit */
	int64_t since;
	int ns_fd;	/* the job's mount namespace, -1 before it exists */
	deadline_t end; /* of the prolog */
};

/* Bytes that went through the view so far. */
uint64_t store_bytes_read(const struct store *s);
uint64_t store_bytes_written(const struct store *s);

/* Look the user up and make a store of every ticket (job->tickets). 0 or negative errno with text. */
int job_init(struct job *job, struct err *err);
/* Release everything, wipe the tickets. Ends no process. */
void job_done(struct job *job);
/* Wipe and drop the tickets: nothing secret is left in this process. */
void job_forget_keys(struct job *job);

/* Give the calling process the user's identity for good. 0 or negative errno. */
int job_become_user(const struct job *job);

#endif
