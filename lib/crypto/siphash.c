/* SPDX-License-Identifier: MIT */
#include "crypto/siphash.h"

#include "base/reader.h"

struct state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t
rotate(uint64_t x, uint32_t n)
{
	return x << n | x >> (64 - n);
}

static inline void
sip_round(struct state *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

/* The paper's initial values: "somepseudorandomlygeneratedbytes". */
static inline struct state
begin(const uint64_t key[2])
{
	return (struct state){
		key[0] ^ 0x736f6d6570736575ULL,
		key[1] ^ 0x646f72616e646f6dULL,
		key[0] ^ 0x6c7967656e657261ULL,
		key[1] ^ 0x7465646279746573ULL,
	};
}

static inline void
compress(struct state *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= m;
}

/* last: the bytes that fill no word, and the length's low byte on top. */
static inline uint64_t
finish(struct state *s, uint64_t last)
{
	compress(s, last);
	s->v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t
siphash(const uint64_t key[2], const void *data, size_t n)
{
	struct state s = begin(key);
	const uint8_t *p = data;
	for (size_t left = n; left >= 8; left -= 8, p += 8)
		compress(&s, load_le64(p));
	uint64_t last = (uint64_t)n << 56;
	for (size_t i = 0; i < (n & 7); i++)
		last |= (uint64_t)p[i] << 8 * i;
	return finish(&s, last);
}

uint64_t
siphash_words(const uint64_t key[2], const uint64_t *words, size_t n)
{
	struct state s = begin(key);
	for (size_t i = 0; i < n; i++)
		compress(&s, words[i]);
	return finish(&s, (uint64_t)n << 59);
}
