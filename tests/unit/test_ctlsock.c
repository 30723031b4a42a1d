/* test_ctlsock.c - the control socket: paths are cleaned, requests answered as the Go gocryptfs does. */
#include "unit.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "fuse/ctlmsg.h"
#include "fuse/ctlsock.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "view_fixture.h"

static struct fixture fx;

static int setup(void **state)
{
	struct volume_options vo = fx_options();
	struct view_options opt = { .conf_hidden = true };
	struct view_entry e = { 0 };

	(void)state;
	fx_open(&fx, &vo, &opt);
	if (fx.ops->mkdir(fx.view, NULL, fx_root(&fx), "dir", 0755, &e) != 0)
		return -1;
	fx_forget(&fx, &e);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fx_close(&fx);
	return 0;
}

/* The cases are those of upstream's sanitize_test.go and some more. */
static void cleans_paths(void **state)
{
	static const char *const cases[][2] = { { "", "" },
						{ ".", "" },
						{ "/", "" },
						{ "foo", "foo" },
						{ "/foo", "foo" },
						{ "foo/", "foo" },
						{ "/foo/", "foo" },
						{ "/foo/./foo", "foo/foo" },
						{ "./", "" },
						{ "..", "" },
						{ "foo/../..", "" },
						{ "foo/../../aaaaaa", "" },
						{ "/////", "" },
						{ "/foo/../../aaaaaa", "" },
						{ "a//b///c", "a/b/c" },
						{ "a/b/../c", "a/c" },
						{ "a/b/../../c", "c" },
						{ "..a/.b", "..a/.b" },
						{ ".../x", ".../x" },
						{ "a/..", "" },
						{ "a/../b/..", "" },
						{ "../a", "" },
						{ "a/../../b/../../c/d/e", "" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_free char *got = ctlsock_clean_path(cases[i][0]);

		assert_non_null(got);
		assert_string_equal(got, cases[i][1]);
	}
}

static void expect(const char *request, const char *reply)
{
	auto_free char *got = ctlmsg_answer(fx.view, request, strlen(request));

	assert_non_null(got);
	assert_string_equal(got, reply);
}

static void refuses(void **state)
{
	(void)state;
	expect("{}", "{\"Result\":\"\",\"ErrNo\":-1,\"ErrText\":\"empty input\",\"WarnText\":\"\"}\n");
	expect("null", "{\"Result\":\"\",\"ErrNo\":-1,\"ErrText\":\"empty input\",\"WarnText\":\"\"}\n");
	expect("{\"Foo\":1,\"EncryptPath\":null}",
	       "{\"Result\":\"\",\"ErrNo\":-1,\"ErrText\":\"empty input\",\"WarnText\":\"\"}\n");
	expect("{\"EncryptPath\":\"a\",\"DecryptPath\":\"b\"}",
	       "{\"Result\":\"\",\"ErrNo\":-1,\"ErrText\":\"Ambiguous\",\"WarnText\":\"\"}\n");
	expect("{\"EncryptPath\":\"/.\"}",
	       "{\"Result\":\"\",\"ErrNo\":-1,\"ErrText\":\"empty input after canonicalization\","
	       "\"WarnText\":\"Non-canonical input path '/.' has been interpreted as ''.\"}\n");
}

static void refuses_bad_json(void **state)
{
	static const char *const bad[] = { "",
					   "{",
					   "nonsense",
					   "{\"EncryptPath\":1}",
					   "[]",
					   "{\"EncryptPath\":\"a\"} x",
					   "\"a",
					   "\x01\x02",
					   "{\"EncryptPath\":\"\\ud800\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		auto_free char *got = ctlmsg_answer(fx.view, bad[i], strlen(bad[i]));
		static const char start[] =
		    "{\"Result\":\"\",\"ErrNo\":-1,\"ErrText\":\"JSON Unmarshal error: ";

		assert_non_null(got);
		assert_memory_equal(got, start, sizeof(start) - 1);
	}
}

/* The value of "Result" in a reply without escapes; malloc'ed. */
static char *result_of(const char *reply)
{
	static const char start[] = "{\"Result\":\"",
			  end[] = "\",\"ErrNo\":0,\"ErrText\":\"\",\"WarnText\":\"";
	const char *at = strstr(reply, end);

	assert_memory_equal(reply, start, sizeof(start) - 1);
	assert_non_null(at);
	return strndup(reply + sizeof(start) - 1, (size_t)(at - reply) - (sizeof(start) - 1));
}

static void there_and_back(void **state)
{
	static const char *const keys[][2] = { { "EncryptPath", "DecryptPath" },
					       { "encryptpath", "DECRYPTPATH" } };
	char request[512], want[256];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		auto_free char *reply = NULL;
		auto_free char *cipher = NULL;
		auto_free char *back = NULL;

		(void)snprintf(request, sizeof(request), "{\"%s\":\"dir/new name\"}", keys[i][0]);
		reply = ctlmsg_answer(fx.view, request, strlen(request));
		assert_non_null(reply);
		cipher = result_of(reply);
		assert_non_null(strchr(cipher, '/'));
		(void)snprintf(request, sizeof(request), "{\"%s\":\"%s\"}", keys[i][1], cipher);
		back = ctlmsg_answer(fx.view, request, strlen(request));
		(void)snprintf(
		    want, sizeof(want),
		    "{\"Result\":\"dir/new name\",\"ErrNo\":0,\"ErrText\":\"\",\"WarnText\":\"\"}\n");
		assert_string_equal(back, want);
	}
}

