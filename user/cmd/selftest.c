/* SPDX-License-Identifier: MIT */
/*
 * selftest: what a machine can tell about itself without another one that judges it. init runs it before the console's
 * first login when the kernel's command line says `selftest`; it may be run at any time.
 *
 * One line for each check on standard output, and one with the result.
 * Exit status: 0 all passed; 1 something failed; 2 wrong usage.
 */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "sodium/crypto_hash_sha256.h"
#include "sodium/utils.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, CPUS = 256, OPEN_DIRECTORIES = 16 };

#define NSEC_PER_SEC 1000000000LL
#define NAP_NSEC     20000000LL
#define NAP_MAX_NSEC (10 * NSEC_PER_SEC) /* hosts stall */

static const char *check; /* the one that runs */

static bool
failed(const char *format, ...)
{
	va_list args;

	printf("selftest: %s: FAILED: ", check);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	return false;
}

static bool
passed(const char *format, ...)
{
	va_list args;

	printf("selftest: %s: ok, ", check);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	return true;
}

/* The next CPU after cpu that there is, or the first one. The caller runs there from now on. */
static int
move_to_next_cpu(int cpu)
{
	for (int i = 1; i <= CPUS; i++) {
		cpu_set_t set;
		int next = (cpu + i) % CPUS;
		CPU_ZERO(&set);
		CPU_SET((size_t)next, &set);
		if (sched_setaffinity(0, sizeof(set), &set) == 0)
			return next;
	}
	return 0;
}

/* Whether SHA-256 of a million letters a (FIPS 180-2's third example), and a sum of fractions, come out right. */
static bool
computes(void)
{
	static const char want[] =
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
	static char letters[1000000];
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof(hash) + 1];
	volatile double sum = 0;

	memset(letters, 'a', sizeof(letters));
	crypto_hash_sha256(hash, (const unsigned char *)letters, sizeof(letters));
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	for (int i = 1; i <= 1024; i *= 2)
		sum += 1.0 / i;
	return strcmp(hex, want) == 0 && sum == 2.0 - 1.0 / 1024;
}

static bool
check_cpus(void)
{
	int first = move_to_next_cpu(-1), cpu = first, n = 0;

	do {
		if (!computes())
			return failed("CPU %d computes wrong results", cpu);
		n++;
		cpu = move_to_next_cpu(cpu);
	} while (cpu != first);
	return passed("%d of them", n);
}

static long long
monotonic(void)
{
	struct timespec t = {0};
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

/* Each CPU's counter goes on where the last one's was, and its timer wakes sleepers. */
static bool
check_clocks(void)
{
	int first = move_to_next_cpu(-1), cpu = first;
	long long last = monotonic();

	do {
		long long start = monotonic();
		if (start < last)
			return failed("CPU %d is %lld ns behind the one before", cpu, last - start);
		nanosleep(&(struct timespec){0, NAP_NSEC}, NULL);
		last = monotonic();
		if (last - start < NAP_NSEC || last - start > NAP_MAX_NSEC)
			return failed("CPU %d slept %lld ns", cpu, last - start);
		cpu = move_to_next_cpu(cpu);
	} while (cpu != first);
	return passed("%lld s since the start", last / NSEC_PER_SEC);
}

static unsigned long
available_kib(void)
{
	char line[128];
	unsigned long kib = 0;
	FILE *f = fopen("/proc/meminfo", "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "MemAvailable: %lu", &kib) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return kib;
}

/* Writes what depends on the place, then reads it; flip: all bits the other way. SIZE_MAX, or where it differs. */
static size_t
try_pattern(volatile uint64_t *words, size_t n, uint64_t flip)
{
	for (size_t i = 0; i < n; i++)
		words[i] = (i * 0x9e3779b97f4a7c15u) ^ flip;
	for (size_t i = 0; i < n; i++)
		if (words[i] != ((i * 0x9e3779b97f4a7c15u) ^ flip))
			return i;
	return SIZE_MAX;
}

/* Three quarters of what is free: the rest is for those who run meanwhile. */
static bool
check_memory(void)
{
	size_t size = (size_t)available_kib() / 4 * 3 * 1024;
	void *p = size == 0
		? MAP_FAILED
		: mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t bad;

	if (p == MAP_FAILED)
		return failed("cannot have %zu KiB: %s", size / 1024, strerror(errno));
	bad = try_pattern(p, size / sizeof(uint64_t), 0);
	if (bad == SIZE_MAX)
		bad = try_pattern(p, size / sizeof(uint64_t), UINT64_MAX);
	munmap(p, size);
	return bad == SIZE_MAX
		? passed("%zu MiB", size >> 20)
		: failed("word %zu of %zu KiB does not keep its value", bad, size / 1024);
}

static unsigned long long nr_files, nr_bytes;
static int file_cpu;

/* Reading verifies each block against the signed image's hashes: on one CPU after the other. Stops at an error. */
static int
read_file(const char *path, const struct stat *st, int type, struct FTW *where)
{
	static char buf[65536];
	ssize_t n = 0;
	int fd;

	(void)st;
	(void)where;
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	file_cpu = move_to_next_cpu(file_cpu);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		nr_bytes += (unsigned long long)n;
	if (fd < 0 || n < 0)
		failed("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	nr_files++;
	return fd < 0 || n < 0;
}

static bool
check_image(void)
{
	int err = nftw("/", read_file, OPEN_DIRECTORIES, FTW_PHYS | FTW_MOUNT);

	if (err < 0)
		return failed("%s", strerror(errno));
	return err == 0 && passed("%llu files, %llu KiB", nr_files, nr_bytes / 1024);
}

static const struct {
	const char *name;
	bool (*run)(void);
} checks[] = {
	{"cpus", check_cpus},
	{"clocks", check_clocks},
	{"memory", check_memory},
	{"image", check_image},
};

int
main(int argc, char **argv)
{
	bool good = true;

	if (argc > 1) {
		bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
		fputs("usage: selftest\n"
		      "Checks the CPUs' results, clocks and timers, free memory, and every file of "
		      "the "
		      "system's image.\n",
			help ? stdout : stderr);
		return help ? 0 : EXIT_USAGE;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		check = checks[i].name;
		good = checks[i].run() && good;
	}
	printf("selftest: %s\n", good ? "passed" : "FAILED");
	return good ? 0 : EXIT_FAILED;
}
