/* ns.c - the mount namespace of a job: made, pinned, filled with views, entered. */
#include "cryptstore/node/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cryptstore/node/fields.h"
#include "cryptstore/node/job.h"
#include "grant/policy.h"
#include "grant/ticket.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "view/view.h"

/* Binding a namespace file made by one CPU from a namespace made by another fails with EINVAL when the
 * kernel's ordered namespace numbers, handed out per CPU, say that the new one is older (Linux 6.18; never
 * from the first namespace). */
enum { PIN_TRIES = 16 };

/* What the holder (the child that makes the namespace) and the keeper say to each other. */
enum word { WORD_UNSHARED = 1, WORD_PINNED, WORD_AGAIN, WORD_UNPINNED, WORD_MOUNTED, WORD_FAILED };
struct message {
	enum word word;
	int code;
	char text[256];
};

static int say(int sock, enum word word, int code, const char *text)
{
	struct message m = { .word = word, .code = code };

	snprintf(m.text, sizeof(m.text), "%s", text ? text : "");
	return send(sock, &m, sizeof(m), MSG_NOSIGNAL) == (ssize_t)sizeof(m) ? 0 : -EPIPE;
}

static int hear(int sock, struct message *m, deadline_t end)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int r;

	do {
		r = poll(&p, 1, deadline_left(end));
	} while (r < 0 && errno == EINTR);
	if (r == 0)
		return -ETIMEDOUT;
	if (r < 0)
		return -errno;
	return recv(sock, m, sizeof(*m), 0) == (ssize_t)sizeof(*m) ? 0 : -EPIPE;
}

/* One line of mountinfo: is it about this mount point, and what is there? */
static bool line_is_about(char *line, const char *view, bool *ret_ours, uint64_t *ret_minor)
{
	char *at = line, *device = NULL, *point = NULL;

	/* after the point come its options; the file system's type follows a lone dash */
	*ret_ours = strstr(line, " - fuse.gocryptfs ") != NULL;
	for (int field = 1; field <= 5; field++) {
		char *word = fields_word(&at);

		if (!word)
			return false;
		device = field == 3 ? word : device;
		point = word;
	}
	device = device ? strchr(device, ':') : NULL;
	/* views' names hold no character that mountinfo escapes */
	return device && fields_is_number(device + 1, UINT_MAX, ret_minor) && strcmp(point, view) == 0;
}

bool ns_view_mounted(const char *view, unsigned int *ret_minor)
{
	auto_file FILE *f = fopen("/proc/self/mountinfo", "re");
	auto_free char *line = NULL;
	size_t size = 0;
	bool found = false, ours;
	uint64_t minor;

	/* the last line about a path is the mount on top */
	while (f && getline(&line, &size, f) > 0) {
		if (!line_is_about(line, view, &ours, &minor))
			continue;
		found = ours;
		if (found && ret_minor)
			*ret_minor = (unsigned int)minor;
	}
	return found;
}

static void raise_readahead(const char *view)
{
	static const char kib[] = "1024"; /* one whole request: site-docs/performance.md has what it gains */
	unsigned int minor;
	char path[64];

	if (!ns_view_mounted(view, &minor))
		return;
	snprintf(path, sizeof(path), "/sys/class/bdi/0:%u/read_ahead_kb", minor);
	auto_fd int fd = fd_openat(AT_FDCWD, path, O_WRONLY, 0);

	if (fd >= 0)
		(void)fd_write(fd, kib, sizeof(kib) - 1);
}

/* Only in the job's namespace can be seen which device a view is. */
void ns_raise_readahead(const struct job *job)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (size_t i = 0; setns(job->ns_fd, CLONE_NEWNS) == 0 && i < job->n; i++)
			raise_readahead(job->stores[i].view);
		_exit(0);
	}
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

static unsigned long view_flags(const struct job *job, const struct store *s)
{
	unsigned long flags = MS_NOSUID | MS_NODEV;

	if (!job->policy->mount_exec)
		flags |= MS_NOEXEC;
	if (s->ticket->mode & TICKET_RO)
		flags |= MS_RDONLY;
	return flags;
}

