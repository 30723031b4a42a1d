/* test_yaml.c - the strict cursor: what it hands on, and everything it refuses, with line and column. */
#include "unit.h"

#include <errno.h>

#include "grant/yaml.h"
#include "util/err.h"

/* Read to the end; the events as letters, and the place of the last key or value. Returns 0 or the refusal.
 */
static int drain(const char *text, char *letters, size_t size, struct err *err)
{
	static const char of[] = {
		[YCUR_MAP] = '{', [YCUR_MAP_END] = '}', [YCUR_SEQ] = '[', [YCUR_SEQ_END] = ']',
		[YCUR_KEY] = 'k', [YCUR_SCALAR] = 's',	[YCUR_END] = '.'
	};
	struct ycur_event ev = { .kind = YCUR_MAP };
	struct ycur *y = NULL;
	size_t n = 0;
	int r = ycur_open(&y, text, strlen(text), "f.yaml", err);

	while (r == 0 && ev.kind != YCUR_END) {
		r = ycur_next(y, &ev, err);
		if (r == 0 && n + 1 < size)
			letters[n++] = of[ev.kind];
	}
	letters[n] = '\0';
	ycur_close(y);
	return r;
}

static void refused(const char *text, const char *message)
{
	struct err err = { 0 };
	char letters[64];

	assert_int_equal(drain(text, letters, sizeof(letters), &err), -EINVAL);
	if (!strstr(err.text, message))
		fail_msg("expected '%s' in '%s'", message, err.text);
}

static void test_events(void **state)
{
	struct err err = { 0 };
	char l[64];

	(void)state;
	assert_int_equal(drain("a: 1\nb: [x, 'y']\nc: {d: e}\n", l, sizeof(l), &err), 0);
	assert_string_equal(l, "{ksk[ss]k{ks}}.");
	assert_int_equal(drain("{\"a\": 1, \"b\": [{\"c\": \"d\"}]}", l, sizeof(l), &err), 0);
	assert_string_equal(l, "{ksk[{ks}]}.");
	assert_int_equal(drain("# nothing\n", l, sizeof(l), &err), 0);
	assert_string_equal(l, ".");
}

static void test_places(void **state)
{
	const char *text = "a: 1\nb:\n  - 'true'\n  - true\n";
	struct ycur_event ev;
	struct err err = { 0 };
	struct ycur *y;

	(void)state;
	assert_int_equal(ycur_open(&y, text, strlen(text), "f", &err), 0);
	assert_int_equal(ycur_expect(y, YCUR_MAP, "a mapping", &ev, &err), 0);
	assert_int_equal(ycur_next(y, &ev, &err), 0);
	assert_int_equal(ev.kind, YCUR_KEY);
	assert_string_equal(ev.text, "a");
	assert_int_equal(ycur_next(y, &ev, &err), 0);
	assert_int_equal(ev.line, 1);
	assert_int_equal(ev.column, 4);
	assert_int_equal(ycur_next(y, &ev, &err), 0); /* b */
	assert_int_equal(ycur_next(y, &ev, &err), 0); /* [ */
	assert_int_equal(ycur_next(y, &ev, &err), 0);
	assert_false(ev.plain);
	assert_int_equal(ev.line, 3);
	assert_int_equal(ycur_next(y, &ev, &err), 0);
	assert_true(ev.plain);
	assert_int_equal(ycur_expect(y, YCUR_SCALAR, "another", &ev, &err), -EINVAL);
	assert_string_equal(err.text, "f:5:1: expected another, found the end of a list");
	ycur_close(y);
	ycur_close(NULL);
}

static void test_refusals(void **state)
{
	(void)state;
	refused("a: 1\na: 2\n", "f.yaml:2:1: key 'a' is given twice");
	refused("{\"a\": 1, 'a': 2}", "f.yaml:1:10: key 'a' is given twice");
	refused("x: {a: 1, b: {a: 1}, a: 2}", "key 'a' is given twice");
	refused("a: &x 1\n", "f.yaml:1:4: anchors (&) are not allowed");
	refused("a: &x {b: 1}\n", "anchors (&) are not allowed");
	refused("a: *x\n", "f.yaml:1:4: aliases (*) are not allowed");
	refused("a: !!str 1\n", "tags (!) are not allowed");
	refused("a: !t [1]\n", "tags (!) are not allowed");
	refused("%YAML 1.1\n---\na: 1\n", "directives (%) are not allowed");
	refused("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document is not allowed");
	refused("[a]: 1\n", "a key must be a plain word");
	refused("{x: 1, [b]: 2}\n", "a key must be a plain word");
	refused("? {q: 1}\n: 1\n", "a key must be a plain word");
	refused("a: \"x\\0y\"\n", "a zero byte in the text");
	refused("[[[[[[[[[1]]]]]]]]]", "nested more than 8 deep");
	refused("a: [1\n", "f.yaml:2:1: ");
	refused("a: \x01\n", "f.yaml:1:");
	refused("a: \xff\n", "f.yaml:1:");
	refused("\ta: 1\n", "f.yaml:1:");
}

static void test_same_key_in_sisters(void **state)
{
	struct err err = { 0 };
	char l[64];

	(void)state;
	assert_int_equal(drain("[{a: 1}, {a: 2}]", l, sizeof(l), &err), 0);
	assert_int_equal(drain("x: {a: 1}\na: {x: 1}\n", l, sizeof(l), &err), 0);
}

static void test_limits(void **state)
{
	size_t n = YCUR_BYTES_MAX + 1;
	char *text = malloc(n + 1), letters[8];
	struct err err = { 0 };
	size_t used = 0;

	(void)state;
	assert_non_null(text);
	memset(text, '#', n);
	text[n] = '\0';
	assert_int_equal(drain(text, letters, sizeof(letters), &err), -EFBIG);
	text[n - 1] = '\0';
	assert_int_equal(drain(text, letters, sizeof(letters), &err), 0);
	for (int i = 0; i <= YCUR_KEYS_MAX; i++)
		used += (size_t)snprintf(text + used, n - used, "k%d: 1\n", i);
	refused(text, "more than 4096 keys");
	used = (size_t)snprintf(text, n, "[1");
	for (int i = 0; i <= YCUR_EVENTS_MAX; i++)
		used += (size_t)snprintf(text + used, n - used, ",1");
	(void)snprintf(text + used, n - used, "]");
	refused(text, "more than 200000 items");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("mappings, lists, keys and values come in order, JSON included", test_events),
		TEST("every event has its line, column and quoting", test_places),
		TEST("duplicates, aliases, anchors, tags, directives and second documents are refused by "
		     "place",
		     test_refusals),
		TEST("the same key in two mappings is no duplicate", test_same_key_in_sisters),
		TEST("size, keys and items are bounded", test_limits),
	};

	return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
