/* xray_inspect.c - header and blocks of an encrypted file, without a key. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exitcode.h"
#include "cli/xray.h"
#include "crypto/aead.h"
#include "format/header.h"
#include "format/layout.h"
#include "util/cleanup.h"
#include "util/fd.h"
#include "volume/text.h"

struct mode {
	enum aead_alg alg;
	const char *name;
	bool tag_first; /* AES-SIV has the tag between nonce and ciphertext */
};

static struct mode mode_of(const struct xray_args *args)
{
	if (args->aessiv)
		return (struct mode){ AEAD_AES_SIV_512, "AES-SIV-512", true };
	if (args->xchacha)
		return (struct mode){ AEAD_XCHACHA20_POLY1305, "XChaCha20-Poly1305", false };
	return (struct mode){ AEAD_AES256_GCM, "AES-GCM-256", false };
}

static void print_hex(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)printf("%02x", bytes[i]);
}

/* Upstream prints these errors on stdout. */
static int io_failed(const char *what, const char *path, int r)
{
	char why[TEXT_ERRNO_MAX];

	(void)printf("%s %s: %s\n", what, path, text_errno(r, why));
	return EXITCODE_USAGE;
}

static int bad_header(const uint8_t *header)
{
	static const uint8_t zeros[LAYOUT_HEADER_LEN];
	unsigned int version = (unsigned int)header[0] << 8 | header[1];

	if (memcmp(header, zeros, sizeof(zeros)) == 0)
		(void)printf("ParseHeader: header is all-zero. Header hexdump: ");
	else if (version != 2)
		(void)printf("ParseHeader: invalid version, want=2 have=%u. Header hexdump: ", version);
	else
		(void)printf("ParseHeader: file id is all-zero. Header hexdump: ");
	print_hex(header, LAYOUT_HEADER_LEN);
	(void)printf("\n");
	return EXITCODE_USAGE;
}

static void print_block(const struct mode *mode, uint64_t number, uint64_t offset, const uint8_t *block,
			size_t n)
{
	size_t nonce_len = aead_nonce_len(mode->alg);

	(void)printf("Block %2" PRIu64 ": IV: ", number);
	print_hex(block, nonce_len);
	(void)printf(", Tag: ");
	print_hex(mode->tag_first ? block + nonce_len : block + n - AEAD_TAG_LEN, AEAD_TAG_LEN);
	(void)printf(", Offset: %5" PRIu64 " Len: %zu\n", offset, n);
}

static int print_blocks(int fd, const char *path, const struct mode *mode)
{
	struct layout layout = layout_of((uint32_t)aead_nonce_len(mode->alg));
	auto_free uint8_t *block = malloc(layout.cipher_block);

	if (!block)
		return io_failed("read", path, -ENOMEM);
	for (uint64_t i = 0;; i++) {
		uint64_t offset = layout_block_offset(&layout, i);
		ssize_t n = fd_pread(fd, block, layout.cipher_block, (off_t)offset);

		if (n < 0)
			return io_failed("read", path, (int)n);
		if (n == 0)
			return EXITCODE_OK;
		/* At least one byte of data. */
		if ((size_t)n <= layout.overhead) {
			(void)printf("corrupt block: truncated data, len=%zd\n", n);
			return EXITCODE_USAGE;
		}
		print_block(mode, i, offset, block, (size_t)n);
	}
}

int xray_inspect(const struct xray_args *args)
{
	uint8_t header[LAYOUT_HEADER_LEN], id[LAYOUT_FILE_ID_LEN];
	auto_fd int fd = fd_openat(AT_FDCWD, args->file, O_RDONLY | O_NOCTTY, 0);
	const struct mode mode = mode_of(args);
	ssize_t n;

	if (fd < 0)
		return io_failed("open", args->file, fd);
	n = fd_pread(fd, header, sizeof(header), 0);
	if (n < 0)
		return io_failed("read", args->file, (int)n);
	if (n == 0) {
		(void)printf("empty file\n");
		return EXITCODE_OK;
	}
	if (n < LAYOUT_HEADER_LEN) {
		(void)fprintf(stderr, "incomplete file header: read %zd bytes, want %d\n", n,
			      LAYOUT_HEADER_LEN);
		return EXITCODE_USAGE;
	}
	if (header_parse(header, id) < 0)
		return bad_header(header);
	(void)printf("Header: Version: 2, Id: ");
	print_hex(id, sizeof(id));
	(void)printf(", assuming %s mode\n", mode.name);
	return print_blocks(fd, args->file, &mode);
}