static int mount_view(const struct job *job, const struct store *s, char text[static 256])
{
	char options[200];

	/* max_read must be what the daemon tells the kernel when it answers the first request */
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=%" PRIuMAX ",group_id=%" PRIuMAX
		 ",max_read=%u,allow_other,default_permissions",
		 s->fuse_fd, (uintmax_t)job->uid, (uintmax_t)job->gid, (unsigned int)VIEW_IO_MAX);
	if (mkdir(s->view, 0555) < 0 ||
	    mount(s->path, s->view, "fuse.gocryptfs", view_flags(job, s), options) < 0) {
		int r = -errno;

		snprintf(text, 256, "cannot mount '%s': %s", s->view, strerror(-r));
		return r;
	}
	return 0;
}

/* In the new namespace. */
static int fill(const struct job *job, char text[static 256])
{
	const char *root = job->policy->view_root;
	int r;

	text[0] = '\0';
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
		r = -errno;
		snprintf(text, 256, "cannot detach the job's mounts from the node's: %s", strerror(-r));
		return r;
	}
	(void)umount2(JOBDIR_PIN, MNT_DETACH); /* other jobs' namespaces are no business of this one */
	if (mount("cryptstore", root, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,size=64k") < 0) {
		r = -errno;
		snprintf(text, 256, "cannot mount on '%s': %s", root, strerror(-r));
		return r;
	}
	for (size_t i = 0; i < job->n; i++) {
		r = mount_view(job, &job->stores[i], text);
		if (r < 0)
			return r;
	}
	if (mount(NULL, root, NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "mode=755,size=64k") < 0) {
		r = -errno;
		snprintf(text, 256, "cannot protect '%s': %s", root, strerror(-r));
		return r;
	}
	return 0;
}

/* The child: unshare (as often as the keeper wants, each time on another CPU), mount, tell, wait to be let
 * go. */
static void __attribute__((noreturn)) holder(const struct job *job, int sock)
{
	struct message m = { .word = WORD_AGAIN };
	char text[256];
	cpu_set_t all, one;
	int tries = 0, r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&all);
	(void)sched_getaffinity(0, sizeof(all), &all);
	for (int cpu = -1; tries < PIN_TRIES; cpu++) {
		if (cpu >= CPU_SETSIZE)
			break;
		if (cpu >= 0) { /* the first try where we are */
			if (!CPU_ISSET(cpu, &all))
				continue;
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			(void)sched_setaffinity(0, sizeof(one), &one);
		}
		tries++;
		if (unshare(CLONE_NEWNS) < 0) {
			(void)say(sock, WORD_FAILED, -errno, "cannot make a mount namespace");
			_exit(1);
		}
		(void)say(sock, WORD_UNSHARED, 0, NULL);
		if (hear(sock, &m, job->end) < 0)
			_exit(1);
		if (m.word == WORD_PINNED)
			break;
	}
	if (m.word != WORD_PINNED)
		(void)say(sock, WORD_UNPINNED, 0, NULL);
	r = fill(job, text);
	(void)say(sock, r < 0 ? WORD_FAILED : WORD_MOUNTED, r, text);
	(void)hear(sock, &m, job->end);
	_exit(0);
}

