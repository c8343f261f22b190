/* SPDX-License-Identifier: MIT */
/*
 * cpubench N SECONDS: N processes compute for that long. Prints the work each did (loop rounds), and how long the
 * machine's CPUs were idle meanwhile, from /proc/stat.
 *
 *	work TOTAL least LEAST most MOST idle MILLISECONDS
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The idle field of /proc/stat's first line, in clock ticks; -1 if it cannot be read. */
static long
idle_ticks(void)
{
	char line[256] = "";
	long idle = -1;
	int fd = open("/proc/stat", O_RDONLY);
	if (fd < 0 || read(fd, line, sizeof(line) - 1) < 0 ||
		sscanf(line, "cpu %*d %*d %*d %ld", &idle) != 1)
		idle = -1;
	close(fd);
	return idle;
}

/*
 * The YIELD hint does nothing for the guest's scheduler. QEMU before 8.0, when it counts instructions, gives the next
 * virtual CPU a turn only when one executes it or idles; without it the first busy CPU would be the only one to run.
 */
static unsigned long
compute(double until)
{
	unsigned long rounds = 0;
	volatile unsigned x = 1;
	do {
		for (int i = 0; i < 2000; i++)
			x = x * 1664525u + 1013904223u;
		rounds++;
		__asm__ volatile("yield");
	} while (now() < until);
	return rounds;
}

int
main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0;
	double seconds = argc > 2 ? atof(argv[2]) : 0;
	if (n < 1 || seconds <= 0) {
		fprintf(stderr, "usage: cpubench N SECONDS\n");
		return 2;
	}
	size_t size = (size_t)n * sizeof(unsigned long);
	unsigned long *work =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (work == MAP_FAILED) {
		perror("cpubench: mmap");
		return 1;
	}
	long idle = idle_ticks();
	double start = now() + 0.2, until = start + seconds; /* all have been created by then */
	for (int i = 0; i < n; i++) {
		if (fork() == 0) {
			while (now() < start)
				__asm__ volatile("yield");
			work[i] = compute(until);
			_exit(0);
		}
	}
	for (int i = 0; i < n; i++)
		wait(NULL);
	unsigned long total = 0, least = ~0ul, most = 0;
	for (int i = 0; i < n; i++) {
		total += work[i];
		least = work[i] < least ? work[i] : least;
		most = work[i] > most ? work[i] : most;
	}
	printf("work %lu least %lu most %lu idle %ld\n", total, least, most,
		(idle_ticks() - idle) * 10);
	return 0;
}
