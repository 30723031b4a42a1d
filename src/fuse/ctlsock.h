/* ctlsock.h - the control socket: path translation for other programs (format.md section 13). */
#ifndef FUSE_CTLSOCK_H
#define FUSE_CTLSOCK_H

struct err;
struct view;

/* Bind and listen at path; an orphan socket (ECONNREFUSED) is removed first. *ret_fd owned by the caller.
 * Exit code 20. */
int ctlsock_listen(const char *path, int *ret_fd, struct err *err);

/* Serve in a thread of its own until ctlsock_stop. fd is taken over. */
struct ctlsock;
int ctlsock_start(struct ctlsock **ret, struct view *v, int fd);
void ctlsock_stop(struct ctlsock *c); /* NULL is fine */

/* Lexical canonicalisation: no leading '/', no ".", "..", "//"; escaping above the root gives "". malloc'ed.
 */
char *ctlsock_clean_path(const char *path);

#endif
