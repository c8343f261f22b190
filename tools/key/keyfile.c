/* SPDX-License-Identifier: MIT */
/* Making, reading and writing key files; signing. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "crypto/sha256.h"
#include "sodium/crypto_sign_ed25519.h"
#include "tools/key/keyfile.h"

_Static_assert(IMAGE_PUBLIC_SIZE == KEY_SECRET_SIZE, "both halves are written by one buffer");

static void
make_id(struct image_key *key)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256(key->public_key, sizeof(key->public_key), digest);
	memcpy(key->id, digest, sizeof(key->id));
}

static void
expand(const uint8_t secret[KEY_SECRET_SIZE], uint8_t public_key[IMAGE_PUBLIC_SIZE],
	uint8_t expanded[crypto_sign_ed25519_SECRETKEYBYTES])
{
	crypto_sign_ed25519_seed_keypair(public_key, expanded, secret);
}

int
key_generate(uint32_t kind, struct key_file *out)
{
	uint8_t expanded[crypto_sign_ed25519_SECRETKEYBYTES];
	memset(out, 0, sizeof(*out));
	if (getrandom(out->secret, sizeof(out->secret), 0) != sizeof(out->secret)) {
		warn("no random numbers from the system");
		return -1;
	}
	expand(out->secret, out->key.public_key, expanded);
	explicit_bzero(expanded, sizeof(expanded));
	out->key.kind = kind;
	out->has_secret = true;
	make_id(&out->key);
	return 0;
}

void
key_sign(const struct key_file *key, const void *data, size_t length,
	uint8_t signature[IMAGE_SIGNATURE_SIZE])
{
	uint8_t public_key[IMAGE_PUBLIC_SIZE];
	uint8_t expanded[crypto_sign_ed25519_SECRETKEYBYTES];
	expand(key->secret, public_key, expanded);
	crypto_sign_ed25519_detached(signature, NULL, data, length, expanded);
	explicit_bzero(expanded, sizeof(expanded));
}

char *
key_hex(const uint8_t *bytes, size_t size, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < size; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * size] = '\0';
	return out;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
parse_hex(const char *text, uint8_t *out, size_t size)
{
	if (strlen(text) != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* What is left of a key file's text, and what the line at which it failed should have been. */
struct lines {
	char *text;
	unsigned int number; /* of the line read last */
	const char *wanted;
};

/* The value of the next line if its name is `name`; NULL otherwise. */
static const char *
next_value(struct lines *lines, const char *name, const char *wanted)
{
	size_t length = strlen(name);
	char *line = lines->text, *end = strchr(line, '\n');
	lines->number++;
	lines->wanted = wanted;
	if (!end || strncmp(line, name, length) != 0 || strncmp(line + length, ": ", 2) != 0)
		return NULL;
	*end = '\0';
	lines->text = end + 1;
	return line + length + 2;
}

static bool
parse_bytes(struct lines *lines, const char *name, const char *wanted, uint8_t *out, size_t size)
{
	const char *value = next_value(lines, name, wanted);
	return value && parse_hex(value, out, size);
}

static bool
parse_end(struct lines *lines)
{
	lines->number++;
	lines->wanted = "the end of the file";
	return *lines->text == '\0';
}

static bool
parse(struct lines *lines, struct key_file *out)
{
	out->has_secret = strncmp(lines->text, "swos-secret-key", 15) == 0;
	const char *version =
		next_value(lines, out->has_secret ? "swos-secret-key" : "swos-public-key",
			"\"swos-secret-key: 1\" or \"swos-public-key: 1\"");
	if (!version || strcmp(version, "1") != 0)
		return false;
	const char *kind = next_value(lines, "kind", "\"kind: base\", package or bundle");
	out->key.kind = kind ? image_kind_parse(kind) : 0;
	return out->key.kind &&
		parse_bytes(lines, "id", "\"id: \" and 16 lower-case hexadecimal digits",
			out->key.id, sizeof(out->key.id)) &&
		parse_bytes(lines, "public", "\"public: \" and 64 lower-case hexadecimal digits",
			out->key.public_key, sizeof(out->key.public_key)) &&
		(!out->has_secret ||
			parse_bytes(lines, "secret",
				"\"secret: \" and 64 lower-case hexadecimal digits", out->secret,
				sizeof(out->secret))) &&
		parse_end(lines);
}

