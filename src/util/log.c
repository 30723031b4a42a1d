/* log.c - messages for people: stdout, stderr or syslog, with upstream's colours. */
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

enum { EXIT_WPANIC = 2 }; /* what a Go panic exits with */

static struct log_options options;
static bool colour;
static bool use_syslog;

void log_configure(const struct log_options *opt)
{
	options = *opt;
}

void log_init_colour(void)
{
	colour = isatty(STDOUT_FILENO) && isatty(STDERR_FILENO) && !getenv("NO_COLOR");
}

static const char *escape(const char *seq)
{
	return colour && !use_syslog ? seq : "";
}

const char *log_green(void)
{
	return escape("\033[32m");
}

const char *log_yellow(void)
{
	return escape("\033[33m");
}

const char *log_red(void)
{
	return escape("\033[31m");
}

const char *log_grey(void)
{
	return escape("\033[2m");
}

const char *log_reset(void)
{
	return escape("\033[0m");
}

void log_to_syslog(const char *ident)
{
	openlog(ident, LOG_PID, LOG_USER);
	use_syslog = true;
}

bool log_debug_on(void)
{
	return options.debug;
}

static void emit(FILE *f, int priority, const char *before, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));

static void emit(FILE *f, int priority, const char *before, const char *fmt, va_list ap)
{
	if (use_syslog) {
		vsyslog(priority, fmt, ap);
		return;
	}
	flockfile(f); /* one line stays one line among threads */
	(void)fputs(before, f);
	(void)vfprintf(f, fmt, ap);
	(void)fputs(*before ? log_reset() : "", f);
	(void)putc('\n', f);
	(void)fflush(f); /* a reader behind a pipe sees each line when it happens */
	funlockfile(f);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	if (!options.debug)
		return;
	va_start(ap, fmt);
	emit(stdout, LOG_DEBUG, "", fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	if (options.quiet)
		return;
	va_start(ap, fmt);
	emit(stdout, LOG_INFO, "", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(stderr, LOG_WARNING, log_yellow(), fmt, ap);
	va_end(ap);
	if (options.wpanic) {
		(void)fflush(NULL);
		_exit(EXIT_WPANIC);
	}
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(stderr, LOG_ERR, log_red(), fmt, ap);
	va_end(ap);
}
