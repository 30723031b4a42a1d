/* session.c - a mounted view while it lives: threads, signals, -idle, unmounting. */
#include "session.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuse/ctlsock.h"
#include "fuse/internal.h"
#include "fuse/lockwait.h"
#include "fuse/monitor.h"
#include "fuse/workers.h"
#include "util/clock.h"
#include "util/log.h"

enum {
	EXIT_BY_SIGNAL = 15, /* the program's documented code for SIGINT and SIGTERM */
	BUSY_RETRY_MS = 100, /* a busy mount is tried again that often after a signal */
	BUSY_RETRIES = 10,   /* then lazily */
	ARENAS = 2,
};

/* Where an unmount stands. The monitor works while we go on serving: unmounting may need us. */
enum unmount_state { UNMOUNT_NONE, UNMOUNT_ASKED, UNMOUNT_RETRY, UNMOUNT_DONE };

struct loop {
	struct session *s;
	struct workers *w;
	int signal_fd, signum;
	enum unmount_state state;
	bool by_idle, lazy, no_monitor;
	unsigned int tries;
	uint64_t retry_at, idle_at;
	int64_t tick_at; /* -1: not wanted */
};

static uint64_t now_ms(void)
{
	return clock_us() / 1000;
}

static void ask_unmount(struct loop *l)
{
	if (!l->s->mounted || monitor_unmount(l->lazy ? MONITOR_LAZILY : MONITOR_UNMOUNT) < 0) {
		/* Mounted by a parent (or the monitor was killed): we can only stop answering. */
		l->state = UNMOUNT_DONE;
		l->no_monitor = true;
		return;
	}
	l->state = UNMOUNT_ASKED;
}

