/* SPDX-License-Identifier: MIT */
/* Ed25519 verification: libsodium's, under the interface of ed25519.h. */

#include <errno.h>

#include "crypto/ed25519.h"
#include "sodium/crypto_sign_ed25519.h"

int
ed25519_verify(const uint8_t sig[ED25519_SIGNATURE_SIZE], const void *msg, size_t len,
	const uint8_t pk[ED25519_PUBLIC_KEY_SIZE])
{
	return crypto_sign_ed25519_verify_detached(sig, msg, len, pk) == 0 ? 0 : -EBADMSG;
}
