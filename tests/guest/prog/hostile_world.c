/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include "hostile.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#define PAGE 4096ul

static unsigned char *
map(size_t n, int prot)
{
	void *at = mmap(NULL, n, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(at != MAP_FAILED);
	return at;
}

void
hostile_world_create(struct hostile_world *w, const char *dir)
{
	w->pid = getpid();
	w->data = map(HOSTILE_DATA + PAGE, PROT_READ | PROT_WRITE);
	w->end = w->data + HOSTILE_DATA;
	CHECK_EQ(munmap(w->end, PAGE), 0);
	w->readonly = map(PAGE, PROT_READ);
	w->none = map(PAGE, PROT_NONE);
	w->scratch = map(HOSTILE_SCRATCH * PAGE, PROT_READ | PROT_WRITE);
	CHECK(mkdir(dir, 0777) == 0 || errno == EEXIST);
	(void)chmod(dir, 0777);
	CHECK_EQ(chdir(dir), 0);
}

/*
 * Both ends of three pairs, the second ends from HOSTILE_FD_FIRST + 23 on; a listener; datagrams that
 * anybody may send; IP's, and frames.
 */
static int
open_socket(int kind)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int p[2];
	if (kind < 3) {
		if (socketpair(AF_UNIX, types[kind] | SOCK_NONBLOCK, 0, p) != 0)
			return -1;
		dup2(p[1], HOSTILE_FD_FIRST + 23 + kind);
		close(p[1]);
		return p[0];
	}
	if (kind == 8)
		return socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (kind == 9)
		return socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (kind >= 10) /* root's alone */
		return socket(kind == 10 ? AF_INET : AF_PACKET, SOCK_RAW | SOCK_NONBLOCK,
			kind == 10 ? 1 : 0x0300);
	int fd = socket(AF_UNIX, kind == 6 ? SOCK_STREAM : SOCK_DGRAM, 0);
	if (bind(fd, (void *)&a, sizeof(sa_family_t)) < 0)
		return fd; /* a name more or less makes no difference */
	if (kind == 6)
		(void)listen(fd, 3);
	return fd;
}

/* A file that is open for what it is open for. */
static int
open_kind(int kind)
{
	int p[2];
	sigset_t set = {0};
	switch (kind) {
	case 0:
	case 1:
		return open("file", O_RDWR | O_CREAT | O_NONBLOCK, 0666);
	case 2:
		return open("file", O_RDONLY | O_CREAT, 0666);
	case 3:
		return open("file", O_WRONLY | O_APPEND | O_CREAT, 0666);
	case 4:
	case 5:
		return open(".", O_RDONLY | O_DIRECTORY);
	case 6:
		return open("file", O_PATH);
	case 7:
		return open("fifo", O_RDWR | O_NONBLOCK);
	case 8: /* with 9 */
		if (pipe(p) != 0)
			return -1;
		dup2(p[1], HOSTILE_FD_FIRST + 9);
		close(p[1]);
		return p[0];
	case 9:
		return open("/dev/null", O_RDWR);
	case 10:
		return eventfd(1, 0);
	case 11:
		return epoll_create1(0);
	case 12:
		return timerfd_create(CLOCK_MONOTONIC, 0);
	case 13:
		return memfd_create("hostile", MFD_ALLOW_SEALING);
	case 14:
		return signalfd(-1, &set, 0);
	case 15:
		return open("/dev/zero", O_RDWR);
	case 16:
		return open("/proc/self/maps", O_RDONLY);
	case 17:
		return open("/etc/motd", O_RDONLY);
	case 18:
		return open("/proc/self", O_RDONLY | O_DIRECTORY);
	case 19:
		return open("/dev/urandom", O_RDONLY);
	default:
		return open_socket(kind - 20);
	}
}

static void
refresh_descriptors(void)
{
	for (int i = 0; i < HOSTILE_FDS; i++) {
		int want = HOSTILE_FD_FIRST + i;
		if (fcntl(want, F_GETFD) >= 0)
			continue;
		int fd = open_kind(i);
		if (fd < 0 || fd == want)
			continue;
		dup2(fd, want);
		close(fd);
	}
}

static void
refresh_files(void)
{
	(void)mkdir("dir", 0777);
	(void)mkfifo("fifo", 0666);
	(void)symlink("file", "link");
	int fd = open("dir/inner", O_CREAT | O_WRONLY, 0666);
	if (fd >= 0)
		close(fd);
}

/* What a pointer leads to: nothing, everything, small numbers, pointers to what is not there, vectors. */
static void
fill_data(struct hostile_world *w, uint64_t seed)
{
	uint64_t *words = (uint64_t *)(void *)w->data, kind = seed % 6;
	for (size_t i = 0; i < HOSTILE_DATA / 8; i++) {
		uint64_t random = hostile_random(&seed);
		switch (kind) {
		case 0:
			words[i] = 0;
			break;
		case 1:
			words[i] = ~0ull;
			break;
		case 2:
			words[i] = random % 8;
			break;
		case 3:
			words[i] = hostile_value(w, (uint32_t)(random % hostile_values_count()));
			break;
		case 4: /* address, length */
			words[i] = i % 2 == 0 ? (uintptr_t)w->end - random % 64 : random % 128;
			break;
		default:
			words[i] = random;
		}
	}
}

void
hostile_world_refresh(struct hostile_world *w, uint64_t seed)
{
	if (mprotect(w->data, HOSTILE_DATA, PROT_READ | PROT_WRITE) == 0)
		fill_data(w, seed);
	refresh_files();
	refresh_descriptors();
}

static int
unmount_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
	return 0;
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)where;
	(void)(type == FTW_DP ? rmdir(path) : unlink(path));
	return 0;
}

void
hostile_world_remove(const char *dir)
{
	nftw(dir, unmount_entry, 16, FTW_PHYS);
	(void)chmod(dir, 0777);
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
