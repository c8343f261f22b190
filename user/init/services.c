/* SPDX-License-Identifier: MIT */
/*
 * Services: one per file of /etc/swos/services, started in the order that their files ask for, and started again as
 * their files say, later each time while they keep failing. /run/services shows where each stands.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/init.h"
#include "init/sockets.h"
#include "service/service.h"

#define DIRECTORY  "/etc/swos/services"
#define STATE_PATH "/run/services"

#define FIRST_RETRY_MS 1000
#define LAST_RETRY_MS  60000
#define EACH           "/usr/lib/swos/each"
#define STEADY_MS      60000 /* who ran this long begins with FIRST_RETRY_MS again */

struct service {
	struct service *next; /* in starting order */
	char *name;
	char *text; /* the file; spans point into it */
	struct service_file file;
	struct sockets sockets; /* what it listens on, once they could be opened */
	int notify_fd;          /* the end that its word comes to; -1: said, or nothing to say */
	pid_t pid;              /* 0: not running */
	bool was_started;
	moment_t start_at; /* NEVER: finished, or running */
	moment_t started_at;
	moment_t retry_after;
	unsigned int starts;
	int last_status; /* as wait(2) gives it */
};

static struct service *services;

/* ---- loading */

static bool
is_service_name(const char *name)
{
	size_t len = strlen(name);
	if (len == 0 || len > SERVICE_NAME_MAX)
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

static void
service_free(struct service *s)
{
	if (s == NULL)
		return;
	free(s->name);
	free(s->text);
	free(s);
}

/* Reads one file. Returns the service, or NULL after saying why not. */
static struct service *
service_load(const char *name)
{
	char path[sizeof(DIRECTORY) + 1 + SERVICE_NAME_MAX];
	struct service *s = calloc(1, sizeof(*s));
	struct span text = {0};
	size_t line = 0;

	snprintf(path, sizeof(path), "%s/%s", DIRECTORY, name);
	int err = s == NULL ? -ENOMEM : file_read(path, &text);
	if (err == 0) {
		s->text = (char *)(uintptr_t)text.text;
		s->notify_fd = -1;
		s->name = strdup(name);
		err = s->name == NULL ? -ENOMEM : service_parse(text, &s->file, &line);
	}
	if (err == -EINVAL && line == 0)
		say("%s: no exec line, one about listening without listen, or a zero byte; the "
		    "service is left out",
			path);
	else if (err == -EINVAL)
		say("%s: line %zu is not understood; the service is left out", path, line);
	else if (err != 0)
		say("%s: %s; the service is left out", path, strerror(-err));
	if (err != 0) {
		if (s != NULL)
			service_free(s);
		return NULL;
	}
	return s;
}

static struct service *
find(struct service *list, struct span name)
{
	for (; list != NULL; list = list->next) {
		if (span_equal(name, list->name))
			return list;
	}
	return NULL;
}

static bool
all_in(struct span names, struct service *list)
{
	struct span name;
	while (span_word(&names, &name)) {
		if (find(list, name) == NULL)
			return false;
	}
	return true;
}

/* Moves one service whose predecessors are all in services from *pool to the end of it. Returns false if there is none. */
static bool
place_one(struct service **pool)
{
	struct service **end = &services;

	for (struct service **at = pool; *at != NULL; at = &(*at)->next) {
		if (!all_in((*at)->file.after, services))
			continue;
		struct service *s = *at;
		*at = s->next;
		s->next = NULL;
		while (*end != NULL)
			end = &(*end)->next;
		*end = s;
		return true;
	}
	return false;
}

/* Puts what was loaded into starting order; what comes after itself, or after nothing known, is left out. */
static void
place_all(struct service *pool)
{
	while (place_one(&pool))
		;
	while (pool != NULL) {
		struct service *s = pool;
		pool = s->next;
		say("service %s is left out: what it comes after is missing or comes after it",
			s->name);
		service_free(s);
	}
}

/* Inserts by name, so that the order does not depend on the directory's. */
static void
insert_sorted(struct service **list, struct service *s)
{
	while (*list != NULL && strcmp((*list)->name, s->name) < 0)
		list = &(*list)->next;
	s->next = *list;
	*list = s;
}

/* Whether what the service listens on is open. */
static bool
open_sockets(struct service *s)
{
	return s->file.listen.len == 0 || s->sockets.count > 0 ||
		sockets_open(s->name, &s->file, &s->sockets) == 0;
}

void
services_load(void)
{
	struct service *pool = NULL;
	struct dirent *entry;
	DIR *directory = opendir(DIRECTORY);

	if (directory == NULL) {
		if (errno != ENOENT)
			say("cannot read %s: %s", DIRECTORY, strerror(errno));
		return;
	}
	while ((entry = readdir(directory)) != NULL) {
		if (!is_service_name(entry->d_name))
			continue;
		struct service *s = service_load(entry->d_name);
		if (s != NULL)
			insert_sorted(&pool, s);
	}
	closedir(directory);
	place_all(pool);
	for (struct service *s = services; s != NULL; s = s->next)
		(void)open_sockets(s); /* what fails is said, and tried again at the start */
}

/* ---- showing */

static const char *
state_of(const struct service *s)
{
	if (s->pid > 0)
		return "running";
	if (!s->was_started)
		return "waiting";
	return s->start_at == NEVER ? "ended" : "retrying";
}

/* Replaces the state file as a whole, so that no reader sees half of it. */
static void
show_state(void)
{
	FILE *f = fopen(STATE_PATH ".new", "we");
	if (f == NULL)
		return;
	fputs("name state pid starts last-exit\n", f);
	for (const struct service *s = services; s != NULL; s = s->next) {
		int code = WIFSIGNALED(s->last_status) ? 128 + WTERMSIG(s->last_status)
						       : WEXITSTATUS(s->last_status);
		fprintf(f, "%s %s %d %u %d\n", s->name, state_of(s), s->pid, s->starts, code);
	}
	if (fclose(f) == 0)
		rename(STATE_PATH ".new", STATE_PATH);
}

/* ---- starting */

static void
set_limit(int resource, uint64_t value)
{
	struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
	if (value == SERVICE_LIMIT_UNSET)
		return;
	if (setrlimit(resource, &limit) != 0) {
		say("cannot set a limit: %s", strerror(errno));
		_exit(126);
	}
}

static void
redirect(enum service_output output)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	if (output == SERVICE_OUTPUT_NULL) {
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
}

/* Splits words into a NULL-terminated vector. Returns NULL without memory. */
static char **
split_words(struct span words)
{
	struct span rest = words, word;
	size_t count = 0;

	while (span_word(&rest, &word))
		count++;
	char **vector = calloc(count + 1, sizeof(*vector));
	for (size_t i = 0; vector != NULL && span_word(&words, &word); i++) {
		vector[i] = strndup(word.text, word.len);
		if (vector[i] == NULL) {
			while (i > 0)
				free(vector[--i]);
			free(vector);
			return NULL;
		}
	}
	return vector;
}

/* The service's principal. Returns 0 or -errno; spans point into memory that is never freed: a child asks. */
static int
find_principal(struct span name, struct identity *id)
{
	struct span store;
	int err = file_read(IDENTITY_PATH, &store);
	if (err < 0)
		return err;
	return identity_find_name(store, name.len > 0 ? name : span_of("root"), id);
}

/* Program and arguments: the file's, behind who accepts for them. NULL: no memory. */
static char **
arguments_of(const struct service *s)
{
	char **argv = split_words(s->file.exec);
	if (argv == NULL || s->file.accept != SERVICE_ACCEPT_EACH)
		return argv;
	size_t count = 0;
	while (argv[count] != NULL)
		count++;
	char **longer = calloc(count + 3, sizeof(*longer));
	if (longer == NULL ||
		asprintf(&longer[1], "%u", (unsigned int)s->file.max_connections) < 0) {
		free(longer);
		free(argv);
		return NULL;
	}
	longer[0] = (char *)(uintptr_t)EACH;
	memcpy(longer + 2, argv, count * sizeof(*argv));
	free(argv);
	return longer;
}

/* Hands the sockets over and says so in the environment; a child that ends frees nothing. */
static char **
pass_descriptors(const struct service *s, int notify)
{
	static char listen_fds[32], listen_pid[32], notify_fd[32];
	static char *env[] = {"PATH=/usr/bin:/bin", NULL, NULL, NULL, NULL};
	size_t n = 1;
	int number = sockets_pass(&s->sockets, notify);
	if (number < 0) {
		say("service %s: cannot pass its sockets: %s", s->name, strerror(-number));
		_exit(126);
	}
	if (s->sockets.count > 0) {
		snprintf(listen_fds, sizeof(listen_fds), "LISTEN_FDS=%zu", s->sockets.count);
		snprintf(listen_pid, sizeof(listen_pid), "LISTEN_PID=%d", getpid());
		env[n++] = listen_fds;
		env[n++] = listen_pid;
	}
	if (number > 0) {
		snprintf(notify_fd, sizeof(notify_fd), "NOTIFY_FD=%d", number);
		env[n++] = notify_fd;
	}
	return env;
}

static _Noreturn void
service_child(const struct service *s, int notify)
{
	struct identity id;
	char **argv = arguments_of(s);
	int err = find_principal(s->file.user, &id);

	child_prepare(CHILD_NO_TERMINAL);
	if (argv == NULL || err < 0) {
		say("service %s: %s", s->name,
			argv == NULL ? "out of memory" : "its principal is not known");
		_exit(126);
	}
	say_keep_console();
	char **env = pass_descriptors(s, notify);
	set_limit(RLIMIT_NOFILE, s->file.max_files);
	set_limit(RLIMIT_AS, s->file.max_memory);
	if (child_become(&id, s->file.caps) != 0) {
		say("service %s: cannot take on its principal: %s", s->name, strerror(errno));
		_exit(126);
	}
	redirect(s->file.output);
	child_exec(argv, env);
}

static void
plan_retry(struct service *s)
{
	s->retry_after = s->retry_after == 0 ? FIRST_RETRY_MS : s->retry_after * 2;
	if (s->retry_after > LAST_RETRY_MS)
		s->retry_after = LAST_RETRY_MS;
	s->start_at = now() + s->retry_after;
}

/* The pipe by which a service says that it is ready: the first time it starts. Returns its end, or -1. */
static int
open_notify(struct service *s)
{
	int ends[2];
	if (s->file.notify == 0 || s->was_started)
		return -1;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		say("service %s: nobody will wait for it: %s", s->name, strerror(errno));
		return -1;
	}
	s->notify_fd = ends[0];
	return ends[1];
}

