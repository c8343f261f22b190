/* SPDX-License-Identifier: MIT */
/* reboot(2): init's last call. Everything is written back before the power goes; the caller has ended the others. */
#define LOG_SOURCE "power"
#include "arch/smp.h"
#include "core/cpu.h"
#include "core/log.h"
#include "core/panic.h"
#include "proc/task.h"
#include "syscall_protos.h"

#define MAGIC1 0xfee1deadu
/* The second magic is one of four birthdays: Linux's ABI. */
static const uint32_t magic2[] = {672274793u, 85072278u, 369367448u, 537993216u};

#define CMD_RESTART   0x01234567u
#define CMD_RESTART2  0xa1b2c3d4u
#define CMD_HALT      0xcdef0123u
#define CMD_POWER_OFF 0x4321fedcu
#define CMD_CAD_ON    0x89abcdefu
#define CMD_CAD_OFF   0u

static bool
is_magic2(uint32_t value)
{
	bool found = false;
	for (size_t i = 0; i < ARRAY_SIZE(magic2); i++)
		found |= magic2[i] == value;
	return found;
}

int64_t
sys_reboot(uint32_t m1, uint32_t m2, uint32_t cmd, uaddr_t arg)
{
	if (!cred_can(current_cred(), LINUX_CAP_SYS_BOOT))
		return -EPERM;
	if (m1 != MAGIC1 || !is_magic2(m2))
		return -EINVAL;
	switch (cmd) {
	case CMD_CAD_ON:
	case CMD_CAD_OFF:
		return 0; /* a serial console has no Ctrl-Alt-Del to be told about */
	case CMD_RESTART:
	case CMD_RESTART2:
		sys_sync();
		log_info("restarting");
		arch_system_reset();
		break;
	case CMD_POWER_OFF:
		sys_sync();
		log_info("powering off");
		arch_system_off();
		break;
	case CMD_HALT:
		sys_sync();
		log_info("halted");
		cpu_stop_others();
		arch_cpu_stop();
	default:
		return -EINVAL;
	}
	log_err("the firmware refused");
	return -EIO;
}
