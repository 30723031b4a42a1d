/* err.h - an error text for people, beside the negative errno for code. */
#ifndef UTIL_ERR_H
#define UTIL_ERR_H

#define ERR_TEXT_MAX 1024

/* Caller's storage, zero-initialised: `struct err err = { 0 };`.
 *   code     the negative errno last set, 0 if none
 *   exitcode the documented exit code of the program for this failure (cli/exitcode.h), 0 if the layer has no
 * opinion text     one line without a final full stop or newline */
struct err {
	int code;
	int exitcode;
	char text[ERR_TEXT_MAX];
};

/* Set code and text (truncated to fit); returns `code`, so that
 *     return err_set(err, -EACCES, "policy '%s': ...", path);
 * works. err may be NULL. code must be negative. Never put a secret in the text. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set, and the program's exit code with it. */
int err_set_exit(struct err *err, int code, int exitcode, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The value is the caller's own `code`, so that analysers see that what follows an error has a negative
 * result. */
#define err_set(err, code, ...)                                                                              \
	__extension__({                                                                                      \
		int err_code_ = (code);                                                                      \
		(void)(err_set)((err), err_code_, __VA_ARGS__);                                              \
		err_code_;                                                                                   \
	})
#define err_set_exit(err, code, exitcode, ...)                                                               \
	__extension__({                                                                                      \
		int err_code_ = (code);                                                                      \
		(void)(err_set_exit)((err), err_code_, (exitcode), __VA_ARGS__);                             \
		err_code_;                                                                                   \
	})

/* Put context in front of the text already there ("fmt: text"). Returns err->code (or -EIO if err is NULL).
 */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
