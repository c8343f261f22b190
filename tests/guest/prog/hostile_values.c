/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include "hostile.h"

#include <sys/mman.h>
#include <fcntl.h>

/* Numbers, and addresses that are nobody's or the kernel's. */
static const uint64_t fixed[] = {0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 63, 64, 65, 100, 127,
	128, 255, 256, 512, 1000, 1023, 1024, 1025, 2048, 4095, 4096, 4097, 8192, 32768, 65535,
	65536, 65537, 0x80000, 0x100000, 0x1000000, 0x7ffff000, 0x7fffffff, 0x80000000, 0xfffff000,
	0xffffffff, 0x100000000, 0x100000001, 1ull << 40, 1ull << 47, (1ull << 48) - 4096,
	(1ull << 48) - 8, (1ull << 48) - 1, 1ull << 48, (1ull << 48) + 8, 1ull << 52, 1ull << 55,
	0x7fffffffffffefff, 0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000001,
	0xff00000000000000, 0xffff000000000000, 0xffff000000080000, 0xffff000040000000,
	0xffff800000000000, 0xffff800000080000, 0xffff800010000008, 0xffffff8000000000,
	0xffffffff80000000, -4096ull, -4095ull, -1000ull, -100ull, -8ull, -7ull, -3ull, -2ull,
	-1ull};
#define FIXED (sizeof(fixed) / sizeof(fixed[0]))

/* Places in the world's memory. */
#define PLACES 16

static uint64_t
place(const struct hostile_world *w, uint32_t index)
{
	static const uint8_t before_end[] = {0, 1, 3, 4, 7, 8, 12, 16, 24, 63};
	if (index < sizeof(before_end))
		return (uintptr_t)w->end - before_end[index];
	switch (index) {
	case 10:
		return (uintptr_t)w->readonly + 8;
	case 11:
		return (uintptr_t)w->none + 16;
	case 12:
		return (uintptr_t)w->data + 1;
	case 13:
		return (uintptr_t)w->data + 7;
	case 14:
		return (uintptr_t)w->data | 0x5aull << 56; /* tagged */
	default:
		return (uintptr_t)hostile_value; /* code */
	}
}

#define RANDOM 6

uint32_t
hostile_values_count(void)
{
	return FIXED + PLACES + RANDOM;
}

uint64_t
hostile_value(const struct hostile_world *w, uint32_t index)
{
	if (index < FIXED)
		return fixed[index];
	if (index < FIXED + PLACES)
		return place(w, index - FIXED);
	uint64_t state = index;
	return hostile_random(&state);
}

static bool
is_named(const struct hostile_call *c, unsigned arg, const char *name)
{
	return strcmp(c->args[arg].name, name) == 0;
}

static uint64_t
plausible_path(const struct hostile_call *c, unsigned arg, uint64_t random)
{
	static const char *const paths[] = {"file", "dir", "link", "dir/inner", "fifo", "new", ".",
		"/etc/motd", "file", "/proc/self/status"};
	if (strncmp(c->name, "execve", 6) == 0)
		return (uintptr_t)"/bin/busybox";
	if (is_named(c, arg, "type"))
		return (uintptr_t)"tmpfs";
	if (is_named(c, arg, "name"))
		return (uintptr_t)"user.name";
	return (uintptr_t)paths[random % (sizeof(paths) / sizeof(paths[0]))];
}

static uint64_t
plausible_address(
	const struct hostile_world *w, const struct hostile_call *c, unsigned arg, uint64_t random)
{
	static const char *argv[] = {"true", NULL}, *envp[] = {"A=b", NULL};
	if (is_named(c, arg, "argv"))
		return (uintptr_t)argv;
	if (is_named(c, arg, "envp"))
		return (uintptr_t)envp;
	if (random % 5 == 0)
		return 0;
	return (uintptr_t)w->data + random / 8 % 32 * 64;
}

