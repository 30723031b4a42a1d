/* idle.h - when is a mount idle (-idle)? Pure counting; the session's main thread asks. Internal to fuse/. */
#ifndef FUSE_IDLE_H
#define FUSE_IDLE_H

#include <stdbool.h>
#include <stdint.h>

struct view_stats;

struct idle {
	uint64_t interval_ms; /* between checks; 0: never idle */
	uint64_t needed;      /* idle checks in a row before unmounting */
	uint64_t count;
	uint64_t last_ops;
};

/* timeout_ms 0 switches it off. A check every quarter of the timeout, but at least every two minutes. */
void idle_init(struct idle *i, uint64_t timeout_ms);
/* One check: true if the mount has been idle long enough. A name operation since the last check, or any open
 * file or directory, starts the count again. */
bool idle_check(struct idle *i, const struct view_stats *now);
/* The unmount did not work (somebody's working directory is inside): start again. */
void idle_restart(struct idle *i);

#endif
