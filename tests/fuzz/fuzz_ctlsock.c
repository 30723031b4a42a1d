/* fuzz_ctlsock.c - any bytes as a request on the control socket: always one line of JSON in reply. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuse/ctlmsg.h"
#include "fuzz_volume.h"
#include "view/view.h"

static struct view *view;
static char top[64];

static void clean_up(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/" NAME_DIRIV, top);
	(void)unlink(path);
	(void)rmdir(top);
}

static void start(void)
{
	const struct view_options opt = { .sharing = VIEW_EXCLUSIVE, .read_only = true };
	static const char iv[NAME_IV_LEN] = "0123456789abcde";
	int fd, f;

	(void)snprintf(top, sizeof(top), "/tmp/gcffuzz.XXXXXX");
	FUZZ_ASSERT(mkdtemp(top) && atexit(clean_up) == 0);
	fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f = openat(fd, NAME_DIRIV, O_WRONLY | O_CREAT | O_CLOEXEC, 0400);
	FUZZ_ASSERT(fd >= 0 && f >= 0 && write(f, iv, sizeof(iv)) == (ssize_t)sizeof(iv));
	(void)close(f);
	FUZZ_ASSERT(view_open_forward(&view, fuzz_volume(false, false), fd, &opt, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *reply;
	size_t len;

	if (!view)
		start();
	if (size >= 5000) /* more is not read */
		return 0;
	reply = ctlmsg_answer(view, (const char *)data, size);
	FUZZ_ASSERT(reply);
	len = strlen(reply);
	FUZZ_ASSERT(len > 2 && reply[0] == '{' && strchr(reply, '\n') == reply + len - 1);
	free(reply);
	return 0;
}
