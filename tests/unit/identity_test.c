/* SPDX-License-Identifier: MIT */
/* The identity store. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "caps.h"
#include "identity/identity.h"
#include "tests/unit/test.h"

#define ROOT  "root:0:0:1:CONSOLE,SPAWN:$argon2id$x:/root:/bin/sh\n"
#define GUEST "guest:1001:1002:3:-:!:/home/guest:/bin/bash"

static void
span_is(struct span s, const char *text)
{
	CHECK_EQ(s.len, strlen(text));
	CHECK_MEM(s.text, text, s.len);
}

TEST(identity_fields)
{
	struct span store = span_of("# comment\n\n" ROOT GUEST);
	struct identity id;
	CHECK_EQ(identity_next(&store, &id), 1);
	span_is(id.name, "root");
	CHECK_EQ(id.caps, CAP_CONSOLE | CAP_SPAWN);
	span_is(id.hash, "$argon2id$x");
	CHECK_EQ(identity_next(&store, &id), 1);
	span_is(id.name, "guest");
	CHECK_EQ(id.uid, 1001);
	CHECK_EQ(id.gid, 1002);
	CHECK_EQ(id.session, 3);
	CHECK_EQ(id.caps, 0);
	span_is(id.hash, "!");
	span_is(id.home, "/home/guest");
	span_is(id.shell, "/bin/bash");
	CHECK_EQ(identity_next(&store, &id), 0);
	CHECK_EQ(identity_next(&store, &id), 0);
}

TEST(identity_malformed_lines)
{
	static const char *const lines[] = {
		"root",
		"root:0:0:1:-:!:/root",
		"root:0:0:1:-:!:/root:",
		"root:0:0:1:-:!:/root:/bin/sh:",
		"root:0:0:1:-:!:/root:/bin/sh:x",
		":0:0:1:-:!:/root:/bin/sh",
		"Root:0:0:1:-:!:/root:/bin/sh",
		"0root:0:0:1:-:!:/root:/bin/sh",
		"a12345678901234567890123456789012:0:0:1:-:!:/root:/bin/sh",
		"root::0:1:-:!:/root:/bin/sh",
		"root:-1:0:1:-:!:/root:/bin/sh",
		"root: 1:0:1:-:!:/root:/bin/sh",
		"root:4294967295:0:1:-:!:/root:/bin/sh",
		"root:0:18446744073709551616:1:-:!:/root:/bin/sh",
		"root:0:0:x:-:!:/root:/bin/sh",
		"root:0:0:1::!:/root:/bin/sh",
		"root:0:0:1:SPAWN,:!:/root:/bin/sh",
		"root:0:0:1:,SPAWN:!:/root:/bin/sh",
		"root:0:0:1:SPAWN,SPAWN:!:/root:/bin/sh",
		"root:0:0:1:spawn:!:/root:/bin/sh",
		"root:0:0:1:31:!:/root:/bin/sh",
		"root:0:0:1:-::/root:/bin/sh",
		"root:0:0:1:-:x:/root:/bin/sh",
		"root:0:0:1:-:$argon2id$:/root:/bin/sh",
		"root:0:0:1:-:!:root:/bin/sh",
		"root:0:0:1:-:!:/root:bin/sh",
		"root:0:0:1:-:!:/ro\tot:/bin/sh",
		"root:0:0:1:-:!:/root:/bin/sh\r",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct span store = span_of(lines[i]);
		struct identity id;
		size_t line;
		CHECK_STR(identity_next(&store, &id) == -EINVAL ? "refused" : lines[i], "refused");
		CHECK_EQ(id.name.len, 0);
		CHECK_EQ(identity_check(span_of(lines[i]), &line), -EINVAL);
		CHECK_EQ(line, 1);
	}
}

TEST(identity_find)
{
	struct span store = span_of(ROOT GUEST), damaged = span_of(ROOT "x\n" GUEST);
	struct identity id;
	CHECK_EQ(identity_find_name(store, span_of("guest"), &id), 0);
	CHECK_EQ(id.uid, 1001);
	CHECK_EQ(identity_find_uid(store, 0, &id), 0);
	span_is(id.name, "root");
	CHECK_EQ(identity_find_name(store, span_of("gues"), &id), -ENOENT);
	CHECK_EQ(identity_find_name(store, span_of(""), &id), -ENOENT);
	CHECK_EQ(identity_find_uid(store, 1, &id), -ENOENT);
	CHECK_EQ(id.name.len, 0);
	CHECK_EQ(identity_find_name(damaged, span_of("root"), &id), 0);
	CHECK_EQ(identity_find_name(damaged, span_of("guest"), &id), -EINVAL);
}

TEST(identity_repetitions)
{
	size_t line;
	CHECK_EQ(identity_check(span_of(ROOT GUEST), &line), 0);
	CHECK_EQ(identity_check(span_of(ROOT "\nroot:7:0:1:-:!:/root:/bin/sh\n" GUEST), &line),
		-EEXIST);
	CHECK_EQ(line, 3);
	CHECK_EQ(identity_check(span_of(ROOT GUEST "\ntoor:0:0:1:-:!:/root:/bin/sh"), &line),
		-EEXIST);
	CHECK_EQ(line, 3);
}

TEST(identity_caps_text)
{
	char text[256], small[6];
	uint64_t caps;
	CHECK_EQ(identity_parse_caps(span_of("WX,CONSOLE"), &caps), 0);
	CHECK_EQ(caps, CAP_WX | CAP_CONSOLE);
	CHECK_EQ(identity_format_caps(caps, text, sizeof(text)), 10);
	CHECK_STR(text, "CONSOLE,WX");
	CHECK_EQ(identity_format_caps(0, text, sizeof(text)), 1);
	CHECK_STR(text, "-");
	CHECK_EQ(identity_format_caps(UINT64_C(1) << 63, text, sizeof(text)), 1);
	CHECK(identity_format_caps(CAP_ALL, text, sizeof(text)) > 0);
	CHECK_EQ(identity_parse_caps(span_of(text), &caps), 0);
	CHECK_EQ(caps, CAP_ALL);
	CHECK_EQ(identity_format_caps(CAP_SPAWN, small, 5), -ENAMETOOLONG);
	CHECK_STR(small, "");
	CHECK_EQ(identity_format_caps(CAP_SPAWN, small, 6), 5);
	CHECK_EQ(identity_format_caps(CAP_SPAWN, small, 0), -ENAMETOOLONG);
}
