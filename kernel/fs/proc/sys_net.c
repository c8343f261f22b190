/* SPDX-License-Identifier: MIT */
/*
 * /proc/sys/net: the settings of the network (net/sysctl.def) as text, of the stack of whoever reads or writes. Changing
 * one takes CAP_NETADMIN and nothing else.
 *
 * An interface's folder is found by its name as it is now; its key's number says whose settings they are
 * (NET_SYSCTL_*), so that an open file stays the interface's when that is renamed.
 */
#include <string.h>

#include "fs/proc/format.h"
#include "fs/proc/internal.h"
#include "net/link/netif.h"
#include "net/net.h"
#include "net/sysctl.h"
#include "net/tcp/core.h"
#include "net/tcp/tcp.h"

static int
show_setting(struct proc_node *n, struct proc_text *t)
{
	uint32_t values[NET_SYSCTL_NUMBERS];
	int count = net_sysctl_get(current_net(), n->entry->data, n->key.number, values);
	if (count < 0)
		return count;
	for (int i = 0; i < count; i++)
		proc_printf(t, "%s%u", i == 0 ? "" : "\t", values[i]);
	proc_printf(t, "\n");
	return 0;
}

static int
write_setting(struct proc_node *n, char *text)
{
	const struct net_sysctl *s = n->entry->data;
	int64_t parsed[NET_SYSCTL_NUMBERS];
	uint32_t values[NET_SYSCTL_NUMBERS];
	uint32_t count = parse_integers(text, s->low, s->high, parsed, s->count);
	if (count == 0)
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++)
		values[i] = (uint32_t)parsed[i];
	return net_sysctl_set(current_net(), s, n->key.number, values, count);
}

/* --- Congestion control, which has names. --- */

static int
show_congestion(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%s\n",
		tcp_cc_name(atomic_load_explicit(
			&tcp_sysctl(current_net())->congestion, memory_order_relaxed)));
	return 0;
}

static int
write_congestion(struct proc_node *n, char *text)
{
	int cc = tcp_cc_find(text, strlen(text));
	if (cc < 0)
		return -ENOENT;
	atomic_store_explicit(
		&tcp_sysctl(current_net())->congestion, (uint32_t)cc, memory_order_relaxed);
	return 0;
}

static int
show_congestions(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%s %s\n", tcp_cc_name(TCP_CC_RENO), tcp_cc_name(TCP_CC_CUBIC));
	return 0;
}

/* --- Interfaces. --- */

static bool
name_is(const char *s, const char *name, size_t len)
{
	return strlen(s) == len && memcmp(s, name, len) == 0;
}

static bool
find_interface(const struct proc_node *dir, const char *name, size_t len, uint32_t *number)
{
	char whole[NETIF_NAME_MAX] = "";
	if (len >= sizeof(whole))
		return false;
	memcpy(whole, name, len);
	epoch_enter();
	const struct netif *nif = netif_by_name(current_net(), whole);
	if (nif != NULL)
		*number = NET_SYSCTL_NETIF(nif->index);
	epoch_exit();
	return nif != NULL;
}

static bool
find_conf(const struct proc_node *dir, const char *name, size_t len, uint32_t *number)
{
	if (name_is("all", name, len) || name_is("default", name, len)) {
		*number = len == 3 ? NET_SYSCTL_ALL : NET_SYSCTL_DEFAULT;
		return true;
	}
	return find_interface(dir, name, len, number);
}

static bool
next_interface(const struct proc_node *dir, uint32_t *number, char name[PROC_NAME_MAX])
{
	/* Interfaces are numbered from 1. */
	uint32_t least = *number > NET_SYSCTL_NETIF(1) ? *number - NET_SYSCTL_NETIF(0) : 1;
	_Static_assert(NETIF_NAME_MAX <= PROC_NAME_MAX, "an interface's name fits");
	epoch_enter();
	const struct netif *nif = netif_after(current_net(), least - 1);
	if (nif != NULL) {
		*number = NET_SYSCTL_NETIF(nif->index);
		memcpy(name, nif->name, NETIF_NAME_MAX);
		name[NETIF_NAME_MAX - 1] = '\0';
	}
	epoch_exit();
	return nif != NULL;
}

static bool
next_conf(const struct proc_node *dir, uint32_t *number, char name[PROC_NAME_MAX])
{
	static const char folders[2][8] = {
		[NET_SYSCTL_ALL] = "all", [NET_SYSCTL_DEFAULT] = "default"};
	if (*number >= ARRAY_SIZE(folders))
		return next_interface(dir, number, name);
	memcpy(name, folders[*number], sizeof(folders[0]));
	return true;
}

/* --- Tables. --- */

#define ENTRY(row, name, count)                                                     \
	{#name, S_IFREG | ((count) != 0 ? 0644 : 0444), PROC_SETTING, CAP_NETADMIN, \
		.show = show_setting, .write = (count) != 0 ? write_setting : NULL, \
		.data = &net_sysctls[row]},

