/* sitekey.c - reading site.key and site.pub: strict lines, one current key, ids that match. */
#include "grant/sitekey.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/kdf.h"
#include "crypto/sealbox.h"
#include "grant/identity.h"
#include "util/base64.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/secret.h"
#include "util/trust.h"

enum { KEY_B64_LEN = 44, TIME_DIGITS_MAX = 12, FIELDS_MAX = 6 };

void sitekey_id(const uint8_t pub[static SITEKEY_LEN], uint8_t ret[static SITEKEY_ID_LEN])
{
	uint8_t sum[32];

	kdf_sha256(sum, pub, SITEKEY_LEN);
	memcpy(ret, sum, SITEKEY_ID_LEN);
}

void sitekeys_free(struct sitekeys *k)
{
	size_t i;

	if (!k)
		return;
	for (i = 0; i < k->n; i++)
		secret_free(k->keys[i].priv);
	free(k);
}

const struct sitekey *sitekeys_find(const struct sitekeys *k, const uint8_t id[static SITEKEY_ID_LEN])
{
	size_t i;

	for (i = 0; i < k->n; i++)
		if (!memcmp(k->keys[i].id, id, SITEKEY_ID_LEN))
			return &k->keys[i];
	return NULL;
}

/* A word of the line, in place. */
struct field {
	const char *s;
	size_t n;
};

static bool field_is(const struct field *f, const char *word)
{
	return f->n == strlen(word) && !memcmp(f->s, word, f->n);
}

/* Split at single spaces. Returns the number of fields, or -EUCLEAN: empty field or too many. */
static int split(const char *line, size_t n, struct field f[static FIELDS_MAX])
{
	const char *end = line + n;
	int count = 0;

	for (;;) {
		const char *space = memchr(line, ' ', (size_t)(end - line));
		const char *stop = space ? space : end;

		if (stop == line || count == FIELDS_MAX)
			return -EUCLEAN;
		f[count++] = (struct field){ line, (size_t)(stop - line) };
		if (!space)
			return count;
		line = space + 1;
	}
}

/* Walk over lines that are neither empty nor comments. */
struct lines {
	const char *p, *end;
	unsigned int number;
};

static bool next_line(struct lines *l, const char **ret, size_t *ret_n)
{
	while (l->p < l->end) {
		const char *nl = memchr(l->p, '\n', (size_t)(l->end - l->p));
		const char *stop = nl ? nl : l->end;

		*ret = l->p;
		*ret_n = (size_t)(stop - l->p);
		l->p = nl ? nl + 1 : l->end;
		l->number++;
		if (*ret_n > 0 && **ret != '#')
			return true;
	}
	return false;
}

static int parse_key_bytes(const struct field *f, uint8_t ret[static SITEKEY_LEN])
{
	uint8_t buf[KEY_B64_LEN / 4 * 3 + 3];
	int r = -EUCLEAN;

	if (f->n == KEY_B64_LEN && base64std_decode(buf, f->s, f->n) == SITEKEY_LEN) {
		memcpy(ret, buf, SITEKEY_LEN);
		r = 0;
	}
	secret_wipe(buf, sizeof(buf));
	return r;
}

static int parse_seconds(const struct field *f, int64_t *ret)
{
	size_t i;

	*ret = 0;
	if (f->n > TIME_DIGITS_MAX)
		return -EUCLEAN;
	for (i = 0; i < f->n; i++) {
		if (f->s[i] < '0' || f->s[i] > '9')
			return -EUCLEAN;
		*ret = *ret * 10 + (f->s[i] - '0');
	}
	return 0;
}

static int check_id(const struct field *f, const uint8_t pub[static SITEKEY_LEN],
		    uint8_t ret[static SITEKEY_ID_LEN])
{
	uint8_t written[SITEKEY_ID_LEN];

	sitekey_id(pub, ret);
	if (identity_unhex(written, sizeof(written), f->s, f->n) < 0 ||
	    memcmp(written, ret, sizeof(written)) != 0)
		return -EUCLEAN;
	return 0;
}

/* One line of site.key. The text names what is wrong with it. */
static int parse_private(struct sitekey *k, const char *line, size_t n, const char **ret_why)
{
	struct field f[FIELDS_MAX];

	*ret_why = "expected 'cryptstore-private v1 KEYID PRIVATE CREATED RETIRES'";
	if (split(line, n, f) != 6 || !field_is(&f[0], "cryptstore-private"))
		return -EUCLEAN;
	*ret_why = "this version of the key form is not known";
	if (!field_is(&f[1], "v1"))
		return -EUCLEAN;
	k->priv = secret_new(SITEKEY_LEN);
	if (!k->priv)
		return -ENOMEM;
	*ret_why = "the private key is not 32 bytes in base64";
	if (parse_key_bytes(&f[3], k->priv->data) < 0 || sealbox_public(k->priv, k->pub) < 0)
		return -EUCLEAN;
	*ret_why = "the key id does not fit the key: the line is damaged";
	if (check_id(&f[2], k->pub, k->id) < 0)
		return -EUCLEAN;
	*ret_why = "CREATED and RETIRES must be seconds since 1970, RETIRES may be '-'";
	if (parse_seconds(&f[4], &k->created) < 0)
		return -EUCLEAN;
	k->retires = 0;
	if (field_is(&f[5], "-"))
		return 0;
	return parse_seconds(&f[5], &k->retires) < 0 || k->retires == 0 ? -EUCLEAN : 0;
}

