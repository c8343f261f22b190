/* SPDX-License-Identifier: MIT */
/* swos-key: makes the keys that sign images, shows them, and writes the table of those that a kernel trusts. */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tools/key/keyfile.h"

#define USAGE 2

static const char help[] =
	"usage: swos-key generate --kind base|package|bundle --out PATH [--force]\n"
	"       swos-key show PATH...\n"
	"       swos-key header --out FILE KEY...\n"
	"\n"
	"generate  Makes a key that signs images of one kind: the secret half in PATH, readable "
	"by\n"
	"          you alone, the public half in PATH.pub. Existing files are left alone; --force\n"
	"          replaces them, and images that the old key signed stay valid only where its\n"
	"          public half is still trusted.\n"
	"show      Prints kind, id and public half of secret or public key files.\n"
	"header    Writes the C table trusted_keys[] of these keys, for a kernel to be compiled "
	"with.\n"
	"          FILE is left alone if it holds that already.\n"
	"\n"
	"Exit status: 0 done, 1 it could not be done, 2 wrong usage.\n";

static int
usage(const char *why, const char *what)
{
	warnx("%s%s%s; swos-key --help explains", why, what ? " " : "", what ? what : "");
	return USAGE;
}

static int
generate(uint32_t kind, const char *path, unsigned int flags)
{
	struct key_file key;
	char *public_path = NULL, id[2 * IMAGE_KEY_ID_SIZE + 1];
	if (asprintf(&public_path, "%s.pub", path) < 0)
		err(1, "out of memory");
	int result = -1;
	if (!(flags & KEY_REPLACE) && access(public_path, F_OK) == 0)
		warnx("%s exists and was left alone; --force replaces it", public_path);
	else if (key_generate(kind, &key) == 0 && key_file_write_secret(path, &key, flags) == 0 &&
		key_file_write_public(public_path, &key, flags) == 0)
		result = 0;
	if (result == 0)
		printf("%s key %s: secret %s, public %s\n", image_kind_name(kind),
			key_hex(key.key.id, sizeof(key.key.id), id), path, public_path);
	explicit_bzero(&key, sizeof(key));
	free(public_path);
	return result ? 1 : 0;
}

static int
command_generate(int argc, char **argv)
{
	static const struct option options[] = {
		{"kind", required_argument, NULL, 'k'},
		{"out", required_argument, NULL, 'o'},
		{"force", no_argument, NULL, 'f'},
		{},
	};
	const char *kind_name = NULL, *out = NULL;
	unsigned int flags = 0;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'k':
			kind_name = optarg;
			break;
		case 'o':
			out = optarg;
			break;
		case 'f':
			flags |= KEY_REPLACE;
			break;
		default:
			return usage("generate: see above", NULL);
		}
	}
	if (!kind_name || !out)
		return usage("generate needs --kind and --out", NULL);
	if (optind < argc)
		return usage("generate: unexpected", argv[optind]);
	uint32_t kind = image_kind_parse(kind_name);
	if (!kind)
		return usage("generate: the kinds are base, package and bundle, not", kind_name);
	return generate(kind, out, flags);
}

static int
command_show(int argc, char **argv)
{
	char hex[2 * IMAGE_PUBLIC_SIZE + 1];
	int result = 0;
	if (argc < 2)
		return usage("show needs a key file", NULL);
	for (int i = 1; i < argc; i++) {
		struct key_file file;
		if (key_file_read(argv[i], &file) != 0) {
			result = 1;
			continue;
		}
		printf("%s: %s key\n", argv[i], file.has_secret ? "secret" : "public");
		printf("kind: %s\n", image_kind_name(file.key.kind));
		printf("id: %s\n", key_hex(file.key.id, sizeof(file.key.id), hex));
		printf("public: %s\n",
			key_hex(file.key.public_key, sizeof(file.key.public_key), hex));
		explicit_bzero(&file, sizeof(file));
	}
	return result;
}

static void
print_bytes(FILE *f, const char *field, const uint8_t *bytes, size_t size)
{
	fprintf(f, "\t\t.%s = {", field);
	for (size_t i = 0; i < size; i++)
		fprintf(f, "%s0x%02x", i == 0 ? "" : i % 12 == 0 ? ",\n\t\t\t" : ", ", bytes[i]);
	fprintf(f, "},\n");
}

static int
print_key(FILE *f, const char *path)
{
	struct key_file file;
	if (key_file_read(path, &file) != 0)
		return -1;
	fprintf(f, "\t{\n\t\t.kind = %u, /* %s */\n", (unsigned int)file.key.kind,
		image_kind_name(file.key.kind));
	print_bytes(f, "id", file.key.id, sizeof(file.key.id));
	print_bytes(f, "public_key", file.key.public_key, sizeof(file.key.public_key));
	fprintf(f, "\t},\n");
	explicit_bzero(&file, sizeof(file));
	return 0;
}

static char *
make_header(char **paths, int count, size_t *size)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, size);
	if (!f)
		err(1, "out of memory");
	fprintf(f,
		"/* SPDX-License-Identifier: MIT */\n"
		"/* The keys whose images are mounted. Made by swos-key header. */\n"
		"#ifndef GEN_TRUSTED_KEYS_H\n#define GEN_TRUSTED_KEYS_H\n\n"
		"#include \"image/image.h\"\n\n"
		"static const struct image_key trusted_keys[] = {\n");
	int bad = 0;
	for (int i = 0; i < count; i++)
		bad |= print_key(f, paths[i]);
	fprintf(f, "};\n\n#endif\n");
	if (fclose(f) != 0)
		err(1, "out of memory");
	if (bad) {
		free(text);
		return NULL;
	}
	return text;
}

static bool
file_holds(const char *path, const char *text, size_t size)
{
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	size_t i = 0;
	int c;
	while ((c = getc(f)) != EOF && i < size && c == (unsigned char)text[i])
		i++;
	bool same = c == EOF && i == size;
	fclose(f);
	return same;
}

static int
command_header(int argc, char **argv)
{
	static const struct option options[] = {{"out", required_argument, NULL, 'o'}, {}};
	const char *out = NULL;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c != 'o')
			return usage("header: see above", NULL);
		out = optarg;
	}
	if (!out || optind == argc)
		return usage("header needs --out and at least one key", NULL);
	size_t size = 0;
	char *text = make_header(argv + optind, argc - optind, &size);
	if (!text)
		return 1;
	int result = key_check_replaceable(out);
	if (result == 0 && !file_holds(out, text, size))
		result = key_write_file(out, text, size, 0644, KEY_REPLACE);
	free(text);
	return result ? 1 : 0;
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		return usage("a command is needed", NULL);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	if (strcmp(argv[1], "generate") == 0)
		return command_generate(argc - 1, argv + 1);
	if (strcmp(argv[1], "show") == 0)
		return command_show(argc - 1, argv + 1);
	if (strcmp(argv[1], "header") == 0)
		return command_header(argc - 1, argv + 1);
	return usage("unknown command", argv[1]);
}
