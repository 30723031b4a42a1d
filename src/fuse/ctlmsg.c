/* ctlmsg.c - the messages of the control socket, the same as those of the Go gocryptfs. */
#include "ctlmsg.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuse/ctlsock.h"
#include "util/cleanup.h"
#include "view/view.h"

struct reply {
	const char *result;
	int err_no; /* -1: not an errno */
	const char *err_text, *warn_text;
};

char *ctlsock_clean_path(const char *path)
{
	char *ret = malloc(strlen(path) + 1), *end = ret;

	if (!ret)
		return NULL;
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.') {
			if (end == ret) { /* above the root */
				break;
			}
			while (end > ret && end[-1] != '/')
				end--;
			if (end > ret)
				end--;
		} else if (n > 0 && !(n == 1 && path[0] == '.')) {
			if (end > ret)
				*end++ = '/';
			memcpy(end, path, n);
			end += n;
		}
		path += n;
		path += *path == '/';
	}
	*end = 0;
	/* Stopped early: the rest would only be misread as inside. */
	if (*path)
		*ret = 0;
	return ret;
}

const char *ctlmsg_strerror(int err, char buf[static 128])
{
	(void)snprintf(buf, 128, "%s", strerrordesc_np(err) ? strerrordesc_np(err) : "unknown error");
	for (char *c = buf; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return buf;
}

/* Length of the valid UTF-8 sequence at s (n bytes left), 0 if there is none. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	size_t len = s[0] < 0x80		   ? 1
		     : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		     : (s[0] & 0xf0) == 0xe0	   ? 3
		     : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						   : 0;

	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if (len == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0)))
		return 0;
	if (len == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90)))
		return 0;
	return len;
}

/* JSON cannot carry other bytes; like Go, each becomes U+FFFD. */
static json_t *json_text(const char *text)
{
	size_t n = strlen(text), out = 0;
	auto_free char *clean = malloc(n * 3 + 1);

	if (!clean)
		return NULL;
	for (size_t i = 0; i < n;) {
		size_t len = utf8_len((const unsigned char *)text + i, n - i);

		memcpy(clean + out, len ? text + i : "\xef\xbf\xbd", len ? len : 3);
		out += len ? len : 3;
		i += len ? len : 1;
	}
	return json_stringn(clean, out);
}

static char *format_reply(const struct reply *r)
{
	json_t *o = json_object();
	char *text = NULL, *ret = NULL;

	/* The order is that of Go's struct. */
	if (json_object_set_new(o, "Result", json_text(r->result)) == 0 &&
	    json_object_set_new(o, "ErrNo", json_integer(r->err_no)) == 0 &&
	    json_object_set_new(o, "ErrText", json_text(r->err_text)) == 0 &&
	    json_object_set_new(o, "WarnText", json_text(r->warn_text)) == 0)
		text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (text && asprintf(&ret, "%s\n", text) < 0)
		ret = NULL;
	free(text);
	json_decref(o);
	return ret;
}

/* What the request asks for; strings live as long as the JSON value. "" where not given. */
struct wish {
	const char *encrypt, *decrypt;
};

static const char *read_wish(const json_t *o, struct wish *ret)
{
	const char *key;
	json_t *value;

	*ret = (struct wish){ "", "" };
	if (!json_is_object(o))
		return json_is_null(o) ? NULL
				       : "cannot unmarshal into Go value of type ctlsock.RequestStruct";
	json_object_foreach((json_t *)o, key, value)
	{
		const char **to = strcasecmp(key, "EncryptPath") == 0	? &ret->encrypt
				  : strcasecmp(key, "DecryptPath") == 0 ? &ret->decrypt
									: NULL;

		if (!to || json_is_null(value))
			continue;
		if (!json_is_string(value))
			return "cannot unmarshal into a field of type string";
		*to = json_string_value(value);
	}
	return NULL;
}

static char *translate(struct view *v, const struct wish *wish)
{
	const char *path = *wish->encrypt ? wish->encrypt : wish->decrypt;
	auto_free char *clean = ctlsock_clean_path(path);
	auto_free char *warning = NULL;
	auto_free char *result = NULL;
	struct reply r = { "", 0, "", "" };
	char text[128];
	int rc;

	if (!clean)
		return NULL;
	if (strcmp(clean, path) != 0) {
		if (asprintf(&warning, "Non-canonical input path '%s' has been interpreted as '%s'.", path,
			     clean) < 0)
			return NULL;
		r.warn_text = warning;
	}
	if (!*clean) {
		r.err_no = -1;
		r.err_text = "empty input after canonicalization";
		return format_reply(&r);
	}
	rc = *wish->encrypt ? view_encrypt_path(v, clean, &result) : view_decrypt_path(v, clean, &result);
	if (rc == -EBADMSG || rc == -EUCLEAN) {
		r.err_no = -1; /* not an error of the system: this is no name of the store */
		r.err_text = "bad message";
	} else if (rc < 0) {
		r.err_no = -rc;
		r.err_text = ctlmsg_strerror(-rc, text);
	} else {
		r.result = result;
	}
	return format_reply(&r);
}

static char *refuse(const char *why, const char *detail)
{
	auto_free char *text = NULL;
	struct reply r = { "", -1, "", "" };

	if (asprintf(&text, "%s%s", why, detail) < 0)
		return NULL;
	r.err_text = text;
	return format_reply(&r);
}

char *ctlmsg_answer(struct view *v, const char *request, size_t n)
{
	json_error_t error;
	json_t *o = json_loadb(request, n, JSON_DECODE_ANY, &error);
	struct wish wish;
	const char *why;
	char *ret;

	if (!o)
		return refuse("JSON Unmarshal error: ", error.text);
	why = read_wish(o, &wish);
	if (why)
		ret = refuse("JSON Unmarshal error: ", why);
	else if (*wish.encrypt && *wish.decrypt)
		ret = refuse("Ambiguous", "");
	else if (!*wish.encrypt && !*wish.decrypt)
		ret = refuse("empty input", "");
	else
		ret = translate(v, &wish);
	json_decref(o);
	return ret;
}
