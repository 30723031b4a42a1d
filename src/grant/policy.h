/* policy.h - what the site allows: /etc/cryptstore/policy.yaml, read strictly, and the rules that follow from
 * it. */
#ifndef GRANT_POLICY_H
#define GRANT_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

enum { POLICY_LIST_MAX = 4096, POLICY_STORES_MAX = 32, POLICY_TICKET_ID_LEN = 16 };
enum policy_cgroup { POLICY_CGROUP_TRY, POLICY_CGROUP_REQUIRE, POLICY_CGROUP_OFF };
enum policy_loss { POLICY_LOSS_REPORT, POLICY_LOSS_CANCEL };

struct policy_list {
	char **items;
	size_t n;
};
struct policy_revoked_user {
	char *user; /* name or number */
	int64_t before;
};

/* Every field is described, with its default, in site-docs/policy.md. Times in seconds, sizes in bytes. */
struct policy {
	bool enabled;
	char *view_root;
	struct policy_list stores_allow, stores_deny, stores_read_only;
	int64_t stores_max_per_job;
	struct policy_list users_groups, users_deny;
	int64_t users_min_uid;
	int64_t default_lifetime, max_lifetime, clock_skew;
	struct policy_list revoked; /* ticket ids, 32 hex digits in lower case */
	struct policy_revoked_user *revoked_users;
	size_t n_revoked_users;
	struct policy_list ciphers;
	int64_t min_scrypt_logn;
	bool mount_exec, mount_exclusive;
	int64_t daemon_memory;	/* 0: no limit */
	int64_t daemon_threads; /* 0: the daemon decides */
	int64_t cgroup;		/* enum policy_cgroup */
	int64_t prolog_deadline, epilog_deadline, daemon_start, unmount_grace;
	int64_t loss; /* enum policy_loss */
	bool audit_syslog;
	char *audit_file; /* NULL: none */
};

/* Read the file after the trust check of trust.h (root or `owner`). A missing file is an error: revocations
 * live in it. 0 or negative errno with "FILE:LINE:COLUMN: ..." or the trust failure. */
int policy_load(struct policy **ret, const char *path, uid_t owner, struct err *err);
/* Parse n bytes; `where` in messages. */
int policy_parse(struct policy **ret, const char *text, size_t n, const char *where, struct err *err);
void policy_free(struct policy *p); /* NULL is fine */

/* One wish to open a store. Fields that are NULL or 0 are not known yet; the rules about them are skipped. */
struct policy_request {
	uid_t uid;
	const gid_t *groups; /* all of the user's, primary included */
	size_t n_groups;
	const char *path; /* the store, absolute and resolved */
	bool read_only, exclusive;
	int64_t lifetime;   /* of the ticket */
	size_t n_stores;    /* of the job */
	const char *cipher; /* as config_cipher_name() says */
	int64_t scrypt_logn;
};
/* All rules in the order of site-docs/policy.md; the first that forbids ends it: -EPERM with one line that
 * names the policy's key. 0 if allowed. -EIO if the user database does not answer. */
int policy_decide(const struct policy *p, const struct policy_request *q, struct err *err);

enum policy_verdict { POLICY_ALLOWS, POLICY_FORBIDS, POLICY_UNKNOWN };
/* The same, telling of every rule: its key, verdict and reason. Returns true if none forbids. */
bool policy_explain(const struct policy *p, const struct policy_request *q,
		    void (*tell)(void *arg, const char *key, enum policy_verdict v, const char *text),
		    void *arg);

/* Is the ticket with this id, made at `issued` for uid, on one of the lists? 0: no; -EKEYREVOKED with text;
 * -EIO if a user name on the list cannot be looked up just now (then nobody can tell, and the answer is no).
 */
int policy_revoked(const struct policy *p, const uint8_t id[static POLICY_TICKET_ID_LEN], uid_t uid,
		   int64_t issued, struct err *err);

#endif
