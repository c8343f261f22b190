/* SPDX-License-Identifier: MIT */
/*
 * Names and passwords against the identity store.
 *
 * libsodium is used without sodium_init(): that would ask the kernel for random bytes, which a machine that has just
 * started may not have yet. Checking a hash needs none, and the portable code has no other implementation to choose.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "login/login.h"
#include "sodium/crypto_pwhash.h"

#define SLACK (256u << 10) /* for what is allocated beside the memory that is filled */

/*
 * What a password is checked against where there is no principal: the hash of something nobody knows, at the cost of
 * the real ones, so that time does not tell which names exist.
 */
static const char nobodys_hash[] = "$argon2id$v=19$m=19456,t=2,p=1$kUv7Am5puct6518rwq/h8A"
				   "$rsVEd5Mfz0QUr7Hx9mJ1wK3nq8oYbT2iLcDg5ePuZa4";

/* Maps the store for the rest of this process's life. An unreadable store is an empty one: nobody gets in. */
static struct span
open_store(void)
{
	struct stat st;
	struct span store = {"", 0};
	int fd = open(IDENTITY_PATH, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return store;
	if (fstat(fd, &st) == 0 && st.st_size > 0) {
		void *text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (text != MAP_FAILED)
			store = (struct span){text, (size_t)st.st_size};
	}
	close(fd);
	return store;
}

/*
 * Whether there is the memory that checking this hash takes ("$m=" in KiB). libsodium does not tell: it calls the
 * password wrong.
 */
static bool
is_there_memory(const char *hash)
{
	const char *cost = strstr(hash, "$m=");
	size_t size = cost == NULL ? 0 : (size_t)strtoul(cost + 3, NULL, 10) * 1024 + SLACK;
	if (size == 0)
		return true;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return false;
	munmap(memory, size);
	return true;
}

int
authenticate(const char *name, const char *password, struct identity *id)
{
	char hash[crypto_pwhash_STRBYTES];
	bool known = identity_find_name(open_store(), span_of(name), id) == 0 &&
		!span_equal(id->hash, "!") && span_copy(id->hash, hash, sizeof(hash)) == 0;

	if (!known)
		memcpy(hash, nobodys_hash, sizeof(nobodys_hash));
	if (!is_there_memory(hash))
		return -ENOMEM;
	bool right = crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
	return known && right;
}
