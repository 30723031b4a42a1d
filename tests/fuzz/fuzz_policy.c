/* fuzz_policy.c - any bytes as policy.yaml: never a crash, and what is accepted can be decided by. */
#include <stddef.h>
#include <stdint.h>

#include "grant/policy.h"
#include "util/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct policy_request q = {
		.uid = 0, .path = "/a/b", .exclusive = true, .lifetime = 1, .n_stores = 1
	};
	const uint8_t id[POLICY_TICKET_ID_LEN] = { 0 };
	struct policy *p = NULL;
	struct err err = { 0 };

	if (policy_parse(&p, (const char *)data, size, "fuzz", &err) < 0) {
		if (p || err.text[0] == '\0')
			__builtin_trap();
		return 0;
	}
	if (!p->view_root || p->ciphers.n == 0 || p->default_lifetime > p->max_lifetime)
		__builtin_trap();
	(void)policy_decide(p, &q, &err);
	/* Names are left out: looking them up would ask the user database for every input. */
	if (p->n_revoked_users == 0)
		(void)policy_revoked(p, id, 1, 1, &err);
	policy_free(p);
	return 0;
}
