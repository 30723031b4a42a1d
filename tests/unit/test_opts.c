/* test_opts.c - the command line: the Go gocryptfs's rules, word for word. Expected texts are from
 * gocryptfs 2.3. */
#include "unit.h"

#include <errno.h>

#include "cli/exitcode.h"
#include "cli/opts.h"
#include "cli/optwords.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/secret.h"

enum { ARGS_MAX = 16 };

/* A command line whose words may be written to, as argv's may. */
struct line {
	int argc;
	char *argv[ARGS_MAX + 1];
	struct opts opts;
	struct err err;
	int r;
};

static struct line *parse_argv(const char *const *words)
{
	struct line *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->argv[l->argc++] = strdup("gocryptfs");
	for (; *words; words++)
		l->argv[l->argc++] = strdup(*words);
	l->r = opts_parse(&l->opts, l->argc, l->argv, &l->err);
	return l;
}
#define PARSE(...) parse_argv((const char *const[]){ __VA_ARGS__, NULL })

static void free_line(struct line **l)
{
	opts_done(&(*l)->opts);
	for (int i = 0; i < (*l)->argc; i++)
		free((*l)->argv[i]);
	free(*l);
}
#define auto_line __attribute__((cleanup(free_line)))

static void assert_fails(const struct line *l, int r, const char *text)
{
	assert_int_equal(l->r, r);
	assert_string_equal(l->err.text, text);
	assert_int_equal(l->err.exitcode, EXITCODE_USAGE);
}

static void assert_paths(const struct line *l, const char *first, const char *second)
{
	assert_int_equal(l->r, 0);
	assert_int_equal(l->opts.n_paths, second ? 2 : 1);
	assert_string_equal(l->opts.paths[0], first);
	if (second)
		assert_string_equal(l->opts.paths[1], second);
}

static void test_defaults(void **state)
{
	auto_line struct line *l = PARSE("a", "b");

	(void)state;
	assert_paths(l, "a", "b");
	assert_int_equal(l->opts.n_given, 0);
	assert_true(l->opts.hkdf && l->opts.raw64 && l->opts.longnames);
	assert_int_equal(l->opts.scryptn, 16);
	assert_int_equal(l->opts.longnamemax, 255);
	assert_int_equal(l->opts.key_fd, -1);
	assert_int_equal(l->opts.ready_fd, -1);
	assert_int_equal(l->opts.sharing, VIEW_EXCLUSIVE);
	assert_false(l->opts.fg || l->opts.init || l->opts.scryptn_given || l->opts.openssl_only);
}

static void test_one_or_two_dashes(void **state)
{
	auto_line struct line *l = PARSE("-fg", "a", "--quiet", "b", "-ro");

	(void)state;
	assert_paths(l, "a", "b");
	assert_true(l->opts.fg && l->opts.quiet && l->opts.ro);
	assert_int_equal(l->opts.n_given, 3);
}

static void test_aliases(void **state)
{
	auto_line struct line *l =
	    PARSE("-f", "-q", "-d", "-i", "5s", "-e", "x", "-exclude", "y", "-ew", "z", "a");

	(void)state;
	assert_int_equal(l->r, 0);
	assert_true(l->opts.fg && l->opts.quiet && l->opts.debug);
	assert_int_equal(l->opts.idle_ns, 5000000000);
	assert_int_equal(l->opts.exclude.n, 2);
	assert_string_equal(l->opts.exclude.v[1], "y");
	assert_null(l->opts.exclude.v[2]);
	assert_int_equal(l->opts.exclude_wildcard.n, 1);
}

static void test_abbreviations(void **state)
{
	auto_line struct line *l = PARSE("-qui", "a");
	auto_line struct line *prefix = PARSE("--quietly=1", "a");

	(void)state;
	assert_fails(l, -EINVAL, "unknown flag: --qui");
	assert_fails(prefix, -EINVAL, "unknown flag: --quietly");
}

static void test_flag_syntax(void **state)
{
	auto_line struct line *equals = PARSE("-=");
	auto_line struct line *three = PARSE("---x");
	auto_line struct line *missing = PARSE("a", "-badname");
	auto_line struct line *dash = PARSE("-");

	(void)state;
	assert_fails(equals, -EINVAL, "bad flag syntax: --=");
	assert_fails(three, -EINVAL, "bad flag syntax: ---x");
	assert_fails(missing, -EINVAL, "flag needs an argument: --badname");
	assert_paths(dash, "-", NULL);
}

