/* wire.h - the few facts of the kernel's FUSE protocol that libfuse does not hand on. */
#ifndef FUSE_WIRE_H
#define FUSE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Bytes before the data of a write request: place a request this far before a page boundary and the data is
 * page-aligned, so that the kernel touches one page of ours per page of the application's. */
enum { WIRE_WRITE_HEADER = 80 };

/* The calling thread begins to answer the request of n bytes at raw, read from descriptor fd. raw stays valid
 * until wire_end. Replies of this thread go to fd: the kernel takes them only where the request was read. */
void wire_begin(int fd, const void *raw, size_t n);
void wire_end(void);

/* The descriptor replies of this thread go to, for handing a request to another thread, which calls
 * wire_reply_to. */
int wire_channel(void);
void wire_reply_to(int fd);

/* True if the request of this thread is INIT. */
bool wire_is_init(void);

/* True if the request of this thread moves much data, so that computing alone takes a while. */
bool wire_is_bulk(void);

/* The node a write request of this thread is for; 0: it is no write. */
uint64_t wire_written_node(void);

/* True if the kernel asks us to clear set-user-id and set-group-id with this write or setattr
 * (FUSE_WRITE_KILL_SUIDGID, FATTR_KILL_SUIDGID: the caller lacks CAP_FSETID). */
bool wire_kill_privileges(void);

/* The kernel's offer was taken in the INIT reply: privileges are ours to clear (see wire.c). */
bool wire_handles_killpriv(void);

/* Writes a reply; what libfuse calls (fuse_custom_io.writev). */
ssize_t wire_writev(int fd, struct iovec *iov, int count, void *userdata);
/* fuse_custom_io.read; our workers read by themselves. */
ssize_t wire_read(int fd, void *buf, size_t n, void *userdata);

/* A descriptor of its own on the connection of fd, or negative errno. */
int wire_clone(int fd);
/* From now on there are none: replies do not pass wire_writev. Before any thread is started. */
void wire_one_channel(void);

/* Walk a readdirplus reply of n bytes: *off starts at 0; returns true with the node id (0: none) of the next
 * entry. */
bool wire_next_direntplus(const void *buf, size_t n, size_t *off, uint64_t *ret_node);

#endif
