/* cmd_submit.c - cryptstore submit: what the SPANK plugin runs as the user when a job is submitted. Not for
 * people. */
#include "cryptstore/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cryptstore/keysource.h"
#include "cryptstore/store.h"
#include "grant/ticket.h"
#include "util/cleanup.h"
#include "util/fd.h"

struct options {
	const char *dir, *key;
	int out;
};

static int bundle(char **ret, struct stores *s, const struct options *o, char **texts, size_t n,
		  struct err *err)
{
	uint8_t pub[SITEKEY_LEN];
	struct keysource k;
	int r = keysource_parse(&k, o->key, err);

	if (r == 0)
		r = cs_load_public(pub, o->dir, err);
	if (r == 0)
		r = stores_open(s, o->dir, texts, n, NULL, 0, err);
	if (r == 0)
		r = keysource_prepare(&k, err);
	if (r < 0)
		return r;
	if (k.kind == KEYSOURCE_TICKET)
		r = stores_from_tickets(ret, s, k.arg, pub, err);
	else
		r = stores_seal(ret, s, &k, pub, ",", false, err);
	if (r == 0 && strlen(*ret) > TICKET_BUNDLE_MAX)
		r = err_set_exit(err, -E2BIG, CS_USAGE,
				 "the tickets are %zu characters together, Slurm carries %d: use fewer "
				 "stores or shorter paths",
				 strlen(*ret), TICKET_BUNDLE_MAX);
	return r;
}

static int submit(const struct options *o, char **texts, size_t n)
{
	auto_free struct stores *s = calloc(1, sizeof(*s));
	auto_free char *text = NULL;
	struct err err = { 0 };
	int r;

	if (!s)
		return CS_OTHER;
	r = bundle(&text, s, o, texts, n, &err);
	stores_done(s);
	if (r == 0) {
		r = fd_write(o->out, text, strlen(text));
		if (r < 0)
			(void)err_set(&err, r, "cannot hand the ticket to Slurm: %s", strerror(-r));
	}
	return r < 0 ? cs_fail(&err) : CS_OK;
}

int cmd_submit(int argc, char **argv)
{
	static const struct option longopts[] = { { "out-fd", required_argument, NULL, 'o' },
						  { "key", required_argument, NULL, 'k' },
						  { "sysconfdir", required_argument, NULL, 'c' },
						  { NULL, 0, NULL, 0 } };
	struct options o = { .out = -1 };
	char *end;
	long fd;
	int c;

	while ((c = getopt_long(argc, argv, "+", longopts, NULL)) != -1) {
		switch (c) {
		case 'o':
			fd = strtol(optarg, &end, 10);
			if (*end || end == optarg || fd < 1 || fd > 1 << 20)
				return cs_usage("submit", "--out-fd: '%s' is no descriptor", optarg);
			o.out = (int)fd;
			break;
		case 'k':
			o.key = optarg;
			break;
		case 'c':
			o.dir = optarg;
			break;
		default:
			return cs_usage("submit", "this command is for the Slurm plugin");
		}
	}
	if (o.out < 0 || optind == argc)
		return cs_usage("submit",
				"--out-fd and a store are needed; this command is for the Slurm plugin");
	return submit(&o, argv + optind, (size_t)(argc - optind));
}
