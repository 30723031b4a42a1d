/* check_age.c - metadata files that a purge of old files would take before the data which needs them: nobody
 * reads or writes them again, however busy the data is. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "view/check_priv.h"

/* Less is no sign of neglect: `cryptstore keep --older-than 7d' leaves files of this age alone, and purges
 * wait for weeks. */
enum { MARGIN = 7 * 86400 };

static void raise_to(atomic_int_fast64_t *v, int_fast64_t t)
{
	int_fast64_t old = atomic_load_explicit(v, memory_order_relaxed);

	while (old < t && !atomic_compare_exchange_weak(v, &old, t))
		;
}

/* Some purges go by the time of the last read, others by that of the last write: the worse of both counts. */
static void compare(struct check *c, const struct check_age *meta, int_fast64_t atime, int_fast64_t mtime)
{
	int_fast64_t lag = atime - meta->oldest_atime;

	if (meta->n == 0)
		return;
	if (mtime - meta->oldest_mtime > lag)
		lag = mtime - meta->oldest_mtime;
	if (lag <= MARGIN)
		return;
	atomic_fetch_add(&c->aged, 1);
	raise_to(&c->aged_seconds, lag);
}

void check_age_meta(struct check_age *age, int dirfd, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return; /* missing: that is for others to report */
	if (age->n == 0 || st.st_atim.tv_sec < age->oldest_atime)
		age->oldest_atime = st.st_atim.tv_sec;
	if (age->n == 0 || st.st_mtim.tv_sec < age->oldest_mtime)
		age->oldest_mtime = st.st_mtim.tv_sec;
	age->n++;
}

void check_age_name(struct check_age *age, const struct check_object *o)
{
	char file[NAME_CIPHER_MAX + sizeof(NAME_LONG_SUFFIX)];

	if (strncmp(o->cname, NAME_LONG_PREFIX, strlen(NAME_LONG_PREFIX)) != 0)
		return;
	(void)snprintf(file, sizeof(file), "%s" NAME_LONG_SUFFIX, o->cname);
	check_age_meta(age, o->scan->fd, file);
}

void check_age_data(struct check *c, const struct check_object *o)
{
	/* Times in the future would never be caught up with. */
	const int_fast64_t now = c->now, a = o->entry.st.st_atim.tv_sec, m = o->entry.st.st_mtim.tv_sec;
	const int_fast64_t atime = a < now ? a : now, mtime = m < now ? m : now;
	struct check_age name = { 0 };

	check_age_name(&name, o);
	compare(c, &name, atime, mtime);
	raise_to(&o->scan->dir->age.newest_atime, atime);
	raise_to(&o->scan->dir->age.newest_mtime, mtime);
}

void check_age_done(struct check_dir *d)
{
	const int_fast64_t atime = atomic_load(&d->age.newest_atime),
			   mtime = atomic_load(&d->age.newest_mtime);

	compare(d->c, &d->age, atime, mtime);
	if (d->parent) {
		raise_to(&d->parent->age.newest_atime, atime);
		raise_to(&d->parent->age.newest_mtime, mtime);
	}
}