static void test_booleans(void **state)
{
	static const char *const yes[] = { "-fg=1", "-fg=t", "-fg=T", "-fg=true", "-fg=TRUE", "-fg=True" };
	static const char *const no[] = { "-fg=0", "-fg=f", "-fg=F", "-fg=false", "-fg=FALSE", "-fg=False" };
	auto_line struct line *word = PARSE("-hkdf", "false");
	auto_line struct line *off = PARSE("-hkdf=false", "-raw64=0", "-longnames=f", "a");
	auto_line struct line *maybe = PARSE("-fg=maybe", "a", "m");

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		auto_line struct line *on = PARSE(yes[i]);
		auto_line struct line *not = PARSE("-fg", no[i]);

		assert_true(on->r == 0 && on->opts.fg);
		assert_true(not ->r == 0 && !not ->opts.fg);
	}
	assert_paths(word, "false", NULL); /* never a word of its own */
	assert_true(word->opts.hkdf);
	assert_false(off->opts.hkdf || off->opts.raw64 || off->opts.longnames);
	assert_fails(maybe, -EINVAL,
		     "invalid argument \"maybe\" for \"--fg\" flag: strconv.ParseBool: parsing \"maybe\": "
		     "invalid syntax");
}

static void test_numbers(void **state)
{
	auto_line struct line *hex = PARSE("-longnamemax=0x64", "-scryptn", "0b1100", "-notifypid=0o17", "a");
	auto_line struct line *octal = PARSE("-scryptn=014", "-longnamemax", "0");
	auto_line struct line *big = PARSE("-longnamemax", "300", "a");
	auto_line struct line *negative = PARSE("-longnamemax", "-1", "a");
	auto_line struct line *text = PARSE("-scryptn", "x", "a");
	auto_line struct line *huge = PARSE("-scryptn=9223372036854775808");
	auto_line struct line *low = PARSE("-longnamemax", "61", "a");
	auto_line struct line *threads = PARSE("-threads", "256", "a");
	auto_line struct line *crowd = PARSE("-threads=257", "a");
	auto_line struct line *less = PARSE("-threads=-1", "a");

	(void)state;
	assert_int_equal(hex->opts.longnamemax, 100);
	assert_int_equal(hex->opts.scryptn, 12);
	assert_int_equal(hex->opts.notifypid, 15);
	assert_true(hex->opts.scryptn_given);
	assert_int_equal(octal->opts.scryptn, 12);
	assert_int_equal(octal->r, 0);
	assert_fails(big, -EINVAL,
		     "invalid argument \"300\" for \"--longnamemax\" flag: strconv.ParseUint: parsing "
		     "\"300\": value out of range");
	/* the dash was doubled before anybody knew that it is a value */
	assert_fails(negative, -EINVAL,
		     "invalid argument \"--1\" for \"--longnamemax\" flag: strconv.ParseUint: parsing "
		     "\"--1\": invalid syntax");
	assert_fails(
	    text, -EINVAL,
	    "invalid argument \"x\" for \"--scryptn\" flag: strconv.ParseInt: parsing \"x\": invalid syntax");
	assert_int_equal(huge->r, -EINVAL);
	assert_non_null(strstr(huge->err.text, "value out of range"));
	assert_fails(low, -ENOTSUP, "-longnamemax: value 61 is outside allowed range 62 ... 255");
	assert_int_equal(threads->opts.threads, 256);
	assert_fails(crowd, -ENOTSUP, "-threads: value 257 is outside allowed range 0 ... 256");
	assert_fails(less, -ENOTSUP, "-threads: value -1 is outside allowed range 0 ... 256");
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{ "500s", 500000000000 },
		{ "2h45m", 9900000000000 },
		{ "10ms", 10000000 },
		{ "1.5h", 5400000000000 },
		{ "0", 0 },
		{ "+3us", 3000 },
		{ "3\xc2\xb5s", 3000 },
		{ "1m0.25s", 60250000000 },
		{ ".5s", 500000000 },
		{ "2562047h", 9223369200000000000 },
	};
	auto_line struct line *unit = PARSE("-idle", "5", "a");
	auto_line struct line *word = PARSE("-idle", "x", "a");
	auto_line struct line *foreign = PARSE("-idle=5x", "a");
	auto_line struct line *over = PARSE("-idle=2562048h", "a");
	auto_line struct line *negative = PARSE("-idle=-5s", "a");
	auto_line struct line *empty = PARSE("-idle=", "a");

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		auto_line struct line *l = PARSE("-idle", good[i].text, "a");

		assert_int_equal(l->r, 0);
		assert_true(l->opts.idle_ns == good[i].ns);
	}
	assert_fails(unit, -EINVAL,
		     "invalid argument \"5\" for \"--idle\" flag: time: missing unit in duration \"5\"");
	assert_fails(word, -EINVAL,
		     "invalid argument \"x\" for \"--idle\" flag: time: invalid duration \"x\"");
	assert_fails(
	    foreign, -EINVAL,
	    "invalid argument \"5x\" for \"--idle\" flag: time: unknown unit \"x\" in duration \"5x\"");
	assert_int_equal(over->r, -EINVAL);
	assert_fails(negative, -ENOTSUP, "Idle timeout cannot be less than 0");
	assert_fails(empty, -EINVAL,
		     "invalid argument \"\" for \"--idle\" flag: time: invalid duration \"\"");
}

