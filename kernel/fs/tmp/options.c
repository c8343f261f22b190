/* SPDX-License-Identifier: MIT */
#include "kernel/fs/tmp/options.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The digits at *s in a base; false: none, or too many. *s is behind them. */
static bool
digits(const char **s, uint32_t base, uint64_t *out)
{
	const char *p = *s;
	uint64_t n = 0;
	for (; *p >= '0' && *p < (char)('0' + base); p++) {
		if (__builtin_mul_overflow(n, base, &n) ||
			__builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	}
	bool any = p != *s;
	*s = p;
	*out = n;
	return any;
}

/* Whether an option's value ends at p. */
static bool
ends(const char *p)
{
	return *p == '\0' || *p == ',';
}

/* A number with k, m or g behind it; with % too if ram is not 0. */
static bool
scaled(const char *s, uint64_t ram, uint64_t *out)
{
	uint64_t n;
	if (!digits(&s, 10, &n))
		return false;
	uint32_t shift = 0;
	switch (*s) {
	case 'k':
	case 'K':
		shift = 10;
		break;
	case 'm':
	case 'M':
		shift = 20;
		break;
	case 'g':
	case 'G':
		shift = 30;
		break;
	case '%':
		if (ram == 0 || n > 100)
			return false;
		*out = ram / 100 * n;
		return ends(s + 1);
	}
	if (shift != 0)
		s++;
	if (n > UINT64_MAX >> shift)
		return false;
	*out = n << shift;
	return ends(s);
}

static bool
plain(const char *s, uint32_t base, uint64_t max, uint32_t *out)
{
	uint64_t n;
	if (!digits(&s, base, &n) || n > max || !ends(s))
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool
is_key(const char *s, size_t len, const char *key)
{
	return strlen(key) == len && memcmp(s, key, len) == 0;
}

/* One option: len bytes of key, then its value, or NULL. */
static bool
option(const char *key, size_t len, const char *value, uint64_t ram, struct tmpfs_options *out)
{
	uint64_t blocks;
	if (value == NULL)
		return is_key(key, len, "inode64") || is_key(key, len, "noswap");
	if (is_key(key, len, "size")) {
		out->given |= TMPFS_GIVEN_SIZE;
		return scaled(value, ram, &out->size);
	}
	if (is_key(key, len, "nr_blocks")) {
		out->given |= TMPFS_GIVEN_SIZE;
		if (!scaled(value, 0, &blocks) || blocks > UINT64_MAX / 4096)
			return false;
		out->size = blocks * 4096;
		return true;
	}
	if (is_key(key, len, "nr_inodes")) {
		out->given |= TMPFS_GIVEN_INODES;
		return scaled(value, 0, &out->nr_inodes);
	}
	if (is_key(key, len, "mode"))
		return plain(value, 8, 07777, &out->mode);
	if (is_key(key, len, "uid"))
		return plain(value, 10, UINT32_MAX - 1, &out->uid);
	if (is_key(key, len, "gid"))
		return plain(value, 10, UINT32_MAX - 1, &out->gid);
	return false;
}

int
tmpfs_parse_options(const char *s, uint64_t ram, struct tmpfs_options *out)
{
	while (*s != '\0') {
		const char *key = s, *value = NULL;
		while (!ends(s) && *s != '=')
			s++;
		size_t len = (size_t)(s - key);
		if (*s == '=')
			value = ++s;
		while (!ends(s))
			s++;
		if ((len != 0 || value != NULL) && !option(key, len, value, ram, out))
			return -EINVAL;
		if (*s == ',')
			s++;
	}
	return 0;
}
