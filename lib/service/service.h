/* SPDX-License-Identifier: MIT */
/*
 * Service files: what /etc/swos/services/NAME says about one service. The format is docs/formats/service.md's.
 *
 * Pure: spans point into the caller's text, nothing allocates.
 */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include <stddef.h>
#include <stdint.h>

#include "text/span.h"

#define SERVICE_NAME_MAX 32

enum service_restart { SERVICE_RESTART_ALWAYS, SERVICE_RESTART_ON_FAILURE, SERVICE_RESTART_NEVER };
enum service_output { SERVICE_OUTPUT_NULL, SERVICE_OUTPUT_CONSOLE };

enum service_accept { SERVICE_ACCEPT_PASS, SERVICE_ACCEPT_EACH };

#define SERVICE_BACKLOG_DEFAULT     511
#define SERVICE_CONNECTIONS_DEFAULT 64
#define SERVICE_NOTIFY_MAX          60

/* A resource limit's value when the file does not set it. */
#define SERVICE_LIMIT_UNSET UINT64_MAX

struct service_file {
	/* program and arguments: words, see span_word(); the program is an absolute path */
	struct span exec;
	struct span user;  /* principal's name; empty: root */
	struct span after; /* names of services, words */
	uint64_t caps;     /* upper bound of the capabilities: CAP_* */
	enum service_restart restart;
	enum service_output output;
	uint64_t max_files;  /* RLIMIT_NOFILE */
	uint64_t max_memory; /* RLIMIT_AS, bytes */
	struct span listen;  /* endpoints, words that text_endpoint_parse() takes; empty: none */
	enum service_accept
		accept; /* who accepts: the service itself, or init, a process for each connection */
	uint32_t backlog;         /* of each listening socket */
	uint32_t max_connections; /* with SERVICE_ACCEPT_EACH: processes at once */
	/* seconds that login waits at most for it to say that it is ready; 0: none */
	uint32_t notify;
};

/*
 * Parses a whole file. Returns 0; -EINVAL at an unknown key, a repeated key, a value that its key does not take, no exec,
 * or accept, backlog or max-connections without listen; *line is then the line's number, from 1 (0: the file lacks something). *out is zero on error.
 */
[[nodiscard]] int service_parse(struct span text, struct service_file *out, size_t *line);

#endif
