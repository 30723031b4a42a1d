/* deadline.h - nothing in a prolog or epilog waits for ever: points in time, and waiting for children until
 * one. */
#ifndef NODE_DEADLINE_H
#define NODE_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef int64_t deadline_t; /* milliseconds of CLOCK_MONOTONIC */

deadline_t deadline_in(unsigned int ms);
/* Milliseconds left, never negative; at most INT_MAX: fit for poll(2). */
int deadline_left(deadline_t end);
/* The earlier one. */
deadline_t deadline_min(deadline_t a, deadline_t b);
/* Sleep ms, but not past end. False if end has come. */
bool deadline_nap(deadline_t end, unsigned int ms);

/* Wait for a child. 0 with its wait status, or -ETIMEDOUT: it still runs. */
int deadline_wait(pid_t pid, deadline_t end, int *ret_status);

/* Run fn(arg) in a child until end; a child that does not finish is killed, and left to init if it cannot be
 * killed. Returns what fn returned (0..255 positive: see below), -ETIMEDOUT, or -ECHILD if it died. fn
 * returns 0 or a negative errno above -256; that is what comes back. */
int deadline_call(int (*fn)(void *arg), void *arg, deadline_t end);

/* Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat), 0 if it is gone: with it a
 * process number is unique. */
unsigned long long proc_start_time(pid_t pid);
/* Signal pid if it still is the process that started at `start`. True if it was there. */
bool proc_signal(pid_t pid, unsigned long long start, int sig);
/* Wait until a process that is not our child is gone: 0 or -ETIMEDOUT. */
int proc_wait_gone(pid_t pid, unsigned long long start, deadline_t end);

#endif
