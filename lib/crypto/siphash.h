/* SPDX-License-Identifier: MIT */
/*
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"): a keyed hash of 64 bits, for tables and
 * numbers that an attacker must not foresee. Pure. siphash_words() of words is siphash() of their little-endian bytes.
 */
#ifndef CRYPTO_SIPHASH_H
#define CRYPTO_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(const uint64_t key[2], const void *data, size_t n);
uint64_t siphash_words(const uint64_t key[2], const uint64_t *words, size_t n);

#endif
