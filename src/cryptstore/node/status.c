/* status.c - what may be told about a job: the status file for `cryptstore status', and the audit trail. */
#include "cryptstore/node/status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "cryptstore/node/job.h"
#include "grant/policy.h"
#include "util/cleanup.h"
#include "util/fd.h"

static void put_string(FILE *f, const char *s)
{
	(void)fputc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			fprintf(f, "\\u%04x", (unsigned int)(unsigned char)*s);
		else
			(void)fputc(*s, f);
	}
	(void)fputc('"', f);
}

static void put_field(FILE *f, const char *name, const char *value)
{
	fprintf(f, "\"%s\": ", name);
	put_string(f, value);
}

static void put_node(FILE *f)
{
	struct utsname u;

	put_field(f, "node", uname(&u) == 0 ? u.nodename : "");
}

static void put_store(FILE *f, const struct store *s)
{
	(void)fputc('{', f);
	put_field(f, "view", s->view);
	fprintf(f, ", \"id\": \"%s\", \"ticket\": \"%s\", \"mode\": \"%s\", \"state\": \"%s\", ", s->id,
		s->ticket_id, s->mode, s->state);
	fprintf(f, "\"pid\": %d, \"since\": %" PRId64 ", \"read\": %" PRIu64 ", \"written\": %" PRIu64 "}",
		(int)s->pid, s->since, store_bytes_read(s), store_bytes_written(s));
}

void status_write(const struct job *job)
{
	auto_free char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	fprintf(f, "{\"version\": 1, \"job\": \"%" PRIu32 "\", ", job->dir.job);
	put_node(f);
	fprintf(f, ", \"uid\": %" PRIuMAX ", \"state\": \"%s\", ", (uintmax_t)job->uid, job->state);
	put_field(f, "reason", job->reason);
	fprintf(f, ", \"since\": %" PRId64 ", \"updated\": %" PRId64 ",\n \"stores\": [", job->since,
		(int64_t)time(NULL));
	for (size_t i = 0; i < job->n; i++) {
		if (i)
			fputs(",\n  ", f);
		put_store(f, &job->stores[i]);
	}
	fputs("]}\n", f);
	if (fclose(f) == 0)
		(void)jobdir_write(job->dir.pub, "status.json", 0644, text);
}

static char *audit_line(const struct audit_event *e)
{
	char *text = NULL, when[32];
	time_t now = time(NULL);
	struct tm tm;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	fprintf(f, "{\"time\": \"%s\", \"event\": \"%s\", ", when, e->event);
	put_node(f);
	fprintf(f, ", \"job\": \"%" PRIu32 "\", \"uid\": %" PRIuMAX, e->job, (uintmax_t)e->uid);
	const struct {
		const char *name, *value;
	} fields[] = { { "store", e->store_id },
		       { "ticket", e->ticket },
		       { "mode", e->mode },
		       { "step", e->step },
		       { "reason", e->reason } };
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!fields[i].value)
			continue;
		fputs(", ", f);
		put_field(f, fields[i].name, fields[i].value);
	}
	if (e->has_bytes)
		fprintf(f, ", \"read\": %" PRIu64 ", \"written\": %" PRIu64, e->bytes_read, e->bytes_written);
	fputs("}\n", f);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

void audit_write(const struct policy *policy, const struct audit_event *e)
{
	auto_free char *line = audit_line(e);
	int fd, r;

	if (!line)
		return;
	if (!policy || policy->audit_syslog)
		syslog(LOG_NOTICE, "audit %s", line);
	if (!policy || !policy->audit_file)
		return;
	/* one write to a file opened for appending: lines of several nodes and jobs do not mix */
	fd = fd_openat(AT_FDCWD, policy->audit_file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0600);
	r = fd < 0 ? fd : fd_write(fd, line, strlen(line));
	if (fd >= 0)
		(void)close(fd);
	if (r < 0)
		syslog(LOG_ERR, "cannot write to the audit file '%s': %s", policy->audit_file, strerror(-r));
}

void audit_store(const struct job *job, const struct store *s, const char *event, const char *reason)
{
	const struct audit_event e = { .event = event,
				       .job = job->dir.job,
				       .uid = job->uid,
				       .store_id = s->id,
				       .ticket = s->ticket_id,
				       .mode = s->mode,
				       .reason = reason,
				       .bytes_read = store_bytes_read(s),
				       .bytes_written = store_bytes_written(s),
				       .has_bytes = strcmp(event, "open") != 0 };

	audit_write(job->policy, &e);
}
