/* help.c - the help texts. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/opts.h"

static const char usage[] = "\n"
			    "Usage: gocryptfs -init|-passwd|-info [OPTIONS] CIPHERDIR\n"
			    "  or   gocryptfs [OPTIONS] CIPHERDIR MOUNTPOINT\n"
			    "\n";

static const char common[] = "Common Options (use -hh to show all):\n"
			     "  -aessiv            Use AES-SIV encryption (with -init)\n"
			     "  -allow_other       Allow other users to access the mount\n"
			     "  -i, -idle          Unmount automatically after specified idle duration\n"
			     "  -config            Custom path to config file\n"
			     "  -ctlsock           Create control socket at location\n"
			     "  -extpass           Call external program to prompt for the password\n"
			     "  -fg                Stay in the foreground\n"
			     "  -fsck              Check filesystem integrity\n"
			     "  -fusedebug         Debug FUSE calls\n"
			     "  -h, -help          This short help text\n"
			     "  -hh                Long help text with all options\n"
			     "  -init              Initialize encrypted directory\n"
			     "  -info              Display information about encrypted directory\n"
			     "  -masterkey         Mount with explicit master key instead of password\n"
			     "  -nonempty          Allow mounting over non-empty directory\n"
			     "  -nosyslog          Do not redirect log messages to syslog\n"
			     "  -passfile          Read password from plain text file(s)\n"
			     "  -passwd            Change password\n"
			     "  -plaintextnames    Do not encrypt file names (with -init)\n"
			     "  -q, -quiet         Silence informational messages\n"
			     "  -ro                Mount read-only\n"
			     "  -sharedstorage     Several machines use CIPHERDIR at the same time\n"
			     "  -speed             Run crypto speed test\n"
			     "  -version           Print version information\n"
			     "  --                 Stop option parsing\n";

void help_short(void)
{
	cmd_version_line();
	(void)fputs(usage, stdout);
	(void)fputs(common, stdout);
}

void help_long(void)
{
	cmd_version_line();
	(void)fputs(usage, stdout);
	(void)fputs("Notes: All options can equivalently use \"-\" (single dash) or \"--\" (double dash).\n"
		    "       A standalone \"--\" stops option parsing.\n"
		    "\n"
		    "Options:\n",
		    stdout);
	for (size_t i = 0; i < opts_count(); i++) {
		struct opts_row row = opts_row(i);
		const char *gap = row.type_text[0] == '[' || !row.type_text[0] ? "" : " ";
		int used = printf("      --%s%s%s", row.name, gap, row.type_text);

		printf("%*s%s", used < 34 ? 35 - used : 1, "", row.help);
		if (row.default_text[0])
			printf(" (default %s)", row.default_text);
		(void)putchar('\n');
	}
}
