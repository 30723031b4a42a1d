/* bulk.h - import and export: one tree copied to another, one of them a store, without a mount.
 *
 * Both sides are a struct view. Every directory is a piece of work for the pool and submits its entries, some
 * at a time, as more work; large files are cut into ranges. What is not complete can be told from what is, so
 * that a second run goes on where the first ended:
 *   - a regular file has the mode BULK_UNFINISHED from its creation until its data are in place; the time of
 *     its last change is set after the data, and its mode last of all;
 *   - complete is what has the size and the time of the original. */
#ifndef CRYPTSTORE_BULK_H
#define CRYPTSTORE_BULK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "view/peers.h"
#include "view/view.h"

struct err;
struct pool;
struct volume;

enum {
	BULK_UNFINISHED = 01600,     /* sticky means nothing on a regular file, so nobody sets it */
	BULK_UNFINISHED_DIR = 01700, /* of the top directory only: made by an earlier, unfinished run */
	BULK_CHUNK = 128 << 10,	     /* bytes moved at a time; a multiple of the block */
	BULK_RANGE = 16 << 20,	     /* a file of more than two ranges is copied by several threads */
	BULK_OWN_TASK = 1 << 20,     /* from this size on a file is a piece of work by itself */
	BULK_THREADS_MAX = 256,
};

struct bulk_options {
	const char *name; /* "import" or "export" */
	bool import;
	bool overwrite, checksum, verify, noxattr, quiet;
	bool shared; /* other processes use the store at the same time */
	unsigned int threads;
	unsigned int task, n_tasks; /* this is part `task` of n_tasks */
	const char *key;
};

/* What was done; atomics. */
struct bulk_counts {
	atomic_uint_fast64_t files, bytes, links, others, dirs; /* made */
	atomic_uint_fast64_t there, there_bytes;		/* found complete */
	atomic_uint_fast64_t verified, errors;
	atomic_uint_fast64_t total, total_bytes; /* of the source, once counted is set */
	atomic_bool counted;
};

/* A name of an object that has several. */
struct bulk_name {
	dev_t dev;
	uint64_t ino;
	char *path;
};

/* Another view of the store written to: a file is locked within its view while a run of its blocks is
 * encrypted, so each thread that works on the same file has a view of its own. */
struct bulk_lane {
	struct bulk_lane *next;
	struct view *view;
};

struct bulk {
	const struct bulk_options *opt;
	struct view *from, *to;
	struct view_node *from_top, *to_top; /* the directories that correspond */
	const char *to_dir;		     /* path of to_top in its view */
	bool whole;			     /* all of from_top is copied, not one entry of it */
	struct pool *pool;
	bool as_root;
	struct view_caller self;
	dev_t own_dev; /* the store's directory, left out when met in the source */
	ino_t own_ino;
	struct bulk_counts n;

	/* To open lanes; lanes are only used when the store is written to (vol is not NULL then). */
	const struct volume *vol;
	int store_fd;
	struct view_options view_opt;

	pthread_mutex_t lock; /* guards what follows */
	struct bulk_lane *lanes;
	struct bulk_name *names;
	size_t n_names, names_room;
	char **late; /* paths of directories that get links after the walk */
	size_t n_late, late_room;
};

/* A directory on both sides. Reference-counted: the last to let go gives it its attributes. */
struct bulk_dir {
	struct bulk *b;
	struct bulk_dir *parent; /* holds a reference on it; NULL for the top and one opened by path */
	struct view_entry src, dst;
	bool fresh;	  /* made by this run: what is not made here is not there */
	bool inherits;	  /* has a default ACL on the destination, so that new entries get one */
	bool keep;	  /* its attributes are left as they are */
	atomic_bool late; /* links will be made in it after the walk */
	atomic_uint refs;
	char path[]; /* relative to the top, which is "" */
};

/* --- bulk_main.c --- */

/* The subcommands: parse, run, report. Returns an exit code. */
int bulk_main(int argc, char **argv, bool import);
/* Was the work interrupted, or given up because nothing more fits? */
bool bulk_stopped(void);
/* One line for the person about "DIR/NAME" (name may be ""), counted as an error. Stops the work if the
 * destination is full. Says nothing of -ECANCELED. code 0: `what` says it all. */
void bulk_error(struct bulk *b, const char *dir, const char *name, const char *what, int code);

/* --- bulk_store.c --- */

struct bulk_store {
	char *path; /* resolved */
	char *dir;  /* inside, "" for the root */
	int fd;
	struct volume *vol;
	struct view_options view_opt;
	struct view *view;
	struct peers peers; /* import: seen by mounts as one of them */
};
/* STORE[:DIR]; a backslash makes the next character ordinary. Asks the key source. opt->import: for writing.
 * A store that mounts which do not go together with an import are writing to is refused, and so is a shared
 * import where locks stay on one machine (CS_STORE). Exit codes as of cryptstore ticket. *ret is to be closed
 * whatever the result. */
int bulk_store_open(struct bulk_store *ret, const char *text, const struct bulk_options *opt,
		    struct err *err);
void bulk_store_close(struct bulk_store *s);

/* --- bulk_top.c --- */

/* Copy between the store and a path of the host. What fails before the copying starts is in err; the rest is
 * counted in b->n.errors. */
int bulk_run(struct bulk *b, const struct bulk_store *s, const char *host_path, struct err *err);

/* --- bulk_walk.c --- */

