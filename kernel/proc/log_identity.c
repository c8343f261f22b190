/* SPDX-License-Identifier: MIT */
/* Who a log record is from: the process and principal of the running thread. */
#include "core/log_ring.h"
#include "proc/process.h"
#include "proc/task.h"

static struct log_identity
running(void)
{
	const struct thread *t = arch_current();
	if (t->process == NULL)
		return (struct log_identity){0, 0};
	const struct task *task = container_of(t, struct task, thread);
	return (struct log_identity){
		(uint32_t)task->process->pid, task->cred == NULL ? 0 : task->cred->principal};
}

void
proc_log_init(void)
{
	log_set_identity(running);
}
