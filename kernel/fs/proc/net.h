/* SPDX-License-Identifier: MIT */
/* What the files of /proc/PID/net share. The generators: see net.c, whose table names them. */
#ifndef FS_PROC_NET_H
#define FS_PROC_NET_H

#include "fs/proc/internal.h"
#include "fs/proc/net_format.h"

struct net_stack;

/* The stack of the process's view, or of the running one's. */
struct net_stack *proc_net_of(const struct proc_node *n);
/* Whether the running task may know of a socket that uid made: its own, or any with CAP_INSPECT. */
bool proc_net_may_see(uid_t uid);

/* net_sockets.c: entry->data is one of these. */
struct proc_net_sockets;
extern const struct proc_net_sockets proc_net_tcp4, proc_net_tcp6, proc_net_udp4, proc_net_udp6,
	proc_net_icmp4, proc_net_icmp6, proc_net_raw4, proc_net_raw6;
proc_show_fn proc_show_net_sockets;
/* net_local.c */
proc_show_fn proc_show_net_unix, proc_show_net_netlink, proc_show_net_packet, proc_show_net_ptype;
/* net_ip.c */
proc_show_fn proc_show_net_route, proc_show_net_route6, proc_show_net_if_inet6, proc_show_net_arp;
/* net_groups.c */
proc_show_fn proc_show_net_igmp, proc_show_net_igmp6, proc_show_net_dev_mcast;
/* net_counters.c */
proc_show_fn proc_show_net_counters, proc_show_net_snmp, proc_show_net_snmp6, proc_show_net_netstat,
	proc_show_net_drops, proc_show_net_sockstat, proc_show_net_sockstat6,
	proc_show_net_protocols;

#endif