static void test_o_option(void **state)
{
	auto_line struct line *l = PARSE("a", "b", "-o", "rw,,allow_other,passfile=/p q,dev,suid");
	auto_line struct line *equals = PARSE("-o=ro,-fg", "a", "b");
	auto_line struct line *last = PARSE("-o", "ro", "a", "-o", "nonempty", "b");

	(void)state;
	assert_paths(l, "a", "b");
	assert_true(l->opts.rw && l->opts.allow_other && l->opts.dev && l->opts.suid);
	assert_int_equal(l->opts.passfile.n, 1);
	assert_string_equal(l->opts.passfile.v[0], "/p q");
	assert_paths(equals, "a", "b");
	assert_true(equals->opts.ro && equals->opts.fg);
	assert_paths(last, "a", "b");
	assert_true(last->opts.nonempty && !last->opts.ro);
}

static void test_o_option_refused(void **state)
{
	auto_line struct line *inside = PARSE("-o", "o", "a", "m");
	auto_line struct line *inside2 = PARSE("-o", "ro,-o", "a", "m");
	auto_line struct line *unknown = PARSE("-o", "x", "a");
	auto_line struct line *alone = PARSE("-o");
	auto_line struct line *at_end = PARSE("a", "m", "-o");

	(void)state;
	assert_fails(inside, -ENOTSUP, "You can't pass \"-o\" to \"-o\"");
	assert_fails(inside2, -ENOTSUP, "You can't pass \"-o\" to \"-o\"");
	assert_fails(unknown, -EINVAL, "unknown flag: --x");
	assert_fails(alone, -EINVAL, "flag needs an argument: --o");
	assert_fails(at_end, -ENOTSUP, "The \"-o\" option requires an argument");
}

static void test_end_of_options(void **state)
{
	auto_line struct line *l = PARSE("-q", "--", "-a", "--fg");
	auto_line struct line *o = PARSE("-o", "ro", "--", "a");

	(void)state;
	assert_paths(l, "-a", "--fg");
	assert_true(l->opts.quiet && !l->opts.fg);
	/* with a "--" anywhere -o is a plain option without effect */
	assert_paths(o, "a", NULL);
	assert_false(o->opts.ro);
}

static void test_values_get_a_second_dash(void **state)
{
	auto_line struct line *l = PARSE("-extpass", "-X", "-extpass", "b,c", "a");

	(void)state;
	assert_int_equal(l->opts.extpass.n, 2);
	assert_string_equal(l->opts.extpass.v[0], "--X");
	assert_string_equal(l->opts.extpass.v[1], "b,c");
}

static void test_last_wins(void **state)
{
	auto_line struct line *l = PARSE("-fsname", "x", "-fsname=y", "-ro", "-ro=false", "a");

	(void)state;
	assert_string_equal(l->opts.fsname, "y");
	assert_false(l->opts.ro);
}

