/* SPDX-License-Identifier: MIT */
/*
 * swos-passwd: makes and checks lines of an image's identity store (docs/formats/identity.md), on the builder's machine.
 *
 *   swos-passwd line NAME UID GID SESSION CAPS HOME SHELL [--locked]   prints a line; the password is standard input's
 *                                                                      first line
 *   swos-passwd check FILE                                             checks a whole store
 *
 * Exit status: 0; 1 if a store or a line is not valid; 2 for wrong usage.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caps.h"
#include "identity/identity.h"
#include "sodium/core.h"
#include "sodium/crypto_pwhash.h"
#include "sodium/utils.h"

/* What login pays for each attempt. */
#define MEMORY_BYTES (19u << 20)
#define PASSES       2

#define STORE_MAX_SIZE (1u << 20)

enum { EXIT_INVALID = 1, EXIT_USAGE = 2 };

static void
usage(FILE *to)
{
	fputs("usage: swos-passwd line NAME UID GID SESSION CAPS HOME SHELL [--locked]\n"
	      "       swos-passwd check FILE\n"
	      "`line` prints a line of an identity store for the password that standard input's "
	      "first line holds;\n"
	      "with --locked nobody can log in. CAPS are names separated by commas, ALL, or - for "
	      "none.\n"
	      "`check` says whether a store is valid.\n",
		to);
}

/* Reads the password and hashes it into hash. Returns 0 or -1 after saying why. */
static int
hash_password(char hash[crypto_pwhash_STRBYTES])
{
	char password[256];
	int result = -1;

	if (fgets(password, sizeof(password), stdin) == NULL) {
		fputs("swos-passwd: standard input holds no password\n", stderr);
		return -1;
	}
	size_t len = strcspn(password, "\n");
	if (len == 0 || len == sizeof(password) - 1)
		fputs("swos-passwd: the password is empty or too long\n", stderr);
	else if (sodium_init() < 0 ||
		crypto_pwhash_str(hash, password, len, PASSES, MEMORY_BYTES) != 0)
		fputs("swos-passwd: not enough memory\n", stderr);
	else
		result = 0;
	sodium_memzero(password, sizeof(password));
	return result;
}

static const char *
expand_caps(const char *caps, char *buffer, size_t size)
{
	if (strcmp(caps, "ALL") != 0)
		return caps;
	return identity_format_caps(CAP_ALL, buffer, size) < 0 ? caps : buffer;
}

static int
make_line(char *args[7], bool locked)
{
	char hash[crypto_pwhash_STRBYTES] = "!", caps[512], line[2048];
	size_t bad_line = 0;

	if (!locked && hash_password(hash) < 0)
		return EXIT_INVALID;
	int len = snprintf(line, sizeof(line), "%s:%s:%s:%s:%s:%s:%s:%s\n", args[0], args[1],
		args[2], args[3], expand_caps(args[4], caps, sizeof(caps)), hash, args[5], args[6]);
	if (len < 0 || (size_t)len >= sizeof(line) ||
		identity_check((struct span){line, (size_t)len}, &bad_line) < 0) {
		fputs("swos-passwd: these fields make no valid line\n", stderr);
		return EXIT_INVALID;
	}
	fputs(line, stdout);
	return fflush(stdout) == 0 ? 0 : EXIT_INVALID;
}

static int
check_file(const char *path)
{
	char *text = malloc(STORE_MAX_SIZE);
	FILE *f = fopen(path, "rb");
	size_t line = 0;

	if (f == NULL || text == NULL) {
		fprintf(stderr, "swos-passwd: %s: %s\n", path, strerror(errno));
		if (f != NULL)
			fclose(f);
		free(text);
		return EXIT_INVALID;
	}
	size_t len = fread(text, 1, STORE_MAX_SIZE, f);
	bool whole = feof(f) != 0;
	fclose(f);
	int err = whole ? identity_check((struct span){text, len}, &line) : -EFBIG;
	free(text);
	if (err == -EFBIG)
		fprintf(stderr, "swos-passwd: %s is too large or cannot be read\n", path);
	else if (err < 0)
		fprintf(stderr, "%s:%zu: %s\n", path, line,
			err == -EEXIST ? "this name or uid is there already" : "malformed line");
	return err < 0 ? EXIT_INVALID : 0;
}

int
main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "check") == 0)
		return check_file(argv[2]);
	bool locked = argc == 10 && strcmp(argv[9], "--locked") == 0;
	if ((argc == 9 || locked) && strcmp(argv[1], "line") == 0)
		return make_line(&argv[2], locked);
	usage(stderr);
	return EXIT_USAGE;
}
