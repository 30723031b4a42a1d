/* durable.h - make what was written survive a crash of the node. */
#ifndef VOLUME_DURABLE_H
#define VOLUME_DURABLE_H

/* fsync(2). File systems that cannot (EINVAL, ENOSYS, EOPNOTSUPP; seen on FUSE and CIFS) get a sync(2)
 * instead; EIO and ENOSPC are real and returned as negative errno. */
int durable_fd(int fd);

/* The same for the directory that holds `name`, a path relative to dirfd. */
int durable_parent(int dirfd, const char *name);

#endif
