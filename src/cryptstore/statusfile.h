/* statusfile.h - /run/cryptstore/JOB/status.json, as cryptstore-node publishes it: read strictly. */
#ifndef CRYPTSTORE_STATUSFILE_H
#define CRYPTSTORE_STATUSFILE_H

#include <stddef.h>
#include <stdint.h>

struct err;

enum { STATUS_BYTES_MAX = 65536, STATUS_STORES_MAX = 32, STATUS_TEXT_MAX = 512 };

struct status_store {
	char view[STATUS_TEXT_MAX];
	char id[64], ticket[64]; /* hex */
	char mode[32], state[32];
	int64_t pid, since, read, written;
};
struct status {
	char job[64], node[STATUS_TEXT_MAX], state[32], reason[STATUS_TEXT_MAX];
	int64_t uid, since, updated;
	size_t n;
	struct status_store stores[STATUS_STORES_MAX];
};

/* Parse n bytes of JSON; unknown keys, missing keys, wrong types and overlong texts are refused, control
 * characters in texts become '?' (they would reach a terminal). 0, -EINVAL or -ENOMEM with text. */
int status_parse(struct status *ret, const char *text, size_t n, const char *where, struct err *err);

/* The source of the mount at `view` in this process' mount namespace, unescaped, malloc'ed; NULL if nothing
 * is mounted there. For a job's view this is the store's path. */
char *status_mount_source(const char *view);

#endif
