/* peers.h - other mounts of the same store: are they there, and can several writers be kept apart on this
 * file system. */
#ifndef VIEW_PEERS_H
#define VIEW_PEERS_H

#include <stdbool.h>
#include <stddef.h>

struct err;

enum peers_verdict {
	PEERS_LOCKS_SHARED,  /* every machine that can see the file system sees the locks */
	PEERS_LOCKS_UNKNOWN, /* cannot be told from here */
	PEERS_LOCKS_LOCAL    /* this machine keeps them to itself, or has none */
};

enum { PEERS_WHY_MAX = 320 };

/* What the type and the options of a file system, as in /proc/self/mountinfo, say of its byte-range locks.
 * why gets the reason and what to do about it, "" for PEERS_LOCKS_SHARED. BeeGFS and GlusterFS
 * do not tell there; peers_check_locks asks them. */
enum peers_verdict peers_judge(const char *fstype, const char *options, char why[static PEERS_WHY_MAX]);

/* Can several writers be kept apart in the store at dirfd? Tries a lock through two descriptors, then judges
 * the file system. PEERS_LOCKS_UNKNOWN and PEERS_LOCKS_LOCAL come with a text in err. */
enum peers_verdict peers_check_locks(int dirfd, struct err *err);

/* Presence: read locks on one byte far behind the end of the store's gocryptfs.conf, gocryptfs.diriv and
 * directory, whichever can be opened. They leave no trace on disk and end with the process. */
enum { PEERS_FILES = 3 };
struct peers {
	int fd[PEERS_FILES]; /* -1: could not be opened or locked */
};
#define PEERS_NONE ((struct peers){ .fd = { -1, -1, -1 } })

/* Other mounts that write, on this machine or another. */
struct peers_seen {
	bool exclusive, shared;
};

/* Mark this mount as a writer (shared or exclusive), then look for others. Two that come at once see each
 * other. 0, or negative errno if nothing could be marked (*ret_seen is empty then). Programs other than this
 * leave no mark. */
int peers_join(struct peers *p, int dirfd, bool shared, struct peers_seen *ret_seen);
void peers_leave(struct peers *p);

#endif
