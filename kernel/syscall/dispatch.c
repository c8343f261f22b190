/* SPDX-License-Identifier: MIT */
/* System call dispatch: capability check, call, result; unimplemented numbers are counted. */
#define LOG_SOURCE "syscall"
#include "syscall/syscall.h"

#include "arch/thread.h"
#include "core/log.h"
#include "proc/task.h"
#include "syscall/trace.h"

#define LINUX_MAX 512

/* How often each unimplemented Linux call was tried. */
static _Atomic uint64_t unimplemented[LINUX_MAX];

static const struct syscall_entry *
find_entry(uint64_t number)
{
	if (likely(number < syscall_linux_count))
		return &syscall_linux[number];
	if (number >= SYSCALL_SWOS_BASE && number - SYSCALL_SWOS_BASE < syscall_swos_count)
		return &syscall_swos[number - SYSCALL_SWOS_BASE];
	return NULL;
}

static int64_t
no_such_call(uint64_t number)
{
	if (number < LINUX_MAX &&
		atomic_fetch_add_explicit(&unimplemented[number], 1, memory_order_relaxed) == 0) {
		const char *name = syscall_name(number);
		log_info("a program tried a call that swos does not have: %s (%llu)",
			name == NULL ? "?" : name, (unsigned long long)number);
	}
	return -ENOSYS;
}

static int64_t
invoke(const struct trap_frame *frame)
{
	uint64_t number = (uint64_t)frame->syscall;
	const struct syscall_entry *e = find_entry(number);
	if (unlikely(e == NULL || e->call == NULL))
		return no_such_call(number);
	if (unlikely((e->caps & ~current_cred()->caps) != 0))
		return -EPERM;
	return e->call(frame->x);
}

void
syscall_dispatch(struct trap_frame *frame)
{
	if (likely(!thread_test_flags(arch_current(), TF_ENTRY_WORK))) {
		frame->x[0] = (uint64_t)invoke(frame);
		return;
	}
	uint64_t number = (uint64_t)frame->syscall; /* sigreturn and exec replace the frame */
	trace_enter(frame);
	int64_t result = invoke(frame);
	frame->x[0] = (uint64_t)result;
	trace_exit(number, result);
}

const char *
syscall_name(uint64_t number)
{
	if (number < syscall_linux_count)
		return syscall_linux_info[number].name;
	if (number >= SYSCALL_SWOS_BASE && number - SYSCALL_SWOS_BASE < syscall_swos_count)
		return syscall_swos_info[number - SYSCALL_SWOS_BASE].name;
	return NULL;
}

void
syscall_for_each_unimplemented(syscall_count_fn *fn, void *ctx)
{
	for (uint64_t i = 0; i < LINUX_MAX; i++) {
		uint64_t count = atomic_load_explicit(&unimplemented[i], memory_order_relaxed);
		const char *name = syscall_name(i);
		if (count != 0)
			fn(ctx, name == NULL ? "?" : name, i, count);
	}
}
