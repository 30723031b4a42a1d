/* check_priv.h - what the parts of the check share. Not for other files. */
#ifndef VIEW_CHECK_PRIV_H
#define VIEW_CHECK_PRIV_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "util/pool.h"
#include "view/check.h"
#include "view/view.h"
#include "volume/volume.h"

/* Objects with several names, looked at once. Open addressing; an empty slot has ino 0. */
struct check_links {
	pthread_mutex_t lock;
	struct check_link {
		dev_t dev;
		ino_t ino;
	} * slots;
	size_t n_slots, n_used;
};

/* One check_run(). */
struct check {
	struct view *v;
	const struct view_ops *ops;
	const struct volume *vol;
	int dirfd;
	const struct check_options *opt;
	struct pool *pool;
	unsigned int threads;
	atomic_int error;     /* the first reason to end early, a negative errno */
	atomic_uint n_queued; /* batches of entries waiting in the pool */
	atomic_uint_fast64_t files, dirs, symlinks, others, bytes, corrupt, skipped, leftovers, aged;
	atomic_int_fast64_t aged_seconds;
	int_fast64_t now;		   /* when it began, seconds of CLOCK_REALTIME */
	atomic_int_fast64_t last_progress; /* milliseconds */
	pthread_mutex_t report;		   /* held while one of the caller's functions runs */
	struct check_links links;
};

/* Times of a directory's metadata files and of the data below it, in seconds: check_age.c. */
struct check_age {
	unsigned int n;					/* metadata files looked at */
	int_fast64_t oldest_atime, oldest_mtime;	/* of them; only if n > 0 */
	atomic_int_fast64_t newest_atime, newest_mtime; /* 0: no data */
};

/* A directory on the way from the root; each holds a reference on its parent. */
struct check_dir {
	struct check *c;
	struct check_dir *parent; /* NULL: the root */
	struct view_node *node;	  /* with a lookup reference, but for the root */
	uint64_t ino;
	struct check_age age;
	atomic_uint refs;
	const char *name; /* in text, both "" for the root */
	const char *cname;
	char text[];
};
/* Takes over the lookup reference of node. NULL if memory is short. */
struct check_dir *check_dir_new(struct check *c, struct check_dir *parent, const struct view_entry *e,
				const char *name, const char *cname);
void check_dir_unref(struct check_dir *d);
/* Queue it (and the reference with it). */
void check_dir_submit(struct check_dir *d);

/* A directory being read: the backing side of it. Shared by the batches of its entries. */
struct check_scan {
	struct check_dir *dir;
	int fd;
	bool is_root;
	uint8_t iv[NAME_IV_LEN];
	atomic_uint refs;
};
/* Look at the backing directory for what the view does not show, and fill in iv: check_scan.c. 0 or -errno.
 */
int check_hidden(struct check *c, struct check_scan *s);
/* True if the entry cname is where a lookup of name will look. */
bool check_is_canonical(const struct check *c, const struct check_scan *s, const char *name,
			const char *cname);
/* Why gocryptfs.diriv below fd is no good. buf is returned. */
const char *check_explain_iv(int fd, char *buf, size_t size);

/* An object in a directory: check_object.c. */
struct check_object {
	const struct check_scan *scan;
	const char *name, *cname; /* both "" for the root */
	struct view_entry entry;
};
void check_file(struct check *c, const struct check_object *o);
void check_symlink(struct check *c, const struct check_object *o);
void check_xattrs(struct check *c, const struct check_object *o);

/* Take the times of the metadata file `name` in dirfd, before anything reads it. */
void check_age_meta(struct check_age *age, int dirfd, const char *name);
/* Likewise of the .name file of o, if it has one. */
void check_age_name(struct check_age *age, const struct check_object *o);
/* Take the times of o, which is no directory, and count its .name file if that is too old for it. */
void check_age_data(struct check *c, const struct check_object *o);
/* Everything below d has been looked at: count its metadata if that is too old for it. */
void check_age_done(struct check_dir *d);

/* True: end soon. */
bool check_stopped(struct check *c);
void check_fail(struct check *c, int e);
/* Call the progress function if a quarter of a second has passed. */
void check_progress(struct check *c);
/* Report fault of (dir, name, cname); name NULL: the directory's path stands for it, cname NULL: likewise. */
void check_report(struct check *c, enum check_fault fault, const struct check_dir *dir, const char *name,
		  const char *cname, uint64_t ino, const char *detail);
/* An operation failed with e on something that is `fault` if its ciphertext is damaged: report that, or that
 * it was skipped. */
void check_report_errno(struct check *c, enum check_fault fault, const struct check_object *o, int e);
static inline bool check_is_damage(int e)
{
	return e == -EBADMSG || e == -EUCLEAN;
}

#endif
