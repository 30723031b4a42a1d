/* jobdir.c - what root keeps about a job on this node, under /run/cryptstore. */
#include "cryptstore/node/jobdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cryptstore/node/fields.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"

/* Make a directory of root's, or take the one there if nobody else could have made it. */
static int own_dir(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_set(err, -errno, "cannot make '%s': %s", path, strerror(errno));
	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
		return err_set(err, -EPERM, "'%s' is not a directory of root alone", path);
	return 0;
}

/* True if path is a mount point here. */
static bool is_mount(const char *path)
{
	auto_file FILE *f = fopen("/proc/self/mountinfo", "re");
	auto_free char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (f && !found && getline(&line, &size, f) > 0) {
		char *save = NULL, *p = strtok_r(line, " ", &save);

		for (int field = 1; p && field < 5; field++)
			p = strtok_r(NULL, " ", &save);
		found = p && strcmp(p, path) == 0;
	}
	return found;
}

int jobdir_setup(struct err *err)
{
	auto_fd int fd = -1;
	int r;

	r = own_dir(JOBDIR_RUN, 0755, err);
	if (r == 0)
		r = own_dir(JOBDIR_PIN, 0700, err);
	if (r < 0)
		return r;
	/* two prologs at once must not mount twice */
	fd = fd_openat(AT_FDCWD, JOBDIR_RUN, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_set(err, -EIO, "cannot lock '%s': %s", JOBDIR_RUN, strerror(errno));
	if (is_mount(JOBDIR_PIN))
		return 0;
	/* A namespace file can be bound only below a mount that does not propagate: otherwise every job's
	 * namespace would hold every other's. */
	if (mount(JOBDIR_PIN, JOBDIR_PIN, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, JOBDIR_PIN, NULL, MS_PRIVATE, NULL) < 0)
		return err_set(err, -errno, "cannot make '%s' a private mount: %s", JOBDIR_PIN,
			       strerror(errno));
	return 0;
}

static void names(uint32_t job, char pin[static 64], char pub[static 64])
{
	snprintf(pin, 64, "%s/%" PRIu32, JOBDIR_PIN, job);
	snprintf(pub, 64, "%s/%" PRIu32, JOBDIR_RUN, job);
}

static int lock_until(int fd, deadline_t end)
{
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (!deadline_nap(end, 50))
			return -ETIMEDOUT;
	}
	return 0;
}

