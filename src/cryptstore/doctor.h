/* doctor.h - the checks of cryptstore doctor: what each is told, what each answers. */
#ifndef CRYPTSTORE_DOCTOR_H
#define CRYPTSTORE_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

enum doctor_verdict { DOCTOR_OK, DOCTOR_WARN, DOCTOR_SKIP, DOCTOR_FAIL };

struct doctor_options {
	const char *dir;       /* --sysconfdir or NULL */
	const char *plugin;    /* the SPANK plugin's file */
	const char *plugstack; /* Slurm's plugstack.conf */
	const char *libexec;   /* directory of the helpers */
	bool node;	       /* this is to be a compute node: missing parts are faults */
};

/* What was found, and how to repair it (empty if there is nothing to repair). */
struct doctor_answer {
	char found[512];
	char fix[512];
};
enum doctor_verdict doctor_answer(struct doctor_answer *a, enum doctor_verdict v, const char *fix,
				  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

typedef enum doctor_verdict (*doctor_fn)(const struct doctor_options *o, struct doctor_answer *a);

/* doctor_system.c */
enum doctor_verdict doctor_fuse(const struct doctor_options *o, struct doctor_answer *a);
enum doctor_verdict doctor_fusermount(const struct doctor_options *o, struct doctor_answer *a);
enum doctor_verdict doctor_namespaces(const struct doctor_options *o, struct doctor_answer *a);
enum doctor_verdict doctor_clock(const struct doctor_options *o, struct doctor_answer *a);
/* doctor_hardening.c: what the sandbox of a daemon can do here */
enum doctor_verdict doctor_hardening(const struct doctor_options *o, struct doctor_answer *a);
/* doctor_site.c */
enum doctor_verdict doctor_policy(const struct doctor_options *o, struct doctor_answer *a);
enum doctor_verdict doctor_view_root(const struct doctor_options *o, struct doctor_answer *a);
enum doctor_verdict doctor_site_pub(const struct doctor_options *o, struct doctor_answer *a);
enum doctor_verdict doctor_site_key(const struct doctor_options *o, struct doctor_answer *a);
/* doctor_slurm.c */
enum doctor_verdict doctor_helpers(const struct doctor_options *o, struct doctor_answer *a);
enum doctor_verdict doctor_plugin(const struct doctor_options *o, struct doctor_answer *a);
enum doctor_verdict doctor_plugstack(const struct doctor_options *o, struct doctor_answer *a);

#endif
