/* cmd_fsck.c - gocryptfs -fsck: read everything there is, without a mount, and say what is damaged. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/exitcode.h"
#include "cli/json.h"
#include "format/name.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/proc.h"
#include "util/secret.h"
#include "view/check.h"
#include "view/view.h"
#include "volume/text.h"

enum { NOFILE_WANTED = 65536 };

static atomic_bool stop;

static void on_signal(int sig)
{
	(void)sig;
	atomic_store(&stop, true);
}

static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
}

struct report {
	bool json;
	bool progress; /* there is a line on the terminal to be wiped before anything else is said */
};

static const char *fault_name(enum check_fault fault)
{
	static const char *const names[] = {
		[CHECK_ENTRY] = "entry",
		[CHECK_DIR] = "directory",
		[CHECK_FILE] = "file",
		[CHECK_FILE_SIZE] = "file_size",
		[CHECK_SYMLINK] = "symlink",
		[CHECK_XATTR_NAME] = "xattr_name",
		[CHECK_XATTR_VALUE] = "xattr_value",
		[CHECK_ORPHAN_NAME] = "orphan_name",
		[CHECK_LEFTOVER] = "leftover",
		[CHECK_SKIPPED] = "skipped",
	};

	return names[fault];
}

static void print_json(const struct check_finding *f)
{
	printf("{\"fault\":\"%s\",", fault_name(f->fault));
	json_text(stdout, "path", f->plain_path);
	(void)putchar(',');
	json_text(stdout, "cipher_path", f->cipher_path);
	(void)putchar(',');
	json_text(stdout, "detail", f->detail);
	printf(",\"inode\":%" PRIu64 "}\n", f->ino);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The Go program's sentences, and where in the store to look. */
static void print_line(const struct check_finding *f)
{
	auto_free char *plain = text_quote(f->plain_path, strlen(f->plain_path));
	auto_free char *cipher = text_quote(f->cipher_path, strlen(f->cipher_path));
	auto_free char *name = text_quote(base_name(f->cipher_path), strlen(base_name(f->cipher_path)));
	auto_free char *detail = text_quote(f->detail, strlen(f->detail));
	const char *why = *f->detail ? f->detail : "input/output error";

	if (!plain || !cipher || !name || !detail)
		return;
	switch (f->fault) {
	case CHECK_ENTRY:
		printf("fsck: corrupt entry in dir %s: %s", plain, name);
		break;
	case CHECK_ORPHAN_NAME:
		printf("fsck: corrupt entry in dir %s: %s: %s", plain, name, why);
		break;
	case CHECK_LEFTOVER:
		printf("fsck: harmless leftover of an interrupted operation in dir %s: %s: %s", plain, name,
		       why);
		break;
	case CHECK_DIR:
		printf("fsck: error opening dir %s: %s", plain, why);
		break;
	case CHECK_FILE:
	case CHECK_FILE_SIZE:
		printf("fsck: error reading file %s (inum %" PRIu64 "): %s", plain, f->ino, why);
		break;
	case CHECK_SYMLINK:
		printf("fsck: error reading symlink %s: %s", plain, why);
		break;
	case CHECK_XATTR_NAME:
		printf("fsck: corrupt xattr name on file %s: %s", plain, detail);
		break;
	case CHECK_XATTR_VALUE:
		printf("fsck: error reading xattr %s from %s: input/output error", detail, plain);
		break;
	case CHECK_SKIPPED:
		printf("fsck: skipped %s: %s", plain, why);
		break;
	}
	printf(" (ciphertext %s)\n", cipher);
}

static void wipe_progress(struct report *r)
{
	if (!r->progress)
		return;
	(void)fputs("\r\033[K", stderr);
	r->progress = false;
}

static void on_finding(void *arg, const struct check_finding *f)
{
	struct report *r = arg;

	wipe_progress(r);
	if (r->json)
		print_json(f);
	else
		print_line(f);
	(void)fflush(stdout);
}

static void on_progress(void *arg, uint64_t files, uint64_t bytes)
{
	struct report *r = arg;

	(void)fprintf(stderr, "\r\033[Kfsck: %" PRIu64 " files, %.1f GiB read", files,
		      (double)bytes / (1024.0 * 1024 * 1024));
	(void)fflush(stderr);
	r->progress = true;
}

/* Not by log_warn: nothing is damaged, so -wpanic has no reason to end the process. */
static void warn_of_age(const struct check_result *res)
{
	if (res->aged == 0)
		return;
	(void)fflush(stdout);
	(void)fprintf(stderr,
		      "%sfsck: warning: in %" PRIu64 " places the store's own files (" NAME_CONF
		      ", " NAME_DIRIV ", .name) are older than the data, by up to %" PRId64
		      " days: a purge of old files would take them first, and the data's names with them; "
		      "\"cryptstore keep\" renews their times%s\n",
		      log_yellow(), res->aged, res->aged_seconds / 86400, log_reset());
}

static int summarize(const struct report *rep, const struct check_result *res)
{
	if (rep->json) {
		printf("{\"summary\":{\"files\":%" PRIu64 ",\"directories\":%" PRIu64 ",\"symlinks\":%" PRIu64
		       ",\"others\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"corrupt\":%" PRIu64
		       ",\"skipped\":%" PRIu64 ",\"aged\":%" PRIu64 ",\"aged_seconds\":%" PRId64 "}}\n",
		       res->files, res->dirs, res->symlinks, res->others, res->bytes, res->corrupt,
		       res->skipped, res->aged, res->aged_seconds);
		return res->corrupt || res->skipped ? EXITCODE_FSCK : EXITCODE_OK;
	}
	warn_of_age(res);
	if (res->corrupt == 0 && res->skipped == 0) {
		log_info("fsck summary: no problems found");
		return EXITCODE_OK;
	}
	if (res->skipped > 0)
		log_warn("fsck: re-run this program as root to check all files!");
	printf("fsck summary: %" PRIu64 " corrupt files, %" PRIu64 " files skipped\n", res->corrupt,
	       res->skipped);
	return EXITCODE_FSCK;
}

static int check(struct cli *c, struct view *view, const struct volume *volume, int dirfd)
{
	struct report report = { .json = c->opt.json };
	const struct check_options opt = {
		.finding = on_finding,
		.progress = isatty(STDERR_FILENO) && !c->opt.quiet ? on_progress : NULL,
		.arg = &report,
		.stop = &stop,
	};
	struct check_result result = { 0 };
	struct err err = { 0 };
	int r;

	catch_signals();
	log_info("Checking filesystem...");
	r = check_run(view, volume, dirfd, &opt, &result, &err);
	wipe_progress(&report);
	if (r == -EINTR) {
		log_info("fsck: aborted");
		return EXITCODE_OTHER;
	}
	if (r < 0)
		return cli_fail(&err, EXITCODE_OTHER);
	return summarize(&report, &result);
}

int cmd_fsck(struct cli *c)
{
	const struct view_options opt = { .read_only = true,
					  .badname = c->opt.badname.v,
					  .conf_hidden = true };
	auto_fd int dirfd = fd_openat(AT_FDCWD, c->cipherdir, O_RDONLY | O_DIRECTORY, 0);
	struct volume *volume = NULL;
	struct view *view = NULL;
	char why[TEXT_ERRNO_MAX];
	struct err err = { 0 };
	struct keys keys;
	int code;

	if (dirfd < 0) {
		log_error("Invalid cipherdir: open %s: %s", c->cipherdir, text_errno(dirfd, why));
		return EXITCODE_CIPHERDIR;
	}
	code = keys_get(c, false, &keys);
	if (code ==
	    0) /* a store with all of its root directory damaged looks like a wrong key: check it anyway */
		code = keys_open_volume(c, &keys, dirfd, true, &volume);
	keys_done(&keys);
	if (code == 0 && view_open_forward(&view, volume, dirfd, &opt, &err) < 0)
		code = cli_fail(&err, EXITCODE_OTHER);
	(void)proc_raise_nofile(NOFILE_WANTED);
	if (code == 0)
		code = check(c, view, volume, dirfd);
	view_close(view);
	volume_close(volume);
	return code;
}
