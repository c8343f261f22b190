/* SPDX-License-Identifier: MIT */
/*
 * Many processes change, fault, share and fork the same mappings while there is hardly any memory. What each sees must
 * be its own: private pages carry a stamp of the process that wrote them, pages of the shared file one of their place.
 */
#include "guest.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "memory_fault.h"

#define RW      (PROT_READ | PROT_WRITE)
#define ANON    (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define WORKERS 12
#define PAGES   64u /* of each mapping */
#define SECONDS 6
#define MIB     (1024ul * 1024)
#define LEAVE   (5 * MIB)

static unsigned seed;

static unsigned
pick(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

struct worker {
	int file;
	unsigned stamp;        /* of private pages */
	unsigned char *own;    /* private memory, PAGES of it; each is stamped or zero */
	unsigned char *shared; /* the file, which others truncate */
};

/* A private page is all zero, or as its owner or a forefather wrote it. */
static void
check_own(const struct worker *w, unsigned page)
{
	const unsigned *p = (const unsigned *)(w->own + page * PAGE);
	unsigned first = p[0], last = p[PAGE / sizeof(*p) - 1];
	if (first != last || (first != 0 && first != (w->stamp ^ page)))
		guest_fail(__FILE__, __LINE__, "page %u has %#x and %#x, of %#x", page, first, last,
			w->stamp);
}

static void
stamp_own(const struct worker *w, unsigned page)
{
	unsigned *p = (unsigned *)(w->own + page * PAGE);
	p[0] = p[PAGE / sizeof(*p) - 1] = w->stamp ^ page;
}

/* Bytes of the file's page n are n + 1, or zero since it was truncated; beyond its end there is SIGBUS. */
static void
touch_shared(const struct worker *w, unsigned page)
{
	unsigned char value = 0;
	int sig = pick(2) ? memory_write(w->shared + page * PAGE, (unsigned char)(page + 1))
			  : memory_read(w->shared + page * PAGE, &value);
	if ((sig != 0 && sig != SIGBUS) || (sig == 0 && value != 0 && value != page + 1))
		guest_fail(__FILE__, __LINE__, "page %u: signal %d, value %d", page, sig, value);
}

static void
move_own(struct worker *w)
{
	unsigned char *to = mremap(w->own, PAGES * PAGE, PAGES * PAGE,
		MREMAP_MAYMOVE | MREMAP_FIXED, mmap(NULL, PAGES * PAGE, PROT_NONE, ANON, -1, 0));
	if (to != MAP_FAILED)
		w->own = to;
}

/* A child sees what its parent saw, and its writes are its own. */
static void
fork_off(struct worker *w)
{
	pid_t pid = fork();
	if (pid == 0) {
		for (unsigned i = 0; i < PAGES; i += 3) {
			check_own(w, i);
			stamp_own(w, i);
			check_own(w, i);
			touch_shared(w, i);
		}
		_exit(0);
	}
	int status = 0;
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status != 0 && status != SIGKILL)
		_exit(WEXITSTATUS(status));
}

static void
remap_shared(struct worker *w)
{
	void *p = mmap(w->shared, PAGES * PAGE, RW, MAP_SHARED | MAP_FIXED, w->file, 0);
	if (p == MAP_FAILED && errno != ENOMEM)
		guest_fail(__FILE__, __LINE__, "mmap of the file: errno %d", errno);
}

static void
protect_own(const struct worker *w, unsigned page)
{
	if (mprotect(w->own + page * PAGE, PAGE, PROT_READ) != 0)
		return;
	check_own(w, page);
	while (mprotect(w->own + page * PAGE, PAGE, RW) != 0)
		if (errno != ENOMEM)
			guest_fail(__FILE__, __LINE__, "mprotect: errno %d", errno);
}

