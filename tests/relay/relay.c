/* SPDX-License-Identifier: MIT */
/*
 * relay END END
 *
 * Carries Ethernet frames between two ends over a lossy link (link.h). An END is tap:NAMESPACE:NAME, a tap that it makes
 * in that network namespace and that lives as long as the relay, or unix:OWN:PEER, QEMU's -netdev dgram with those two
 * reversed. A tap without vnet headers offers Linux no offload, and nor does QEMU's: both ends send and get frames of the
 * MTU with checksums. Frames from the first end go in direction 0.
 *
 * Commands come on standard input, a line each; the end of it ends the relay:
 *
 *	start SEED [SETTING=NUMBER]...   numbers and counts begin anew, what is under way is thrown away
 *	report                           prints the counts since then, for each direction
 *	capture FILE                     frames as they arrive at the ends and are lost, into a pcap file
 *
 * Each is answered by a line: what was asked for, "ok", or "error" and why.
 */
#define _GNU_SOURCE /* setns */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/relay/link.h"
#include "tests/relay/pending.h"

#define SOCKET_BYTES (16 << 20)

struct end {
	int fd;
	struct sockaddr_un peer; /* sun_path is empty for a tap */
};

struct counts {
	uint64_t in, other, lost, queue_full, doubled, late, out, refused;
};

static struct end ends[2];
static struct link links[2];
static struct counts counts[2];
static struct pending pending;
static struct link_settings settings = {.rate = 1000000000, .queue = 1 << 20};
static FILE *capture;

[[noreturn]] static void
die(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t
now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- ends --- */

static int
open_tap(const char *namespace, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "/run/netns/%s", namespace);
	int home = open("/proc/self/ns/net", O_RDONLY), there = open(path, O_RDONLY);
	if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) != 0)
		die(path);
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0 || setns(home, CLONE_NEWNET) != 0)
		die(name);
	close(home);
	close(there);
	return fd;
}

static int
open_socket(const char *own, const char *peer, struct sockaddr_un *to)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), bytes = SOCKET_BYTES;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", own);
	unlink(own);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die(own);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	to->sun_family = AF_UNIX;
	snprintf(to->sun_path, sizeof(to->sun_path), "%s", peer);
	return fd;
}

static void
open_end(struct end *e, const char *text)
{
	char kind[8], first[128], second[128];
	if (sscanf(text, "%7[^:]:%127[^:]:%127s", kind, first, second) != 3) {
		errno = EINVAL;
		die(text);
	}
	e->fd = strcmp(kind, "tap") == 0 ? open_tap(first, second)
					 : open_socket(first, second, &e->peer);
}

/* Whether the end took the frame. */
static bool
put(const struct end *e, const uint8_t *bytes, uint32_t n)
{
	if (e->peer.sun_path[0] == 0)
		return write(e->fd, bytes, n) == (ssize_t)n;
	return sendto(e->fd, bytes, n, 0, (const struct sockaddr *)&e->peer, sizeof(e->peer)) ==
		(ssize_t)n;
}

/* --- frames --- */

static void
record(const uint8_t *bytes, uint32_t n)
{
	struct timespec t;
	if (capture == NULL)
		return;
	clock_gettime(CLOCK_MONOTONIC, &t);
	uint32_t header[4] = {(uint32_t)t.tv_sec, (uint32_t)(t.tv_nsec / 1000), n, n};
	fwrite(header, sizeof(header), 1, capture);
	fwrite(bytes, n, 1, capture);
}

static void
take(uint32_t direction, const uint8_t *bytes, uint32_t n)
{
	struct counts *c = &counts[direction];
	uint64_t at[2], now = now_ns();
	uint32_t copies;
	bool tcp = frame_is_tcp(bytes, n);
	c->in++;
	c->other += !tcp;
	switch (link_take(&links[direction], &settings, direction, now, n, tcp, at, &copies)) {
	case LINK_LOST:
		c->lost++;
		return;
	case LINK_QUEUE_FULL:
		c->queue_full++;
		return;
	case LINK_CARRIED:
		break;
	}
	c->doubled += copies > 1;
	c->late += at[0] > links[direction].free_at + settings.delay_us * 1000ull;
	for (uint32_t i = 0; i < copies; i++)
		pending_add(&pending, at[i], !direction, bytes, n);
}

static void
receive(uint32_t direction)
{
	static uint8_t bytes[FRAME_MAX];
	ssize_t n;
	while ((n = read(ends[direction].fd, bytes, sizeof(bytes))) > 0)
		take(direction, bytes, (uint32_t)n);
	if (n < 0 && errno != EAGAIN && errno != EIO) /* EIO: the tap is down */
		die("an end");
}

