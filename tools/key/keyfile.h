/* SPDX-License-Identifier: MIT */
/*
 * Key files, as docs/formats/image.md describes them. Functions that return an int return 0, or -1 after saying on
 * standard error what is wrong and what to do about it.
 */
#ifndef TOOLS_KEYFILE_H
#define TOOLS_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include "image/image.h"

#define KEY_SECRET_SIZE 32
#define KEY_FILE_MAX    1024 /* more than either kind of file ever has */

struct key_file {
	struct image_key key;
	bool has_secret;
	uint8_t secret[KEY_SECRET_SIZE];
};

/* A new key for images of `kind`, from the kernel's random numbers. */
int key_generate(uint32_t kind, struct key_file *out);

/* Reads a secret or a public key file and checks that its lines agree with one another. */
int key_file_read(const char *path, struct key_file *out);

/* Likewise, of a file's `size` bytes and a NUL, which it cuts into pieces; `path` is what complaints call it. */
int key_file_parse(const char *path, char *text, size_t size, struct key_file *out);

/* A key file's text, with the secret half or without; returns its length. There is no other text for the same key. */
size_t key_file_format(const struct key_file *key, bool secret, char text[KEY_FILE_MAX]);

/* Writes the secret half (mode 0600) or the public half. An existing file is replaced only with KEY_REPLACE. */
#define KEY_REPLACE 0x1u
int key_file_write_secret(const char *path, const struct key_file *key, unsigned int flags);
int key_file_write_public(const char *path, const struct key_file *key, unsigned int flags);

/* Signs `length` bytes; the key must have its secret half. */
void key_sign(const struct key_file *key, const void *data, size_t length,
	uint8_t signature[IMAGE_SIGNATURE_SIZE]);

/* `size` bytes as 2 * size digits and a NUL. */
char *key_hex(const uint8_t *bytes, size_t size, char *out);

/*
 * Whether a new file may take `path`: nothing is there, or a regular file. It is renamed there, so a device or a pipe
 * would be gone.
 */
int key_check_replaceable(const char *path);

/*
 * Writes `size` bytes to a new file beside `path`, then gives it that name, so that no reader sees half a file.
 * Fails if the name is taken, unless KEY_REPLACE.
 */
int key_write_file(
	const char *path, const void *data, size_t size, unsigned int mode, unsigned int flags);

#endif
