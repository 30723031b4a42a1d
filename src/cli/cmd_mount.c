/* cmd_mount.c - gocryptfs CIPHERDIR MOUNTPOINT: check everything that can be checked, ask for the password,
 * mount, serve. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/daemonize.h"
#include "cli/exitcode.h"
#include "cli/paths.h"
#include "fuse/ctlsock.h"
#include "fuse/sandbox.h"
#include "fuse/session.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/proc.h"
#include "util/secret.h"
#include "view/peers.h"
#include "volume/text.h"

enum { NOFILE_WANTED = 65536 };

struct mount {
	struct cli *c;
	char *mountpoint; /* absolute */
	char *ctlsock;	  /* absolute, NULL if none */
	int ctlsock_fd;
	int dirfd;
	bool read_only, noprealloc;
	char *fsname;
	pid_t notify;	  /* 0: nobody */
	pid_t supervisor; /* -notifypid of a mount that goes to the background; 0: nobody */
	int ready_fd;	  /* -1: nobody */
	struct volume *volume;
	struct view *view;
	struct session *session;
	struct peers peers; /* held while the mount lives */
};

static bool is_fuse_fd(const char *mountpoint)
{
	return strncmp(mountpoint, "/dev/fd/", strlen("/dev/fd/")) == 0;
}

static int complain_nested(const char *mountpoint, const char *cipherdir)
{
	auto_free char *mnt = text_quote(mountpoint, strlen(mountpoint));
	auto_free char *dir = text_quote(cipherdir, strlen(cipherdir));

	if (!mnt || !dir)
		return cli_no_memory();
	if (path_is_within(cipherdir, mountpoint))
		log_error("Mountpoint %s would shadow cipherdir %s, this is not supported", mnt, dir);
	else
		log_error("Mountpoint %s is contained in cipherdir %s, this is not supported", mnt, dir);
	return EXITCODE_MOUNTPOINT;
}

/* By their names as given, and by what symbolic links in them lead to. */
static int check_nesting(const struct mount *m)
{
	auto_free char *mnt = realpath(m->mountpoint, NULL);
	auto_free char *dir = realpath(m->c->cipherdir, NULL);

	if (path_is_within(m->c->cipherdir, m->mountpoint) || path_is_within(m->mountpoint, m->c->cipherdir))
		return complain_nested(m->mountpoint, m->c->cipherdir);
	if (mnt && dir && (path_is_within(dir, mnt) || path_is_within(mnt, dir)))
		return complain_nested(mnt, dir);
	return 0;
}

static int check_mountpoint(struct mount *m)
{
	struct err err = { 0 };
	int r = 0;

	m->mountpoint = path_abs(m->c->opt.paths[1]);
	if (!m->mountpoint)
		return cli_no_memory();
	if (is_fuse_fd(m->mountpoint)) /* mounted by whoever opened it */
		return 0;
	r = check_nesting(m);
	if (r != 0)
		return r;
	r = m->c->opt.nonempty ? path_check_dir(m->mountpoint, &err)
			       : path_check_empty_dir(m->mountpoint, &err);
	if (r == 0)
		return 0;
	(void)err_prefix(&err, "Invalid mountpoint");
	return cli_fail(&err, EXITCODE_MOUNTPOINT);
}

static int check_cipherdir(struct mount *m)
{
	const struct opts *o = &m->c->opt;
	char why[TEXT_ERRNO_MAX];
	struct statfs fs = { 0 };

	m->dirfd = fd_openat(AT_FDCWD, m->c->cipherdir, O_RDONLY | O_DIRECTORY, 0);
	if (m->dirfd < 0) {
		log_error("Invalid cipherdir: open %s: %s", m->c->cipherdir, text_errno(m->dirfd, why));
		return EXITCODE_CIPHERDIR;
	}
	m->noprealloc = o->noprealloc;
	(void)fstatfs(m->dirfd, &fs); /* nothing known: nothing assumed */
	if (!m->noprealloc && fs.f_type == BTRFS_SUPER_MAGIC && !view_counts_quota(m->dirfd)) {
		log_info("%sBtrfs detected, forcing -noprealloc.%s", log_yellow(), log_reset());
		m->noprealloc = true;
	}
	m->read_only = o->ro;
	if (!(fs.f_flags & ST_RDONLY) || o->ro)
		return 0;
	if (o->rw) {
		log_error("Cipherdir %s is on a read-only filesystem, -rw is not possible", m->c->cipherdir);
		return EXITCODE_USAGE;
	}
	log_info("Cipherdir %s is on a read-only filesystem, mounting as read-only.", m->c->cipherdir);
	m->read_only = true;
	return 0;
}