/* Reads programs of the base image, for the page cache to be given back and read again. */
static void
read_cache(void)
{
	char buf[8192];
	int fd = open(pick(2) ? "/bin/busybox" : "/bin/bash", O_RDONLY);
	if (fd < 0)
		return;
	for (unsigned i = 0; i < 64; i++)
		if (pread(fd, buf, sizeof(buf), (off_t)pick(200) * 8192) < 0 && errno != ENOMEM)
			guest_fail(__FILE__, __LINE__, "pread: errno %d", errno);
	close(fd);
}

static void
step(struct worker *w)
{
	unsigned page = pick(PAGES);
	switch (pick(12)) {
	case 0:
		fork_off(w);
		break;
	case 1:
		move_own(w);
		break;
	case 2:
		(void)!ftruncate(w->file, (off_t)(pick(PAGES + 1) * PAGE));
		break;
	case 3:
		madvise(w->own + page * PAGE, PAGE * (1 + pick(PAGES - page)), MADV_DONTNEED);
		break;
	case 4:
		madvise(w->shared + page * PAGE, PAGE, pick(2) ? MADV_REMOVE : MADV_DONTNEED);
		break;
	case 5:
		remap_shared(w);
		break;
	case 6:
		protect_own(w, page);
		break;
	case 7:
		read_cache();
		break;
	default:
		for (unsigned i = page; i < PAGES; i += 5) {
			check_own(w, i);
			stamp_own(w, i);
			touch_shared(w, i);
		}
	}
}

static void
work(int file, unsigned number)
{
	struct worker w = {.file = file, .stamp = 0x51000000u + number * 0x10000u};
	double end = guest_now() + SECONDS;
	seed = number * 7919u + 1;
	w.own = mmap(NULL, PAGES * PAGE, RW, ANON, -1, 0);
	w.shared = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED, file, 0);
	CHECK(w.own != MAP_FAILED && w.shared != MAP_FAILED);
	while (guest_now() < end)
		step(&w);
	_exit(0);
}

/* Takes all but LEAVE bytes, never to be chosen when memory runs out, and waits for its end. */
static pid_t
start_hog(void)
{
	int ready[2];
	char c;
	CHECK_EQ(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct sysinfo s;
		int fd = open("/proc/self/oom_score_adj", O_WRONLY);
		CHECK_EQ(write(fd, "-1000", 5), 5);
		CHECK_EQ(sysinfo(&s), 0);
		unsigned char *m = mmap(NULL, s.freeram, RW, ANON, -1, 0);
		CHECK(m != MAP_FAILED);
		for (size_t i = 0; i + LEAVE < s.freeram; i += PAGE)
			m[i] = 1;
		CHECK_EQ(write(ready[1], "r", 1), 1);
		pause();
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

GUEST_TEST(memory_stress_when_it_is_short)
{
	int file = open("/tmp/memory-stress", O_RDWR | O_CREAT | O_EXCL, 0600), status = 0;
	CHECK(file >= 0);
	CHECK_EQ(unlink("/tmp/memory-stress"), 0);
	CHECK_EQ(ftruncate(file, (off_t)(PAGES * PAGE)), 0);
	pid_t pids[WORKERS];
	int go[2];
	CHECK_EQ(pipe(go), 0);
	for (unsigned i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0) {
			char c;
			CHECK_EQ(read(go[0], &c, 1), 1);
			work(file, i);
		}
	}
	pid_t hog = start_hog();
	for (unsigned i = 0; i < WORKERS; i++)
		CHECK_EQ(write(go[1], "g", 1), 1);
	close(go[0]);
	close(go[1]);
	unsigned done = 0;
	for (unsigned i = 0; i < WORKERS; i++) {
		CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
		CHECK(status == 0 || status == SIGKILL); /* killed for the others' sake */
		done += status == 0;
	}
	CHECK(done > 0);
	CHECK_EQ(kill(hog, SIGKILL), 0);
	CHECK_EQ(waitpid(hog, &status, 0), hog);
	close(file);
}
