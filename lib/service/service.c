/* SPDX-License-Identifier: MIT */
/* The parser of service files. See service.h. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "caps.h"
#include "identity/identity.h"
#include "service/service.h"
#include "text/address.h"

typedef int (*setter_t)(struct service_file *file, struct span value);

static int
set_exec(struct service_file *file, struct span value)
{
	file->exec = value;
	return value.len > 0 && value.text[0] == '/' ? 0 : -EINVAL;
}

static int
set_user(struct service_file *file, struct span value)
{
	file->user = value;
	return value.len > 0 ? 0 : -EINVAL;
}

static int
set_after(struct service_file *file, struct span value)
{
	file->after = value;
	return 0;
}

static int
set_caps(struct service_file *file, struct span value)
{
	return identity_parse_caps(value, &file->caps);
}

/* Finds value among names, which ends with NULL. */
static int
choose(struct span value, const char *const *names, int *out)
{
	for (int i = 0; names[i] != NULL; i++) {
		if (span_equal(value, names[i])) {
			*out = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int
set_restart(struct service_file *file, struct span value)
{
	static const char *const names[] = {"always", "on-failure", "never", NULL};
	int choice = 0;
	int err = choose(value, names, &choice);
	file->restart = (enum service_restart)choice;
	return err;
}

static int
set_output(struct service_file *file, struct span value)
{
	static const char *const names[] = {"null", "console", NULL};
	int choice = 0;
	int err = choose(value, names, &choice);
	file->output = (enum service_output)choice;
	return err;
}

static int
set_max_files(struct service_file *file, struct span value)
{
	return span_number(value, INT32_MAX, &file->max_files);
}

static int
set_max_memory(struct service_file *file, struct span value)
{
	return span_number(value, INT64_MAX, &file->max_memory);
}

static int
set_listen(struct service_file *file, struct span value)
{
	struct span rest = value, word;
	struct text_address address;
	uint16_t port;
	file->listen = value;
	while (span_word(&rest, &word))
		if (text_endpoint_parse(word, &address, &port) < 0)
			return -EINVAL;
	return value.len > 0 ? 0 : -EINVAL;
}

static int
set_accept(struct service_file *file, struct span value)
{
	static const char *const names[] = {"pass", "each", NULL};
	int choice = 0;
	int err = choose(value, names, &choice);
	file->accept = (enum service_accept)choice;
	return err;
}

static int
set_count(struct span value, uint32_t *out)
{
	uint64_t n = 0;
	int err = span_number(value, UINT16_MAX, &n);
	*out = (uint32_t)n;
	return err < 0 || n == 0 ? -EINVAL : 0;
}

static int
set_backlog(struct service_file *file, struct span value)
{
	return set_count(value, &file->backlog);
}

static int
set_max_connections(struct service_file *file, struct span value)
{
	return set_count(value, &file->max_connections);
}

static int
set_notify(struct service_file *file, struct span value)
{
	int err = set_count(value, &file->notify);
	return err < 0 || file->notify > SERVICE_NOTIFY_MAX ? -EINVAL : 0;
}

/* Keys that say how to listen mean nothing without what to listen on. */
static bool
is_complete(const struct service_file *file)
{
	bool listens = file->listen.len > 0;
	return file->exec.len > 0 &&
		(listens ||
			(file->accept == SERVICE_ACCEPT_PASS && file->backlog == 0 &&
				file->max_connections == 0)) &&
		(file->accept == SERVICE_ACCEPT_EACH || file->max_connections == 0);
}

static const struct {
	const char *name;
	setter_t set;
} keys[] = {
	{"exec", set_exec},
	{"user", set_user},
	{"after", set_after},
	{"caps", set_caps},
	{"restart", set_restart},
	{"output", set_output},
	{"max-files", set_max_files},
	{"max-memory", set_max_memory},
	{"listen", set_listen},
	{"accept", set_accept},
	{"backlog", set_backlog},
	{"max-connections", set_max_connections},
	{"notify", set_notify},
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

/* Applies one `key value` line; *seen has a bit for each key that came before. */
static int
parse_line(struct span line, struct service_file *file, uint32_t *seen)
{
	struct span key;

	if (!span_word(&line, &key) || key.text[0] == '#')
		return 0;
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (!span_equal(key, keys[i].name))
			continue;
		if ((*seen & (1u << i)) != 0)
			return -EINVAL;
		*seen |= 1u << i;
		return keys[i].set(file, span_trim(line));
	}
	return -EINVAL;
}

int
service_parse(struct span text, struct service_file *out, size_t *line)
{
	struct service_file file = {
		.caps = CAP_ALL,
		.max_files = SERVICE_LIMIT_UNSET,
		.max_memory = SERVICE_LIMIT_UNSET,
	};
	struct span piece;
	uint32_t seen = 0;

	*out = (struct service_file){0};
	*line = 0;
	/* A zero byte would end the strings that are made of the words early. */
	if (text.len > 0 && memchr(text.text, '\0', text.len) != NULL)
		return -EINVAL;
	for (size_t number = 1; span_cut(&text, '\n', &piece); number++) {
		if (parse_line(piece, &file, &seen) < 0) {
			*line = number;
			return -EINVAL;
		}
	}
	if (!is_complete(&file))
		return -EINVAL;
	if (file.listen.len > 0 && file.backlog == 0)
		file.backlog = SERVICE_BACKLOG_DEFAULT;
	if (file.accept == SERVICE_ACCEPT_EACH && file.max_connections == 0)
		file.max_connections = SERVICE_CONNECTIONS_DEFAULT;
	*out = file;
	return 0;
}