/* Several writers need locks that all of them see: refusal instead of loss. */
static int check_locks(const struct mount *m)
{
	struct err err = { 0 };

	switch (peers_check_locks(m->dirfd, &err)) {
	case PEERS_LOCKS_SHARED:
		return 0;
	case PEERS_LOCKS_UNKNOWN:
		log_warn("-sharedstorage: %s", err.text);
		return 0;
	case PEERS_LOCKS_LOCAL:
		break;
	}
	if (m->read_only) {
		log_warn("-sharedstorage: %s", err.text);
		return 0;
	}
	log_error("-sharedstorage is not safe here: %s", err.text);
	return EXITCODE_MOUNT;
}

/* One mount alone may be exclusive, or all of them shared. Who only reads harms nobody. */
static int check_peers(struct mount *m)
{
	/* What the kernel gathers it would write over whatever another mount has written meanwhile. */
	const char *policy = m->c->opt.peers ? m->c->opt.peers : m->c->opt.writeback ? "refuse" : "warn";
	const bool shared = m->c->opt.sharing != VIEW_EXCLUSIVE;
	struct peers_seen seen;
	char why[TEXT_ERRNO_MAX];
	const char *text;
	int r, code = shared ? check_locks(m) : 0;

	if (code != 0 || m->read_only)
		return code;
	r = peers_join(&m->peers, m->dirfd, shared, &seen);
	if (r < 0)
		log_debug("other mounts of the store cannot be looked for: %s", text_errno(r, why));
	if (!seen.exclusive && (shared || !seen.shared))
		return 0;
	if (shared)
		text = "CIPHERDIR is also mounted without -sharedstorage, here or on another machine";
	else if (seen.exclusive)
		text = "CIPHERDIR is mounted already, here or on another machine, and neither mount uses "
		       "-sharedstorage";
	else
		text = "CIPHERDIR is mounted with -sharedstorage, here or on another machine, and this mount "
		       "would be without";
	if (strcmp(policy, "refuse") == 0) {
		log_error("%s: refused", text);
		return EXITCODE_MOUNT;
	}
	if (strcmp(policy, "ignore") != 0)
		log_warn("%s. Files that both write will be damaged.", text);
	return 0;
}

/* Before the password is asked for: a taken path should not cost the user the typing. */
static int open_ctlsock(struct mount *m)
{
	struct err err = { 0 };
	char *path;

	if (!m->c->opt.ctlsock || !*m->c->opt.ctlsock)
		return 0;
	path = path_abs(m->c->opt.ctlsock); /* we will be in "/" when it is removed */
	if (!path)
		return cli_no_memory();
	if (ctlsock_listen(path, &m->ctlsock_fd, &err) < 0) {
		free(path);
		return cli_fail(&err, EXITCODE_CTLSOCK);
	}
	m->ctlsock = path;
	return 0;
}

/* The monitor is a copy of this process. It must not keep a key that was given on the command line. */
static int start_monitor(struct mount *m)
{
	struct secret *key = m->c->opt.masterkey;
	char why[TEXT_ERRNO_MAX];
	int r;

	if (key)
		(void)madvise(key->data, key->map_len, MADV_WIPEONFORK);
	r = session_monitor_start();
	if (key)
		(void)madvise(key->data, key->map_len, MADV_KEEPONFORK);
	if (r < 0) {
		log_error("could not start the mount's monitor: %s", text_errno(r, why));
		return EXITCODE_FORK;
	}
	return 0;
}

static int open_volume(struct mount *m)
{
	struct keys keys;
	int code;

	code = keys_get(m->c, false, &keys);
	if (code ==
	    0) /* read-only, a wrong key can do no harm, and a damaged root directory may look like one */
		code = keys_open_volume(m->c, &keys, m->dirfd, m->read_only, &m->volume);
	keys_done(&keys);
	return code;
}

