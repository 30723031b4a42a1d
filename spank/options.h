/* options.h - the plugin's command line options and its arguments in plugstack.conf. */
#ifndef SPANK_OPTIONS_H
#define SPANK_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <slurm/spank.h>

enum { OPTIONS_STORES_MAX = 32, OPTIONS_TEXT_MAX = 8192 };

/* Make --crypt-store and --crypt-store-key known to Slurm. 0 or -1. */
int options_register(spank_t sp);

/* Read the arguments of the plugstack.conf line: sysconfdir=DIR. An unknown one is logged and ignored: a
 * typing error there must not take a node down. */
void options_configure(int ac, char *const *av);

/* Texts of --crypt-store in the order given, duplicates left out; borrowed, valid for the life of the
 * process. */
size_t options_stores(char *const **ret);
/* Text of --crypt-store-key or NULL. */
const char *options_key(void);
/* DIR of sysconfdir=DIR or NULL. */
const char *options_sysconfdir(void);
/* True if the option was refused while it was parsed (too long, too many). */
bool options_bad(void);

/* True if this job or step carries --crypt-store (any context but SLURMD). */
bool options_given(spank_t sp);

#endif
