/* fuzz_config.c - gocryptfs.conf comes from a store anybody may have written: parse anything, crash on
 * nothing. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/err.h"
#include "volume/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted must be writable, and what was written must read back the same. */
static void check_round_trip(const struct config *c)
{
	char *json = config_to_json(c);
	struct config again;

	if (!json || config_parse(&again, json, strlen(json), "again", NULL) < 0)
		abort();
	if (again.flags != c->flags || again.scrypt_n != c->scrypt_n || again.salt_len != c->salt_len ||
	    again.encrypted_key_len != c->encrypted_key_len || again.long_name_max != c->long_name_max ||
	    strcmp(again.creator, c->creator) != 0 || !again.fido2_json != !c->fido2_json)
		abort();
	config_done(&again);
	free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct config c;

	if (config_parse(&c, (const char *)data, size, "fuzz", &err) == 0) {
		if (c.version != 2 || c.key_len != 32 || c.salt_len < 32 || c.scrypt_n < 1024 ||
		    (c.scrypt_n & (c.scrypt_n - 1)) || !c.creator || !c.flags_text || !config_cipher_name(&c))
			abort();
		check_round_trip(&c);
		config_done(&c);
	} else if (err.code >= 0 || err.exitcode == 0 || err.text[0] == '\0') {
		abort(); /* refused without a reason */
	}
	return 0;
}
