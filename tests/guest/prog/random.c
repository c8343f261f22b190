/* SPDX-License-Identifier: MIT */
/* getrandom(2) and the random devices. The machine has a seed. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "guest.h"

static ssize_t
get(void *buf, size_t n, unsigned flags)
{
	return syscall(SYS_getrandom, buf, n, flags);
}

GUEST_TEST(random_flags)
{
	char b[16];
	CHECK_EQ(get(b, sizeof(b), 0), sizeof(b));
	CHECK_EQ(get(b, sizeof(b), GRND_NONBLOCK), sizeof(b));
	CHECK_EQ(get(b, sizeof(b), GRND_RANDOM | GRND_NONBLOCK), sizeof(b));
	CHECK_EQ(get(b, sizeof(b), 4), sizeof(b)); /* GRND_INSECURE */
	CHECK_ERRNO(get(b, sizeof(b), 8), EINVAL);
	CHECK_ERRNO(get(b, sizeof(b), 4 | GRND_RANDOM), EINVAL);
	CHECK_EQ(get(b, 0, 0), 0);
	CHECK_EQ(get(NULL, 0, 0), 0);
}

/* No two outputs are the same, whatever their sizes, and every byte is written. */
GUEST_TEST(random_output)
{
	static const size_t sizes[] = {
		1, 7, 16, 31, 64, 65, 128, 129, 224, 256, 511, 513, 4096, 100001};
	static unsigned char a[100001], b[100001];
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t n = sizes[i];
		unsigned char any[16] = {0};
		for (int round = 0; round < 16; round++) {
			memset(a, 0, sizeof(a));
			CHECK_EQ(get(a, n, 0), n);
			CHECK(n == sizeof(a) || a[n] == 0);
			any[0] |= a[0];
			any[1] |= a[n - 1];
			any[2] |= a[n / 2];
		}
		CHECK(any[0] != 0 && any[1] != 0 && any[2] != 0);
		CHECK_EQ(get(b, n, 0), n);
		CHECK(n < 16 || memcmp(a, b, n) != 0);
	}
}

GUEST_TEST(random_child_gets_its_own)
{
	uint64_t *shared = guest_shared_page();
	for (int i = 1; i <= 20; i++) {
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			get(&shared[i], sizeof(*shared), 0);
			_exit(0);
		}
		CHECK_EQ(get(&shared[0], sizeof(*shared), 0), sizeof(*shared));
		CHECK_EQ(waitpid(child, NULL, 0), child);
		for (int k = 0; k < i; k++)
			CHECK(shared[k] != shared[i]);
	}
}

GUEST_TEST(random_bad_memory)
{
	char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(munmap(p + 2 * 4096, 4096), 0);
	CHECK_ERRNO(get(p + 2 * 4096, 16, 0), EFAULT);
	CHECK_ERRNO(get((void *)-1, 16, 0), EFAULT);
	CHECK_ERRNO(get((void *)0xffff000000000000, 4096, 0), EFAULT);
	ssize_t n = get(p, 3 * 4096, 0);
	CHECK(n > 0 && n <= 2 * 4096);
	CHECK_EQ(mprotect(p, 4096, PROT_READ), 0);
	CHECK_ERRNO(get(p, 16, 0), EFAULT);
}

static void
on_alarm(int sig)
{
}

/* A read that would take minutes ends early by a signal, with what it has. */
GUEST_TEST(random_large_read_is_interrupted)
{
	size_t n = (size_t)64 << 20;
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	struct sigaction sa = {.sa_handler = on_alarm};
	/* Again and again: the first may come before the call. */
	struct itimerval soon = {.it_value = {0, 20000}, .it_interval = {0, 20000}};
	CHECK_EQ(sigaction(SIGALRM, &sa, NULL), 0);
	CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
	ssize_t got = get(p, n, 0);
	CHECK(got >= 4096 && (size_t)got < n);
	CHECK_EQ(got % 4096, 0);
}

GUEST_TEST(random_devices)
{
	static const char *const names[] = {"/dev/random", "/dev/urandom"};
	for (int i = 0; i < 2; i++) {
		uint64_t a[2] = {0}, b[2] = {0};
		int fd = open(names[i], O_RDWR);
		CHECK(fd >= 0);
		CHECK_EQ(read(fd, a, sizeof(a)), sizeof(a));
		CHECK_EQ(write(fd, a, sizeof(a)), sizeof(a));
		CHECK_EQ(read(fd, b, sizeof(b)), sizeof(b));
		CHECK(memcmp(a, b, sizeof(a)) != 0);
		CHECK_EQ(pread(fd, a, sizeof(a), 1000), sizeof(a));
		CHECK(memcmp(a, b, sizeof(a)) != 0);
		CHECK_EQ(close(fd), 0);
	}
}
