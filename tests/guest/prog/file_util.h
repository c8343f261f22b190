/* SPDX-License-Identifier: MIT */
/* A directory for each test of names and files, and the few lines that such tests are made of. */
#ifndef FILE_UTIL_H
#define FILE_UTIL_H

#include <sys/types.h>

/* A test that runs in an empty directory of its own in /tmp, which is taken away afterwards. */
#define FILE_TEST(id)                     \
	static void file_body_##id(void); \
	GUEST_TEST(id)                    \
	{                                 \
		file_enter();             \
		file_body_##id();         \
		file_leave();             \
	}                                 \
	static void file_body_##id(void)

void file_enter(void);
void file_leave(void);
/* Makes or replaces a file with this text; mode 0644. */
void file_put(const char *path, const char *text);
/* Copies a file's content into a new one; mode 0755. */
void file_copy(const char *from, const char *to);
/* Fails unless the file holds exactly this text. */
void file_holds(const char *path, const char *text);
/* Runs fn in a child with these ids and no further groups; fails unless it ends well. */
void file_as(uid_t uid, gid_t gid, void (*fn)(void));
mode_t file_mode(const char *path); /* permission bits */

#endif