int sitekeys_parse(struct sitekeys **ret, const char *text, size_t n, const char *where, struct err *err)
{
	struct sitekeys *k = calloc(1, sizeof(*k));
	struct lines l = { text, text + n, 0 };
	const char *line, *why = NULL;
	size_t len;
	int r = 0;

	if (!k)
		return err_set(err, -ENOMEM, "%s: out of memory", where);
	while (r == 0 && next_line(&l, &line, &len)) {
		struct sitekey *key = &k->keys[k->n];

		if (k->n == SITEKEY_MAX) {
			r = err_set(err, -E2BIG, "%s:%u: more than %d keys", where, l.number, SITEKEY_MAX);
			break;
		}
		k->n++; /* first, so that a half-read key is freed as well */
		r = parse_private(key, line, len, &why);
		if (r < 0)
			r = err_set(err, r, "%s:%u: %s", where, l.number,
				    r == -ENOMEM ? "out of memory" : why);
		else if ((key == &k->keys[0]) != (key->retires == 0))
			r = err_set(err, -EUCLEAN,
				    "%s:%u: exactly the first key must be the current one (RETIRES '-')",
				    where, l.number);
		else if (sitekeys_find(k, key->id) != key)
			r = err_set(err, -EUCLEAN, "%s:%u: the same key twice", where, l.number);
	}
	if (r == 0 && k->n == 0)
		r = err_set(err, -EUCLEAN, "%s: no key in it: make one with 'cryptstore site-key new'",
			    where);
	if (r < 0) {
		sitekeys_free(k);
		return r;
	}
	*ret = k;
	return 0;
}

int sitekey_parse_public(uint8_t ret[static SITEKEY_LEN], const char *text, size_t n, const char *where,
			 struct err *err)
{
	struct lines l = { text, text + n, 0 };
	struct field f[FIELDS_MAX];
	uint8_t pub[SITEKEY_LEN], id[SITEKEY_ID_LEN];
	const char *line;
	size_t len;

	if (!next_line(&l, &line, &len))
		return err_set(err, -EUCLEAN, "%s: no key in it", where);
	if (split(line, len, f) != 4 || !field_is(&f[0], "cryptstore-public"))
		return err_set(err, -EUCLEAN, "%s:%u: expected 'cryptstore-public v1 KEYID PUBLIC'", where,
			       l.number);
	if (!field_is(&f[1], "v1"))
		return err_set(err, -EUCLEAN, "%s:%u: this version of the key form is not known", where,
			       l.number);
	if (parse_key_bytes(&f[3], pub) < 0 || check_id(&f[2], pub, id) < 0)
		return err_set(err, -EUCLEAN, "%s:%u: the key id does not fit the key: the line is damaged",
			       where, l.number);
	if (next_line(&l, &line, &len))
		return err_set(err, -EUCLEAN, "%s:%u: more than one key", where, l.number);
	memcpy(ret, pub, SITEKEY_LEN);
	return 0;
}

/* The whole file into a secret, trusted. */
static int load_file(struct secret **ret, const char *path, uid_t owner, unsigned int flags, struct err *err)
{
	auto_secret struct secret *text = secret_new(SITEKEY_FILE_MAX + 1);
	auto_fd int fd = trust_open(path, owner, flags, err);
	ssize_t n;

	if (fd < 0)
		return fd;
	if (!text)
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	n = fd_read(fd, text->data, text->len);
	if (n < 0)
		return err_set(err, (int)n, "'%s': %s", path, strerror((int)-n));
	if (n > SITEKEY_FILE_MAX)
		return err_set(err, -EFBIG, "'%s': more than %d bytes", path, SITEKEY_FILE_MAX);
	text->len = (size_t)n;
	*ret = take(text);
	return 0;
}

int sitekeys_load(struct sitekeys **ret, const char *path, uid_t owner, struct err *err)
{
	auto_secret struct secret *text = NULL;
	int r = load_file(&text, path, owner, TRUST_PRIVATE, err);

	if (r < 0)
		return r;
	assert(text);
	return sitekeys_parse(ret, (const char *)text->data, text->len, path, err);
}

int sitekey_load_public(uint8_t ret[static SITEKEY_LEN], const char *path, uid_t owner, struct err *err)
{
	auto_secret struct secret *text = NULL;
	int r = load_file(&text, path, owner, 0, err);

	if (r < 0)
		return r;
	assert(text);
	return sitekey_parse_public(ret, (const char *)text->data, text->len, path, err);
}