static void tells_errno(void **state)
{
	(void)state;
	expect("{\"EncryptPath\":\"missing/x\"}",
	       "{\"Result\":\"\",\"ErrNo\":2,\"ErrText\":\"no such file or directory\",\"WarnText\":\"\"}\n");
	expect("{\"DecryptPath\":\"nonsense\"}",
	       "{\"Result\":\"\",\"ErrNo\":-1,\"ErrText\":\"bad message\",\"WarnText\":\"\"}\n");
}

static void warns(void **state)
{
	static const char request[] = "{\"EncryptPath\":\"/dir/./x\"}";
	auto_free char *reply = ctlmsg_answer(fx.view, request, strlen(request));

	(void)state;
	assert_non_null(strstr(reply,
			       ",\"WarnText\":\"Non-canonical input path '/dir/./x' has been interpreted as "
			       "'dir/x'.\"}\n"));
}

/* --- over a socket --- */

static int client(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval limit = { .tv_sec = 20 };

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void ask(int fd)
{
	static const char request[] = "{\"EncryptPath\":\"dir\"}";
	char reply[512];
	ssize_t n;

	assert_int_equal(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL), sizeof(request) - 1);
	n = recv(fd, reply, sizeof(reply) - 1, 0);
	assert_true(n > 0);
	reply[n] = 0;
	free(result_of(reply));
}

static void serves_several(void **state)
{
	char path[96], byte, big[5000];
	struct ctlsock *c = NULL;
	struct err err = { 0 };
	int fd, a, b;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/sock", fx.dir);
	assert_int_equal(ctlsock_listen(path, &fd, &err), 0);
	assert_int_equal(ctlsock_start(&c, fx.view, fd), 0);
	a = client(path);
	b = client(path);
	ask(b);
	ask(a);
	ask(a);
	memset(big, ' ', sizeof(big));
	assert_int_equal(send(a, big, sizeof(big), MSG_NOSIGNAL), sizeof(big));
	assert_true(recv(a, &byte, 1, 0) <= 0); /* closed */
	ask(b);
	close(a);
	close(b);
	ctlsock_stop(c);
	assert_int_equal(unlink(path), 0);
}

static void orphan_is_replaced(void **state)
{
	char path[96];
	struct err err = { 0 };
	int fd = -1, second = -1;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/orphan", fx.dir);
	assert_int_equal(ctlsock_listen(path, &fd, &err), 0);
	/* In use: refused, and left alone. */
	assert_int_equal(ctlsock_listen(path, &second, &err), -EADDRINUSE);
	assert_int_equal(err.exitcode, 20);
	assert_non_null(strstr(err.text, "bind: address already in use"));
	close(fd);
	assert_int_equal(ctlsock_listen(path, &fd, &err), 0);
	close(fd);
	assert_int_equal(unlink(path), 0);
}

static void other_file_stays(void **state)
{
	char path[96];
	struct err err = { 0 };
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/file", fx.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	close(fd);
	assert_int_equal(ctlsock_listen(path, &fd, &err), -EADDRINUSE);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("paths are cleaned lexically, above the root is nothing", cleans_paths),
		TEST("requests that ask for nothing or for two things are refused", refuses),
		TEST("what is not JSON is refused in words", refuses_bad_json),
		TEST("a path goes to the store's name and back, keys in any case", there_and_back),
		TEST("errors carry the errno and Go's text for it", tells_errno),
		TEST("an unclean path is answered with a warning", warns),
		TEST("several clients are served, one that sends too much is dropped", serves_several),
		TEST("the socket of a dead daemon is replaced, that of a living one is not",
		     orphan_is_replaced),
		TEST("a file that is no socket stays", other_file_stays),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
