/* config_priv.h - what the parts of the config module share among themselves. */
#ifndef VOLUME_CONFIG_PRIV_H
#define VOLUME_CONFIG_PRIV_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct err;

/* enum config_flag of a feature flag's name (exactly n bytes), 0 if it is unknown. */
unsigned int config_flag_from_name(const char *name, size_t n);
/* Name of one flag; borrowed for ever. */
const char *config_flag_name(unsigned int flag);

/* Are these settings ones we can and want to open? gocryptfs format, section 1. 0, or -EINVAL with upstream's
 * text and `exitcode`. First the version and the scrypt parameters, then the combination of flags. */
int config_validate_params(const struct config *c, int exitcode, struct err *err);
int config_validate_flags(const struct config *c, int exitcode, struct err *err);

/* config_write(); without `replace` an existing file is left alone and the error is -EEXIST with exit code 7.
 */
int config_write_new(const struct config *c, int dirfd, const char *name, bool replace, struct err *err);

#endif
