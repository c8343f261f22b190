/* SPDX-License-Identifier: MIT */
/* The string functions of <string.h> but the four in mem.c. As the C standard and POSIX say; nothing allocates. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NO_RECURSION __attribute__((no_builtin))

NO_RECURSION void *
memchr(const void *from, int byte, size_t len)
{
	const uint8_t *p = from;
	for (; len > 0; len--, p++) {
		if (*p == (uint8_t)byte)
			return (void *)(uintptr_t)p;
	}
	return NULL;
}

NO_RECURSION void *
memrchr(const void *from, int byte, size_t len)
{
	const uint8_t *p = from;
	while (len > 0) {
		if (p[--len] == (uint8_t)byte)
			return (void *)(uintptr_t)(p + len);
	}
	return NULL;
}

NO_RECURSION size_t
strlen(const char *s)
{
	size_t len = 0;
	while (s[len] != '\0')
		len++;
	return len;
}

NO_RECURSION size_t
strnlen(const char *s, size_t max)
{
	size_t len = 0;
	while (len < max && s[len] != '\0')
		len++;
	return len;
}

NO_RECURSION int
strncmp(const char *a, const char *b, size_t len)
{
	for (; len > 0; len--, a++, b++) {
		if (*a != *b)
			return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
		if (*a == '\0')
			return 0;
	}
	return 0;
}

NO_RECURSION int
strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

NO_RECURSION char *
strchr(const char *s, int c)
{
	for (; *s != (char)c; s++) {
		if (*s == '\0')
			return NULL;
	}
	return (char *)(uintptr_t)s;
}

NO_RECURSION char *
strrchr(const char *s, int c)
{
	return memrchr(s, c, strlen(s) + 1);
}

NO_RECURSION char *
strstr(const char *s, const char *wanted)
{
	size_t len = strlen(wanted);
	for (;; s++) {
		if (strncmp(s, wanted, len) == 0)
			return (char *)(uintptr_t)s;
		if (*s == '\0')
			return NULL;
	}
}

/* The length of the prefix of s whose characters are all in set (want true) or all outside (want false). */
NO_RECURSION static size_t
span(const char *s, const char *set, bool want)
{
	size_t len = 0;
	while (s[len] != '\0' && (strchr(set, s[len]) != NULL) == want)
		len++;
	return len;
}

NO_RECURSION size_t
strspn(const char *s, const char *set)
{
	return span(s, set, true);
}

NO_RECURSION size_t
strcspn(const char *s, const char *set)
{
	return span(s, set, false);
}
