/* SPDX-License-Identifier: MIT */
/*
 * The identity store: which principals exist, what they may do, and how they prove who they are.
 *
 * The format is docs/formats/identity.md's. The parser is strict: one malformed line makes the store unusable from
 * there on, so that a damaged line can never be taken for another. Pure: spans point into the caller's text, nothing
 * allocates.
 */
#ifndef IDENTITY_IDENTITY_H
#define IDENTITY_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "text/span.h"

#define IDENTITY_PATH     "/etc/swos/passwd"
#define IDENTITY_NAME_MAX 32

/* An uid or gid that no principal can have: Linux's calls take it as "leave as it is". */
#define IDENTITY_NO_ID UINT32_MAX

struct identity {
	struct span name;
	uint32_t uid; /* also the principal */
	uint32_t gid;
	uint32_t session;
	uint64_t caps;    /* CAP_* */
	struct span hash; /* Argon2id in its usual string form, or "!": nobody logs in */
	struct span home; /* absolute paths without ':' */
	struct span shell;
};

/*
 * Reads the next principal off *rest, skipping empty lines and comments.
 * Returns 1 with *out filled; 0 at the end; -EINVAL at a malformed line, which is cut off *rest. *out is zero then.
 */
[[nodiscard]] int identity_next(struct span *rest, struct identity *out);

/* Finds a principal by name or uid. Returns 0; -ENOENT; -EINVAL if a malformed line comes before it. */
[[nodiscard]] int identity_find_name(struct span store, struct span name, struct identity *out);
[[nodiscard]] int identity_find_uid(struct span store, uint32_t uid, struct identity *out);

/*
 * Checks a whole store: every line well-formed, no name and no uid twice. *line is the offending line's number.
 * Returns 0; -EINVAL; -EEXIST for a repetition.
 */
[[nodiscard]] int identity_check(struct span store, size_t *line);

/* Reads capability names separated by commas, or "-" for none, into *caps. Returns 0 or -EINVAL. */
[[nodiscard]] int identity_parse_caps(struct span text, uint64_t *caps);

/*
 * Writes the names of caps, separated by commas ("-" for none), and a terminator; bits without a name are left out.
 * Returns the length; -ENAMETOOLONG, with to empty, if size bytes do not hold it.
 */
[[nodiscard]] int identity_format_caps(uint64_t caps, char *to, size_t size);

#endif
