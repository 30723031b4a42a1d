/* keys.c - from the command line to a master key, and from there to an opened store. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/exitcode.h"
#include "crypto/aead.h"
#include "util/cleanup.h"
#include "util/err.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/secret.h"
#include "volume/password.h"
#include "volume/text.h"

enum { MASTER_KEY_LEN = 32 };

static void note(const char *line)
{
	log_info("%s", line);
}

static void warn(const char *line)
{
	log_warn("%s", line);
}

static int ask(struct cli *c, bool with_options, const char *prompt, bool confirm, struct secret **ret)
{
	struct password_source source = { .note = note, .warn = warn };
	struct err err = { 0 };

	if (with_options) {
		source.passfiles = c->opt.passfile.v;
		source.n_passfiles = c->opt.passfile.n;
		source.extpass = c->opt.extpass.v;
		source.n_extpass = c->opt.extpass.n;
	}
	if (password_read(ret, &source, prompt, confirm, &err) < 0)
		return cli_fail(&err, EXITCODE_READPASSWORD);
	return 0;
}

int keys_ask_new_password(struct cli *c, bool first, struct secret **ret)
{
	return ask(c, first, "Password", true, ret);
}

static int parse_master_key(const char *text, bool from_stdin, struct secret **ret)
{
	struct err err = { 0 };

	if (password_parse_masterkey(ret, text, &err) < 0)
		return cli_fail(&err, EXITCODE_MASTERKEY);
	log_info("Using explicit master key.");
	if (!from_stdin)
		log_info(
		    "%sTHE MASTER KEY WAS VISIBLE VIA \"ps ax\" AT START AND MAY BE STORED IN YOUR SHELL "
		    "HISTORY!\n"
		    "ONLY USE THIS MODE FOR EMERGENCIES. SAFER: -masterkey=stdin, TYPED OR FROM A PIPE.%s",
		    log_yellow(), log_reset());
	return 0;
}

static int master_key_from_stdin(struct cli *c, struct secret **ret)
{
	auto_secret struct secret *typed = NULL;
	auto_secret struct secret *text = NULL;
	int code;

	code = ask(c, false, "Masterkey", false, &typed);
	if (code != 0)
		return code;
	text = secret_new(typed->len + 1); /* the NUL is there already */
	if (!text)
		return cli_no_memory();
	memcpy(text->data, typed->data, typed->len);
	return parse_master_key((const char *)text->data, true, ret);
}

/* Exactly 32 bytes; a writer that hands over fewer has failed, one that hands over more means something else.
 */
static int master_key_from_fd(struct cli *c, struct secret **ret)
{
	auto_secret struct secret *key = secret_new(MASTER_KEY_LEN + 1);
	auto_fd int fd = (int)c->opt.key_fd;
	char why[TEXT_ERRNO_MAX];
	ssize_t n;

	c->opt.key_fd = -1;
	if (!key)
		return cli_no_memory();
	n = fd_read(fd, key->data, MASTER_KEY_LEN + 1);
	if (n < 0) {
		log_error("-key_fd: %s", text_errno((int)n, why));
		return EXITCODE_MASTERKEY;
	}
	if (n != MASTER_KEY_LEN) {
		log_error("-key_fd: %s %d bytes on descriptor %d",
			  n < MASTER_KEY_LEN ? "fewer than" : "more than", MASTER_KEY_LEN, fd);
		return EXITCODE_MASTERKEY;
	}
	key->len = MASTER_KEY_LEN;
	*ret = take(key);
	return 0;
}

int keys_explicit(struct cli *c, struct secret **ret)
{
	int code;

	*ret = NULL;
	if (c->opt.masterkey && strcmp((const char *)c->opt.masterkey->data, "stdin") == 0)
		return master_key_from_stdin(c, ret);
	if (c->opt.masterkey) {
		code = parse_master_key((const char *)c->opt.masterkey->data, false, ret);
		opts_forget_masterkey(&c->opt);
		return code;
	}
	if (c->opt.key_fd >= 0)
		return master_key_from_fd(c, ret);
	if (!c->opt.zerokey)
		return 0;
	log_info("Using all-zero dummy master key.");
	log_info("%sZEROKEY MODE PROVIDES NO SECURITY AT ALL AND SHOULD ONLY BE USED FOR TESTING.%s",
		 log_yellow(), log_reset());
	*ret = secret_new(MASTER_KEY_LEN);
	return *ret ? 0 : cli_no_memory();
}

