/* xray_ctlsock.c - translate paths from stdin to stdout through a mount's control socket (gocryptfs format,
 * section 13). */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "cli/exitcode.h"
#include "cli/xray.h"
#include "util/cleanup.h"
#include "volume/text.h"

/* An answer holds one path, base64 included; longer ones are none of ours. A mount on a parallel file system
 * may take its time, a dead one must not hang a script for ever. */
enum { ANSWER_MAX = 32 * 1024, TIMEOUT_SECONDS = 60 };

static inline void cleanup_json(json_t **j)
{
	json_decref(*j);
}
#define auto_json __attribute__((cleanup(cleanup_json)))

static int dial(const char *path)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_SECONDS };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	auto_fd int fd = -1;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -EINVAL;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return take_fd(&fd);
}

/* In one piece if the kernel lets us: the other end takes one read for one request. */
static int send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		p += sent;
		n -= (size_t)sent;
	}
	return 0;
}

/* One line into buf; its length without the newline, or negative errno (-ECONNRESET at end of file). */
static ssize_t receive_line(int fd, char *buf, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = recv(fd, buf + used, size - used, 0);
		char *newline;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (n == 0)
			return -ECONNRESET;
		newline = memchr(buf + used, '\n', (size_t)n);
		used += (size_t)n;
		if (newline)
			return newline - buf;
	}
	return -EMSGSIZE;
}

/* Ask for one path. *ret_answer is owned by the caller. 0; -EINVAL (path is not UTF-8), -EPROTO (answer is
 * none), or negative errno of the connection. */
static int query(int fd, const char *key, const char *path, size_t n, json_t **ret_answer)
{
	auto_json json_t *request = json_pack("{s:o}", key, json_stringn(path, n));
	auto_free char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	auto_free char *buf = malloc(ANSWER_MAX);
	ssize_t got;
	int r;

	if (!request)
		return -EINVAL;
	if (!text || !buf)
		return -ENOMEM;
	r = send_all(fd, text, strlen(text));
	if (r < 0)
		return r;
	got = receive_line(fd, buf, ANSWER_MAX);
	if (got < 0)
		return (int)got;
	*ret_answer = json_loadb(buf, (size_t)got, JSON_ALLOW_NUL, NULL);
	if (*ret_answer && json_is_string(json_object_get(*ret_answer, "Result")))
		return 0;
	json_decref(*ret_answer);
	return -EPROTO;
}

static const char *member(const json_t *answer, const char *key)
{
	const char *text = json_string_value(json_object_get(answer, key));

	return text ? text : "";
}

static const char *query_failed_text(int r, char buf[static TEXT_ERRNO_MAX])
{
	if (r == -EINVAL)
		return "not valid UTF-8";
	if (r == -EPROTO)
		return "unexpected answer";
	return text_errno(r, buf);
}

/* One path. True if it was translated. */
static bool transform(const struct xray_args *args, int *fd, unsigned long line, const char *path, size_t n)
{
	const char *key = args->encrypt_paths ? "EncryptPath" : "DecryptPath";
	auto_free char *quoted = text_quote(path, n);
	auto_json json_t *answer = NULL;
	char why[TEXT_ERRNO_MAX];
	json_int_t code;
	const json_t *result;
	int r;

	if (*fd < 0)
		*fd = dial(args->file);
	r = *fd < 0 ? *fd : query(*fd, key, path, n, &answer);
	if (r < 0) {
		(void)fprintf(stderr, "error at input line %lu %s: %s\n", line, quoted ? quoted : "",
			      query_failed_text(r, why));
		/* After an error of the connection nothing tells which answer belongs to what. */
		if (*fd >= 0 && r != -EINVAL)
			(void)close(take_fd(fd));
		return false;
	}
	code = json_integer_value(json_object_get(answer, "ErrNo"));
	if (code != 0) {
		(void)fprintf(stderr, "error at input line %lu %s: errno %" JSON_INTEGER_FORMAT ": %s\n",
			      line, quoted ? quoted : "", code, member(answer, "ErrText"));
		return false;
	}
	if (*member(answer, "WarnText"))
		(void)fprintf(stderr, "warning at input line %lu %s: %s\n", line, quoted ? quoted : "",
			      member(answer, "WarnText"));
	result = json_object_get(answer, "Result");
	(void)fwrite(json_string_value(result), 1, json_string_length(result), stdout);
	(void)fputc(args->sep0 ? '\0' : '\n', stdout);
	/* Whoever writes to us line by line waits for the answer. */
	(void)fflush(stdout);
	return true;
}

int xray_transform_paths(const struct xray_args *args)
{
	auto_fd int fd = dial(args->file);
	char why[TEXT_ERRNO_MAX];
	auto_free char *path = NULL;
	unsigned long line = 0;
	bool failed = false;
	size_t size = 0;
	ssize_t n;

	if (fd < 0) {
		(void)fprintf(stderr, "fatal: dial unix %s: connect: %s\n", args->file, text_errno(fd, why));
		return EXITCODE_USAGE;
	}
	while ((n = getdelim(&path, &size, args->sep0 ? '\0' : '\n', stdin)) > 0) {
		if (path[n - 1] == (args->sep0 ? '\0' : '\n'))
			n--;
		if (!transform(args, &fd, ++line, path, (size_t)n))
			failed = true;
	}
	if (ferror(stdin) || ferror(stdout)) {
		(void)fprintf(stderr, "fatal: input or output error\n");
		failed = true;
	}
	return failed ? EXITCODE_USAGE : EXITCODE_OK;
}
