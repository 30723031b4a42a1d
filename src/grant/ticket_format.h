/* ticket_format.h - what ticket.c and ticket_make.c share of the format; nobody else includes it. */
#ifndef GRANT_TICKET_FORMAT_H
#define GRANT_TICKET_FORMAT_H

#include "grant/ticket.h"

#define TICKET_SEAL_INFO "cryptstore ticket seal v1"
#define TICKET_MAGIC	 "CSTK"
enum { TICKET_VERSION = 1, TICKET_SUITE = 1, TICKET_BODY_VERSION = 1, TICKET_PURPOSE_JOB = 1 };

/* The match tag of the header. */
void ticket_match_tag(uint8_t ret[static TICKET_MATCH_LEN], const uint8_t id[static TICKET_ID_LEN],
		      unsigned int mode, const char *path, const char *view, const char *user_path);

#endif