static int open_both(struct jobdir *jd, const char *pin, const char *pub)
{
	int r;

	jd->pin = fd_openat(AT_FDCWD, pin, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (jd->pin < 0)
		return jd->pin;
	/* a description of its own: the lock must not live on in children that inherit jd->pin */
	jd->lock = fd_openat(AT_FDCWD, pin, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (jd->lock < 0)
		return jd->lock;
	jd->pub = fd_openat(AT_FDCWD, pub, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (jd->pub == -ENOENT && mkdir(pub, 0711) == 0)
		jd->pub = fd_openat(AT_FDCWD, pub, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	r = jd->pub < 0 ? jd->pub : 0;
	return r;
}

int jobdir_create(struct jobdir *ret, uint32_t job, struct err *err)
{
	struct jobdir jd = { .job = job, .pin = -1, .pub = -1, .lock = -1 };
	char pin[64], pub[64];
	int r;

	names(job, pin, pub);
	if (mkdir(pin, 0700) < 0)
		return err_set(err, -errno, "cannot make '%s': %s", pin, strerror(errno));
	(void)umask(0);
	if (mkdir(pub, 0711) < 0 && errno != EEXIST) {
		r = -errno;
		(void)rmdir(pin);
		return err_set(err, r, "cannot make '%s': %s", pub, strerror(-r));
	}
	r = open_both(&jd, pin, pub);
	if (r == 0)
		r = lock_until(jd.lock, deadline_in(1000));
	if (r < 0) {
		jobdir_done(&jd);
		return err_set(err, r, "cannot open '%s': %s", pin, strerror(-r));
	}
	*ret = jd;
	return 0;
}

int jobdir_attach(struct jobdir *ret, uint32_t job, deadline_t end, struct err *err)
{
	struct jobdir jd = { .job = job, .pin = -1, .pub = -1, .lock = -1 };
	char pin[64], pub[64];
	struct stat st;
	int r;

	names(job, pin, pub);
	r = open_both(&jd, pin, pub);
	if (r == 0)
		r = lock_until(jd.lock, end);
	if (r == 0 && fstat(jd.lock, &st) == 0 && st.st_nlink == 0)
		r = -ENOENT; /* removed while we waited */
	if (r < 0) {
		jobdir_done(&jd);
		return err_set(err, r, "state of job %" PRIu32 ": %s", job, strerror(-r));
	}
	*ret = jd;
	return 0;
}

void jobdir_unlock(struct jobdir *jd)
{
	if (jd->lock >= 0) {
		(void)flock(jd->lock, LOCK_UN);
		(void)close(take_fd(&jd->lock));
	}
}

void jobdir_done(struct jobdir *jd)
{
	int *fds[] = { &jd->lock, &jd->pin, &jd->pub };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (*fds[i] >= 0)
			(void)close(take_fd(fds[i]));
}

static int empty_dir(int dir)
{
	auto_dir DIR *d = NULL;
	struct dirent *e;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dir, e->d_name, 0) < 0 && r == 0)
			r = -errno;
	}
	return r;
}

int jobdir_remove(struct jobdir *jd, struct err *err)
{
	char pin[64], pub[64], ns[80];
	int r = 0, q;

	names(jd->job, pin, pub);
	snprintf(ns, sizeof(ns), "%s/ns", pin);
	while (umount2(ns, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		; /* EINVAL: no longer a mount point */
	q = jd->pub >= 0 ? empty_dir(jd->pub) : 0;
	if (q == 0 && rmdir(pub) < 0 && errno != ENOENT)
		q = -errno;
	r = empty_dir(jd->pin);
	if (r == 0 && rmdir(pin) < 0 && errno != ENOENT)
		r = -errno;
	r = r ? r : q;
	return r < 0
		   ? err_set(err, r, "cannot remove the state of job %" PRIu32 ": %s", jd->job, strerror(-r))
		   : 0;
}

size_t jobdir_list(uint32_t *jobs, size_t max)
{
	auto_dir DIR *d = opendir(JOBDIR_PIN);
	struct dirent *e;
	size_t n = 0;

	while (d && n < max && (e = readdir(d))) {
		uint64_t job;

		if (fields_is_number(e->d_name, UINT32_MAX - 1, &job) && job > 0)
			jobs[n++] = (uint32_t)job;
	}
	return n;
}

int jobdir_write(int dir, const char *name, mode_t mode, const char *text)
{
	char tmp[64];
	int fd, r;

	snprintf(tmp, sizeof(tmp), ".%s.new", name);
	fd = fd_openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fd;
	r = fd_write(fd, text, strlen(text));
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(dir, tmp, dir, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir, tmp, 0); /* a full /run: leave nothing half written */
	return r;
}

int jobdir_read(int dir, const char *name, char **ret)
{
	auto_fd int fd = fd_openat(dir, name, O_RDONLY | O_NOFOLLOW, 0);
	char *text = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return fd;
	r = fd_slurp(fd, JOBDIR_TEXT_MAX, &text, &len);
	if (r < 0)
		return r;
	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	*ret = text;
	return 0;
}

int jobdir_write_views(const struct jobdir *jd, const struct jobdir_view *views, size_t n)
{
	auto_free char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%d %llu %s %s %s %s\n", (int)views[i].pid, views[i].start, views[i].store_id,
			views[i].ticket, views[i].mode, views[i].path);
	if (fclose(f) != 0)
		return -ENOMEM;
	return jobdir_write(jd->pin, "views", 0600, text);
}

static bool copy_word(char *to, size_t size, char **at)
{
	const char *word = fields_word(at);

	return word && (size_t)snprintf(to, size, "%s", word) < size;
}

static bool parse_view(struct jobdir_view *v, char *line)
{
	uint64_t pid, start;

	if (!fields_number(&line, INT_MAX, &pid) || !fields_number(&line, UINT64_MAX, &start) ||
	    !copy_word(v->store_id, sizeof(v->store_id), &line) ||
	    !copy_word(v->ticket, sizeof(v->ticket), &line) || !copy_word(v->mode, sizeof(v->mode), &line))
		return false;
	v->pid = (pid_t)pid;
	v->start = start;
	/* the rest of the line, since a directory's name may hold blanks */
	return line[0] == '/' && (size_t)snprintf(v->path, sizeof(v->path), "%s", line) < sizeof(v->path);
}

size_t jobdir_read_views(const struct jobdir *jd, struct jobdir_view *views)
{
	auto_free char *text = NULL;
	char *line, *save = NULL;
	size_t n = 0;

	if (jobdir_read(jd->pin, "views", &text) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &save); line && n < JOBDIR_VIEWS_MAX;
	     line = strtok_r(NULL, "\n", &save))
		n += parse_view(&views[n], line);
	return n;
}
