/* ctlsock.c - the control socket: path translation for other programs (gocryptfs format, section 13 of
 * site-docs/formats.md). Requests and replies are those of the Go gocryptfs. */
#include "ctlsock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuse/ctlmsg.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/log.h"

enum {
	EXIT_CTLSOCK = 20,
	BACKLOG = 16,
	CLIENTS_MAX = 64,   /* more wait in the backlog */
	REQUEST_MAX = 5000, /* one read that fills this closes the connection, as upstream */
};

struct ctlsock {
	struct view *view;
	pthread_t thread;
	int listen_fd, stop_fd;
	int client[CLIENTS_MAX];
	size_t n_clients;
	char request[REQUEST_MAX];
};

static int ctlsock_address(struct sockaddr_un *ret, const char *path)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return -EINVAL; /* what Go's net package reports too */
	strcpy(ret->sun_path, path);
	return 0;
}

/* A socket left behind by a killed daemon answers ECONNREFUSED; anything else stays. */
static void remove_orphan(const struct sockaddr_un *at)
{
	struct stat st;
	auto_fd int fd = -1;

	if (lstat(at->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 && errno == ECONNREFUSED)
		(void)unlink(at->sun_path); /* bind reports what is wrong if this did not work */
}

int ctlsock_listen(const char *path, int *ret_fd, struct err *err)
{
	struct sockaddr_un at;
	auto_fd int fd = -1;
	int rc = ctlsock_address(&at, path);

	if (rc < 0)
		return err_set_exit(err, rc, EXIT_CTLSOCK, "ctlsock: listen unix %s: bind: invalid argument",
				    path);
	remove_orphan(&at);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, BACKLOG) < 0) {
		char text[128];

		rc = -errno;
		return err_set_exit(err, rc, EXIT_CTLSOCK, "ctlsock: listen unix %s: %s: %s", path,
				    fd < 0 ? "socket" : "bind", ctlmsg_strerror(-rc, text));
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

/* Answer one request. Returns false if the client should go. */
static bool serve(struct ctlsock *c, int fd)
{
	ssize_t n = recv(fd, c->request, sizeof(c->request), MSG_DONTWAIT);
	auto_free char *reply = NULL;
	size_t len;

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n == 0)
		return false;
	if ((size_t)n == sizeof(c->request)) {
		log_warn("ctlsock: request too big (max = %d bytes)", REQUEST_MAX - 1);
		return false;
	}
	reply = ctlmsg_answer(c->view, c->request, (size_t)n);
	if (!reply)
		return false;
	len = strlen(reply);
	/* Who does not read its replies is dropped rather than waited for. */
	return send(fd, reply, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

static void accept_one(struct ctlsock *c)
{
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		c->client[c->n_clients++] = fd;
}

static void *run(void *arg)
{
	struct ctlsock *c = arg;
	struct pollfd p[CLIENTS_MAX + 2];

	for (;;) {
		size_t n = c->n_clients;

		p[0] = (struct pollfd){ .fd = c->stop_fd, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = n < CLIENTS_MAX ? c->listen_fd : -1, .events = POLLIN };
		for (size_t i = 0; i < n; i++)
			p[i + 2] = (struct pollfd){ .fd = c->client[i], .events = POLLIN };
		if (poll(p, n + 2, -1) < 0)
			continue;
		if (p[0].revents)
			return NULL;
		/* From the end, so that the last may take the place of one that goes. */
		for (size_t i = n; i-- > 0;) {
			if (!p[i + 2].revents || serve(c, c->client[i]))
				continue;
			(void)close(c->client[i]);
			c->client[i] = c->client[--c->n_clients];
		}
		if (p[1].revents)
			accept_one(c);
	}
}

int ctlsock_start(struct ctlsock **ret, struct view *v, int fd)
{
	struct ctlsock *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->view = v;
	c->listen_fd = fd;
	(void)fcntl(fd, F_SETFL, O_NONBLOCK); /* a client may be gone by the time it is accepted */
	c->stop_fd = eventfd(0, EFD_CLOEXEC);
	rc = c->stop_fd < 0 ? errno : pthread_create(&c->thread, NULL, run, c);
	if (rc != 0) {
		if (c->stop_fd >= 0)
			(void)close(c->stop_fd);
		free(c);
		return -rc;
	}
	*ret = c;
	return 0;
}

void ctlsock_stop(struct ctlsock *c)
{
	uint64_t one = 1;

	if (!c)
		return;
	(void)!write(c->stop_fd, &one, sizeof(one));
	(void)pthread_join(c->thread, NULL);
	for (size_t i = 0; i < c->n_clients; i++)
		(void)close(c->client[i]);
	(void)close(c->listen_fd);
	(void)close(c->stop_fd);
	free(c);
}
