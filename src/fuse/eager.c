/* eager.c - asking for the next request without sleeping, while requests follow each other closely. */
#include "eager.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "fuse/wire.h"
#include "util/clock.h"

enum {
	ASK_US = 30,
	CLOSE_US = 100, /* from an answer to a request that woke a thread: ASK_US and the waking */
	CLOSE_MAX = 8	/* asking in vain so often ends it */
};

static void expect_more(struct eager *e, int by)
{
	int close = atomic_load_explicit(&e->close, memory_order_relaxed) + by;

	if (close >= 0 && close <= CLOSE_MAX)
		atomic_store_explicit(&e->close, close, memory_order_relaxed);
}

ssize_t eager_read(struct eager *e, int fd, void *buf, size_t size)
{
	uint64_t until;
	ssize_t n;

	if (fd < 0 || atomic_load_explicit(&e->close, memory_order_relaxed) == 0 ||
	    atomic_exchange(&e->asking, true))
		return -EAGAIN;
	until = clock_us() + ASK_US;
	do {
		n = read(fd, buf, size);
		if (n < 0)
			n = -errno;
		if (n == -EAGAIN)
			(void)sched_yield(); /* who is to ask us may need this processor */
	} while (n == -EAGAIN && clock_us() < until);
	atomic_store(&e->asking, false);
	expect_more(e, n == -EAGAIN ? -1 : 1);
	return n;
}

void eager_slept(struct eager *e, uint64_t now)
{
	if (now < atomic_load_explicit(&e->answered, memory_order_relaxed) + CLOSE_US)
		expect_more(e, 1);
}

void eager_answered(struct eager *e, uint64_t now)
{
	atomic_store_explicit(&e->answered, now, memory_order_relaxed);
}

int eager_clone(int session_fd, unsigned int processors)
{
	int fd = processors < 2 ? -1 : wire_clone(session_fd);

	if (fd < 0)
		return -1;
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0)
		return fd;
	(void)close(fd);
	return -1;
}
