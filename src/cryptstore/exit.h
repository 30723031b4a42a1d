/* exit.h - exit codes of cryptstore, documented in cryptstore(1). */
#ifndef CRYPTSTORE_EXIT_H
#define CRYPTSTORE_EXIT_H

enum cs_exit {
	CS_OK = 0,
	CS_OTHER = 1,
	CS_USAGE = 2,	    /* command line, store specification */
	CS_POLICY = 3,	    /* the site's policy forbids it */
	CS_STORE = 4,	    /* the store is missing or is none */
	CS_PASSWORD = 5,    /* wrong password or master key */
	CS_NO_SOURCE = 6,   /* nobody to ask for the password, or its source fails */
	CS_SITE = 7,	    /* site key or policy missing, malformed or untrusted */
	CS_USERPATH = 8,    /* the path of one's own is taken */
	CS_TICKET = 9,	    /* a ticket is refused */
	CS_CHECK = 10,	    /* doctor: a check failed */
	CS_INCOMPLETE = 11, /* import, export: interrupted, or some files failed */
};

#endif