static int load_config(struct cli *c, struct keys *k)
{
	struct err err = { 0 };

	if (config_load(&k->config, AT_FDCWD, c->config, &err) < 0) {
		(void)err_prefix(&err, "Cannot open config file");
		return cli_fail(&err, EXITCODE_OTHER);
	}
	k->have_config = true;
	return 0;
}

static int unlock(struct cli *c, struct keys *k)
{
	auto_secret struct secret *password = NULL;
	struct err err = { 0 };
	int code, r;

	if (k->config.flags & CONFIG_FIDO2) {
		log_error("Masterkey encrypted using FIDO2 token; need to use the --fido2 option.");
		return EXITCODE_USAGE;
	}
	code = ask(c, true, "Password", false, &password);
	if (code != 0)
		return code;
	log_info("Decrypting master key");
	r = volume_unlock_in_child(&k->config, password, &k->master_key, &err);
	if (r == -EACCES)
		log_warn("failed to unlock master key: cipher: message authentication failed");
	return r < 0 ? cli_fail(&err, EXITCODE_PASSWORD) : 0;
}

int keys_get(struct cli *c, bool need_config, struct keys *ret)
{
	bool from_fd = c->opt.key_fd >= 0; /* comes without the store's flags */
	int code = 0;

	*ret = (struct keys){ 0 };
	if (need_config || from_fd || !(c->opt.masterkey || c->opt.zerokey))
		code = load_config(c, ret);
	if (code == 0)
		code = keys_explicit(c, &ret->master_key);
	ret->explicit_key = ret->master_key;
	if (code == 0 && !ret->explicit_key)
		code = unlock(c, ret);
	return code;
}

void keys_done(struct keys *k)
{
	config_done(&k->config);
	secret_free(k->master_key);
	*k = (struct keys){ 0 };
}

/* -openssl=true asks for that library's own cipher, whatever is fastest. */
static const struct aead_backend *openssl_backend(enum aead_alg alg)
{
	static const char suffix[] = "-OpenSSL";
	const struct aead_backend *const *list = aead_backends(alg);

	for (; *list; list++) {
		const char *name = aead_backend_name(*list);
		size_t n = strlen(name);

		if (n >= sizeof(suffix) - 1 && strcmp(name + n - (sizeof(suffix) - 1), suffix) == 0)
			return *list;
	}
	return NULL; /* the fastest, then */
}

static void options_of(const struct cli *c, const struct keys *k, struct volume_options *ret)
{
	const struct opts *o = &c->opt;
	enum aead_alg alg = AEAD_AES256_GCM;

	*ret = (struct volume_options){ 0 };
	if (k->have_config) {
		volume_options_from_config(ret, &k->config);
	} else {
		*ret = (struct volume_options){
			.plaintextnames = o->plaintextnames,
			.deterministic_names = o->deterministic_names,
			.aessiv = o->aessiv,
			.xchacha = o->xchacha,
			.raw64 = o->raw64,
			.hkdf = o->hkdf,
			.long_name_max = o->longnamemax ? (uint32_t)o->longnamemax : 255,
		};
	}
	ret->long_names = o->longnames;
	if (ret->aessiv)
		alg = AEAD_AES_SIV_512;
	else if (ret->xchacha)
		alg = AEAD_XCHACHA20_POLY1305;
	ret->backend = o->openssl_only ? openssl_backend(alg) : NULL;
}

int keys_open_volume(struct cli *c, const struct keys *k, int dirfd, bool lenient, struct volume **ret)
{
	static const char misfit[] =
	    "Master key does not fit this store: nothing in %s can be decrypted with it. The key is "
	    "wrong, or options like -plaintextnames, -aessiv and -xchacha differ from those of -init.";
	struct volume_options opt;
	struct volume *v = NULL;
	struct err err = { 0 };

	options_of(c, k, &opt);
	if (volume_open(&v, &opt, k->master_key, &err) < 0)
		return cli_fail(&err, EXITCODE_OTHER);
	if (k->explicit_key && volume_probe(v, dirfd) == -EACCES) {
		if (!lenient) {
			log_error(misfit, c->cipherdir);
			volume_close(v);
			return EXITCODE_PASSWORD;
		}
		log_warn(misfit, c->cipherdir);
	}
	*ret = v;
	return 0;
}
