/* fd.h - whole reads and writes, EINTR and short counts handled once for everybody. */
#ifndef UTIL_FD_H
#define UTIL_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct err;

/* Read up to n bytes at off; stops early only at end of file. Returns bytes read or negative errno. */
ssize_t fd_pread(int fd, void *buf, size_t n, off_t off);

/* Write all n bytes at off. Returns 0, or negative errno with *ret_done (may be NULL) = bytes known to be
 * written. */
int fd_pwrite(int fd, const void *buf, size_t n, off_t off, size_t *ret_done);

/* Same without offset (pipes, sequential files). fd_read stops early only at end of file. */
ssize_t fd_read(int fd, void *buf, size_t n);
int fd_write(int fd, const void *buf, size_t n);

/* Read to end of file from a descriptor that may be a pipe, at most max bytes. *ret is malloc'ed,
 * NUL-terminated (the NUL is not counted). -EFBIG if there is more than max. Never stats or seeks. */
int fd_slurp(int fd, size_t max, char **ret, size_t *ret_len);

/* openat(2) with O_CLOEXEC added and EINTR retried; returns the descriptor or negative errno. */
int fd_openat(int dirfd, const char *name, int flags, mode_t mode);

/* Make sure descriptors 0..2 are open (on /dev/null). Returns 0 or negative errno. */
int fd_sanitize_std(void);

/* "/proc/self/fd/N" into buf[32]; returns buf. For *xattr calls on O_PATH descriptors. */
char *fd_proc_path(char buf[static 32], int fd);

#endif