static void test_help(void **state)
{
	auto_line struct line *h = PARSE("-h");
	auto_line struct line *early = PARSE("-help", "-nosuch");
	auto_line struct line *late = PARSE("-nosuch", "-help");

	(void)state;
	assert_true(h->r == 0 && h->opts.help);
	assert_true(early->r == 0 && early->opts.help);
	assert_fails(late, -EINVAL, "unknown flag: --nosuch");
}

static void test_conflicts(void **state)
{
	auto_line struct line *a = PARSE("-extpass=x", "-passfile=y", "a");
	auto_line struct line *b = PARSE("-passfile=y", "-masterkey=stdin", "a");
	auto_line struct line *c = PARSE("-extpass=x", "-masterkey=stdin", "a");
	auto_line struct line *d = PARSE("-extpass=x", "-masterkey=stdin", "-init", "a");
	auto_line struct line *e = PARSE("-extpass=x", "-fido2=y", "a");
	auto_line struct line *f = PARSE("-key_fd=3", "-zerokey", "a");
	auto_line struct line *g = PARSE("-key_fd=3", "-passfile=x", "a");

	(void)state;
	assert_fails(a, -ENOTSUP, "The options -extpass and -passfile cannot be used at the same time");
	assert_fails(b, -ENOTSUP, "The options -passfile and -masterkey cannot be used at the same time");
	assert_fails(c, -ENOTSUP, "The options -extpass and -masterkey cannot be used at the same time");
	assert_int_equal(d->r, 0);
	assert_fails(e, -ENOTSUP, "The options -extpass and -fido2 cannot be used at the same time");
	assert_fails(f, -ENOTSUP, "The options -key_fd and -zerokey cannot be used at the same time");
	assert_fails(g, -ENOTSUP, "The options -key_fd and -passfile cannot be used at the same time");
}

static void test_openssl(void **state)
{
	auto_line struct line *automatic = PARSE("-openssl", "auto", "a");
	auto_line struct line *on = PARSE("-openssl", "true", "a");
	auto_line struct line *off = PARSE("-openssl=0", "a");
	auto_line struct line *wrong = PARSE("-openssl", "x", "a");

	(void)state;
	assert_true(automatic->r == 0 && !automatic->opts.openssl_only);
	assert_true(on->r == 0 && on->opts.openssl_only);
	assert_true(off->r == 0 && !off->opts.openssl_only);
	assert_fails(wrong, -ENOTSUP,
		     "Invalid \"-openssl\" setting: strconv.ParseBool: parsing \"x\": invalid syntax");
}

static void test_sharedstorage(void **state)
{
	auto_line struct line *plain = PARSE("-sharedstorage", "a");
	auto_line struct line *strict = PARSE("-sharedstorage=strict", "a");
	auto_line struct line *in_o = PARSE("-o", "sharedstorage=strict", "a");
	auto_line struct line *off = PARSE("-sharedstorage", "-sharedstorage=false", "a");
	auto_line struct line *wrong = PARSE("-sharedstorage=lax", "a");

	(void)state;
	assert_int_equal(plain->opts.sharing, VIEW_SHARED);
	assert_paths(plain, "a", NULL);
	assert_int_equal(strict->opts.sharing, VIEW_STRICT);
	assert_int_equal(in_o->opts.sharing, VIEW_STRICT);
	assert_int_equal(off->opts.sharing, VIEW_EXCLUSIVE);
	assert_int_equal(wrong->r, -EINVAL);
}

