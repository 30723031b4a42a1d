/* cmd_keep.c - cryptstore keep: save a store's own files from age-based purges. */
#include "cryptstore/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptstore/keep.h"
#include "format/name.h"
#include "grant/units.h"
#include "util/cleanup.h"
#include "util/fd.h"

enum {
	THREADS_DEFAULT = 8,
	THREADS_MAX = 256
}; /* the work is waiting for a metadata server, not computing */

static int keep(const char *path, const struct keep_options *opt)
{
	auto_fd int fd = fd_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	struct keep_result res = { 0 };
	struct err err = { 0 };
	int r;

	if (fd < 0)
		(void)err_set_exit(&err, fd, CS_STORE, "store '%s': %s", path, strerror(-fd));
	else if (faccessat(fd, NAME_CONF, F_OK, 0) < 0)
		(void)err_set_exit(&err, -errno, CS_STORE,
				   "'%s' is not a gocryptfs store: there is no " NAME_CONF " in it", path);
	if (err.code)
		return cs_fail(&err);
	r = keep_store(fd, opt, &res, &err);
	(void)printf("%" PRIu64 " directories, %" PRIu64 " files renewed, %" PRIu64 " young enough, %" PRIu64
		     " failed\n",
		     res.directories, res.renewed, res.young, res.failed);
	return r < 0 ? cs_fail(&err) : CS_OK;
}

int cmd_keep(int argc, char **argv)
{
	static const struct option longopts[] = { { "older-than", required_argument, NULL, 'o' },
						  { "threads", required_argument, NULL, 't' },
						  { NULL, 0, NULL, 0 } };
	struct keep_options opt = { .threads = THREADS_DEFAULT, .now = (int64_t)time(NULL) };
	int64_t n;
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (c == 'o' && units_duration(optarg, strlen(optarg), &opt.older_than) == 0)
			continue;
		if (c == 't' && strspn(optarg, "0123456789") == strlen(optarg) &&
		    units_size(optarg, strlen(optarg), &n) == 0 && n >= 1 && n <= THREADS_MAX)
			opt.threads = (unsigned int)n;
		else
			return cs_usage(
			    "keep",
			    "--older-than wants a duration such as 7d, --threads a number from 1 to %d",
			    THREADS_MAX);
	}
	if (argc - optind != 1)
		return cs_usage("keep", "which store?");
	return keep(argv[optind], &opt);
}