static void on_signal(struct loop *l)
{
	struct signalfd_siginfo info;

	if (read(l->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (l->signum) {
		log_warn("second signal, ending at once");
		_exit(EXIT_BY_SIGNAL); /* the monitor unmounts lazily */
	}
	l->signum = (int)info.ssi_signo;
	if (l->state == UNMOUNT_NONE)
		ask_unmount(l);
}

static void on_idle_busy(struct loop *l, int rc)
{
	log_info("idleMonitor: unmount failed: error %d, resetting idle time", -rc);
	idle_restart(&l->s->idle);
	l->by_idle = false;
	l->state = UNMOUNT_NONE;
}

static void on_answer(struct loop *l)
{
	int rc = monitor_answer();

	if (rc == -EPIPE) {
		l->no_monitor = true;
		l->s->monitored = false;
		log_warn("the monitor process has ended; unmount with fusermount3 -u");
		l->state = l->signum ? UNMOUNT_DONE : UNMOUNT_NONE;
		return;
	}
	if (rc == 0) {
		l->s->mounted = false;
		l->state = UNMOUNT_DONE;
	} else if (l->by_idle && !l->signum) {
		on_idle_busy(l, rc);
	} else if (l->lazy) {
		log_warn("cannot unmount '%s': error %d", l->s->mountpoint, -rc);
		l->state = UNMOUNT_DONE;
	} else {
		if (++l->tries >= BUSY_RETRIES || rc != -EBUSY) {
			l->lazy = true;
			log_warn("'%s' is busy, unmounting lazily", l->s->mountpoint);
		}
		l->state = UNMOUNT_RETRY;
		l->retry_at = now_ms() + (l->lazy ? 0 : BUSY_RETRY_MS);
	}
}

static void check_idle(struct loop *l)
{
	struct view_stats stats;

	view_get_stats(l->s->ops.view, &stats);
	if (!idle_check(&l->s->idle, &stats) || l->state != UNMOUNT_NONE)
		return;
	log_info("idleMonitor: filesystem idle; unmounting: %s", l->s->mountpoint);
	l->by_idle = true;
	ask_unmount(l);
}

/* Do what is due; returns milliseconds until something else will be. */
static int timers(struct loop *l)
{
	uint64_t now = now_ms(), next = UINT64_MAX;

	if (l->tick_at >= 0 && now >= (uint64_t)l->tick_at) {
		int ms = workers_tick(l->w);

		l->tick_at = ms < 0 ? -1 : (int64_t)now + ms;
	}
	if (l->state == UNMOUNT_RETRY && now >= l->retry_at)
		ask_unmount(l);
	if (l->s->idle.interval_ms && now >= l->idle_at) {
		check_idle(l);
		l->idle_at = now + l->s->idle.interval_ms;
	}
	if (l->tick_at >= 0)
		next = (uint64_t)l->tick_at;
	if (l->state == UNMOUNT_RETRY && l->retry_at < next)
		next = l->retry_at;
	if (l->s->idle.interval_ms && l->idle_at < next)
		next = l->idle_at;
	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 0 : next - now > 60000 ? 60000 : (int)(next - now);
}

static void serve(struct loop *l)
{
	while (!workers_finished(l->w) && l->state != UNMOUNT_DONE) {
		int timeout = timers(l);
		struct pollfd p[] = {
			{ .fd = l->signal_fd, .events = POLLIN },
			{ .fd = workers_event_fd(l->w), .events = POLLIN },
			{ .fd = l->no_monitor || !l->s->monitored ? -1 : monitor_fd(), .events = POLLIN },
		};

		if (poll(p, sizeof(p) / sizeof(p[0]), timeout) <= 0)
			continue;
		if (p[0].revents)
			on_signal(l);
		if (p[1].revents)
			l->tick_at = 0;
		if (p[2].revents)
			on_answer(l);
	}
	/* A signal's unmount and its answer race with the end of the connection. */
	if (l->state == UNMOUNT_ASKED && workers_finished(l->w) && monitor_answer() == 0)
		l->s->mounted = false;
}

void session_block_signals(sigset_t *ret_set)
{
	(void)sigemptyset(ret_set);
	(void)sigaddset(ret_set, SIGINT);
	(void)sigaddset(ret_set, SIGTERM);
	(void)sigaddset(ret_set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, ret_set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ,
		     SIG_IGN); /* ulimit -f: EFBIG for who writes too much, not the end of the mount */
}

static int start(struct loop *l, session_ready_fn ready, void *arg)
{
	struct session *s = l->s;
	sigset_t set;
	int rc = 0;

	/* Most of what is allocated outlives the request, under one lock: an arena for each thread would only
	 * scatter it. */
	(void)mallopt(M_ARENA_MAX, ARENAS);
	(void)umask(0); /* modes come from the kernel, which has applied the caller's umask */
	session_block_signals(&set);
	l->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (l->signal_fd < 0)
		return -errno;
	if (s->ops.sharing != VIEW_EXCLUSIVE && !(s->ops.locks = lockwait_new(s->ops.v)))
		return -ENOMEM;
	if (s->ctlsock_fd >= 0)
		rc = ctlsock_start(&s->ctlsock, s->ops.view, s->ctlsock_fd);
	if (rc < 0)
		return rc;
	s->ctlsock_fd = -1;
	s->ready = ready;
	s->ready_arg = arg;
	l->w = workers_new(s->se, s->threads, session_first_request, s);
	return l->w ? workers_start(l->w) : -ENOMEM;
}

int session_loop(struct session *s, session_ready_fn ready, void *arg)
{
	struct loop l = { .s = s, .signal_fd = -1, .tick_at = 0 };
	int rc = start(&l, ready, arg);

	if (rc == 0) {
		l.idle_at = now_ms() + s->idle.interval_ms;
		serve(&l);
		rc = l.signum ? l.signum : workers_error(l.w);
	}
	if (l.w) {
		fuse_session_exit(s->se); /* replies that come too late are no news */
		workers_stop(l.w);
	}
	session_unmount(s); /* the connection may have been aborted with the mount still there */
	lockwait_free(s->ops.locks);
	s->ops.locks = NULL;
	ctlsock_stop(s->ctlsock);
	s->ctlsock = NULL;
	workers_free(l.w);
	if (l.signal_fd >= 0)
		(void)close(l.signal_fd);
	return rc;
}
