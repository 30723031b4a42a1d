/* ctlmsg.h - the messages of the control socket: JSON in, JSON out. Internal to fuse/. */
#ifndef FUSE_CTLMSG_H
#define FUSE_CTLMSG_H

#include <stddef.h>

struct view;

/* The reply line (with its newline, malloc'ed) to n bytes of request; NULL if memory is short. */
char *ctlmsg_answer(struct view *v, const char *request, size_t n);

/* The text of an errno as Go prints it (lower case), into buf; returns buf. */
const char *ctlmsg_strerror(int err, char buf[static 128]);

#endif
