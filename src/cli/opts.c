/* opts.c - the command line, parsed as the Go gocryptfs does it (spf13/pflag, without abbreviations). */
#include "cli/opts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exitcode.h"
#include "cli/optvalue.h"
#include "cli/optwords.h"
#include "fuse/session.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/secret.h"
#include "volume/text.h"

enum opt_type { TYPE_BOOL, TYPE_STRING, TYPE_LIST, TYPE_INT, TYPE_UINT8, TYPE_DURATION, TYPE_SHARING };

struct opt {
	const char *name;
	enum opt_type type;
	size_t offset; /* of the field in struct opts */
	const char *default_text, *help;
};

static const struct opt table[] = {
#define OPT(name, type, field, default_text, help)                                                           \
	{ name, TYPE_##type, offsetof(struct opts, field), default_text, help },
#include "cli/opts.def"
#undef OPT
};
enum { N_OPTS = sizeof(table) / sizeof(*table) };

static const char *const type_text[] = {
	[TYPE_BOOL] = "",   [TYPE_STRING] = "string",	  [TYPE_LIST] = "strings",	[TYPE_INT] = "int",
	[TYPE_UINT8] = "N", [TYPE_DURATION] = "duration", [TYPE_SHARING] = "[=strict]",
};

size_t opts_count(void)
{
	return N_OPTS;
}

struct opts_row opts_row(size_t i)
{
	return (struct opts_row){ table[i].name, type_text[table[i].type], table[i].default_text,
				  table[i].help };
}

static int no_memory(struct err *err)
{
	return err_set_exit(err, -ENOMEM, EXITCODE_OTHER, "out of memory");
}

static int bad_syntax(struct err *err, const char *what, const char *word)
{
	return err_set_exit(err, -EINVAL, EXITCODE_USAGE, "%s%s", what, word);
}

static int bad_value(struct err *err, const struct opt *opt, const char *value, const char *why)
{
	auto_free char *quoted = text_quote(value, strlen(value));

	return err_set_exit(err, -EINVAL, EXITCODE_USAGE, "invalid argument %s for \"--%s\" flag: %s",
			    quoted ? quoted : "", opt->name, why);
}

/* r from optvalue_*; parser is the Go function that would have complained. */
static int bad_number(struct err *err, const struct opt *opt, const char *value, const char *parser, int r)
{
	auto_free char *quoted = text_quote(value, strlen(value));
	char why[256];

	(void)snprintf(why, sizeof(why), "strconv.%s: parsing %.180s: %s", parser, quoted ? quoted : "",
		       r == -ERANGE ? "value out of range" : "invalid syntax");
	return bad_value(err, opt, value, why);
}

/* Each list has room for every word of the line; a place in it is given away when the list gets its first
 * value. */
static void append(struct opts *o, struct opt_list *list, char *value)
{
	if (list->n == 0)
		list->v = o->list_room + o->n_lists++ * o->list_max;
	list->v[list->n++] = value;
}

static int make_list_room(struct opts *o, size_t n_words, struct err *err)
{
	size_t n_lists = 0;

	for (size_t i = 0; i < N_OPTS; i++)
		n_lists += table[i].type == TYPE_LIST;
	o->list_max = n_words + 1; /* with a NULL at the end */
	o->list_room = calloc(n_lists * o->list_max, sizeof(*o->list_room));
	return o->list_room ? 0 : no_memory(err);
}

static int set_sharing(enum view_sharing *ret, const struct opt *opt, const char *value, struct err *err)
{
	bool on;
	int r;

	if (strcmp(value, "strict") == 0) {
		*ret = VIEW_STRICT;
		return 0;
	}
	r = optvalue_bool(value, &on);
	if (r < 0)
		return bad_number(err, opt, value, "ParseBool", r);
	*ret = on ? VIEW_SHARED : VIEW_EXCLUSIVE;
	return 0;
}

/* The key gets a place of its own, which can be wiped alone. "" is as good as not given. */
static int set_masterkey(struct opts *o, char *value, struct err *err)
{
	size_t n = strlen(value);

	opts_forget_masterkey(o);
	if (n == 0)
		return 0;
	o->masterkey = secret_copy(value, n + 1);
	secret_wipe(value, n);
	return o->masterkey ? 0 : no_memory(err);
}

static int set(struct opts *o, const struct opt *opt, char *value, struct err *err)
{
	void *field = (char *)o + opt->offset;
	struct err why = { 0 };
	int r;

	switch (opt->type) {
	case TYPE_BOOL:
		r = optvalue_bool(value, field);
		return r < 0 ? bad_number(err, opt, value, "ParseBool", r) : 0;
	case TYPE_INT:
		r = optvalue_int(value, INT64_MIN, INT64_MAX, field);
		return r < 0 ? bad_number(err, opt, value, "ParseInt", r) : 0;
	case TYPE_UINT8:
		r = optvalue_uint(value, UINT8_MAX, field);
		return r < 0 ? bad_number(err, opt, value, "ParseUint", r) : 0;
	case TYPE_DURATION:
		r = optvalue_duration(value, field, &why);
		return r < 0 ? bad_value(err, opt, value, why.text) : 0;
	case TYPE_SHARING:
		return set_sharing(field, opt, value, err);
	case TYPE_LIST:
		append(o, field, value);
		return 0;
	case TYPE_STRING:
		break;
	}
	if (opt->offset != offsetof(struct opts, masterkey)) {
		*(char **)field = value;
		return 0;
	}
	return set_masterkey(o, value, err);
}

static const struct opt *find(const char *name, size_t n)
{
	for (size_t i = 0; i < N_OPTS; i++) {
		if (strlen(table[i].name) == n && strncmp(table[i].name, name, n) == 0)
			return &table[i];
	}
	return NULL;
}

/* w->v[*i] is "--name" or "--name=value"; moves *i over a value of its own. */
static int parse_option(struct opts *o, const struct optwords *w, size_t *i, bool given[N_OPTS],
			struct err *err)
{
	static char on[] = "true";
	char *word = w->v[*i];
	char *name = word + 2;
	size_t n = strcspn(name, "=");
	const struct opt *opt;
	char *value;

	if (!*name || *name == '-' || *name == '=')
		return bad_syntax(err, "bad flag syntax: ", word);
	opt = find(name, n);
	if (!opt) {
		name[n] = '\0';
		return bad_syntax(err, "unknown flag: --", name);
	}
	if (name[n] == '=')
		value = name + n + 1;
	else if (opt->type == TYPE_BOOL || opt->type == TYPE_SHARING)
		value = on;
	else if (*i + 1 < w->n)
		value = w->v[++*i];
	else
		return bad_syntax(err, "flag needs an argument: ", word);
	given[opt - table] = true;
	return set(o, opt, value, err);
}

static int parse_words(struct opts *o, const struct optwords *w, struct err *err)
{
	bool given[N_OPTS] = { false };
	bool options_ended = false;
	int r;

	r = make_list_room(o, w->n, err);
	o->paths = calloc(w->n + 1, sizeof(*o->paths));
	if (!o->paths)
		return no_memory(err);
	for (size_t i = 0; i < w->n && r == 0 && !o->help; i++) {
		char *word = w->v[i];

		if (options_ended || word[0] != '-' || word[1] == '\0')
			o->paths[o->n_paths++] = word;
		else if (strcmp(word, "--") == 0)
			options_ended = true;
		else if (strcmp(word, "-h") == 0)
			o->help = true;
		else
			r = parse_option(o, w, &i, given, err);
	}
	for (size_t i = 0; i < N_OPTS; i++) {
		o->n_given += given[i];
		if (given[i] && strcmp(table[i].name, "scryptn") == 0)
			o->scryptn_given = true;
	}
	return r;
}

static int conflict(struct err *err, const char *a, const char *b)
{
	return err_set_exit(err, -ENOTSUP, EXITCODE_USAGE,
			    "The options -%s and -%s cannot be used at the same time", a, b);
}

static int check_conflicts(const struct opts *o, struct err *err)
{
	if (o->extpass.n && o->passfile.n)
		return conflict(err, "extpass", "passfile");
	if (o->passfile.n && o->masterkey)
		return conflict(err, "passfile", "masterkey");
	/* -init uses both: the key to wrap and the password to wrap it with */
	if (o->extpass.n && o->masterkey && !o->init)
		return conflict(err, "extpass", "masterkey");
	if (o->extpass.n && o->fido2 && *o->fido2)
		return conflict(err, "extpass", "fido2");
	if (o->writeback && o->sharing != VIEW_EXCLUSIVE)
		return conflict(err, "writeback", "sharedstorage");
	if (o->key_fd < 0)
		return 0;
	if (o->masterkey || o->zerokey)
		return conflict(err, "key_fd", o->masterkey ? "masterkey" : "zerokey");
	if (o->extpass.n || o->passfile.n)
		return conflict(err, "key_fd", o->extpass.n ? "extpass" : "passfile");
	return 0;
}

static int check_openssl(struct opts *o, struct err *err)
{
	auto_free char *quoted = NULL;

	if (!o->openssl || strcmp(o->openssl, "auto") == 0)
		return 0;
	if (optvalue_bool(o->openssl, &o->openssl_only) == 0)
		return 0;
	quoted = text_quote(o->openssl, strlen(o->openssl));
	return err_set_exit(err, -ENOTSUP, EXITCODE_USAGE,
			    "Invalid \"-openssl\" setting: strconv.ParseBool: parsing %s: invalid syntax",
			    quoted ? quoted : "");
}

static int check_values(const struct opts *o, struct err *err)
{
	if (o->idle_ns < 0)
		return err_set_exit(err, -ENOTSUP, EXITCODE_USAGE, "Idle timeout cannot be less than 0");
	for (size_t i = 0; i < o->badname.n; i++) {
		auto_free char *quoted = NULL;

		if (optvalue_glob_ok(o->badname.v[i]))
			continue;
		quoted = text_quote(o->badname.v[i], strlen(o->badname.v[i]));
		return err_set_exit(err, -ENOTSUP, EXITCODE_USAGE, "-badname: invalid pattern %s supplied",
				    quoted ? quoted : "");
	}
	if (o->peers && strcmp(o->peers, "warn") != 0 && strcmp(o->peers, "refuse") != 0 &&
	    strcmp(o->peers, "ignore") != 0)
		return err_set_exit(err, -ENOTSUP, EXITCODE_USAGE, "-peers: must be warn, refuse or ignore");
	if (o->threads < 0 || o->threads > SESSION_THREADS_MAX)
		return err_set_exit(err, -ENOTSUP, EXITCODE_USAGE,
				    "-threads: value %" PRId64 " is outside allowed range 0 ... %d",
				    o->threads, SESSION_THREADS_MAX);
	if (o->longnamemax > 0 && o->longnamemax < 62)
		return err_set_exit(err, -ENOTSUP, EXITCODE_USAGE,
				    "-longnamemax: value %" PRId64 " is outside allowed range 62 ... 255",
				    o->longnamemax);
	return 0;
}

int opts_parse(struct opts *ret, int argc, char **argv, struct err *err)
{
	struct optwords words = { 0 };
	int r;

	*ret = (struct opts){ .hkdf = true,
			      .raw64 = true,
			      .longnames = true,
			      .scryptn = 16,
			      .longnamemax = 255,
			      .key_fd = -1,
			      .ready_fd = -1,
			      .stats_fd = -1 };
	r = optwords_new(&words, argc, argv, err);
	if (r < 0)
		return r;
	r = parse_words(ret, &words, err);
	ret->words = take(words.text);
	optwords_done(&words);
	if (r == 0 && !ret->help)
		r = check_openssl(ret, err);
	if (r == 0 && !ret->help)
		r = check_conflicts(ret, err);
	if (r == 0 && !ret->help)
		r = check_values(ret, err);
	return r;
}

void opts_forget_masterkey(struct opts *o)
{
	secret_free(o->masterkey);
	o->masterkey = NULL;
}

void opts_done(struct opts *o)
{
	free(o->list_room);
	free(o->paths);
	secret_free(o->masterkey);
	secret_free(o->words);
	*o = (struct opts){ 0 };
}

char *opts_quote_argv(int argc, char *const *argv)
{
	char *ret = NULL;
	size_t n;
	FILE *f = open_memstream(&ret, &n);

	if (!f)
		return NULL;
	for (int i = 0; i < argc; i++) {
		auto_free char *quoted = text_quote(argv[i], strlen(argv[i]));

		(void)fprintf(f, "%s%s", i ? " " : "", quoted ? quoted : "");
	}
	if (fclose(f) != 0) {
		free(ret);
		return NULL;
	}
	return ret;
}
