/* cmd_ticket.c - cryptstore ticket: seal tickets in advance, print them. */
#include "cryptstore/cmd.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cryptstore/keysource.h"
#include "cryptstore/store.h"
#include "grant/units.h"
#include "util/cleanup.h"

struct options {
	const char *dir, *key, *mode;
	int64_t lifetime;
	bool show;
};

static int make(const struct options *o, char **texts, size_t n)
{
	auto_free struct stores *s = calloc(1, sizeof(*s));
	auto_free char *tickets = NULL;
	uint8_t pub[SITEKEY_LEN];
	struct keysource k;
	struct err err = { 0 };
	int r;

	if (!s)
		return CS_OTHER;
	r = keysource_parse(&k, o->key, &err);
	if (r == 0 && k.kind == KEYSOURCE_TICKET)
		r = err_set_exit(&err, -1, CS_USAGE, "a ticket cannot be made out of a ticket");
	if (r == 0)
		r = cs_load_public(pub, o->dir, &err);
	if (r == 0)
		r = stores_open(s, o->dir, texts, n, o->mode, o->lifetime, &err);
	if (r == 0)
		r = keysource_prepare(&k, &err);
	if (r == 0)
		r = stores_seal(&tickets, s, &k, pub, "\n", true, &err);
	stores_done(s);
	if (r < 0)
		return cs_fail(&err);
	if (fputs(tickets, stdout) < 0 || fflush(stdout) != 0) {
		cs_note("the ticket could not be written");
		return CS_OTHER;
	}
	return CS_OK;
}

int cmd_ticket(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "lifetime", required_argument, NULL, 'l' },	{ "mode", required_argument, NULL, 'm' },
		{ "key", required_argument, NULL, 'k' },	{ "show", no_argument, NULL, 's' },
		{ "sysconfdir", required_argument, NULL, 'c' }, { NULL, 0, NULL, 0 }
	};
	struct options o = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (c) {
		case 'l':
			if (units_duration(optarg, strlen(optarg), &o.lifetime) < 0)
				return cs_usage("ticket", "--lifetime: '%s' is no duration such as 12h or 3d",
						optarg);
			break;
		case 'm':
			o.mode = optarg;
			break;
		case 'k':
			o.key = optarg;
			break;
		case 's':
			o.show = true;
			break;
		case 'c':
			o.dir = optarg;
			break;
		default:
			return cs_usage("ticket", "see the manual");
		}
	}
	argc -= optind;
	argv += optind;
	if (o.show && argc != 1 && argc != 2)
		return cs_usage("ticket", "--show wants a ticket file, and may be given a store to compare");
	if (o.show)
		return cmd_ticket_show(o.dir, argv, argc);
	if (argc < 1)
		return cs_usage("ticket", "which store?");
	return make(&o, argv, (size_t)argc);
}
