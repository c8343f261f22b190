/* SPDX-License-Identifier: MIT */
/* Boot, as a list. */
#define LOG_SOURCE "boot"
#include "core/main.h"

#include "arch/smp.h"
#include "arch/time.h"
#include "arch/vdso.h"
#include "base/cmdline.h"
#include "core/cpu.h"
#include "core/epoch.h"
#include "core/irq.h"
#include "core/log_ring.h"
#include "core/panic.h"
#include "core/panic_count.h"
#include "core/rootfs.h"
#include "core/sched.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "core/timerwheel.h"
#include "dev/bus/virtio_mmio.h"
#include "dev/irq/gic.h"
#include "dev/rng/random.h"
#include "dev/timer/pl031.h"
#include "dev/tty/tty.h"
#include "dev/uart/pl011.h"
#include "fdt/platform.h"
#include "fs/dev/devfs.h"
#include "fs/proc/procfs.h"
#include "mm/kmap.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "net/net.h"
#include "net/sock/netlink/netlink.h"
#include "net/sock/sock.h"
#include "obj/handle.h"
#include "proc/principals.h"
#include "proc/process.h"
#include "syscall/trace.h"
#include "vfs/pipe.h"
#include "vfs/vfs.h"

static const char *cmdline = "";

const char *
kernel_cmdline(void)
{
	return cmdline;
}

static void
options_init(const char *line)
{
	uint64_t n;
	cmdline = line;
	if (cmdline_get_number(line, "panic", &n) == 0)
		panic_seconds = (uint32_t)min(n, (uint64_t)UINT32_MAX);
	if (cmdline_get_number(line, "loglevel", &n) == 0)
		log_set_console_level((uint32_t)min(n, (uint64_t)LOG_DEBUG));
	struct cmdline_word levels;
	if (cmdline_get(line, "log", &levels) && levels.value != NULL)
		log_configure(levels.value, levels.value_len);
	trace_init(line);
}

static void
interrupts_init(const struct platform *platform)
{
	const struct irq_chip *chip = gic_init(platform);
	if (chip == NULL)
		panic("no interrupt controller");
	irq_init(chip);
	ipi_init();
	arch_timer_init(&platform->timer);
	arch_irq_enable();
}

static void
deferred_work_init(void)
{
	if (softirq_init_cpu(cpus[0]) != 0 || wheel_init_cpu(cpus[0]) != 0)
		panic("no memory for deferred work");
	epoch_init();
	wheel_init();
}

static int
probe_virtio(void *context, const struct platform_virtio *device)
{
	bool edge = device->irq.trigger == FDT_IRQ_RISING || device->irq.trigger == FDT_IRQ_FALLING;
	virtio_mmio_probe(device->registers.base, device->registers.size, device->irq.intid,
		edge ? IRQ_EDGE : 0);
	return 0;
}

/* What needs to sleep: runs as the first kernel thread, while the boot thread has become CPU 0's idle thread. */
static void
boot_late(void *arg)
{
	const struct platform *platform = arg;
	arch_start_cpus(platform);
	softirq_start_threads();
	net_init();
	platform_each_virtio(platform, probe_virtio, NULL);
	net_report();
	random_report();
	rootfs_mount(platform);
	principals_init();
	task_start_init();
}

void
kernel_main(const struct platform *platform)
{
	options_init(platform->bootargs);
	log_info("swos 6.1.0 on %s",
		platform->model == NULL ? "an unnamed machine" : platform->model);
	if (panic_count() != 0)
		log_warn("panics since the last healthy boot: %u", panic_count());
	random_init(platform->rng_seed.data, platform->rng_seed.len);
	__stack_chk_guard = random_u64() & ~0xffULL; /* a zero byte: strings cannot write it */
	slab_init();
	kmap_init();
	deferred_work_init();
	interrupts_init(platform);
	vm_space_init();
	handle_init();
	vfs_init();
	pipe_init();
	devfs_init();
	proc_init();
	sock_boot();
	netlink_boot();
	proc_log_init();
	procfs_init();
	vdso_init();
	pl031_init(&platform->rtc);
	tty_init();
	pl011_init(&platform->uart);
	if (kthread_start("boot", boot_late, (void *)platform) == NULL)
		panic("no memory for the first thread");
	sched_idle();
}