#define SYSCTL_CORE(name, count, ...) ENTRY(NET_SYSCTL_CORE_##name, name, count)
static const struct proc_entry core_entries[] = {
#include "net/sysctl.def"
};
static const struct proc_dir core_dir = {.id = PROC_DIR_SYS_CORE, PROC_ENTRIES(core_entries)};

#define SYSCTL_UNIX(name, count, ...) ENTRY(NET_SYSCTL_UNIX_##name, name, count)
static const struct proc_entry unix_entries[] = {
#include "net/sysctl.def"
};
static const struct proc_dir unix_dir = {.id = PROC_DIR_SYS_UNIX, PROC_ENTRIES(unix_entries)};

#define SYSCTL_CONF4(name, count, ...) ENTRY(NET_SYSCTL_CONF4_##name, name, count)
static const struct proc_entry conf4_entries[] = {
#include "net/sysctl.def"
};
static const struct proc_dir conf4_dir = {
	.id = PROC_DIR_SYS_CONF4, .numbered = true, PROC_ENTRIES(conf4_entries)};
static const struct proc_entry conf4_entry = {"", S_IFDIR | 0555, .dir = &conf4_dir};
static const struct proc_names conf4_names = {
	.find = find_conf, .next = next_conf, .entry = &conf4_entry};
static const struct proc_dir conf4s_dir = {
	.id = PROC_DIR_SYS_CONF4S, .numbered = true, .names = &conf4_names};

#define SYSCTL_CONF6(name, count, ...) ENTRY(NET_SYSCTL_CONF6_##name, name, count)
static const struct proc_entry conf6_entries[] = {
#include "net/sysctl.def"
};
static const struct proc_dir conf6_dir = {
	.id = PROC_DIR_SYS_CONF6, .numbered = true, PROC_ENTRIES(conf6_entries)};
static const struct proc_entry conf6_entry = {"", S_IFDIR | 0555, .dir = &conf6_dir};
static const struct proc_names conf6_names = {
	.find = find_conf, .next = next_conf, .entry = &conf6_entry};
static const struct proc_dir conf6s_dir = {
	.id = PROC_DIR_SYS_CONF6S, .numbered = true, .names = &conf6_names};

#define SYSCTL_NEIGH6(name, count, ...) ENTRY(NET_SYSCTL_NEIGH6_##name, name, count)
static const struct proc_entry neigh6_entries[] = {
#include "net/sysctl.def"
};
static const struct proc_dir neigh6_dir = {
	.id = PROC_DIR_SYS_NEIGH6, .numbered = true, PROC_ENTRIES(neigh6_entries)};
static const struct proc_entry neigh6_entry = {"", S_IFDIR | 0555, .dir = &neigh6_dir};
static const struct proc_names neigh6_names = {
	.find = find_interface, .next = next_interface, .entry = &neigh6_entry};
static const struct proc_dir neigh6s_dir = {
	.id = PROC_DIR_SYS_NEIGH6S, .numbered = true, .names = &neigh6_names};

#define SYSCTL_IP4(name, count, ...) ENTRY(NET_SYSCTL_IP4_##name, name, count)
static const struct proc_entry ip4_entries[] = {
#include "net/sysctl.def"
	{"conf", S_IFDIR | 0555, .dir = &conf4s_dir},
	{"tcp_available_congestion_control", S_IFREG | 0444, .show = show_congestions},
	{"tcp_congestion_control", S_IFREG | 0644, PROC_SETTING, CAP_NETADMIN,
		.show = show_congestion, .write = write_congestion},
};
static const struct proc_dir ip4_dir = {.id = PROC_DIR_SYS_IP4, PROC_ENTRIES(ip4_entries)};

#define SYSCTL_IP6(name, count, ...) ENTRY(NET_SYSCTL_IP6_##name, name, count)
static const struct proc_entry ip6_entries[] = {
#include "net/sysctl.def"
	{"conf", S_IFDIR | 0555, .dir = &conf6s_dir},
	{"neigh", S_IFDIR | 0555, .dir = &neigh6s_dir},
};
static const struct proc_dir ip6_dir = {.id = PROC_DIR_SYS_IP6, PROC_ENTRIES(ip6_entries)};

static const struct proc_entry net_entries[] = {
	{"core", S_IFDIR | 0555, .dir = &core_dir},
	{"ipv4", S_IFDIR | 0555, .dir = &ip4_dir},
	{"ipv6", S_IFDIR | 0555, .dir = &ip6_dir},
	{"unix", S_IFDIR | 0555, .dir = &unix_dir},
};
const struct proc_dir proc_sys_net_dir = {.id = PROC_DIR_SYS_NET, PROC_ENTRIES(net_entries)};
