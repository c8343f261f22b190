/* SPDX-License-Identifier: MIT */
/*
 * The ChaCha20 key stream, original variant (64-bit block counter, 64-bit nonce), by libsodium.
 *
 * Pure and constant-time in the key. A (key, nonce, counter) must not be used for two purposes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CHACHA20_BLOCK_SIZE 64
#define CHACHA20_NONCE_SIZE 8

/* Writes block number counter of the key stream. The key's words are in the machine's byte order. */
void chacha20_block(const uint32_t key[8], uint64_t counter,
	const uint8_t nonce[CHACHA20_NONCE_SIZE], uint8_t out[CHACHA20_BLOCK_SIZE]);

/* Writes len bytes of the key stream from block number counter on. */
void chacha20_stream(const uint32_t key[8], uint64_t counter,
	const uint8_t nonce[CHACHA20_NONCE_SIZE], void *out, size_t len);