static void warn_damage(void *arg, const char *text)
{
	(void)arg;
	log_warn("%s", text);
}

static int open_view(struct mount *m)
{
	const struct opts *o = &m->c->opt;
	const struct view_options opt = {
		.sharing = o->sharing,
		.read_only = m->read_only,
		.noprealloc = m->noprealloc,
		.noxattr = o->noxattr,
		.suid = o->suid && !o->nosuid,
		.acl = o->acl,
		.preserve_owner = o->allow_other && getuid() == 0 && !m->c->force_owner,
		.force_owner = m->c->force_owner,
		.force_uid = m->c->force_uid,
		.force_gid = m->c->force_gid,
		.badname = o->badname.v,
		.conf_hidden = true,
		.warn = warn_damage,
	};
	struct err err = { 0 };

	if (view_open_forward(&m->view, m->volume, m->dirfd, &opt, &err) < 0)
		return cli_fail(&err, EXITCODE_OTHER);
	return 0;
}

/* The mount's source in df. A comma would end the option it is passed in. */
static int choose_fsname(struct mount *m)
{
	const char *wanted = m->c->opt.fsname && *m->c->opt.fsname ? m->c->opt.fsname : m->c->cipherdir;
	auto_free char *before = text_quote(wanted, strlen(wanted));
	auto_free char *after = NULL;

	m->fsname = strdup(wanted);
	if (!m->fsname)
		return cli_no_memory();
	for (char *p = m->fsname; (p = strchr(p, ',')); p++)
		*p = '_';
	if (strcmp(m->fsname, wanted) == 0)
		return 0;
	after = text_quote(m->fsname, strlen(m->fsname));
	log_warn("Warning: %s will be displayed as %s in \"df -T\"", before ? before : "",
		 after ? after : "");
	return 0;
}

/* Whoever started us reads two counters of 8 bytes in memory of its own. The mapping lives as long as the
 * process. */
