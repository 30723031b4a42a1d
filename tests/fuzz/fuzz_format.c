/* fuzz_format.c - any bytes as a header, blocks, a name, the name or value of an attribute, a link's target,
 * an IV: the first byte says as what. What is accepted must be what we would have written. */
#include <string.h>

#include "format/header.h"
#include "format/iv.h"
#include "fuzz_volume.h"

static struct volume *vol[3];
static const uint8_t iv[NAME_IV_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static void as_header(const uint8_t *data, size_t size)
{
	uint8_t in[LAYOUT_HEADER_LEN], id[LAYOUT_FILE_ID_LEN], out[LAYOUT_HEADER_LEN];

	if (size < sizeof(in))
		return;
	memcpy(in, data, sizeof(in));
	if (header_parse(in, id) < 0)
		return;
	header_pack(out, id);
	FUZZ_ASSERT(memcmp(in, out, sizeof(in)) == 0);
}

static void as_blocks(const struct volume *v, const uint8_t *data, size_t size)
{
	const struct layout *l = &v->content.layout;
	uint8_t *plain = malloc(layout_run_plain_len(l, size) + 1);
	static const uint8_t id[LAYOUT_FILE_ID_LEN] = { 7 };
	size_t good = 0;
	enum layout_size_state state;
	int r;

	FUZZ_ASSERT(plain);
	r = content_open(&v->content, size % 5, id, data, size, plain, &good);
	FUZZ_ASSERT(good <= layout_run_plain_len(l, size));
	FUZZ_ASSERT(r == 0 || good % LAYOUT_BLOCK == 0);
	(void)layout_plain_size(l, size, &state);
	free(plain);
}

static void as_name(const struct volume *v, const uint8_t *data, size_t size)
{
	char plain[NAME_PLAIN_MAX + 1], *text = malloc(size + 1);
	struct cname cn;
	ssize_t n;

	FUZZ_ASSERT(text);
	memcpy(text, data, size);
	text[size] = '\0';
	(void)name_classify(&v->names, false, text);
	(void)name_bad_show(&v->names, iv, text, plain);
	n = name_decrypt(&v->names, iv, text, size, plain);
	if (n >= 0) {
		FUZZ_ASSERT(n > 0 && n <= NAME_PLAIN_MAX && strlen(plain) == (size_t)n &&
			    !strchr(plain, '/'));
		FUZZ_ASSERT(strcmp(plain, ".") != 0 && strcmp(plain, "..") != 0);
		FUZZ_ASSERT(name_encrypt(&v->names, iv, false, plain, (size_t)n, &cn) == 0);
	}
	free(text);
}

/* The other direction: every legal plain name comes back. */
static void as_plain_name(const struct volume *v, const uint8_t *data, size_t size)
{
	char back[NAME_PLAIN_MAX + 1], plain[NAME_PLAIN_MAX + 2];
	struct cname cn;

	if (size > NAME_PLAIN_MAX || memchr(data, 0, size) || memchr(data, '/', size))
		return;
	memcpy(plain, data, size);
	plain[size] = '\0';
	if (name_encrypt(&v->names, iv, false, plain, size, &cn) < 0)
		return;
	FUZZ_ASSERT(name_decrypt(&v->names, iv, *cn.full ? cn.full : cn.name,
				 strlen(*cn.full ? cn.full : cn.name), back) == (ssize_t)size);
	FUZZ_ASSERT(memcmp(back, data, size) == 0);
}

static void as_xattr(const struct volume *v, const uint8_t *data, size_t size)
{
	char name[256], *text = malloc(size + 1);
	uint8_t *value = malloc(size + 1);
	ssize_t n;

	FUZZ_ASSERT(text && value);
	memcpy(text, data, size);
	text[size] = '\0';
	n = name_decrypt_xattr(&v->names, text, name, sizeof(name));
	FUZZ_ASSERT(n < (ssize_t)sizeof(name));
	n = content_open_xattr(&v->content, data, size, value);
	FUZZ_ASSERT(n <= (ssize_t)size);
	free(value);
	free(text);
}

static void as_target(const struct volume *v, const uint8_t *data, size_t size)
{
	char out[4096], again[4096], sealed[4096];
	ssize_t n = content_open_target(&v->content, (const char *)data, size, out, sizeof(out));
	ssize_t s;

	(void)content_target_len(&v->content, size);
	if (n >= 0)
		FUZZ_ASSERT((size_t)n < sizeof(out) && out[n] == '\0');
	/* and as a plain one */
	if (size == 0 || memchr(data, 0, size)) /* symlink(2) makes none like that */
		return;
	s = content_seal_target(&v->content, (const char *)data, size, sealed, sizeof(sealed));
	if (s < 0)
		return;
	FUZZ_ASSERT(content_open_target(&v->content, sealed, (size_t)s, again, sizeof(again)) ==
		    (ssize_t)size);
	FUZZ_ASSERT(memcmp(again, data, size) == 0);
}

static void as_iv(const uint8_t *data, size_t size)
{
	uint8_t in[NAME_IV_LEN + 1] = { 0 }, out[NAME_IV_LEN];
	ssize_t n = size < sizeof(in) ? (ssize_t)size : (ssize_t)sizeof(in);

	memcpy(in, data, (size_t)n);
	if (iv_check(in, n, out) == 0)
		FUZZ_ASSERT(n == NAME_IV_LEN && memcmp(in, out, sizeof(out)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct volume *v;

	if (!vol[0]) {
		vol[0] = fuzz_volume(false, false);
		vol[1] = fuzz_volume(true, false);
		vol[2] = fuzz_volume(false, true);
	}
	if (size == 0)
		return 0;
	v = vol[data[0] / 16 % 3];
	switch (data[0] % 8) {
	case 0:
		as_header(data + 1, size - 1);
		break;
	case 1:
		as_blocks(v, data + 1, size - 1);
		break;
	case 2:
		as_name(v, data + 1, size - 1);
		break;
	case 3:
		as_plain_name(v, data + 1, size - 1);
		break;
	case 4:
		as_xattr(v, data + 1, size - 1);
		break;
	case 5:
		as_target(v, data + 1, size - 1);
		break;
	default:
		as_iv(data + 1, size - 1);
	}
	return 0;
}
