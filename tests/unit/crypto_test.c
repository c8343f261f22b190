/* SPDX-License-Identifier: MIT */
/* The crypto glue against published vectors: FIPS 180-4's examples, RFC 8032 7.1, RFC 7539's key stream layout. */
#include <errno.h>
#include <string.h>
#include "crypto/chacha20.h"
#include "crypto/ed25519.h"
#include "crypto/sha256.h"
#include "crypto/sha512.h"
#include "crypto/siphash.h"
#include "tests/unit/test.h"

static void
from_hex(const char *hex, uint8_t *out)
{
	static const char digits[] = "0123456789abcdef";
	for (; hex[0] != '\0'; hex += 2)
		*out++ = (uint8_t)((strchr(digits, hex[0]) - digits) << 4 |
			(strchr(digits, hex[1]) - digits));
}

TEST(sha256_vectors)
{
	static const struct {
		const char *text, *digest;
	} cases[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t digest[SHA256_DIGEST_SIZE], want[SHA256_DIGEST_SIZE];
		from_hex(cases[i].digest, want);
		sha256(cases[i].text, strlen(cases[i].text), digest);
		CHECK_MEM(digest, want, sizeof(want));
	}
}

/* However a message is cut, and wherever its padding falls, the digest is the same. */
TEST(sha256_streaming)
{
	uint8_t message[300], whole[SHA256_DIGEST_SIZE], parts[SHA256_DIGEST_SIZE];
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)(i * 7);
	for (size_t len = 0; len <= sizeof(message); len++) {
		sha256(message, len, whole);
		for (size_t step = 1; step <= 130; step += 43) {
			struct sha256 h;
			sha256_init(&h);
			for (size_t at = 0; at < len; at += step)
				sha256_update(&h, message + at, len - at < step ? len - at : step);
			sha256_final(&h, parts);
			CHECK_MEM(parts, whole, sizeof(whole));
		}
	}
	struct sha256 h;
	sha256_init(&h);
	for (int i = 0; i < 1000000 / 250; i++) {
		memset(message, 'a', 250);
		sha256_update(&h, message, 250);
	}
	sha256_final(&h, parts);
	from_hex("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", whole);
	CHECK_MEM(parts, whole, sizeof(whole));
}

TEST(sha512_vector)
{
	uint8_t digest[SHA512_DIGEST_SIZE], want[SHA512_DIGEST_SIZE];
	from_hex("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		 "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
		want);
	sha512("abc", 3, digest);
	CHECK_MEM(digest, want, sizeof(want));
}

TEST(ed25519_vector)
{
	uint8_t pk[ED25519_PUBLIC_KEY_SIZE], sig[ED25519_SIGNATURE_SIZE], message[2];
	from_hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", pk);
	from_hex("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
		 "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
		sig);
	from_hex("af82", message);
	CHECK_EQ(ed25519_verify(sig, message, 2, pk), 0);
	CHECK_EQ(ed25519_verify(sig, message, 1, pk), -EBADMSG);
	for (size_t bit = 0; bit < 8 * sizeof(sig); bit++) {
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK_EQ(ed25519_verify(sig, message, 2, pk), -EBADMSG);
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	message[0] ^= 1;
	CHECK_EQ(ed25519_verify(sig, message, 2, pk), -EBADMSG);
	memset(pk, 0, sizeof(pk));
	CHECK_EQ(ed25519_verify(sig, message, 2, pk), -EBADMSG);
}

TEST(chacha20_vector)
{
	static const uint32_t key[8];
	static const uint8_t nonce[CHACHA20_NONCE_SIZE];
	uint8_t want[CHACHA20_BLOCK_SIZE], block[CHACHA20_BLOCK_SIZE],
		stream[2 * CHACHA20_BLOCK_SIZE];
	from_hex("76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
		 "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
		want);
	chacha20_block(key, 0, nonce, block);
	CHECK_MEM(block, want, sizeof(want));
	chacha20_stream(key, 0, nonce, stream, sizeof(stream));
	CHECK_MEM(stream, want, sizeof(want));
	chacha20_block(key, 1, nonce, block);
	CHECK_MEM(stream + CHACHA20_BLOCK_SIZE, block, sizeof(block));
}

/* Key 00 01 … 0f, messages of the bytes 0, 1, … n - 1: the test vectors of the algorithm's authors. */
TEST(siphash_vectors)
{
	static const uint64_t key[2] = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
	static const struct {
		size_t n;
		const char *hash;
	} cases[] = {
		{0, "310e0edd47db6f72"},
		{1, "fd67dc93c539f874"},
		{7, "37d1018bf50002ab"},
		{8, "6224939a79f5f593"},
		{15, "e545be4961ca29a1"},
	};
	uint8_t message[64], want[8];
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		from_hex(cases[i].hash, want);
		uint64_t hash = siphash(key, message, cases[i].n);
		CHECK_MEM(&hash, want, sizeof(want));
	}
	for (size_t n = 0; n <= sizeof(message) / 8; n++) {
		uint64_t words[8];
		memcpy(words, message, sizeof(words));
		CHECK_EQ(siphash_words(key, words, n), siphash(key, message, n * 8));
	}
}