static uint64_t
plausible_number(
	const struct hostile_world *w, const struct hostile_call *c, unsigned arg, uint64_t random)
{
	if (is_named(c, arg, "pid") || is_named(c, arg, "tgid") || is_named(c, arg, "tid"))
		return random % 2 ? (uint64_t)w->pid : 0;
	if (is_named(c, arg, "sig"))
		return 0;
	if (is_named(c, arg, "sigsetsize") ||
		(is_named(c, arg, "size") && strncmp(c->name, "rt_sig", 6) == 0))
		return 8;
	if (is_named(c, arg, "addr") || is_named(c, arg, "new_addr"))
		return (uintptr_t)w->scratch + random % HOSTILE_SCRATCH * 4096;
	if (c->args[arg].kind == HOSTILE_U64 && strstr(c->args[arg].name, "len") != NULL)
		return (1 + random % 4) * 4096;
	if (strcmp(c->name, "mmap") == 0 && is_named(c, arg, "flags"))
		return (const uint64_t[]){0x22, 0x02, 0x21, 0x01, 0x32, 0x12}[random % 6];
	if (c->args[arg].kind == HOSTILE_SIZE)
		return (const uint64_t[]){0, 1, 8, 16, 24, 64, 128, 256, 4096}[random % 9];
	return random % 3 == 0 ? 0 : random / 8 % 17;
}

uint64_t
hostile_plausible(
	const struct hostile_world *w, const struct hostile_call *c, unsigned arg, uint64_t random)
{
	switch (c->args[arg].kind) {
	case HOSTILE_FILE:
	case HOSTILE_FD:
		return HOSTILE_FD_FIRST + random % HOSTILE_FDS;
	case HOSTILE_DIRFD:
		return random % 4 == 0 ? HOSTILE_FD_FIRST + 4 : (uint64_t)AT_FDCWD;
	case HOSTILE_PATH:
		return plausible_path(c, arg, random);
	case HOSTILE_UADDR:
		return plausible_address(w, c, arg, random);
	case HOSTILE_MODE:
		return 0755;
	case HOSTILE_FLAGS:
		if (strcmp(c->name, "mmap") != 0)
			return random % 2 ? 0 : 1ull << random / 2 % 16;
		[[fallthrough]];
	default:
		return plausible_number(w, c, arg, random);
	}
}

/* A process that is not ours to signal, to limit or to slow down: init, the runner, everybody. */
static bool
is_foreign(const struct hostile_world *w, uint64_t value)
{
	int pid = (int)value;
	return pid == -1 || (pid > 0 && pid < 1 << 22 && pid != w->pid);
}

static bool
starts_at_root(uint64_t address)
{
	static const char *const own[] = {"/etc/motd", "/proc/self/status"};
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (address - (uintptr_t)own[i] < 32)
			return true;
	return false;
}

/* Advice that empties the caller's own stack: no fault of the kernel's, but the registers kept there are gone. */
static bool
drops_own_stack(const struct hostile_call *c, const uint64_t *args)
{
	int advice = (int)args[2];
	uint64_t here = (uint64_t)(uintptr_t)&advice;
	if (strcmp(c->name, "madvise") != 0 ||
		(advice != MADV_DONTNEED && advice != MADV_FREE &&
			advice != 24 /* MADV_DONTNEED_LOCKED */))
		return false;
	return args[0] <= here && args[1] > here - args[0];
}

bool
hostile_is_barred(const struct hostile_world *w, const struct hostile_call *c, const uint64_t *args)
{
	static const char *const ends[] = {"exit", "exit_group", "reboot"};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(c->name, ends[i]) == 0)
			return true;
	if (drops_own_stack(c, args))
		return true;
	bool mounts = strcmp(c->name, "mount") == 0 || strcmp(c->name, "umount2") == 0;
	bool waits = strncmp(c->name, "wait", 4) == 0;
	for (unsigned i = 0; i < c->nargs; i++) {
		bool id = is_named(c, i, "pid") || is_named(c, i, "tgid") ||
			is_named(c, i, "tid") || is_named(c, i, "who");
		if (id && !waits && is_foreign(w, args[i]))
			return true;
		if (mounts && c->args[i].kind == HOSTILE_PATH && starts_at_root(args[i]))
			return true;
	}
	if (strcmp(c->name, "setpriority") == 0)
		return (int)args[0] == 2; /* all of a user's processes */
	return strcmp(c->name, "syslog") == 0 && (int)args[0] >= 4 &&
		(int)args[0] <= 8; /* clears or hides the log */
}
