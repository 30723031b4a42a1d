/* cmd_info.c - gocryptfs -info: what the config file says, without a password. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/exitcode.h"
#include "util/err.h"

static const char *content_encryption(const struct config *c)
{
	if (c->flags & CONFIG_AESSIV)
		return "AES-SIV-512";
	return c->flags & CONFIG_XCHACHA ? "XChaCha20-Poly1305" : "AES-GCM-256";
}

int cmd_info(struct cli *c)
{
	struct config conf;
	struct err err = { 0 };

	if (config_load(&conf, AT_FDCWD, c->config, &err) < 0) {
		/* on stdout, as in the Go program */
		printf("Loading config file failed: %s\n", err.text);
		return EXITCODE_LOADCONF;
	}
	printf("Creator:           %s\n", conf.creator ? conf.creator : "");
	printf("FeatureFlags:      %s\n", conf.flags_text ? conf.flags_text : "");
	printf("EncryptedKey:      %zuB\n", conf.encrypted_key_len);
	printf("ScryptObject:      Salt=%zuB N=%" PRId64 " R=%" PRId64 " P=%" PRId64 " KeyLen=%" PRId64 "\n",
	       conf.salt_len, conf.scrypt_n, conf.scrypt_r, conf.scrypt_p, conf.key_len);
	printf("contentEncryption: %s\n", content_encryption(&conf));
	config_done(&conf);
	return EXITCODE_OK;
}
