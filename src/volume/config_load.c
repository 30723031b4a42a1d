/* config_load.c - read gocryptfs.conf with Go's leniency (names in any case, unknown ones ignored, the last
 * of several wins) and nothing beyond it. The file may come from an enemy: every size and number is checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/exitcode.h"
#include "util/base64.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "volume/config.h"
#include "volume/config_priv.h"
#include "volume/text.h"

/* What is being read, handed to the decoders of the fields. */
struct loader {
	struct config *c;
	char
	    *unknown_flag; /* quoted; reported only after the version and the scrypt parameters were judged */
	struct err *err;
};

struct field {
	const char *name;
	int (*decode)(struct loader *l, const char *name, const json_t *v);
};

static inline void cleanup_json(json_t **j)
{
	json_decref(*j);
}
#define auto_json __attribute__((cleanup(cleanup_json)))

static int bad_json(struct loader *l, const char *name, const char *what)
{
	return err_set_exit(l->err, -EINVAL, EXITCODE_OTHER, "Failed to unmarshal config file: %s: %s", name,
			    what);
}

static int no_memory(struct err *err)
{
	return err_set_exit(err, -ENOMEM, EXITCODE_OTHER, "out of memory");
}

/* Whole numbers in [min, max]; null leaves the field as it is (Go). */
static int decode_int(struct loader *l, const char *name, const json_t *v, int64_t min, int64_t max,
		      int64_t *ret)
{
	if (json_is_null(v))
		return 0;
	if (!json_is_integer(v))
		return bad_json(l, name, "not a whole number");
	if (json_integer_value(v) < min || json_integer_value(v) > max)
		return bad_json(l, name, "number out of range");
	*ret = json_integer_value(v);
	return 0;
}

/* Standard base64 with padding; CR and LF inside are skipped as Go does. null empties the field. */
static int decode_bytes(struct loader *l, const char *name, const json_t *v, uint8_t *buf, size_t size,
			size_t *ret_len)
{
	size_t n = json_string_length(v), n_text = 0;
	const char *text = json_string_value(v);
	auto_free uint8_t *bytes = NULL;
	auto_free char *clean = NULL;
	ssize_t len;

	if (json_is_null(v)) {
		*ret_len = 0;
		return 0;
	}
	if (!text)
		return bad_json(l, name, "not a string");
	clean = malloc(n + 1);
	bytes = malloc(base64_max_decoded(n));
	if (!clean || !bytes)
		return no_memory(l->err);
	for (size_t i = 0; i < n; i++)
		if (text[i] != '\r' && text[i] != '\n')
			clean[n_text++] = text[i];
	len = base64std_decode(bytes, clean, n_text);
	if (len < 0)
		return bad_json(l, name, "illegal base64 data");
	if ((size_t)len > size)
		return err_set_exit(l->err, -EINVAL, EXITCODE_DEPRECATED,
				    "%s has %zd bytes, more than the %zu allowed", name, len, size);
	if (len)
		memcpy(buf, bytes, (size_t)len);
	*ret_len = (size_t)len;
	return 0;
}

static int decode_creator(struct loader *l, const char *name, const json_t *v)
{
	char *creator;

	if (json_is_null(v))
		return 0;
	if (!json_is_string(v))
		return bad_json(l, name, "not a string");
	creator = strdup(json_string_value(v));
	if (!creator)
		return no_memory(l->err);
	free(l->c->creator);
	l->c->creator = creator;
	return 0;
}

static int decode_key(struct loader *l, const char *name, const json_t *v)
{
	return decode_bytes(l, name, v, l->c->encrypted_key, sizeof(l->c->encrypted_key),
			    &l->c->encrypted_key_len);
}

static int decode_version(struct loader *l, const char *name, const json_t *v)
{
	return decode_int(l, name, v, 0, UINT16_MAX, &l->c->version);
}

static int decode_long_name_max(struct loader *l, const char *name, const json_t *v)
{
	int64_t max = l->c->long_name_max;
	int r = decode_int(l, name, v, 0, UINT8_MAX, &max);

	l->c->long_name_max = (uint32_t)max;
	return r;
}

static int decode_salt(struct loader *l, const char *name, const json_t *v)
{
	return decode_bytes(l, name, v, l->c->salt, sizeof(l->c->salt), &l->c->salt_len);
}

static int decode_n(struct loader *l, const char *name, const json_t *v)
{
	return decode_int(l, name, v, INT64_MIN, INT64_MAX, &l->c->scrypt_n);
}

static int decode_r(struct loader *l, const char *name, const json_t *v)
{
	return decode_int(l, name, v, INT64_MIN, INT64_MAX, &l->c->scrypt_r);
}

static int decode_p(struct loader *l, const char *name, const json_t *v)
{
	return decode_int(l, name, v, INT64_MIN, INT64_MAX, &l->c->scrypt_p);
}

static int decode_key_len(struct loader *l, const char *name, const json_t *v)
{
	return decode_int(l, name, v, INT64_MIN, INT64_MAX, &l->c->key_len);
}

static int decode_flags(struct loader *l, const char *name, const json_t *v)
{
	size_t n = json_array_size(v), used = 0, size = 1;
	auto_free char *text = NULL;

	if (!json_is_array(v) && !json_is_null(v))
		return bad_json(l, name, "not a list");
	for (size_t i = 0; i < n; i++)
		size += json_string_length(json_array_get(v, i)) + 1;
	text = calloc(1, size);
	if (!text)
		return no_memory(l->err);
	l->c->flags = 0;
	free(take(l->unknown_flag));
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(v, i);
		const char *flag = json_is_null(item) ? "" : json_string_value(item);
		size_t len = json_string_length(item);
		unsigned int known;

		if (!flag)
			return bad_json(l, name, "not a list of strings");
		known = config_flag_from_name(flag, len);
		if (!known && !l->unknown_flag) {
			l->unknown_flag = text_quote(flag, len);
			if (!l->unknown_flag)
				return no_memory(l->err);
		}
		l->c->flags |= known;
		if (used)
			text[used++] = ' ';
		memcpy(text + used, flag, len);
		used += len;
	}
	free(l->c->flags_text);
	l->c->flags_text = take(text);
	return 0;
}