/* Bind the holder's namespace file into the job's state. */
static int pin(const struct job *job, pid_t pid)
{
	char from[64], to[80];
	auto_fd int fd = -1;

	snprintf(from, sizeof(from), "/proc/%d/ns/mnt", (int)pid);
	snprintf(to, sizeof(to), "%s/%" PRIu32 "/ns", JOBDIR_PIN, job->dir.job);
	fd = fd_openat(job->dir.pin, "ns", O_WRONLY | O_CREAT, 0400);
	if (fd < 0)
		return fd;
	return mount(from, to, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

static int pin_to_keeper(const struct job *job)
{
	char target[64];

	snprintf(target, sizeof(target), "/proc/%d/ns/mnt", (int)getpid());
	(void)unlinkat(job->dir.pin, "ns", 0);
	return symlinkat(target, job->dir.pin, "ns") < 0 ? -errno : 0;
}

/* The keeper's side of the conversation. */
static int attend(struct job *job, pid_t pid, int sock, struct err *err)
{
	struct message m;
	int r;

	for (;;) {
		r = hear(sock, &m, job->end);
		if (r < 0)
			return err_set(err, r, "making the mount namespace: %s", strerror(-r));
		switch (m.word) {
		case WORD_UNSHARED:
			r = pin(job, pid);
			if (r < 0 && r != -EINVAL)
				return err_set(err, r, "cannot pin the mount namespace: %s", strerror(-r));
			(void)say(sock, r == 0 ? WORD_PINNED : WORD_AGAIN, 0, NULL);
			break;
		case WORD_UNPINNED:
			r = pin_to_keeper(job);
			if (r < 0)
				return err_set(err, r, "cannot pin the mount namespace: %s", strerror(-r));
			break;
		case WORD_MOUNTED:
			return 0;
		default:
			return err_set(err, m.code < 0 ? m.code : -EIO, "%s", m.text);
		}
	}
}

static int remember(struct job *job, pid_t pid, struct err *err)
{
	char path[64], id[32];
	struct stat st;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	job->ns_fd = fd_openat(AT_FDCWD, path, O_RDONLY, 0);
	if (job->ns_fd < 0 || fstat(job->ns_fd, &st) < 0)
		return err_set(err, -EIO, "cannot open the mount namespace");
	snprintf(id, sizeof(id), "%" PRIuMAX, (uintmax_t)st.st_ino);
	r = jobdir_write(job->dir.pin, "ns.id", 0400, id);
	return r < 0 ? err_set(err, r, "cannot write the state of the job: %s", strerror(-r)) : 0;
}

static int open_fuse(struct job *job, struct err *err)
{
	struct stat st;

	/* made by the installation; here for nodes whose root is built anew at every boot */
	if (mkdir(job->policy->view_root, 0755) < 0 && errno != EEXIST)
		return err_set(err, -errno, "cannot make '%s': %s", job->policy->view_root, strerror(errno));
	if (lstat(job->policy->view_root, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != 0 ||
	    (st.st_mode & 022))
		return err_set(err, -EPERM, "'%s' is not a directory of root alone", job->policy->view_root);
	for (size_t i = 0; i < job->n; i++) {
		job->stores[i].fuse_fd = fd_openat(AT_FDCWD, "/dev/fuse", O_RDWR, 0);
		if (job->stores[i].fuse_fd < 0)
			return err_set(err, job->stores[i].fuse_fd,
				       "cannot open '/dev/fuse': %s (modprobe fuse)",
				       strerror(-job->stores[i].fuse_fd));
	}
	return 0;
}

int ns_build(struct job *job, struct err *err)
{
	int pair[2], r, status;
	pid_t pid;

	r = open_fuse(job, err);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, -errno, "socketpair: %s", strerror(errno));
	auto_fd int mine = pair[0];
	auto_fd int theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return err_set(err, -errno, "fork: %s", strerror(errno));
	if (pid == 0) {
		(void)close(take_fd(&mine)); /* or it would never see the keeper close its own */
		holder(job, theirs);
	}
	r = attend(job, pid, mine, err);
	if (r == 0)
		r = remember(job, pid, err);
	(void)close(take_fd(&mine)); /* lets the holder go */
	(void)close(take_fd(&theirs));
	if (deadline_wait(pid, deadline_min(job->end, deadline_in(2000)), &status) < 0) {
		(void)kill(pid, SIGKILL);
		(void)deadline_wait(pid, deadline_in(500), &status);
	}
	return r;
}

int ns_enter(int ns_fd)
{
	return setns(ns_fd, CLONE_NEWNS) < 0 ? -errno : 0;
}
