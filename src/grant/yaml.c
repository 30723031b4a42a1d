/* yaml.c - the only file that sees libyaml: turns its events into a strict, bounded stream. */
#include "grant/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "util/cleanup.h"
#include "util/err.h"

/* A collection that is open at the moment. In a mapping keys and values alternate. */
struct level {
	bool map;
	bool value_next;
	size_t first_key; /* its keys stand in ycur.keys from here on */
};

struct ycur {
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
	const char *where;
	unsigned int depth;
	unsigned int n_events;
	unsigned int n_documents;
	struct level levels[YCUR_DEPTH_MAX];
	char **keys; /* of all open mappings, innermost last */
	size_t n_keys;
};

int ycur_open(struct ycur **ret, const char *text, size_t n, const char *where, struct err *err)
{
	struct ycur *y;

	if (n > YCUR_BYTES_MAX)
		return err_set(err, -EFBIG, "%s: more than %d bytes", where, YCUR_BYTES_MAX);
	y = calloc(1, sizeof(*y));
	if (!y || !yaml_parser_initialize(&y->parser)) {
		free(y);
		return err_set(err, -ENOMEM, "%s: out of memory", where);
	}
	y->where = where;
	yaml_parser_set_encoding(&y->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&y->parser, (const unsigned char *)text, n);
	*ret = y;
	return 0;
}

static void keys_drop(struct ycur *y, size_t down_to)
{
	while (y->n_keys > down_to)
		free(y->keys[--y->n_keys]);
}

static void event_drop(struct ycur *y)
{
	if (y->has_event)
		yaml_event_delete(&y->event);
	y->has_event = false;
}

void ycur_close(struct ycur *y)
{
	if (!y)
		return;
	event_drop(y);
	keys_drop(y, 0);
	free(y->keys);
	yaml_parser_delete(&y->parser);
	free(y);
}

int ycur_refuse(const struct ycur *y, const struct ycur_event *ev, struct err *err, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(err, -EINVAL, "%s:%u:%u: %s", y->where, ev->line, ev->column, text);
}

const char *ycur_kind_name(enum ycur_kind kind)
{
	static const char *const names[] = {
		[YCUR_MAP] = "a mapping",
		[YCUR_MAP_END] = "the end of a mapping",
		[YCUR_SEQ] = "a list",
		[YCUR_SEQ_END] = "the end of a list",
		[YCUR_KEY] = "a key",
		[YCUR_SCALAR] = "a value",
		[YCUR_END] = "the end of the file",
	};

	return names[kind];
}

/* What libyaml itself refuses, with its place. */
static int parser_failed(const struct ycur *y, struct err *err)
{
	const yaml_parser_t *p = &y->parser;
	const char *problem = p->problem ? p->problem : "not YAML";

	if (p->error == YAML_MEMORY_ERROR)
		return err_set(err, -ENOMEM, "%s: out of memory", y->where);
	if (p->error == YAML_READER_ERROR)
		return err_set(err, -EINVAL, "%s:%zu:%zu: %s", y->where, p->mark.line + 1, p->mark.column + 1,
			       problem);
	return err_set(err, -EINVAL, "%s:%zu:%zu: %s", y->where, p->problem_mark.line + 1,
		       p->problem_mark.column + 1, problem);
}

static struct level *top(struct ycur *y)
{
	return y->depth ? &y->levels[y->depth - 1] : NULL;
}

/* A value (scalar or whole collection) of the innermost mapping has been seen. */
static void value_done(struct ycur *y)
{
	struct level *l = top(y);

	if (l && l->map)
		l->value_next = false;
}

static int push(struct ycur *y, bool map, const struct ycur_event *ev, struct err *err)
{
	const struct level *l = top(y);

	if (l && l->map && !l->value_next)
		return ycur_refuse(y, ev, err, "a key must be a plain word");
	if (y->depth == YCUR_DEPTH_MAX)
		return ycur_refuse(y, ev, err, "nested more than %d deep", YCUR_DEPTH_MAX);
	y->levels[y->depth++] = (struct level){ .map = map, .first_key = y->n_keys };
	return 0;
}

static void pop(struct ycur *y)
{
	keys_drop(y, top(y)->first_key);
	y->depth--;
	value_done(y);
}

