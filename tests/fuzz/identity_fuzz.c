/* SPDX-License-Identifier: MIT */
/* Identity stores: any text. What is accepted must satisfy what their readers rely on. */
#include <stdlib.h>
#include <string.h>
#include "caps.h"
#include "identity/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int condition)
{
	if (!condition)
		abort();
}

static void
try_identities(struct span text)
{
	struct span rest = text;
	struct identity id, found;
	size_t line = 0;

	while (identity_next(&rest, &id) > 0) {
		require(id.name.len > 0 && id.name.len <= IDENTITY_NAME_MAX);
		require(id.home.text[0] == '/' && id.shell.text[0] == '/');
		require((id.caps & ~CAP_ALL) == 0 && id.uid != IDENTITY_NO_ID);
		require(identity_find_name(text, id.name, &found) == 0);
	}
	(void)!identity_check(text, &line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Without a terminator, so that reading beyond the end shows. */
	char *copy = malloc(size == 0 ? 1 : size);
	memcpy(copy, data, size);
	try_identities((struct span){copy, size});
	free(copy);
	return 0;
}
