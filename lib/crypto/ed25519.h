/* SPDX-License-Identifier: MIT */
/*
 * Ed25519 signature verification (RFC 8032, the pure variant), by libsodium.
 *
 * Stricter than the RFC where it leaves room: non-canonical encodings and points of small order are refused. Signing
 * is not here: the machine never signs. Host tools sign with libsodium's own "sodium/crypto_sign_ed25519.h".
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ED25519_SIGNATURE_SIZE  64
#define ED25519_PUBLIC_KEY_SIZE 32

/*
 * Checks sig over the len bytes at msg. The message is read once, front to back.
 * Returns 0 if pk signed exactly this message; -EBADMSG otherwise. Does not sleep; about 1 KiB of stack.
 */
[[nodiscard]] int ed25519_verify(const uint8_t sig[ED25519_SIGNATURE_SIZE], const void *msg,
	size_t len, const uint8_t pk[ED25519_PUBLIC_KEY_SIZE]);
