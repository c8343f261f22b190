/* SPDX-License-Identifier: MIT */
/* lib/elf/script.c: how a script's first line is split. */
#include "elf/script.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

static char line[2 * SCRIPT_LINE_MAX];
static char *interpreter, *option;

static int
parse(const char *text)
{
	memset(line, 'x', sizeof(line));
	memcpy(line, text, strlen(text));
	return script_parse(line, strlen(text), &interpreter, &option);
}

TEST(script_interpreter_and_option)
{
	CHECK_EQ(parse("#!/bin/sh\necho"), 0);
	CHECK_STR(interpreter, "/bin/sh");
	CHECK(option == NULL);
	CHECK_EQ(parse("#! \t/bin/sh \t -e  x \t\nrest"), 0);
	CHECK_STR(interpreter, "/bin/sh");
	CHECK_STR(option, "-e  x");
	CHECK_EQ(parse("#!a"), 0); /* the file's end ends the line */
	CHECK_STR(interpreter, "a");
}

TEST(script_without_interpreter)
{
	CHECK_EQ(parse("#!"), -ENOEXEC);
	CHECK_EQ(parse("#!\n/bin/sh"), -ENOEXEC);
	CHECK_EQ(parse("#!  \t\n"), -ENOEXEC);
}

TEST(script_nul_ends_the_line)
{
	char text[] = "#!/bin/sh\0-x\n";
	memcpy(line, text, sizeof(text));
	CHECK_EQ(script_parse(line, sizeof(text) - 1, &interpreter, &option), 0);
	CHECK_STR(interpreter, "/bin/sh");
	CHECK(option == NULL);
}

TEST(script_line_limit)
{
	char text[2 * SCRIPT_LINE_MAX];
	memset(text, 'i', sizeof(text));
	memcpy(text, "#!", 2);
	text[300] = 0;
	CHECK_EQ(parse(text), -ENOEXEC); /* the name is cut */
	text[SCRIPT_LINE_MAX - 1] = '\n';
	CHECK_EQ(parse(text), 0); /* the longest name that is whole */
	CHECK_EQ(strlen(interpreter), SCRIPT_LINE_MAX - 3);
	text[SCRIPT_LINE_MAX - 1] = 'i';
	text[10] = ' ';
	CHECK_EQ(parse(text), 0); /* an option is cut without a word */
	CHECK_EQ(strlen(interpreter), 8);
	CHECK_EQ(strlen(option), SCRIPT_LINE_MAX - 1 - 11);
}