static void
close_notify(struct service *s)
{
	if (s->notify_fd >= 0)
		close(s->notify_fd);
	s->notify_fd = -1;
}

static void
service_start(struct service *s)
{
	if (!open_sockets(s)) {
		s->was_started = true;
		plan_retry(s);
		return;
	}
	int notify = open_notify(s);
	pid_t pid = fork();
	if (pid == 0)
		service_child(s, notify);
	if (notify >= 0)
		close(notify);
	s->was_started = true;
	if (pid < 0) {
		say("service %s: cannot start a process: %s", s->name, strerror(errno));
		close_notify(s);
		plan_retry(s);
		return;
	}
	s->pid = pid;
	s->starts++;
	s->started_at = now();
	s->start_at = NEVER;
}

/* Whether everything that s comes after has been started once. */
static bool
is_ready(const struct service *s)
{
	struct span names = s->file.after, name;
	while (span_word(&names, &name)) {
		if (!find(services, name)->was_started)
			return false;
	}
	return true;
}

void
services_start_due(void)
{
	bool changed = false;
	for (struct service *s = services; s != NULL; s = s->next) {
		if (s->pid > 0 || s->start_at > now() || !is_ready(s))
			continue;
		service_start(s);
		changed = true;
	}
	if (changed)
		show_state();
}

