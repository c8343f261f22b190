/* SPDX-License-Identifier: MIT */
/* Capability masks as text: the names of abi/caps.tbl. */

#include <errno.h>
#include <string.h>

#include "caps.h"
#include "identity/identity.h"

/* By bit; a bit that has no name holds NULL. */
static const char *const cap_names[] = CAP_NAMES;

#define CAP_COUNT (sizeof(cap_names) / sizeof(cap_names[0]))

static int
cap_bit(struct span name, uint64_t *bit)
{
	for (size_t i = 0; i < CAP_COUNT; i++) {
		if (cap_names[i] != NULL && span_equal(name, cap_names[i])) {
			*bit = UINT64_C(1) << i;
			return 0;
		}
	}
	return -EINVAL;
}

int
identity_parse_caps(struct span text, uint64_t *caps)
{
	uint64_t mask = 0;
	struct span name;

	*caps = 0;
	if (span_equal(text, "-"))
		return 0;
	if (text.len == 0 || text.text[text.len - 1] == ',')
		return -EINVAL;
	while (span_cut(&text, ',', &name)) {
		uint64_t bit = 0;
		if (cap_bit(name, &bit) < 0 || (mask & bit) != 0)
			return -EINVAL;
		mask |= bit;
	}
	*caps = mask;
	return 0;
}

/* Appends s at *used; leaves room for a terminator. */
static int
append(char *to, size_t size, size_t *used, const char *s)
{
	size_t len = strlen(s);
	if (len >= size - *used)
		return -ENAMETOOLONG;
	memcpy(to + *used, s, len + 1);
	*used += len;
	return 0;
}

int
identity_format_caps(uint64_t caps, char *to, size_t size)
{
	size_t used = 0;
	int err = 0;

	if (size == 0)
		return -ENAMETOOLONG;
	to[0] = '\0';
	for (size_t i = 0; i < CAP_COUNT && err == 0; i++) {
		if (cap_names[i] == NULL || (caps & UINT64_C(1) << i) == 0)
			continue;
		if (used > 0)
			err = append(to, size, &used, ",");
		if (err == 0)
			err = append(to, size, &used, cap_names[i]);
	}
	if (err == 0 && used == 0)
		err = append(to, size, &used, "-");
	if (err < 0) {
		to[0] = '\0';
		return err;
	}
	return (int)used;
}
