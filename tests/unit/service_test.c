/* SPDX-License-Identifier: MIT */
/* Service files, and the spans that all text readers use. */
#include <errno.h>
#include <string.h>
#include "caps.h"
#include "service/service.h"
#include "tests/unit/test.h"

static void
span_is(struct span s, const char *text)
{
	CHECK_EQ(s.len, strlen(text));
	CHECK_MEM(s.text, text, s.len);
}

TEST(service_all_keys)
{
	struct service_file f;
	size_t line;
	CHECK_EQ(service_parse(span_of("# web server\n\nexec  /bin/httpd -f  -p 80 \nuser www\n"
				       "caps NET,FSREAD\nafter net dns\nrestart on-failure\n"
				       "output console\nmax-files 100\n\tmax-memory 1048576"),
			 &f, &line),
		0);
	span_is(f.exec, "/bin/httpd -f  -p 80");
	span_is(f.user, "www");
	span_is(f.after, "net dns");
	CHECK_EQ(f.caps, CAP_NET | CAP_FSREAD);
	CHECK_EQ(f.restart, SERVICE_RESTART_ON_FAILURE);
	CHECK_EQ(f.output, SERVICE_OUTPUT_CONSOLE);
	CHECK_EQ(f.max_files, 100);
	CHECK_EQ(f.max_memory, 1048576);
}

TEST(service_defaults)
{
	struct service_file f;
	size_t line;
	CHECK_EQ(service_parse(span_of("exec /bin/x"), &f, &line), 0);
	CHECK_EQ(f.user.len, 0);
	CHECK_EQ(f.after.len, 0);
	CHECK_EQ(f.caps, CAP_ALL);
	CHECK_EQ(f.restart, SERVICE_RESTART_ALWAYS);
	CHECK_EQ(f.output, SERVICE_OUTPUT_NULL);
	CHECK_EQ(f.max_files, SERVICE_LIMIT_UNSET);
	CHECK_EQ(f.max_memory, SERVICE_LIMIT_UNSET);
}

TEST(service_listens)
{
	struct service_file f;
	size_t line;
	CHECK_EQ(service_parse(span_of("exec /bin/x\nlisten 0.0.0.0:80 [::]:80\naccept each\n"
				       "max-connections 7\nbacklog 9"),
			 &f, &line),
		0);
	span_is(f.listen, "0.0.0.0:80 [::]:80");
	CHECK_EQ(f.accept, SERVICE_ACCEPT_EACH);
	CHECK_EQ(f.max_connections, 7);
	CHECK_EQ(f.backlog, 9);
	CHECK_EQ(service_parse(span_of("accept each\nexec /bin/x\nlisten *:80"), &f, &line), 0);
	CHECK_EQ(f.max_connections, SERVICE_CONNECTIONS_DEFAULT);
	CHECK_EQ(f.backlog, SERVICE_BACKLOG_DEFAULT);
	CHECK_EQ(service_parse(span_of("exec /bin/x\nlisten 127.0.0.1:8080"), &f, &line), 0);
	CHECK_EQ(f.accept, SERVICE_ACCEPT_PASS);
	CHECK_EQ(f.max_connections, 0);
	CHECK_EQ(service_parse(span_of("exec /bin/x\nnotify 60"), &f, &line), 0);
	CHECK_EQ(f.notify, 60);
	CHECK_EQ(service_parse(span_of("exec /bin/x"), &f, &line), 0);
	CHECK_EQ(f.backlog, 0);
	CHECK_EQ(f.notify, 0);
}

TEST(service_refused)
{
	static const struct {
		const char *text;
		size_t line;
	} files[] = {
		{"", 0},
		{"user root", 0},
		{"exec", 1},
		{"exec bin/x", 1},
		{"\nexec /x\nexec /y", 3},
		{"exec /x\nuser", 2},
		{"exec /x\ncaps", 2},
		{"exec /x\ncaps ALL", 2},
		{"exec /x\nrestart sometimes", 2},
		{"exec /x\noutput", 2},
		{"exec /x\nmax-files -1", 2},
		{"exec /x\nmax-files 2147483648", 2},
		{"exec /x\nmax-memory 9223372036854775808", 2},
		{"exec /x\ncolour red", 2},
		{"exec /x\nlisten", 2},
		{"exec /x\nlisten 80", 2},
		{"exec /x\nlisten 1.2.3.4:80 x", 2},
		{"exec /x\nnotify 0", 2},
		{"exec /x\nnotify 61", 2},
		{"exec /x\naccept each", 0},
		{"exec /x\nbacklog 5", 0},
		{"exec /x\nlisten *:80\nbacklog 0", 3},
		{"exec /x\nlisten *:80\naccept none", 3},
		{"exec /x\nlisten *:80\nmax-connections 5", 0},
		{"exec /x\nlisten *:80\naccept each\nmax-connections 65536", 4},
	};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct service_file f;
		size_t line;
		int err = service_parse(span_of(files[i].text), &f, &line);
		CHECK_STR(err == -EINVAL ? "refused" : files[i].text, "refused");
		CHECK_EQ(line, files[i].line);
		CHECK_EQ(f.exec.len, 0);
	}
	struct service_file f;
	size_t line;
	CHECK_EQ(service_parse((struct span){"exec /x\0y", 9}, &f, &line), -EINVAL);
}

TEST(span_cutting)
{
	struct span rest = span_of("a,,b,"), piece;
	CHECK(span_cut(&rest, ',', &piece));
	span_is(piece, "a");
	CHECK(span_cut(&rest, ',', &piece));
	span_is(piece, "");
	CHECK(span_cut(&rest, ',', &piece));
	span_is(piece, "b");
	CHECK(!span_cut(&rest, ',', &piece));
	rest = span_of(" \tone  two ");
	CHECK(span_word(&rest, &piece));
	span_is(piece, "one");
	CHECK(span_word(&rest, &piece));
	span_is(piece, "two");
	CHECK(!span_word(&rest, &piece));
	rest = (struct span){0};
	CHECK(!span_word(&rest, &piece));
	CHECK(!span_cut(&rest, ',', &piece));
	span_is(span_trim(span_of("\t x y \t")), "x y");
	span_is(span_trim(span_of(" \t")), "");
}

TEST(span_values)
{
	uint64_t n;
	char text[4];
	CHECK_EQ(span_number(span_of("18446744073709551615"), UINT64_MAX, &n), 0);
	CHECK_EQ(n, UINT64_MAX);
	CHECK_EQ(span_number(span_of("18446744073709551616"), UINT64_MAX, &n), -ERANGE);
	CHECK_EQ(span_number(span_of("99999999999999999999"), UINT64_MAX, &n), -ERANGE);
	CHECK_EQ(span_number(span_of("8"), 7, &n), -ERANGE);
	CHECK_EQ(span_number(span_of(""), 7, &n), -EINVAL);
	CHECK_EQ(span_number(span_of("+1"), 7, &n), -EINVAL);
	CHECK_EQ(span_copy(span_of("abc"), text, sizeof(text)), 0);
	CHECK_STR(text, "abc");
	CHECK_EQ(span_copy(span_of("abcd"), text, sizeof(text)), -ENAMETOOLONG);
	CHECK_STR(text, "");
	CHECK_EQ(span_copy(span_of(""), text, 0), -ENAMETOOLONG);
}