static int map_counters(int64_t fd, _Atomic uint64_t **ret)
{
	void *at;

	*ret = NULL;
	if (fd < 0)
		return 0;
	at = mmap(NULL, 2 * sizeof(**ret), PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
	if (at == MAP_FAILED) {
		log_error("-stats_fd: mmap: %s", strerror(errno));
		return EXITCODE_OTHER;
	}
	(void)close((int)fd);
	*ret = at;
	return 0;
}

static int do_mount(struct mount *m)
{
	_Atomic uint64_t *counters;
	int code = map_counters(m->c->opt.stats_fd, &counters);

	if (code != 0)
		return code;
	const struct opts *o = &m->c->opt;
	const struct session_options opt = {
		.mountpoint = m->mountpoint,
		.fsname = m->fsname,
		.context = o->context && *o->context ? o->context : NULL,
		.ko = o->ko && *o->ko ? o->ko : NULL,
		.allow_other = o->allow_other,
		.acl = o->acl,
		.read_only = m->read_only,
		.nonempty = o->nonempty,
		/* of two opposites the safer one counts */
		.dev = o->dev && !o->nodev,
		.suid = o->suid && !o->nosuid,
		.noexec = o->noexec,
		.kernel_cache = o->kernel_cache,
		.serialize_reads = o->serialize_reads,
		.writeback = o->writeback,
		.fuse_debug = o->fusedebug,
		.sharing = o->sharing,
		.threads = (unsigned int)o->threads,
		.idle_ms = ((unsigned long long)o->idle_ns + 999999) / 1000000,
		.counters = counters,
		.ctlsock_fd = take_fd(&m->ctlsock_fd),
	};
	struct err err = { 0 };

	if (session_mount(&m->session, m->view, &opt, &err) < 0)
		return cli_fail(&err, EXITCODE_MOUNT);
	/* Requests carry the mode they want, with the caller's umask applied. */
	(void)umask(0);
	return 0;
}

static void on_ready(void *arg)
{
	struct mount *m = arg;

	log_info("%sFilesystem mounted and ready.%s", log_green(), log_reset());
	if (m->notify > 0)
		daemonize_detach(m->notify, m->c->opt.nosyslog);
	if (m->supervisor > 0)
		(void)kill(m->supervisor, SIGUSR1); /* it may have gone; the mount stays */
	if (m->ready_fd >= 0) {
		(void)fd_write(m->ready_fd, "1", 1); /* whoever asked may have gone; the mount stays */
		(void)close(take_fd(&m->ready_fd));
	}
}

static int prepare(struct mount *m)
{
	int code;

	code = check_mountpoint(m);
	if (code == 0 && !is_fuse_fd(m->mountpoint)) /* who mounted it unmounts it */
		code = start_monitor(m);
	if (code == 0)
		code = check_cipherdir(m);
	if (code == 0)
		code = check_peers(m);
	if (code == 0)
		code = open_ctlsock(m);
	if (code == 0)
		code = open_volume(m);
	if (code == 0)
		code = open_view(m);
	if (code == 0)
		code = choose_fsname(m);
	return code;
}

/* A sanitizer's run-time writes its report to a file and looks at threads with ptrace(2); that of gcov writes
 * counts. */
#ifdef GCF_INSTRUMENTED
enum { INSTRUMENTED = 1 };
#else
enum { INSTRUMENTED = 0 };
#endif

/* Keys are derived, the mount is there, the monitor is outside: from here on only the store is needed. */
static void enter_sandbox(const struct mount *m)
{
	const struct sandbox_options opt = { .store = m->dirfd, .ctlsock = m->ctlsock };
	struct sandbox_state state;
	char text[256];

	if (INSTRUMENTED)
		return;
	sandbox_enter(&opt, &state);
	log_debug("sandbox: %s", sandbox_describe(&state, text, sizeof(text)));
}

static int serve(struct mount *m)
{
	char why[TEXT_ERRNO_MAX];
	int code, r;

	if (m->c->opt.allow_other)
		log_info(
		    "%sThe option \"-allow_other\" is set. Make sure the file permissions protect your data "
		    "from unwanted access.%s",
		    log_yellow(), log_reset());
	if (secret_any_unlocked())
		log_info(
		    "%sNot all keys could be locked in memory (ulimit -l is too small); they may be swapped "
		    "to disk.%s",
		    log_yellow(), log_reset());
	code = do_mount(m);
	if (code != 0)
		return code;
	(void)proc_raise_nofile(NOFILE_WANTED);
	enter_sandbox(m);
	r = session_loop(m->session, on_ready, m);
	if (r < 0) {
		log_error("the mount on %s ended: %s", m->mountpoint, text_errno(r, why));
		return EXITCODE_OTHER;
	}
	return r > 0 ? EXITCODE_SIGINT : EXITCODE_OK;
}

static void mount_done(struct mount *m)
{
	session_free(m->session);
	peers_leave(&m->peers);
	view_close(m->view);
	volume_close(m->volume);
	if (m->ctlsock_fd >= 0)
		(void)close(m->ctlsock_fd);
	if (m->ctlsock)
		(void)unlink(m->ctlsock);
	if (m->dirfd >= 0)
		(void)close(m->dirfd);
	if (m->ready_fd >= 0)
		(void)close(m->ready_fd);
	free(m->ctlsock);
	free(m->mountpoint);
	free(m->fsname);
}

int cmd_mount(struct cli *c)
{
	struct mount m = {
		.c = c, .ctlsock_fd = -1, .dirfd = -1, .ready_fd = (int)c->opt.ready_fd, .peers = PEERS_NONE
	};
	int code;

	m.notify = c->opt.notifypid > 0 && c->opt.notifypid <= INT32_MAX ? (pid_t)c->opt.notifypid : 0;
	if (!c->opt.fg) {
		/* All the rest happens in the child, on the caller's terminal, until it is mounted. */
		pid_t child;

		m.supervisor = m.notify;
		child = daemonize_fork(&m.notify);
		if (child != 0) {
			opts_forget_masterkey(&c->opt);
			return child < 0 ? EXITCODE_FORK : daemonize_wait(child);
		}
	}
	code = prepare(&m);
	if (code == 0)
		code = serve(&m);
	mount_done(&m);
	return code;
}
