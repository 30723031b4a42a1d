/* bulk_lane.c - further views of the store for threads that write different ranges of one file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "cryptstore/bulk.h"
#include "util/cleanup.h"

static struct bulk_lane *lane_spare(struct bulk *b)
{
	auto_unlock pthread_mutex_t *held = mutex_hold(&b->lock);
	struct bulk_lane *lane = b->lanes;

	if (lane)
		b->lanes = lane->next;
	return lane;
}

static int lane_get(struct bulk *b, struct bulk_lane **ret)
{
	struct bulk_lane *lane = lane_spare(b);
	int r;

	if (!lane) {
		lane = malloc(sizeof(*lane));
		if (!lane)
			return -ENOMEM;
		r = view_open_forward(&lane->view, b->vol, b->store_fd, &b->view_opt, NULL);
		if (r < 0) {
			free(lane);
			return r;
		}
	}
	*ret = lane;
	return 0;
}

static void lane_put(struct bulk *b, struct bulk_lane *lane)
{
	auto_unlock pthread_mutex_t *held = mutex_hold(&b->lock);

	lane->next = b->lanes;
	b->lanes = lane;
}

static int resolve(struct bulk *b, struct view *v, const char *path, struct view_entry *ret)
{
	struct view_entry top;
	int r = bulk_resolve(v, view_root(v), b->to_dir, &top);

	if (r < 0)
		return r;
	r = bulk_resolve(v, top.node, path, ret);
	if (top.node != view_root(v))
		view_ops(v)->forget(v, top.node, 1);
	return r;
}

int bulk_lane_open(struct bulk *b, const char *path, struct bulk_lane **ret, struct view_entry *ret_entry,
		   struct view_file **ret_file)
{
	struct bulk_lane *lane;
	int r = lane_get(b, &lane);

	if (r < 0)
		return r;
	r = resolve(b, lane->view, path, ret_entry);
	if (r == 0) {
		r = view_ops(lane->view)->open(lane->view, ret_entry->node, O_RDWR, ret_file, NULL);
		if (r < 0)
			view_ops(lane->view)->forget(lane->view, ret_entry->node, 1);
	}
	if (r < 0)
		lane_put(b, lane);
	else
		*ret = lane;
	return r;
}

void bulk_lane_close(struct bulk *b, struct bulk_lane *lane, const struct view_entry *entry,
		     struct view_file *f)
{
	view_ops(lane->view)->release(f);
	view_ops(lane->view)->forget(lane->view, entry->node, 1);
	lane_put(b, lane);
}

void bulk_lanes_done(struct bulk *b)
{
	while (b->lanes) {
		struct bulk_lane *lane = b->lanes;

		b->lanes = lane->next;
		view_close(lane->view);
		free(lane);
	}
}