static void
deliver_due(void)
{
	const struct frame *f;
	while ((f = pending_first(&pending)) != NULL && f->at <= now_ns()) {
		bool taken = put(&ends[f->to], f->bytes, f->len);
		counts[!f->to].out += taken;
		counts[!f->to].refused += !taken;
		record(f->bytes, f->len);
		pending_drop_first(&pending);
	}
}

static void
arm(int timer)
{
	const struct frame *f = pending_first(&pending);
	struct itimerspec when = {.it_value.tv_sec = 0};
	if (f != NULL) {
		when.it_value.tv_sec = (time_t)(f->at / 1000000000u);
		when.it_value.tv_nsec = (long)(f->at % 1000000000u);
	}
	timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* --- commands --- */

static bool
set(struct link_settings *s, const char *word)
{
	const struct {
		const char *name;
		uint32_t *value;
	} names[] = {{"loss", &s->loss}, {"reorder", &s->reorder}, {"duplicate", &s->duplicate},
		{"hold_us", &s->hold_us}, {"delay_us", &s->delay_us}, {"rate", &s->rate},
		{"queue", &s->queue}};
	const char *value = strchr(word, '=');
	for (size_t i = 0; value != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = (size_t)(value - word);
		if (strlen(names[i].name) == n && memcmp(names[i].name, word, n) == 0) {
			*names[i].value = (uint32_t)strtoul(value + 1, NULL, 10);
			return true;
		}
	}
	return false;
}

static const char *
start(char *words)
{
	struct link_settings s = {.rate = 1000000000, .queue = 1 << 20};
	char *word = strtok(words, " \n");
	if (word == NULL)
		return "error: no seed";
	s.seed = strtoull(word, NULL, 10);
	while ((word = strtok(NULL, " \n")) != NULL)
		if (!set(&s, word))
			return "error: an unknown setting";
	if (s.rate == 0)
		return "error: a rate of 0";
	settings = s;
	memset(links, 0, sizeof(links));
	memset(counts, 0, sizeof(counts));
	while (pending_first(&pending) != NULL)
		pending_drop_first(&pending);
	return "ok";
}

static void
report(void)
{
	for (int d = 0; d < 2; d++) {
		const struct counts *c = &counts[d];
		printf("%sin=%" PRIu64 " other=%" PRIu64 " lost=%" PRIu64 " queue_full=%" PRIu64
		       " doubled=%" PRIu64 " late=%" PRIu64 " out=%" PRIu64 " refused=%" PRIu64,
			d == 0 ? "" : "; ", c->in, c->other, c->lost, c->queue_full, c->doubled,
			c->late, c->out, c->refused);
	}
	printf("\n");
}

static const char *
start_capture(char *path)
{
	static const uint32_t header[6] = {0xa1b2c3d4, 4u << 16 | 2, 0, 0, FRAME_MAX, 1};
	path[strcspn(path, "\n")] = 0;
	if (capture != NULL)
		fclose(capture);
	capture = *path == 0 ? NULL : fopen(path, "wb");
	if (*path != 0 && (capture == NULL || fwrite(header, sizeof(header), 1, capture) != 1))
		return "error: the capture's file";
	return "ok";
}

static void
obey(char *line)
{
	if (strncmp(line, "start ", 6) == 0)
		puts(start(line + 6));
	else if (strncmp(line, "capture ", 8) == 0)
		puts(start_capture(line + 8));
	else if (strcmp(line, "report\n") == 0)
		report();
	else
		puts("error: an unknown command");
	fflush(stdout);
}

static void
loop(int timer)
{
	struct pollfd fds[] = {{.fd = 0, .events = POLLIN}, {.fd = ends[0].fd, .events = POLLIN},
		{.fd = ends[1].fd, .events = POLLIN}, {.fd = timer, .events = POLLIN}};
	char line[512];
	for (;;) {
		arm(timer);
		if (poll(fds, 4, -1) < 0 && errno != EINTR)
			die("poll");
		for (uint32_t d = 0; d < 2; d++)
			if (fds[d + 1].revents & POLLIN)
				receive(d);
		deliver_due();
		if (fds[0].revents != 0) {
			if (fgets(line, sizeof(line), stdin) == NULL)
				return;
			obey(line);
		}
	}
}

int
main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: relay END END\n");
		return 2;
	}
	prctl(PR_SET_TIMERSLACK, 1);
	setvbuf(stdin, NULL, _IONBF, 0); /* poll() sees every line */
	for (int d = 0; d < 2; d++)
		open_end(&ends[d], argv[d + 1]);
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	if (timer < 0)
		die("a timer");
	puts("ready");
	fflush(stdout);
	loop(timer);
	if (capture != NULL)
		fclose(capture);
	return 0;
}
