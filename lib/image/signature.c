/* SPDX-License-Identifier: MIT */
/* Who may sign an image: a trusted key of the image's own kind. */
#include "crypto/ed25519.h"
#include "image/internal.h"

_Static_assert(IMAGE_SIGNATURE_SIZE == ED25519_SIGNATURE_SIZE, "");
_Static_assert(IMAGE_PUBLIC_SIZE == ED25519_PUBLIC_KEY_SIZE, "");

/* Two keys may share an id by accident, so that the id alone decides nothing. */
static int
try_keys(const struct image_header *h, const uint8_t *region, const struct image_key *keys,
	size_t count, struct image_error *why)
{
	const char *what = "signed by a key that is not trusted";
	int err = -ENOKEY;
	for (size_t i = 0; i < count; i++) {
		if (memcmp(keys[i].id, h->key_id, IMAGE_KEY_ID_SIZE) != 0)
			continue;
		if (keys[i].kind != h->kind) {
			if (err == -ENOKEY)
				what = "signed by a key that may not sign this kind of image";
			continue;
		}
		if (ed25519_verify(region + h->signed_length, region, h->signed_length,
			    keys[i].public_key) == 0)
			return 0;
		what = "signature does not match";
		err = -EKEYREJECTED;
	}
	image_fail(why, IMAGE_WHERE_HEADER, 0, what);
	return err;
}

int
image_verify_signature(const struct image_header *h, const void *region, size_t size,
	const struct image_key *keys, size_t count, struct image_error *why)
{
	if (size < image_metadata_length(h))
		return image_fail_values(why, IMAGE_WHERE_HEADER, 0, "metadata cut short: bytes",
			size, image_metadata_length(h));
	return try_keys(h, region, keys, count, why);
}
