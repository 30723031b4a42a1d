/* options.c - the plugin's command line options and its arguments in plugstack.conf. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *stores[OPTIONS_STORES_MAX];
static size_t n_stores;
static char *key;
static const char *sysconfdir;
static bool bad, seen_remote;

static int take_store(int val, const char *text, int remote);
static int take_key(int val, const char *text, int remote);

static struct spank_option table[] = {
	{ (char *)"crypt-store", (char *)"PATH[:LINK][,ro][,exclusive]",
	  (char *)"open an encrypted store for this job at /crypt (repeatable)", 1, 1, take_store },
	{ (char *)"crypt-store-key", (char *)"SOURCE",
	  (char *)"passfile:F, extpass:CMD, masterkey:stdin or ticket:F instead of a prompt", 1, 2,
	  take_key },
};

static int take_store(int val, const char *text, int remote)
{
	(void)val;
	if (remote) {
		/* only the last text of a repeated option gets here: the ticket holds what counts */
		seen_remote = true;
		return 0;
	}
	if (!text || !*text || strlen(text) > OPTIONS_TEXT_MAX) {
		slurm_error("cryptstore: --crypt-store needs the path of a store, at most %d characters",
			    OPTIONS_TEXT_MAX);
		bad = true;
		return -1;
	}
	for (size_t i = 0; i < n_stores; i++)
		if (strcmp(stores[i], text) == 0)
			return 0; /* sbatch reads its command line twice */
	if (n_stores == OPTIONS_STORES_MAX || !(stores[n_stores] = strdup(text))) {
		slurm_error("cryptstore: a job can open at most %d stores", OPTIONS_STORES_MAX);
		bad = true;
		return -1;
	}
	n_stores++;
	return 0;
}

static int take_key(int val, const char *text, int remote)
{
	(void)val;
	if (remote)
		return 0;
	if (!text || strlen(text) > OPTIONS_TEXT_MAX) {
		bad = true;
		return -1;
	}
	free(key);
	key = strdup(text);
	return key ? 0 : -1;
}

/* Slurm hands the options of a job down to what is submitted inside it, through the environment. A job inside
 * a job is a job of its own: it gets no store, and nobody is asked for a password, unless it says so itself.
 */
static void forget_inherited(void)
{
	static const char *const prefixes[] = { "_SLURM_SPANK_OPTION_cryptstore_",
						"SLURM_SPANK__SLURM_SPANK_OPTION_cryptstore_" };
	char name[128];

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++) {
			snprintf(name, sizeof(name), "%s%s", prefixes[i], table[k].name);
			for (char *p = name; *p; p++)
				*p = *p == '-' ? '_' : *p;
			(void)unsetenv(name);
		}
	}
	(void)unsetenv("SLURM_SPANK_CRYPTSTORE_TICKET");
}

int options_register(spank_t sp)
{
	if (!spank_remote(sp))
		forget_inherited();
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (spank_option_register(sp, &table[i]) != ESPANK_SUCCESS)
			return -1;
	return 0;
}

void options_configure(int ac, char *const *av)
{
	static const char name[] = "sysconfdir=";

	for (int i = 0; i < ac; i++) {
		if (strncmp(av[i], name, strlen(name)) == 0 && av[i][strlen(name)] == '/')
			sysconfdir = av[i] + strlen(name);
		else
			slurm_error("cryptstore: plugstack.conf: unknown argument '%s'", av[i]);
	}
}

size_t options_stores(char *const **ret)
{
	*ret = stores;
	return n_stores;
}

const char *options_key(void)
{
	return key;
}

const char *options_sysconfdir(void)
{
	return sysconfdir;
}

bool options_bad(void)
{
	return bad;
}

bool options_given(spank_t sp)
{
	char *text = NULL;

	return seen_remote || n_stores || spank_option_getopt(sp, &table[0], &text) == ESPANK_SUCCESS;
}