/* Copy the tree below d (a reference is taken over) by work for the pool; the caller waits for the pool. */
void bulk_walk(struct bulk_dir *d);
/* Copy one entry of d, whatever it is. */
void bulk_entry(struct bulk_dir *d, const char *name);
/* Is the object with this path mine to copy? All names of one object belong to the same task. */
bool bulk_is_mine(const struct bulk_options *opt, const char *path, const struct stat *st);

/* --- bulk_dir.c --- */

/* New with one reference. Takes over the references on both nodes, also when it fails (NULL: out of memory);
 * parent gets a reference more. name NULL: path "". */
struct bulk_dir *bulk_dir_new(struct bulk *b, struct bulk_dir *parent, const char *name,
			      const struct view_entry *src, const struct view_entry *dst);
void bulk_dir_ref(struct bulk_dir *d);
void bulk_dir_put(struct bulk_dir *d);
/* Make the directory, or find it. *ret_fresh: made. -ENOTDIR: something else is there. */
int bulk_dir_make(struct bulk_dir *parent, const char *name, struct view_entry *ret, bool *ret_fresh);
/* The directory of a path and its last component (in *ret_name, pointing into path). Its attributes are left
 * alone. NULL with an error told. */
struct bulk_dir *bulk_dir_of(struct bulk *b, const char *path, const char **ret_name);
/* What a path below top is: 0, or negative errno. "" is the top itself (then ret->st is unset). */
int bulk_resolve(struct view *v, struct view_node *top, const char *path, struct view_entry *ret);
/* Let go of a node on the source's / the destination's side, unless it is the top. */
void bulk_forget_src(const struct bulk *b, const struct view_entry *e);
void bulk_forget_dst(const struct bulk *b, const struct view_entry *e);
/* r is what making something in d gave. If that is for lack of rights that we can give ourselves (another
 * task has finished the directory already), do so: true, try again. */
bool bulk_dir_again(struct bulk_dir *d, int r);
/* Attributes of the directories that got links. */
void bulk_dirs_late(struct bulk *b);

/* --- bulk_file.c --- */

enum bulk_verdict {
	BULK_SAME,	/* size and time agree */
	BULK_SAME_SIZE, /* the size only */
	BULK_PARTIAL,	/* left by an interrupted run */
	BULK_DIFFERENT	/* something else */
};
/* A regular file: what is at the destination, compared to the source? */
enum bulk_verdict bulk_judge(const struct stat *src, const struct stat *dst);
/* Copy a regular file; src's reference is taken over. */
void bulk_file(struct bulk_dir *d, const char *name, const struct view_entry *src);

/* --- bulk_node.c --- */

/* Copy a symbolic link, pipe, socket or device; src's reference is taken over. */
void bulk_node(struct bulk_dir *d, const char *name, const struct view_entry *src);

/* --- bulk_data.c --- */

struct bulk_files {
	struct view *from, *to;
	struct view_file *src, *dst;
	bool sparse; /* worth looking for holes */
};
/* Copy [off, end), off a multiple of the block. Holes are left out: the destination has its size already if
 * f->sparse. 0, -ECANCELED, -ESTALE (the source has become shorter), or the failing side's errno with
 * *ret_what set to what was being done. */
int bulk_copy(struct bulk *b, const struct bulk_files *f, uint64_t off, uint64_t end, const char **ret_what);
/* Compare it: 0 equal, 1 different, errors as above. */
int bulk_compare(const struct bulk_files *f, uint64_t off, uint64_t end, const char **ret_what);

/* --- bulk_lane.c --- */

/* Open (path below the top, for writing) by a view of one's own. */
int bulk_lane_open(struct bulk *b, const char *path, struct bulk_lane **ret, struct view_entry *ret_entry,
		   struct view_file **ret_file);
void bulk_lane_close(struct bulk *b, struct bulk_lane *lane, const struct view_entry *entry,
		     struct view_file *f);
void bulk_lanes_done(struct bulk *b);

/* --- bulk_meta.c --- */

/* Give dst the extended attributes, times, owner and mode of src. df: it, open, or NULL. clean: it was made
 * by this run and inherited nothing. 0 or negative errno with *ret_what. */
int bulk_meta(struct bulk *b, const struct view_entry *src, const struct view_entry *dst,
	      struct view_file *df, bool clean, const char **ret_what);
/* Are times of two file systems the same, as far as the coarser one can tell? */
bool bulk_same_time(const struct timespec *src, const struct timespec *dst);
/* Mode and owner are as bulk_meta would make them. */
bool bulk_same_meta(const struct bulk *b, const struct stat *src, const struct stat *dst);

/* --- bulk_links.c --- */

/* Remember (path, object) for bulk_links. 0 or -ENOMEM. */
int bulk_links_add(struct bulk *b, const struct stat *st, const char *path);
/* After the walk: copy each object once and link its other names. Waits for the pool. */
void bulk_links(struct bulk *b);
void bulk_links_done(struct bulk *b);

/* --- bulk_progress.c --- */

struct bulk_progress;
/* A bar on a terminal, a line a minute otherwise, until stopped. NULL if there is no memory for it (fine). */
struct bulk_progress *bulk_progress_start(struct bulk *b);
void bulk_progress_stop(struct bulk_progress *p);
/* Print a line to standard error so that it does not get mixed up with the bar. */
void bulk_say(const char *line);
/* The last line, to standard output. */
void bulk_summary(struct bulk *b, double seconds);
double bulk_now(void); /* seconds */

#endif
