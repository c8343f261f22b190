/* SPDX-License-Identifier: MIT */
/* swos-image: makes SWOSBASE images and looks into them. The format is in docs/formats/image.md. */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/image/commands.h"
#include "tools/image/pack.h"
#include "tools/key/keyfile.h"

#define USAGE    2
#define NS_PER_S 1000000000

static const char help[] =
	"usage: swos-image pack --root DIR... --out FILE --key KEY --kind base|package|bundle\n"
	"                       --name NAME --generation N [--development] [--wx PATH]...\n"
	"                       [--manifest FILE]... [--epoch SECONDS]\n"
	"       swos-image show|list FILE [--pub KEY]...\n"
	"       swos-image verify FILE [--pub KEY]...\n"
	"       swos-image digest FILE PATH [--pub KEY]...\n"
	"       swos-image extract FILE --to DIR [--owners] [--pub KEY]...\n"
	"\n"
	"pack     Makes an image of a tree, signed with KEY. The same input gives the same bytes.\n"
	"         Several --root are merged, later over earlier. Files belong to 0:0 unless a\n"
	"         manifest says else; --wx gives a program the wx attribute; times later than\n"
	"         --epoch become that.\n"
	"show     Prints the header.\n"
	"list     Prints a line for each entry: mode, attributes, owner, group, size, time, path.\n"
	"verify   Checks the header, the structure and every block.\n"
	"digest   Prints the fs-verity digest of a file, as `fsverity digest` does.\n"
	"extract  Writes the tree into DIR, which must be empty or absent; --owners also sets "
	"owners\n"
	"         and set-id bits.\n"
	"--pub    The image must be signed by one of these keys. Without it, what is in the image "
	"is\n"
	"         what whoever made it put there.\n"
	"\n"
	"Exit status: 0 done, 1 it could not be done or the image is bad, 2 wrong usage.\n";

static int
usage(const char *why, const char *what)
{
	warnx("%s%s%s; swos-image --help explains", why, what ? " " : "", what ? what : "");
	return USAGE;
}

static bool
parse_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *out <= max;
}

/* A growing list of option arguments. */
struct words {
	const char **word;
	size_t count;
};

static void
words_add(struct words *w, const char *word)
{
	w->word = must_have(reallocarray(w->word, w->count + 1, sizeof(char *)));
	w->word[w->count++] = word;
}

struct pack_options {
	struct words roots, manifests, wx;
	const char *out, *key, *kind, *generation, *epoch;
	struct pack_identity identity;
	int64_t latest_ns;
};

static const struct option pack_option_names[] = {
	{"root", required_argument, NULL, 'r'},
	{"out", required_argument, NULL, 'o'},
	{"key", required_argument, NULL, 'k'},
	{"kind", required_argument, NULL, 'K'},
	{"name", required_argument, NULL, 'n'},
	{"generation", required_argument, NULL, 'g'},
	{"development", no_argument, NULL, 'd'},
	{"wx", required_argument, NULL, 'w'},
	{"manifest", required_argument, NULL, 'm'},
	{"epoch", required_argument, NULL, 'e'},
	{},
};

static int
take_pack_option(struct pack_options *o, int c)
{
	switch (c) {
	case 'r':
		words_add(&o->roots, optarg);
		return 0;
	case 'm':
		words_add(&o->manifests, optarg);
		return 0;
	case 'w':
		words_add(&o->wx, optarg);
		return 0;
	case 'o':
		o->out = optarg;
		return 0;
	case 'k':
		o->key = optarg;
		return 0;
	case 'K':
		o->kind = optarg;
		return 0;
	case 'n':
		o->identity.name = optarg;
		return 0;
	case 'g':
		o->generation = optarg;
		return 0;
	case 'e':
		o->epoch = optarg;
		return 0;
	case 'd':
		o->identity.flags |= IMAGE_DEVELOPMENT;
		return 0;
	}
	return usage("pack: see above", NULL);
}

static int
check_pack_options(struct pack_options *o)
{
	uint64_t epoch = 0;
	if (!o->roots.count || !o->out || !o->key || !o->kind || !o->identity.name ||
		!o->generation)
		return usage(
			"pack needs --root, --out, --key, --kind, --name and --generation", NULL);
	o->identity.kind = image_kind_parse(o->kind);
	if (!o->identity.kind)
		return usage("pack: the kinds are base, package and bundle, not", o->kind);
	if (!image_name_ok(o->identity.name, strlen(o->identity.name)))
		return usage("pack: a name has 1 to 63 of a-z 0-9 . + - _ and begins with a letter "
			     "or digit, unlike",
			o->identity.name);
	if (!parse_number(o->generation, UINT64_MAX, &o->identity.generation))
		return usage("pack: not a number:", o->generation);
	if (o->epoch && !parse_number(o->epoch, INT64_MAX / NS_PER_S, &epoch))
		return usage("pack: not a number of seconds since 1970:", o->epoch);
	o->latest_ns = o->epoch ? (int64_t)epoch * NS_PER_S : INT64_MAX;
	return 0;
}

