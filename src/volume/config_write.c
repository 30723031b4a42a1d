/* config_write.c - gocryptfs.conf as upstream lays it out, replaced in one step that survives a crash. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "util/base64.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "volume/config.h"
#include "volume/config_priv.h"
#include "volume/durable.h"
#include "volume/text.h"

static json_t *json_bytes(const uint8_t *bytes, size_t n)
{
	auto_free char *text = malloc(base64_len(n, true) + 1);

	if (!text)
		return NULL;
	base64std_encode(text, bytes, n);
	return json_string(text);
}

/* The words of flags_text. */
static json_t *json_flags(const char *text)
{
	json_t *list = json_array();

	while (list && *text) {
		size_t n = strcspn(text, " ");

		if (json_array_append_new(list, json_stringn(text, n)) < 0) {
			json_decref(list);
			return NULL;
		}
		text += n + (text[n] == ' ');
	}
	return list;
}

static json_t *json_scrypt(const struct config *c)
{
	return json_pack("{s:o, s:I, s:I, s:I, s:I}", "Salt", json_bytes(c->salt, c->salt_len), "N",
			 (json_int_t)c->scrypt_n, "R", (json_int_t)c->scrypt_r, "P", (json_int_t)c->scrypt_p,
			 "KeyLen", (json_int_t)c->key_len);
}

/* The whole object; jansson keeps the order in which members are set. */
static json_t *json_config(const struct config *c)
{
	json_t *root = json_object();
	int r = 0;

	r |= json_object_set_new(root, "Creator", json_string(c->creator));
	r |= json_object_set_new(root, "EncryptedKey", json_bytes(c->encrypted_key, c->encrypted_key_len));
	r |= json_object_set_new(root, "ScryptObject", json_scrypt(c));
	r |= json_object_set_new(root, "Version", json_integer(c->version));
	r |= json_object_set_new(root, "FeatureFlags", json_flags(c->flags_text));
	if (c->fido2_json)
		r |= json_object_set_new(root, "FIDO2", json_loads(c->fido2_json, JSON_ALLOW_NUL, NULL));
	if (c->long_name_max)
		r |= json_object_set_new(root, "LongNameMax", json_integer(c->long_name_max));
	if (r) {
		json_decref(root);
		return NULL;
	}
	return root;
}

static void newline(FILE *out, int depth)
{
	(void)fputc('\n', out);
	for (int i = 0; i < depth; i++)
		(void)fputc('\t', out);
}

/* Compact JSON with line breaks and tabs as Go's MarshalIndent("", "\t") sets them. */
static void print_indented(FILE *out, const char *json)
{
	bool in_string = false;
	int depth = 0;

	for (const char *p = json; *p; p++) {
		if (in_string) {
			(void)fputc(*p, out);
			if (*p == '\\' && p[1])
				(void)fputc(*++p, out);
			else if (*p == '"')
				in_string = false;
			continue;
		}
		if ((*p == '{' || *p == '[') &&
		    p[1] == *p + 2) { /* in ASCII the closing one is two further */
			(void)fputc(*p, out);
			(void)fputc(*++p, out);
			continue;
		}
		if (*p == '}' || *p == ']')
			newline(out, --depth);
		(void)fputc(*p, out);
		if (*p == '{' || *p == '[')
			newline(out, ++depth);
		else if (*p == ',')
			newline(out, depth);
		else if (*p == ':')
			(void)fputc(' ', out);
		in_string = *p == '"';
	}
	(void)fputc('\n', out);
}

char *config_to_json(const struct config *c)
{
	json_t *root = json_config(c);
	auto_free char *compact = root ? json_dumps(root, JSON_COMPACT) : NULL;
	auto_free char *text = NULL;
	size_t size = 0;
	FILE *out;
	bool failed;

	json_decref(root);
	if (!compact)
		return NULL;
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	print_indented(out, compact);
	failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed)
		return NULL;
	return take(text);
}

static int write_failed(struct err *err, int r, const char *what, const char *name)
{
	char why[TEXT_ERRNO_MAX];

	return err_set_exit(err, r, EXITCODE_WRITECONF, "%s %s: %s", what, name, text_errno(r, why));
}

static int write_tmp(int dirfd, const char *tmp, const char *json, struct err *err)
{
	int fd = fd_openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0400);
	int r;

	if (fd == -EEXIST)
		return err_set_exit(
		    err, fd, EXITCODE_WRITECONF,
		    "open %s: file exists (left behind by an earlier run? if no other password change is "
		    "running, remove it and try again)",
		    tmp);
	if (fd < 0)
		return write_failed(err, fd, "open", tmp);
	r = fd_write(fd, json, strlen(json));
	if (r == 0)
		r = durable_fd(fd);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0)
		return 0;
	(void)unlinkat(dirfd, tmp, 0); /* ours, and of no use */
	return write_failed(err, r, "write", tmp);
}

/* Give the file its name, but not if that is taken. Where links are unknown (vfat) a look must do. */
static int publish_new(int dirfd, const char *tmp, const char *name)
{
	struct stat st;

	if (linkat(dirfd, tmp, dirfd, name, 0) == 0) {
		(void)unlinkat(dirfd, tmp, 0); /* at worst a second name stays, and the next writer says so */
		return 0;
	}
	if (errno == EEXIST)
		return -EEXIST;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return renameat(dirfd, tmp, dirfd, name) < 0 ? -errno : 0;
}

static int exists_already(struct err *err, const char *name)
{
	auto_free char *quoted = text_quote(name, strlen(name));

	return err_set_exit(err, -EEXIST, EXITCODE_INIT, "Config file %s already exists",
			    quoted ? quoted : "");
}

int config_write_new(const struct config *c, int dirfd, const char *name, bool replace, struct err *err)
{
	auto_free char *json = config_to_json(c);
	auto_free char *tmp = NULL;
	int r;

	if (!json || asprintf(&tmp, "%s.tmp", name) < 0) {
		tmp = NULL;
		return err_set_exit(err, -ENOMEM, EXITCODE_WRITECONF, "out of memory");
	}
	r = write_tmp(dirfd, tmp, json, err);
	if (r < 0)
		return r;
	if (replace)
		r = renameat(dirfd, tmp, dirfd, name) < 0 ? -errno : 0;
	else
		r = publish_new(dirfd, tmp, name);
	if (r < 0) {
		(void)unlinkat(dirfd, tmp, 0);
		return r == -EEXIST && !replace ? exists_already(err, name)
						: write_failed(err, r, "rename", tmp);
	}
	r = durable_parent(dirfd, name);
	return r < 0 ? write_failed(err, r, "sync directory of", name) : 0;
}

int config_write(const struct config *c, int dirfd, const char *name, struct err *err)
{
	return config_write_new(c, dirfd, name, true, err);
}
