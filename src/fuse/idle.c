/* idle.c - when is a mount idle: the counting behind -idle, as the Go gocryptfs does it. */
#include "idle.h"

#include "view/view.h"

enum { CHECKS_PER_TIMEOUT = 4, INTERVAL_MAX_MS = 2 * 60 * 1000 };

void idle_init(struct idle *i, uint64_t timeout_ms)
{
	*i = (struct idle){ 0 };
	if (timeout_ms == 0)
		return;
	i->interval_ms = timeout_ms / CHECKS_PER_TIMEOUT;
	if (i->interval_ms > INTERVAL_MAX_MS)
		i->interval_ms = INTERVAL_MAX_MS;
	if (i->interval_ms == 0)
		i->interval_ms = 1;
	i->needed = (timeout_ms + i->interval_ms - 1) / i->interval_ms;
}

bool idle_check(struct idle *i, const struct view_stats *now)
{
	bool used = now->name_ops != i->last_ops || now->open_files > 0;

	i->last_ops = now->name_ops;
	i->count = used ? 0 : i->count + 1;
	return i->count > 0 && i->count % i->needed == 0;
}

void idle_restart(struct idle *i)
{
	i->count = 0;
}