static int
read_signing_key(const struct pack_options *o, struct key_file *key)
{
	if (key_file_read(o->key, key) != 0)
		return -1;
	if (!key->has_secret) {
		warnx("%s is a public key; signing takes the secret one beside it", o->key);
		return -1;
	}
	if (key->key.kind != o->identity.kind) {
		warnx("%s signs images of the kind %s only; use a %s key", o->key,
			image_kind_name(key->key.kind), o->kind);
		return -1;
	}
	return 0;
}

static int
mark_wx(struct node *root, const char *path)
{
	struct node *node = node_find(root, path);
	if (!node || !node->source) {
		warnx("--wx %s: the tree has no such file", path);
		return -1;
	}
	node->attributes |= IMAGE_ATTR_WX;
	return 0;
}

static int
build_tree(const struct pack_options *o, struct node **out)
{
	*out = NULL;
	for (size_t i = 0; i < o->roots.count; i++) {
		struct node *tree;
		if (node_scan(o->roots.word[i], o->latest_ns, &tree) != 0)
			return -1;
		if (*out)
			node_merge(*out, tree);
		else
			*out = tree;
	}
	for (size_t i = 0; i < o->manifests.count; i++)
		if (node_apply_manifest(*out, o->manifests.word[i]) != 0)
			return -1;
	for (size_t i = 0; i < o->wx.count; i++)
		if (mark_wx(*out, o->wx.word[i]) != 0)
			return -1;
	return 0;
}

static int
command_pack(int argc, char **argv)
{
	struct pack_options o = {};
	struct key_file key = {};
	struct node *root = NULL;
	int status = 0;
	for (int c; !status && (c = getopt_long(argc, argv, "", pack_option_names, NULL)) != -1;)
		status = take_pack_option(&o, c);
	if (!status && optind < argc)
		status = usage("pack: unexpected", argv[optind]);
	if (!status)
		status = check_pack_options(&o);
	if (!status &&
		(read_signing_key(&o, &key) != 0 || build_tree(&o, &root) != 0 ||
			pack_image(root, &o.identity, &key, o.out) != 0))
		status = 1;
	explicit_bzero(&key, sizeof(key));
	node_free(root);
	free(o.roots.word);
	free(o.manifests.word);
	free(o.wx.word);
	return status;
}

struct read_options {
	struct image_key *keys;
	size_t key_count;
	const char *file, *path, *to;
	unsigned int flags;
};

static const struct option read_option_names[] = {
	{"pub", required_argument, NULL, 'p'},
	{"to", required_argument, NULL, 't'},
	{"owners", no_argument, NULL, 'w'},
	{},
};

static int
add_key(struct read_options *o, const char *path)
{
	struct key_file file;
	if (key_file_read(path, &file) != 0)
		return 1;
	o->keys = must_have(reallocarray(o->keys, o->key_count + 1, sizeof(*o->keys)));
	o->keys[o->key_count++] = file.key;
	explicit_bzero(&file, sizeof(file));
	return 0;
}

static int
parse_read_options(struct read_options *o, int argc, char **argv)
{
	int status = 0;
	for (int c; !status && (c = getopt_long(argc, argv, "", read_option_names, NULL)) != -1;) {
		if (c == 'p')
			status = add_key(o, optarg);
		else if (c == 't' && strcmp(argv[0], "extract") == 0)
			o->to = optarg;
		else if (c == 'w' && strcmp(argv[0], "extract") == 0)
			o->flags |= EXTRACT_OWNERS;
		else
			status = usage("not an option of", argv[0]);
	}
	if (status)
		return status;
	if (optind < argc)
		o->file = argv[optind++];
	if (optind < argc && strcmp(argv[0], "digest") == 0)
		o->path = argv[optind++];
	if (!o->file || optind < argc)
		return usage("one image is to be named for", argv[0]);
	if (strcmp(argv[0], "digest") == 0 && !o->path)
		return usage("digest needs the path of a file in the image", NULL);
	if (strcmp(argv[0], "extract") == 0 && !o->to)
		return usage("extract needs --to DIR", NULL);
	return 0;
}

static int
run_read_command(const char *command, const struct read_options *o)
{
	struct image_file r;
	int status;
	if (image_file_open(&r, o->file, o->keys, o->key_count) != 0)
		return 1;
	if (strcmp(command, "show") == 0)
		status = show_image(&r);
	else if (strcmp(command, "list") == 0)
		status = list_image(&r);
	else if (strcmp(command, "verify") == 0)
		status = verify_image(&r, o->key_count != 0);
	else if (strcmp(command, "digest") == 0)
		status = digest_file(&r, o->path);
	else
		status = extract_image(&r, o->to, o->flags);
	image_file_close(&r);
	return status;
}

static int
command_read(int argc, char **argv)
{
	struct read_options o = {};
	int status = parse_read_options(&o, argc, argv);
	if (!status)
		status = run_read_command(argv[0], &o);
	free(o.keys);
	if (fflush(stdout) != 0 && !status) {
		warn("cannot write the output");
		status = 1;
	}
	return status;
}

int
main(int argc, char **argv)
{
	static const char *const readers[] = {"show", "list", "verify", "digest", "extract"};
	if (argc < 2)
		return usage("a command is needed", NULL);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	if (strcmp(argv[1], "pack") == 0)
		return command_pack(argc - 1, argv + 1);
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (strcmp(argv[1], readers[i]) == 0)
			return command_read(argc - 1, argv + 1);
	return usage("unknown command", argv[1]);
}
