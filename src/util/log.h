/* log.h - three sinks (stdout for info and debug, stderr for warnings, syslog when detached), one place. */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdbool.h>

/* Settings are process-wide and set before threads start. */
struct log_options {
	bool quiet;  /* -q: no info */
	bool debug;  /* -d */
	bool wpanic; /* -wpanic: a warning ends the process with exit code 2 after cleanup hook */
};
void log_configure(const struct log_options *opt);

/* Colours are used only if stdout and stderr are terminals and NO_COLOR is unset (cli.md "Streams"). */
void log_init_colour(void);
/* Escape sequences, "" when colours are off. */
const char *log_green(void);
const char *log_yellow(void);
const char *log_red(void);
const char *log_grey(void);
const char *log_reset(void);

/* From now on everything goes to syslog(3) (facility LOG_USER, ident as given; copied by reference). */
void log_to_syslog(const char *ident);
bool log_debug_on(void);

/* One line each; the newline is added. info and debug: stdout. warn and error: stderr, warn in yellow, error
 * in red. */
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