/* A file whose lines contradict one another would sign what nobody can verify. */
static bool
consistent(const struct key_file *file)
{
	struct image_key wanted = file->key;
	uint8_t expanded[crypto_sign_ed25519_SECRETKEYBYTES];
	if (file->has_secret) {
		expand(file->secret, wanted.public_key, expanded);
		explicit_bzero(expanded, sizeof(expanded));
	}
	make_id(&wanted);
	return memcmp(&wanted, &file->key, sizeof(wanted)) == 0;
}

int
key_file_parse(const char *path, char *text, size_t size, struct key_file *out)
{
	memset(out, 0, sizeof(*out));
	struct lines lines = {.text = text};
	if (memchr(text, '\0', size))
		warnx("%s is not a swos key file", path);
	else if (!parse(&lines, out))
		warnx("%s:%u: not a swos key file: %s is wanted here", path, lines.number,
			lines.wanted);
	else if (!consistent(out))
		warnx("%s is damaged: its lines do not belong together; restore it from a copy",
			path);
	else
		return 0;
	return -1;
}

int
key_file_read(const char *path, struct key_file *out)
{
	char text[KEY_FILE_MAX + 1];
	int result = -1;
	memset(out, 0, sizeof(*out));
	FILE *f = fopen(path, "re");
	if (!f) {
		warn("cannot read the key %s", path);
		if (errno == ENOENT)
			warnx("make one with: swos-key generate --kind KIND --out %s", path);
		return -1;
	}
	size_t n = fread(text, 1, KEY_FILE_MAX, f);
	bool whole = !ferror(f) && feof(f);
	fclose(f);
	text[n] = '\0';
	if (whole)
		result = key_file_parse(path, text, n, out);
	else
		warnx("%s is not a swos key file", path);
	explicit_bzero(text, sizeof(text));
	return result;
}

static int
write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* link() fails where a file of that name exists, also one that appeared a moment ago; rename() would replace it. */
static int
publish(const char *from, const char *to, unsigned int flags)
{
	if (flags & KEY_REPLACE)
		return rename(from, to);
	if (link(from, to) != 0)
		return -1;
	return unlink(from);
}

int
key_check_replaceable(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
		return 0;
	warnx("%s is not a regular file and was left alone; name a file", path);
	return -1;
}

int
key_write_file(
	const char *path, const void *data, size_t size, unsigned int mode, unsigned int flags)
{
	char *temporary = NULL;
	if ((flags & KEY_REPLACE) && key_check_replaceable(path) != 0)
		return -1;
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		err(1, "out of memory");
	int result = -1;
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		warn("cannot create a file beside %s", path);
		goto out;
	}
	bool written = fchmod(fd, mode) == 0 && write_all(fd, data, size) == 0 && fsync(fd) == 0;
	written = close(fd) == 0 && written;
	if (!written)
		warn("cannot write %s", temporary);
	else if (publish(temporary, path, flags) == 0)
		result = 0;
	else if (errno == EEXIST)
		warnx("%s exists and was left alone; --force replaces it", path);
	else
		warn("cannot write %s", path);
	if (result)
		unlink(temporary);
out:
	free(temporary);
	return result;
}

size_t
key_file_format(const struct key_file *key, bool secret, char text[KEY_FILE_MAX])
{
	char id[2 * IMAGE_KEY_ID_SIZE + 1], half[2 * KEY_SECRET_SIZE + 1];
	key_hex(key->key.public_key, sizeof(key->key.public_key), half);
	int n = snprintf(text, KEY_FILE_MAX, "%s: 1\nkind: %s\nid: %s\npublic: %s\n",
		secret ? "swos-secret-key" : "swos-public-key", image_kind_name(key->key.kind),
		key_hex(key->key.id, sizeof(key->key.id), id), half);
	if (secret) {
		key_hex(key->secret, sizeof(key->secret), half);
		n += snprintf(text + n, KEY_FILE_MAX - (size_t)n, "secret: %s\n", half);
		explicit_bzero(half, sizeof(half));
	}
	return (size_t)n;
}

static int
write_key(const char *path, const struct key_file *key, bool secret, unsigned int flags)
{
	char text[KEY_FILE_MAX];
	size_t n = key_file_format(key, secret, text);
	int result = key_write_file(path, text, n, secret ? 0600 : 0644, flags);
	explicit_bzero(text, sizeof(text));
	return result;
}

int
key_file_write_secret(const char *path, const struct key_file *key, unsigned int flags)
{
	return write_key(path, key, true, flags);
}

int
key_file_write_public(const char *path, const struct key_file *key, unsigned int flags)
{
	return write_key(path, key, false, flags);
}