moment_t
services_deadline(void)
{
	moment_t earliest = NEVER;
	for (const struct service *s = services; s != NULL; s = s->next) {
		if (s->pid == 0 && s->start_at < earliest)
			earliest = s->start_at;
	}
	return earliest;
}

/* ---- waiting for words */

static moment_t
notify_end(const struct service *s)
{
	return s->started_at + (moment_t)s->file.notify * 1000;
}

moment_t
services_hold_until(void)
{
	moment_t last = 0;
	/* A word that comes too late is still read: a pipe without a reader would end who says it. */
	for (const struct service *s = services; s != NULL; s = s->next) {
		moment_t end = notify_end(s);
		if (s->notify_fd >= 0 && now() < end && end > last)
			last = end;
	}
	return last;
}

size_t
services_words(struct pollfd *fds)
{
	size_t n = 0;
	for (const struct service *s = services; s != NULL; s = s->next) {
		if (s->notify_fd < 0)
			continue;
		if (fds != NULL)
			fds[n] = (struct pollfd){.fd = s->notify_fd, .events = POLLIN};
		n++;
	}
	return n;
}

/* Any byte is a word; the end of the pipe says that none will come. */
void
services_read_words(void)
{
	char c;
	for (struct service *s = services; s != NULL; s = s->next)
		if (s->notify_fd >= 0 && (read(s->notify_fd, &c, 1) >= 0 || errno != EAGAIN))
			close_notify(s);
}

/* ---- ending */

static bool
wants_restart(const struct service *s, int status)
{
	bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	switch (s->file.restart) {
	case SERVICE_RESTART_ALWAYS:
		return true;
	case SERVICE_RESTART_ON_FAILURE:
		return failed;
	default:
		return false;
	}
}

void
services_exited(pid_t pid, int status)
{
	struct service *s = services;

	while (s != NULL && s->pid != pid)
		s = s->next;
	if (s == NULL)
		return; /* an orphan */
	s->pid = 0;
	s->last_status = status;
	if (now() - s->started_at >= STEADY_MS)
		s->retry_after = 0;
	if (wants_restart(s, status))
		plan_retry(s);
	show_state();
}