static void test_badname(void **state)
{
	static const char *const good[] = { "*",     "a?c",	"[a-z]*", "[^x]", "\\[",
					    "[\\]]", "[a-\\z]", "",	  "]",	  "[\xc3\xa4]" };
	static const char *const bad[] = {
		"[", "[a", "[]", "[]a]", "[-x]", "[x-]", "a\\", "[a-", "[^]", "[\\"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		auto_line struct line *l = PARSE("-badname", good[i], "a");

		assert_int_equal(l->r, 0);
		assert_string_equal(l->opts.badname.v[0], good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		auto_line struct line *l = PARSE("-badname", bad[i], "a");

		assert_int_equal(l->r, -ENOTSUP);
		assert_non_null(strstr(l->err.text, "-badname: invalid pattern \""));
	}
}

/* The key must be gone from argv and be kept in one place. */
static void assert_hidden(const struct line *l, const char *key)
{
	for (int i = 0; i < l->argc; i++)
		assert_null(strstr(l->argv[i], key));
	assert_int_equal(l->r, 0);
	assert_non_null(l->opts.masterkey);
	assert_string_equal((const char *)l->opts.masterkey->data, key);
	assert_null(memmem(l->opts.words->data, l->opts.words->len, key, strlen(key)));
}

static void test_masterkey_is_hidden(void **state)
{
	static const char key[] = "e1ecdcf1-6bcebaa0";
	auto_line struct line *word = PARSE("-masterkey", key, "a", "m");
	auto_line struct line *equals = PARSE("a", "--masterkey=e1ecdcf1-6bcebaa0", "m");
	auto_line struct line *in_o = PARSE("a", "m", "-o", "ro,masterkey=e1ecdcf1-6bcebaa0,nonempty");
	auto_line struct line *in_o_equals = PARSE("a", "m", "-o=masterkey=e1ecdcf1-6bcebaa0");

	(void)state;
	assert_hidden(word, key);
	assert_paths(word, "a", "m");
	assert_hidden(equals, key);
	assert_hidden(in_o, key);
	assert_true(in_o->opts.ro && in_o->opts.nonempty);
	assert_hidden(in_o_equals, key);
}

static void test_masterkey_is_hidden_on_errors(void **state)
{
	auto_line struct line *l = PARSE("-nosuch", "-masterkey", "e1ecdcf1-6bcebaa0", "a", "m");
	auto_line struct line *from_stdin = PARSE("-masterkey", "stdin", "a", "m");
	auto_free char *quoted = opts_quote_argv(l->argc, l->argv);

	(void)state;
	assert_int_equal(l->r, -EINVAL);
	assert_null(strstr(quoted, "e1ec"));
	assert_string_equal(from_stdin->argv[2], "stdin");
	assert_string_equal((const char *)from_stdin->opts.masterkey->data, "stdin");
}

static void test_forget_masterkey(void **state)
{
	auto_line struct line *l = PARSE("-masterkey", "e1ecdcf1-6bcebaa0", "a", "m");

	(void)state;
	opts_forget_masterkey(&l->opts);
	assert_null(l->opts.masterkey);
}

static void test_quoted_argv(void **state)
{
	char *argv[] = { "gocryptfs", "a b", "c\"d\n", "" };
	auto_free char *quoted = opts_quote_argv(4, argv);

	(void)state;
	assert_string_equal(quoted, "\"gocryptfs\" \"a b\" \"c\\\"d\\n\" \"\"");
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < opts_count(); i++) {
		struct opts_row row = opts_row(i);

		assert_true(row.help[0] && row.type_text && row.default_text);
		if (i > 0)
			assert_true(strcmp(opts_row(i - 1).name, row.name) < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("a line without options has the defaults", test_defaults),
		TEST("options take one dash or two, in any order with paths", test_one_or_two_dashes),
		TEST("aliases set the same option", test_aliases),
		TEST("abbreviations are refused", test_abbreviations),
		TEST("malformed options are refused with Go's words", test_flag_syntax),
		TEST("booleans take Go's twelve words, and only after '='", test_booleans),
		TEST("numbers may be hexadecimal, octal or binary and have limits", test_numbers),
		TEST("durations are read as Go reads them", test_durations),
		TEST("-o is taken apart, the last one counts", test_o_option),
		TEST("-o without or with itself as argument is refused", test_o_option_refused),
		TEST("-- ends the options and switches -o off", test_end_of_options),
		TEST("a value with a dash gets a second one; commas in it stay",
		     test_values_get_a_second_dash),
		TEST("the last of several values counts", test_last_wins),
		TEST("-h ends parsing where it stands", test_help),
		TEST("options that exclude each other are named", test_conflicts),
		TEST("-openssl takes auto and booleans", test_openssl),
		TEST("-sharedstorage takes booleans and strict", test_sharedstorage),
		TEST("-badname patterns are checked as filepath.Match does", test_badname),
		TEST("the master key is hidden from argv in every form", test_masterkey_is_hidden),
		TEST("the master key is hidden when the line is wrong, stdin stays",
		     test_masterkey_is_hidden_on_errors),
		TEST("the master key can be forgotten", test_forget_masterkey),
		TEST("argv is quoted for messages", test_quoted_argv),
		TEST("the table of options is complete and sorted", test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
