/* spec.h - PATH[:OWN_PATH][,ro][,exclusive]: what the user writes, and what it means here and now. */
#ifndef CRYPTSTORE_SPEC_H
#define CRYPTSTORE_SPEC_H

#include "grant/policy.h"

struct err;

enum { SPEC_TEXT_MAX = 8192, SPEC_STORES_MAX = POLICY_STORES_MAX };

/* All strings are malloc'ed; spec_done frees them and is fine with a zeroed struct. */
struct spec {
	unsigned int mode; /* enum ticket_mode */
	bool mode_given;   /* one of ro, rw was written */
	char *typed;	   /* PATH after expansion of ~ and variables */
	char *typed_user;  /* OWN_PATH likewise, or NULL */
	char *path;	   /* absolute, symbolic links resolved */
	char *view;	   /* name of the view */
	char *user_path;   /* absolute, parent resolved, or NULL */
};
void spec_done(struct spec *s);

/* Split and expand the text: `~/`, `$NAME`, `${NAME}` as the submitting shell would (lines of #SBATCH have
 * seen no shell);
 * `\` makes the next character ordinary. Fills mode, typed, typed_user. -EINVAL with exit code CS_USAGE. */
int spec_parse(struct spec *ret, const char *text, struct err *err);

/* Add words of a --mode option ("ro,exclusive") to s. */
int spec_add_mode(struct spec *s, const char *words, struct err *err);

/* Find the store and the paths: fills path, view, user_path. Exit codes CS_STORE, CS_USERPATH, CS_USAGE. */
int spec_resolve(struct spec *s, struct err *err);

/* Nothing may lie at the user's own path but a link to the view (VIEW_ROOT/NAME); its directory must be
 * writable. Exit code CS_USERPATH. */
int spec_check_user_path(const struct spec *s, const char *view_root, struct err *err);

/* No two of n specs may share a view name or a store. Exit code CS_USAGE. */
int spec_check_distinct(const struct spec *specs, size_t n, struct err *err);

#endif
