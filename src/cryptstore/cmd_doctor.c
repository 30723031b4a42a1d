/* cmd_doctor.c - cryptstore doctor: one line per check, a remedy for each fault, an exit code for health
 * checks. */
#include "cryptstore/cmd.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include "cryptstore/doctor.h"

static const struct {
	const char *name;
	doctor_fn fn;
} checks[] = {
	{ "fuse device", doctor_fuse },
	{ "fusermount3", doctor_fusermount },
	{ "mount namespaces", doctor_namespaces },
	{ "clock", doctor_clock },
	{ "hardening", doctor_hardening },
	{ "policy", doctor_policy },
	{ "view root", doctor_view_root },
	{ "site public key", doctor_site_pub },
	{ "site private key", doctor_site_key },
	{ "helper programs", doctor_helpers },
	{ "slurm plugin", doctor_plugin },
	{ "plugstack.conf", doctor_plugstack },
};

enum doctor_verdict doctor_answer(struct doctor_answer *a, enum doctor_verdict v, const char *fix,
				  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(a->found, sizeof(a->found), fmt, ap);
	va_end(ap);
	(void)snprintf(a->fix, sizeof(a->fix), "%s", fix ? fix : "");
	return v;
}

static int run(const struct doctor_options *o)
{
	static const char *const words[] = {
		[DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_SKIP] = "skip", [DOCTOR_FAIL] = "FAIL"
	};
	size_t i, failed = 0;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct doctor_answer a = { 0 };
		enum doctor_verdict v = checks[i].fn(o, &a);

		failed += v == DOCTOR_FAIL;
		(void)printf("%-4s  %-17s %s%s%s\n", words[v], checks[i].name, a.found,
			     a.fix[0] ? " -> " : "", a.fix);
	}
	return failed ? CS_CHECK : CS_OK;
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "node", no_argument, NULL, 'n' },	     { "sysconfdir", required_argument, NULL, 'c' },
		{ "plugin", required_argument, NULL, 'p' },  { "plugstack", required_argument, NULL, 's' },
		{ "libexec", required_argument, NULL, 'l' }, { NULL, 0, NULL, 0 }
	};
	struct doctor_options o = { .plugin = LIBDIR "/slurm/spank_cryptstore.so",
				    .plugstack = "/etc/slurm/plugstack.conf",
				    .libexec = LIBEXECDIR "/cryptstore" };
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (c) {
		case 'n':
			o.node = true;
			break;
		case 'c':
			o.dir = optarg;
			break;
		case 'p':
			o.plugin = optarg;
			break;
		case 's':
			o.plugstack = optarg;
			break;
		case 'l':
			o.libexec = optarg;
			break;
		default:
			return cs_usage("doctor", "see the manual");
		}
	}
	if (optind != argc)
		return cs_usage("doctor", "'%s' is one word too many", argv[optind]);
	return run(&o);
}
