/* sandbox_caps.c - the capabilities a root daemon keeps, and the words for what is in force. */
#include "fuse/sandbox.h"

#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/secret.h"

/* capabilities(7). Files of all owners and kinds are made, changed and handed over to whom they belong
 * (-allow_other: setuid and setgid for the moment of making); keys are locked in memory. Not SYS_ADMIN, since
 * the monitor unmounts; not SYS_RESOURCE, so that the quota of a file's owner counts. */
static const unsigned int kept[] = { CAP_CHOWN,	 CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH,
				     CAP_FOWNER, CAP_FSETID,	   CAP_SETGID,
				     CAP_SETUID, CAP_MKNOD,	   CAP_IPC_LOCK };

bool sandbox_drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	uint32_t keep = 0;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		keep |= CAP_TO_MASK(kept[i]); /* all of them are below 32 */
	if (syscall(SYS_capget, &head, data) < 0)
		return false;
	for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
		data[i].effective &= i == 0 ? keep : 0;
		data[i].permitted &= i == 0 ? keep : 0;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) == 0;
}

const char *sandbox_describe(const struct sandbox_state *state, char *buf, size_t n)
{
	struct rlimit core = { .rlim_max = 1 };
	char landlock[24] = "off";

	(void)getrlimit(RLIMIT_CORE, &core);
	if (state->landlock)
		(void)snprintf(landlock, sizeof(landlock), "on (version %d)", state->landlock);
	(void)snprintf(
	    buf, n,
	    "no_new_privs %s, seccomp filter %s, Landlock %s, capabilities %s, keys %s, dumpable %s, "
	    "core dumps %s",
	    state->no_new_privs ? "on" : "off", state->seccomp ? "on" : "off", landlock,
	    state->few_capabilities ? "dropped" : "kept", secret_any_unlocked() ? "not all locked" : "locked",
	    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? "no" : "yes", core.rlim_max == 0 ? "off" : "on");
	return buf;
}