/* Remember a key of the innermost mapping; a second one of that name is refused. */
static int key_seen(struct ycur *y, const struct ycur_event *ev, struct err *err)
{
	struct level *l = top(y);
	char **grown;
	size_t i;

	for (i = l->first_key; i < y->n_keys; i++)
		if (!strcmp(y->keys[i], ev->text))
			return ycur_refuse(y, ev, err, "key '%.64s' is given twice", ev->text);
	if (y->n_keys == YCUR_KEYS_MAX)
		return ycur_refuse(y, ev, err, "more than %d keys", YCUR_KEYS_MAX);
	grown = realloc(y->keys, (y->n_keys + 1) * sizeof(*grown));
	if (!grown)
		return err_set(err, -ENOMEM, "%s: out of memory", y->where);
	y->keys = grown;
	y->keys[y->n_keys] = strdup(ev->text);
	if (!y->keys[y->n_keys])
		return err_set(err, -ENOMEM, "%s: out of memory", y->where);
	y->n_keys++;
	l->value_next = true;
	return 0;
}

static int scalar(struct ycur *y, struct ycur_event *ev, struct err *err)
{
	const struct level *l = top(y);

	if (y->event.data.scalar.anchor)
		return ycur_refuse(y, ev, err, "anchors (&) are not allowed");
	if (y->event.data.scalar.tag)
		return ycur_refuse(y, ev, err, "tags (!) are not allowed");
	ev->text = (const char *)y->event.data.scalar.value;
	ev->len = y->event.data.scalar.length;
	ev->plain = y->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (strlen(ev->text) != ev->len)
		return ycur_refuse(y, ev, err, "a zero byte in the text");
	if (l && l->map && !l->value_next) {
		ev->kind = YCUR_KEY;
		return key_seen(y, ev, err);
	}
	ev->kind = YCUR_SCALAR;
	value_done(y);
	return 0;
}

static int collection(struct ycur *y, bool map, const void *anchor, const void *tag, struct ycur_event *ev,
		      struct err *err)
{
	if (anchor)
		return ycur_refuse(y, ev, err, "anchors (&) are not allowed");
	if (tag)
		return ycur_refuse(y, ev, err, "tags (!) are not allowed");
	ev->kind = map ? YCUR_MAP : YCUR_SEQ;
	return push(y, map, ev, err);
}

static int document(struct ycur *y, const struct ycur_event *ev, struct err *err)
{
	if (y->n_documents++)
		return ycur_refuse(y, ev, err, "a second document is not allowed");
	if (y->event.data.document_start.version_directive ||
	    y->event.data.document_start.tag_directives.start !=
		y->event.data.document_start.tag_directives.end)
		return ycur_refuse(y, ev, err, "directives (%%) are not allowed");
	return 0;
}

/* Translate y->event. Returns 1 if it is one to hand on, 0 if it is of no interest, or negative. */
static int translate(struct ycur *y, struct ycur_event *ev, struct err *err)
{
	const yaml_event_t *e = &y->event;
	int r = 0;

	switch (e->type) {
	case YAML_STREAM_END_EVENT:
		ev->kind = YCUR_END;
		return 1;
	case YAML_DOCUMENT_START_EVENT:
		return document(y, ev, err);
	case YAML_ALIAS_EVENT:
		return ycur_refuse(y, ev, err, "aliases (*) are not allowed");
	case YAML_SCALAR_EVENT:
		r = scalar(y, ev, err);
		break;
	case YAML_MAPPING_START_EVENT:
		r = collection(y, true, e->data.mapping_start.anchor, e->data.mapping_start.tag, ev, err);
		break;
	case YAML_SEQUENCE_START_EVENT:
		r = collection(y, false, e->data.sequence_start.anchor, e->data.sequence_start.tag, ev, err);
		break;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		ev->kind = e->type == YAML_MAPPING_END_EVENT ? YCUR_MAP_END : YCUR_SEQ_END;
		pop(y);
		break;
	default: /* start of the stream, end of a document */
		return 0;
	}
	return r < 0 ? r : 1;
}

int ycur_next(struct ycur *y, struct ycur_event *ret, struct err *err)
{
	int r = 0;

	while (r == 0) {
		struct ycur_event ev = { .text = "" };

		event_drop(y);
		if (!yaml_parser_parse(&y->parser, &y->event))
			return parser_failed(y, err);
		y->has_event = true;
		ev.line = (unsigned int)y->event.start_mark.line + 1;
		ev.column = (unsigned int)y->event.start_mark.column + 1;
		if (++y->n_events > YCUR_EVENTS_MAX)
			return ycur_refuse(y, &ev, err, "more than %d items", YCUR_EVENTS_MAX);
		r = translate(y, &ev, err);
		if (r > 0)
			*ret = ev;
	}
	return r < 0 ? r : 0;
}

int ycur_expect(struct ycur *y, enum ycur_kind want, const char *what, struct ycur_event *ret,
		struct err *err)
{
	struct ycur_event ev = { 0 };
	int r = ycur_next(y, &ev, err);

	if (r < 0)
		return r;
	if (ev.kind != want)
		return ycur_refuse(y, &ev, err, "expected %s, found %s", what, ycur_kind_name(ev.kind));
	*ret = ev;
	return 0;
}
