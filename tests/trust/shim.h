/* shim.h - stands between the view and the backing file system (ld --wrap): lets a chosen call fail, or
 * writes down every call that changes the store, so that a crash at any moment can be acted out again. */
#ifndef TESTS_TRUST_SHIM_H
#define TESTS_TRUST_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* --- faults --- */

enum {			/* instead of an errno */
       SHIM_SHORT = -1, /* read or write only a part */
       SHIM_STALE = -2, /* a block is read as if its last page had not come from the server yet */
};

struct shim_fault {
	unsigned int at; /* fail the at-th call (1, 2, ...); 0: none */
	int error;	 /* errno, or one of these */
	bool lasting;	 /* from that call on every one that needs space fails (a full disk stays full) */
};
/* Count from 0 and fail what `fault` says (NULL: nothing), in all threads. */
void shim_arm(const struct shim_fault *fault);
/* Stop. Returns the number of calls that were made. */
unsigned int shim_disarm(void);
/* What was made to fail since shim_arm, NULL: nothing. */
const char *shim_hit(void);

/* --- the record --- */

enum shim_kind {
	SHIM_CREATE,
	SHIM_MKDIR,
	SHIM_SYMLINK,
	SHIM_LINK,
	SHIM_UNLINK,
	SHIM_RMDIR,
	SHIM_RENAME,
	SHIM_TRUNCATE,
	SHIM_WRITE,
	SHIM_SYNC,
};

struct shim_op {
	enum shim_kind kind;
	int obj;       /* the object made, written, synced, linked; -1: none */
	int dir, dir2; /* objects of the directories of name and name2 */
	char name[300], name2[300];
	unsigned int flags; /* of rename */
	uint64_t off;	    /* or size */
	size_t n;
	uint8_t *data; /* written bytes, or the target of a link with its NUL */
};

/* Start a record. What is below top (a store's directory) now is object 0 (top itself) and its files. */
void shim_record(int top);
/* How many operations are in it by now. */
size_t shim_position(void);
/* Stop; returns the operations, owned by the shim until the next shim_record. */
const struct shim_op *shim_stop(size_t *ret_n);

/* Act operations out again, in a directory that is a copy of the top as it was. Those with use[i] false are
 * left out; `torn` (if less than n) is written only up to torn_len bytes. What depends on something left out
 * is left out too. */
void shim_replay(const struct shim_op *ops, size_t n, const bool *use, size_t torn, size_t torn_len, int top);

#endif
