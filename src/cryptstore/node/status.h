/* status.h - what may be told about a job: the status file for `cryptstore status', and the audit trail. */
#ifndef NODE_STATUS_H
#define NODE_STATUS_H

#include <stdint.h>
#include <sys/types.h>

struct job;
struct policy;
struct store;

/* Write status.json of the job (form: site-docs/admin-slurm.md, "Status file"); no path of a store, nothing
 * secret. Best effort: a full /run must not end a job that works. */
void status_write(const struct job *job);

struct audit_event {
	const char *event; /* open, refusal, close, loss */
	uint32_t job;
	uid_t uid;
	const char *store_id, *ticket, *mode; /* NULL: not known */
	const char *step;		      /* word of the failed step, or NULL */
	const char *reason;		      /* one line, or NULL */
	uint64_t bytes_read, bytes_written;
	int has_bytes;
};
/* One line of JSON to syslog and to the policy's file (policy NULL: syslog only). Never a name of a file
 * inside, never a secret. */
void audit_write(const struct policy *policy, const struct audit_event *e);
/* For a store of a job. */
void audit_store(const struct job *job, const struct store *s, const char *event, const char *reason);

#endif
