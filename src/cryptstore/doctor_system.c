/* doctor_system.c - checks of the operating system: FUSE, namespaces, clock. */
#include "cryptstore/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"

enum { FUSE_MAJOR = 10, FUSE_MINOR = 229 }; /* Linux, Documentation/admin-guide/devices.txt */

enum doctor_verdict doctor_fuse(const struct doctor_options *o, struct doctor_answer *a)
{
	auto_fd int fd = fd_openat(AT_FDCWD, "/dev/fuse", O_RDWR, 0);
	struct stat st;

	(void)o;
	if (stat("/dev/fuse", &st) < 0)
		return doctor_answer(a, DOCTOR_FAIL, "modprobe fuse, and load it at boot (modules-load.d)",
				     "/dev/fuse is missing");
	if (!S_ISCHR(st.st_mode) || major(st.st_rdev) != FUSE_MAJOR || minor(st.st_rdev) != FUSE_MINOR)
		return doctor_answer(a, DOCTOR_FAIL, "rm /dev/fuse; mknod -m 666 /dev/fuse c 10 229",
				     "/dev/fuse is not the FUSE device");
	if (fd < 0)
		return doctor_answer(a, DOCTOR_FAIL, "chmod 666 /dev/fuse (users mount by hand as well)",
				     "/dev/fuse: %s", strerror(-fd));
	if ((st.st_mode & 0666) != 0666)
		return doctor_answer(a, DOCTOR_WARN, "chmod 666 /dev/fuse",
				     "/dev/fuse has mode %04o: users cannot mount by hand",
				     st.st_mode & 07777u);
	return doctor_answer(a, DOCTOR_OK, NULL, "/dev/fuse opens");
}

enum doctor_verdict doctor_fusermount(const struct doctor_options *o, struct doctor_answer *a)
{
	static const char *const places[] = { "/usr/bin/fusermount3", "/bin/fusermount3",
					      "/usr/local/bin/fusermount3" };
	struct stat st;
	size_t i;

	(void)o;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (stat(places[i], &st) < 0)
			continue;
		if (st.st_uid == 0 && (st.st_mode & S_ISUID))
			return doctor_answer(a, DOCTOR_OK, NULL, "%s is setuid root", places[i]);
		return doctor_answer(
		    a, DOCTOR_WARN,
		    "chown root and chmod u+s it (jobs do not need it, mounting by hand does)",
		    "%s is not setuid root", places[i]);
	}
	return doctor_answer(
	    a, DOCTOR_WARN, "install the system's package fuse3 (jobs do not need it, mounting by hand does)",
	    "fusermount3 is not installed");
}

/* Try it in a child, so that this process stays where it is. */
static int try_unshare(void)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(unshare(CLONE_NEWNS) < 0 ? errno & 0x7f : 0);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

enum doctor_verdict doctor_namespaces(const struct doctor_options *o, struct doctor_answer *a)
{
	int r;

	(void)o;
	if (access("/proc/self/ns/mnt", F_OK) < 0)
		return doctor_answer(a, DOCTOR_FAIL, "a kernel with CONFIG_NAMESPACES, and /proc mounted",
				     "the kernel has no mount namespaces");
	if (geteuid() != 0)
		return doctor_answer(a, DOCTOR_SKIP, NULL,
				     "the kernel has them; making one is root's to try");
	r = try_unshare();
	if (r < 0)
		return doctor_answer(
		    a, DOCTOR_FAIL, "raise the sysctl user.max_mnt_namespaces, look for seccomp or LSM rules",
		    "a mount namespace cannot be made: %s", strerror(-r));
	return doctor_answer(a, DOCTOR_OK, NULL, "one can be made");
}

enum doctor_verdict doctor_clock(const struct doctor_options *o, struct doctor_answer *a)
{
	const time_t built = 1735689600; /* 2025-01-01: before this program existed */
	struct timex tx = { 0 };
	int state = adjtimex(&tx);
	char date[40] = "";
	time_t now = time(NULL);
	struct tm tm;

	(void)o;
	if (gmtime_r(&now, &tm))
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	if (now < built)
		return doctor_answer(a, DOCTOR_FAIL, "set the clock and start chronyd or another NTP client",
				     "it is %s here: tickets look as if made in the future", date);
	if (state < 0 || (tx.status & STA_UNSYNC))
		return doctor_answer(a, DOCTOR_WARN,
				     "start chronyd or another NTP client (tickets carry dates)",
				     "%s, but nothing keeps it right", date);
	return doctor_answer(a, DOCTOR_OK, NULL, "%s, kept by NTP", date);
}