/* Kept as it is, for a version of the program that can use it. */
static int decode_fido2(struct loader *l, const char *name, const json_t *v)
{
	char *text = NULL;

	if (!json_is_null(v)) {
		if (!json_is_object(v))
			return bad_json(l, name, "not an object");
		text = json_dumps(v, JSON_COMPACT);
		if (!text)
			return no_memory(l->err);
	}
	free(l->c->fido2_json);
	l->c->fido2_json = text;
	return 0;
}

/* Members in the order of the file: of two spellings of a name the later one wins, and a later null or a
 * later, smaller ScryptObject changes only what it names (Go). Of equal names jansson keeps the last, at the
 * place of the first, so there the last one wins as a whole; a file in which that makes a difference would
 * have to be written for the purpose. */
static int decode_object(struct loader *l, const json_t *object, const struct field *fields)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)object, key, v)
	{
		for (const struct field *f = fields; f->name; f++) {
			int r = strcasecmp(f->name, key) == 0 ? f->decode(l, f->name, v) : 0;

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int decode_scrypt(struct loader *l, const char *name, const json_t *v)
{
	static const struct field fields[] = {
		{ "Salt", decode_salt },      { "N", decode_n }, { "R", decode_r }, { "P", decode_p },
		{ "KeyLen", decode_key_len }, { NULL, NULL },
	};

	if (json_is_null(v))
		return 0;
	if (!json_is_object(v))
		return bad_json(l, name, "not an object");
	return decode_object(l, v, fields);
}

static int decode_config(struct loader *l, const json_t *root)
{
	static const struct field fields[] = {
		{ "Creator", decode_creator },		 { "EncryptedKey", decode_key },
		{ "ScryptObject", decode_scrypt },	 { "Version", decode_version },
		{ "FeatureFlags", decode_flags },	 { "FIDO2", decode_fido2 },
		{ "LongNameMax", decode_long_name_max }, { NULL, NULL },
	};
	int r;

	if (!json_is_object(root) && !json_is_null(root))
		return bad_json(l, "top level", "not an object");
	r = decode_object(l, root, fields);
	if (r < 0)
		return r;
	/* Users of the struct need not think of absent strings. */
	if (!l->c->creator)
		l->c->creator = strdup("");
	if (!l->c->flags_text)
		l->c->flags_text = strdup("");
	if (!l->c->creator || !l->c->flags_text)
		return no_memory(l->err);

	r = config_validate_params(l->c, EXITCODE_DEPRECATED, l->err);
	if (r < 0)
		return r;
	if (l->unknown_flag)
		return err_set_exit(l->err, -EINVAL, EXITCODE_DEPRECATED, "Unknown feature flag %s",
				    l->unknown_flag);
	return config_validate_flags(l->c, EXITCODE_DEPRECATED, l->err);
}

/* jansson quotes the file in its messages; a terminal must not see control characters of it. */
static void make_printable(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
			*s = '?';
}

int config_parse(struct config *ret, const char *json, size_t n, const char *where, struct err *err)
{
	json_error_t json_err = { 0 };
	auto_json json_t *root = NULL;
	struct config c = { 0 };
	struct loader l = { .c = &c, .err = err };
	int r;

	memset(ret, 0, sizeof(*ret));
	if (n == 0)
		return err_set_exit(err, -EINVAL, EXITCODE_OTHER, "Config file is empty");
	if (n > CONFIG_BYTES_MAX)
		return err_set_exit(err, -EFBIG, EXITCODE_OTHER, "%s is larger than %d bytes", where,
				    CONFIG_BYTES_MAX);
	root = json_loadb(json, n, JSON_ALLOW_NUL | JSON_DECODE_ANY, &json_err);
	if (!root) {
		make_printable(json_err.text);
		return err_set_exit(err, -EINVAL, EXITCODE_OTHER,
				    "Failed to unmarshal config file: %s: line %d, column %d: %s", where,
				    json_err.line, json_err.column, json_err.text);
	}
	r = decode_config(&l, root);
	free(l.unknown_flag);
	if (r < 0) {
		config_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

int config_load_fd(struct config *ret, int fd, const char *where, struct err *err)
{
	auto_free char *json = NULL;
	char why[TEXT_ERRNO_MAX];
	size_t n = 0;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = fd_slurp(fd, CONFIG_BYTES_MAX, &json, &n);
	if (r == -EFBIG)
		return err_set_exit(err, r, EXITCODE_OTHER, "%s is larger than %d bytes", where,
				    CONFIG_BYTES_MAX);
	if (r < 0)
		return err_set_exit(err, r, EXITCODE_OTHER, "read %s: %s", where, text_errno(r, why));
	return config_parse(ret, json, n, where, err);
}

int config_load(struct config *ret, int dirfd, const char *path, struct err *err)
{
	auto_fd int fd = fd_openat(dirfd, path, O_RDONLY | O_NOCTTY, 0);
	char why[TEXT_ERRNO_MAX];

	memset(ret, 0, sizeof(*ret));
	if (fd < 0)
		return err_set_exit(err, fd, EXITCODE_OTHER, "open %s: %s", path, text_errno(fd, why));
	return config_load_fd(ret, fd, path, err);
}
