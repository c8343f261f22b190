/* SPDX-License-Identifier: MIT */
/* Decodes system calls into the log by the generated table. */
#define LOG_SOURCE "trace"
#include "syscall/trace.h"

#include "arch/thread.h"
#include "arch/uaccess.h"
#include "base/cmdline.h"
#include "base/fmt.h"
#include "core/log.h"
#include "proc/task.h"
#include "syscall/syscall.h"

#define TRACE_NONE 0
#define TRACE_ALL  (-1)
#define STRING_MAX 64

static pid_t traced; /* [I] TRACE_NONE, TRACE_ALL or a pid */

void
trace_init(const char *cmdline)
{
	struct cmdline_word word;
	uint64_t pid;
	if (!cmdline_get(cmdline, "trace", &word))
		return;
	traced = cmdline_get_number(cmdline, "trace", &pid) == 0 ? (pid_t)pid : TRACE_ALL;
}

bool
trace_wants(pid_t pid)
{
	return traced == TRACE_ALL || (traced != TRACE_NONE && traced == pid);
}

static const struct syscall_info *
find_info(uint64_t number)
{
	if (number < syscall_linux_count)
		return &syscall_linux_info[number];
	if (number >= SYSCALL_SWOS_BASE && number - SYSCALL_SWOS_BASE < syscall_swos_count)
		return &syscall_swos_info[number - SYSCALL_SWOS_BASE];
	return NULL;
}

static int
format_path(char *out, size_t n, uint64_t addr)
{
	char name[STRING_MAX];
	ssize_t len = copy_string_from_user(name, (uaddr_t){addr}, sizeof(name));
	if (len < 0)
		return base_snprintf(out, n, "%#llx", (unsigned long long)addr);
	bool cut = (size_t)len == sizeof(name);
	return base_snprintf(out, n, "\"%.*s\"%s", (int)len, name, cut ? "..." : "");
}

static int
format_arg(char *out, size_t n, enum syscall_arg_kind kind, uint64_t value)
{
	switch (kind) {
	case SYSCALL_ARG_PATH:
		return format_path(out, n, value);
	case SYSCALL_ARG_INT:
	case SYSCALL_ARG_FD:
	case SYSCALL_ARG_FILE:
	case SYSCALL_ARG_DIRFD:
		return base_snprintf(out, n, "%d", (int)value);
	case SYSCALL_ARG_MODE:
		return base_snprintf(out, n, "0%o", (uint32_t)value);
	case SYSCALL_ARG_FLAGS:
	case SYSCALL_ARG_UADDR:
		return base_snprintf(out, n, "%#llx", (unsigned long long)value);
	default:
		return base_snprintf(out, n, "%lld", (long long)value);
	}
}

static void
format_call(char *out, size_t size, const struct trap_frame *frame)
{
	const struct syscall_info *info = find_info((uint64_t)frame->syscall);
	size_t used = 0;
	if (info == NULL || info->name == NULL) {
		base_snprintf(out, size, "syscall %lld(", (long long)frame->syscall);
		return;
	}
	used += (size_t)base_snprintf(out, size, "%s(", info->name);
	for (uint32_t i = 0; i < info->nargs && used < size; i++) {
		uint64_t value = i == 0 ? frame->orig_x0 : frame->x[i];
		if (i > 0)
			used += (size_t)base_snprintf(out + used, size - used, ", ");
		if (used < size)
			used += (size_t)format_arg(
				out + used, size - used, info->args[i].kind, value);
	}
}

void
trace_enter(const struct trap_frame *frame)
{
	char text[256];
	format_call(text, sizeof(text), frame);
	log_info("%d %s) ...", current_task()->tid, text);
}

void
trace_exit(uint64_t number, int64_t result)
{
	const char *name = syscall_name(number);
	log_info("%d %s = %lld", current_task()->tid, name == NULL ? "?" : name, (long long)result);
}
