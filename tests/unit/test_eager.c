/* test_eager.c - when a thread asks for the next request without sleeping. A pipe stands for the session. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fuse/eager.h"

enum { SOON = 50, LATE = 500 }; /* us after an answer */

struct session {
	struct eager e;
	int request[2];
};

static void begin(struct session *s)
{
	memset(s, 0, sizeof(*s));
	assert_int_equal(pipe2(s->request, O_NONBLOCK | O_CLOEXEC), 0);
}

/* ... in which the last request came soon after an answer. */
static void begin_close(struct session *s)
{
	begin(s);
	eager_answered(&s->e, 1000);
	eager_slept(&s->e, 1000 + SOON);
}

static void end(struct session *s)
{
	(void)close(s->request[0]);
	(void)close(s->request[1]);
}

static void ask_for(struct session *s, ssize_t expected)
{
	char c;

	assert_int_equal(eager_read(&s->e, s->request[0], &c, 1), expected);
}

static void send_request(struct session *s)
{
	assert_int_equal(write(s->request[1], "r", 1), 1);
}

static void sleeps_at_first(void **state)
{
	struct session s;

	(void)state;
	begin(&s);
	send_request(&s);
	ask_for(&s, -EAGAIN); /* it is left to read(2) */
	end(&s);
}

static void asks_after_close_requests(void **state)
{
	struct session s;

	(void)state;
	begin(&s);
	send_request(&s);
	eager_answered(&s.e, 1000);
	eager_slept(&s.e, 1000 + LATE);
	ask_for(&s, -EAGAIN);
	eager_slept(&s.e, 1000 + SOON);
	ask_for(&s, 1);
	end(&s);
}

static void asking_in_vain_ends(void **state)
{
	struct session s;
	int closes = 0;

	(void)state;
	begin(&s);
	eager_answered(&s.e, 1000);
	for (int i = 0; i < 1000; i++)
		eager_slept(&s.e, 1000 + SOON);
	while (atomic_load(&s.e.close) > 0 && closes++ < 100)
		ask_for(&s, -EAGAIN);
	assert_in_range(closes, 1, 10); /* however many came before */
	send_request(&s);
	ask_for(&s, -EAGAIN);
	end(&s);
}

static void one_asks(void **state)
{
	struct session s;

	(void)state;
	begin_close(&s);
	send_request(&s);
	atomic_store(&s.e.asking, true); /* by another thread */
	ask_for(&s, -EAGAIN);
	atomic_store(&s.e.asking, false);
	ask_for(&s, 1);
	end(&s);
}

static void errors_are_handed_on(void **state)
{
	struct session s;

	(void)state;
	begin_close(&s);
	(void)close(s.request[0]);
	ask_for(&s, -EBADF);
	assert_false(atomic_load(&s.e.asking));
	s.request[0] = -1; /* no descriptor that does not sleep */
	ask_for(&s, -EAGAIN);
	(void)close(s.request[1]);
}

static void one_processor(void **state)
{
	(void)state;
	assert_int_equal(eager_clone(0, 1), -1);
	assert_int_equal(eager_clone(-1, 2), -1); /* not a session */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("the first requests are slept for", sleeps_at_first),
		TEST("a thread asks once requests follow answers closely", asks_after_close_requests),
		TEST("asking in vain ends it", asking_in_vain_ends),
		TEST("one thread asks at a time", one_asks),
		TEST("an error is handed on and ends the asking", errors_are_handed_on),
		TEST("with one processor nobody asks", one_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
