/* SPDX-License-Identifier: MIT */
/* Key files: any text. What is accepted is the one text that stands for that key, and its halves belong together. */
#include <string.h>

#include "crypto/ed25519.h"
#include "tests/fuzz/require.h"
#include "tools/key/keyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_accepted(const struct key_file *key, const uint8_t *data, size_t size)
{
	char text[KEY_FILE_MAX];
	size_t n = key_file_format(key, key->has_secret, text);
	require(n == size && memcmp(text, data, n) == 0);
	require(image_kind_name(key->key.kind) != NULL);
	if (!key->has_secret)
		return;
	uint8_t signature[IMAGE_SIGNATURE_SIZE];
	key_sign(key, data, size, signature);
	require(ed25519_verify(signature, data, size, key->key.public_key) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct key_file key;
	/* With nothing behind the NUL, so that reading beyond the end shows. */
	char *text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	int err = key_file_parse("fuzz", text, size, &key);
	require(err == 0 || err == -1);
	if (err == 0)
		check_accepted(&key, data, size);
	free(text);
	return 0;
}
