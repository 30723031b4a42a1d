/* cleanup.h - owners that let go by themselves at the end of a scope. */
#ifndef UTIL_CLEANUP_H
#define UTIL_CLEANUP_H

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing can be done about a failure here; writers close by hand */
}

static inline void cleanup_file(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

static inline void cleanup_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static inline void cleanup_unlock(pthread_mutex_t **m)
{
	if (*m)
		(void)pthread_mutex_unlock(*m);
}

#define auto_free __attribute__((cleanup(cleanup_free), unused))
#define auto_fd	  __attribute__((cleanup(cleanup_fd), unused))
#define auto_file __attribute__((cleanup(cleanup_file), unused))
#define auto_dir  __attribute__((cleanup(cleanup_dir), unused))
/* auto_unlock pthread_mutex_t *held = mutex_hold(&m); */
#define auto_unlock __attribute__((cleanup(cleanup_unlock), unused))

static inline pthread_mutex_t *mutex_hold(pthread_mutex_t *m)
{
	(void)pthread_mutex_lock(m);
	return m;
}

/* Give away what an auto_ variable owns. */
#define take(p)                                                                                              \
	({                                                                                                   \
		__auto_type take_ = (p);                                                                     \
		(p) = NULL;                                                                                  \
		take_;                                                                                       \
	})
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
