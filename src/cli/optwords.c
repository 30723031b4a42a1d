/* optwords.c - argv before it is parsed: -o taken apart, dashes doubled, master keys hidden from ps(1). */
#include "cli/optwords.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exitcode.h"
#include "util/err.h"
#include "util/proc.h"
#include "util/secret.h"

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Strings are cut from one secret, since one of them may be a master key. */
struct builder {
	struct optwords *w;
	size_t used;
};

/* prefix followed by n bytes of s becomes the next word. */
static void add(struct builder *b, const char *prefix, const char *s, size_t n)
{
	char *at = (char *)b->w->text->data + b->used;
	size_t n_prefix = strlen(prefix);

	memcpy(at, prefix, n_prefix);
	memcpy(at + n_prefix, s, n);
	at[n_prefix + n] = '\0';
	b->used += n_prefix + n + 1;
	b->w->v[b->w->n++] = at;
}

/* The dash that makes "-debug" (Go's flag package) into "--debug" (pflag). */
static const char *missing_dash(const char *s, size_t n)
{
	if (n == 2 && s[0] == '-' && s[1] == 'h')
		return "";
	return n >= 2 && s[0] == '-' && s[1] != '-' ? "-" : "";
}

/* Is argv[i] "-o"? Then *ret_list is its value (NULL if there is none) and *ret_skip the words it takes. */
static bool is_o(int argc, char **argv, int i, char **ret_list, int *ret_skip)
{
	if (is(argv[i], "-o")) {
		*ret_list = i + 1 < argc ? argv[i + 1] : NULL;
		*ret_skip = 2;
		return true;
	}
	if (strncmp(argv[i], "-o=", 3) == 0) {
		*ret_list = argv[i] + 3;
		*ret_skip = 1;
		return true;
	}
	return false;
}

static bool o_counts(int argc, char **argv)
{
	if (argc < 3)
		return false;
	for (int i = 1; i < argc; i++) {
		if (is(argv[i], "--"))
			return false;
	}
	return true;
}

static int add_o_elements(struct builder *b, const char *list, struct err *err)
{
	while (*list) {
		size_t n = strcspn(list, ",");

		if ((n == 1 && list[0] == 'o') || (n == 2 && strncmp(list, "-o", 2) == 0))
			return err_set_exit(err, -ENOTSUP, EXITCODE_USAGE, "You can't pass \"-o\" to \"-o\"");
		if (n > 0) /* the dash it lacks, and the second one unless it came with a dash of its own */
			add(b, n >= 1 && list[0] == '-' ? "-" : "--", list, n);
		list += n;
		list += *list == ',';
	}
	return 0;
}

/* The last -o wins, as in the Go program. */
static int last_o(int argc, char **argv, char **ret, struct err *err)
{
	char *list = NULL;
	int skip;

	for (int i = 1; i < argc; i++) {
		if (!is_o(argc, argv, i, &list, &skip))
			continue;
		if (!list)
			return err_set_exit(err, -ENOTSUP, EXITCODE_USAGE,
					    "The \"-o\" option requires an argument");
		*ret = list;
		i += skip - 1;
	}
	return 0;
}

static int build(struct builder *b, int argc, char **argv, struct err *err)
{
	bool expand = o_counts(argc, argv);
	bool options_ended = false;
	char *list = NULL;
	int skip, r;

	if (expand) {
		r = last_o(argc, argv, &list, err);
		if (r == 0 && list)
			r = add_o_elements(b, list, err);
		if (r < 0)
			return r;
	}
	for (int i = 1; i < argc; i++) {
		size_t n = strlen(argv[i]);

		if (expand && is_o(argc, argv, i, &list, &skip)) {
			i += skip - 1;
			continue;
		}
		options_ended |= is(argv[i], "--");
		add(b, options_ended ? "" : missing_dash(argv[i], n), argv[i], n);
	}
	return 0;
}

int optwords_new(struct optwords *ret, int argc, char **argv, struct err *err)
{
	struct builder b = { .w = ret };
	size_t n_words = 1, n_text = 1;
	int r = -ENOMEM;

	*ret = (struct optwords){ 0 };
	for (int i = 1; i < argc; i++) {
		n_words++;
		n_text += strlen(argv[i]) + 4;
		for (const char *p = argv[i]; *p; p++) {
			if (*p == ',') { /* perhaps one more element of -o: two dashes and a NUL */
				n_words++;
				n_text += 3;
			}
		}
	}
	ret->v = calloc(n_words, sizeof(*ret->v));
	ret->text = secret_new(n_text);
	if (ret->v && ret->text)
		r = build(&b, argc, argv, err);
	else
		(void)err_set_exit(err, r, EXITCODE_OTHER, "out of memory");
	optwords_hide(argc, argv);
	if (r < 0)
		optwords_done(ret);
	return r;
}

void optwords_done(struct optwords *w)
{
	free(w->v);
	secret_free(w->text);
	*w = (struct optwords){ 0 };
}

/* The value in "masterkey=VALUE", or NULL. */
static char *masterkey_value(char *word)
{
	static const char name[] = "masterkey=";

	return strncmp(word, name, sizeof(name) - 1) == 0 ? word + sizeof(name) - 1 : NULL;
}

static void hide(char *word, char *value)
{
	size_t n = strcspn(value, ",");

	if (n == 5 && strncmp(value, "stdin", 5) == 0)
		return;
	proc_scrub_arg(word, (size_t)(value - word));
}

static void hide_in_list(char *word)
{
	for (char *p = word; p; p = strchr(p, ',')) {
		char *value;

		p += *p == ',';
		value = masterkey_value(p + strspn(p, "-"));
		if (value)
			hide(word, value);
	}
}

void optwords_hide(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *word = argv[i];
		char *name = word + strspn(word, "-");
		char *value = masterkey_value(name);

		if (is(argv[i], "--"))
			return;
		if (name != word && value)
			hide(word, value);
		else if (name != word && is(name, "masterkey") && i + 1 < argc)
			hide(argv[i + 1], argv[i + 1]);
		else if (name != word && is(name, "o") && i + 1 < argc)
			hide_in_list(argv[i + 1]);
		else if (name != word && strncmp(name, "o=", 2) == 0)
			hide_in_list(name + 2);
	}
}
