/* SPDX-License-Identifier: MIT */
/* /proc/sys/net: what is written acts, comes back when read, and takes NETADMIN; interfaces have folders. */
#include "guest.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "abi/swos.h"
#include "caps.h" /* generated */

#define NR_SWOS_LOGIN 4097

static const char *
setting(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	return path;
}

static void
holds(const char *name, const char *want)
{
	char text[64];
	int fd = open(setting(name), O_RDONLY);
	if (fd < 0)
		guest_fail(__FILE__, __LINE__, "no %s", name);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	CHECK(n > 1);
	text[n - 1] = '\0';
	close(fd);
	if (strcmp(text, want) != 0)
		guest_fail(__FILE__, __LINE__, "%s is %s, not %s", name, text, want);
}

/* 0, or the error. */
static int
set(const char *name, const char *value)
{
	int fd = open(setting(name), O_WRONLY | O_TRUNC);
	if (fd < 0)
		return errno;
	ssize_t n = write(fd, value, strlen(value));
	int err = n == (ssize_t)strlen(value) ? 0 : errno;
	close(fd);
	return err;
}

static uint16_t
bound_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

GUEST_TEST(sys_net_ports)
{
	holds("ipv4/ip_local_port_range", "32768\t60999");
	CHECK_EQ(set("ipv4/ip_local_port_range", "47001 47002\n"), 0);
	holds("ipv4/ip_local_port_range", "47001\t47002");
	for (int i = 0; i < 8; i++) {
		uint16_t port = bound_port();
		CHECK(port == 47001 || port == 47002);
	}
	CHECK_EQ(set("ipv4/ip_local_port_range", "47003 47002"), EINVAL);
	CHECK_EQ(set("ipv4/ip_local_port_range", "47003"), EINVAL); /* the last stays as it is */
	CHECK_EQ(set("ipv4/ip_local_port_range", "0 65535"), EINVAL);
	CHECK_EQ(set("ipv4/ip_local_port_range", "1 65536"), EINVAL);
	CHECK_EQ(set("ipv4/ip_local_port_range", "1 2 3"), EINVAL);
	CHECK_EQ(set("ipv4/ip_local_port_range", ""), EINVAL);
	holds("ipv4/ip_local_port_range", "47001\t47002");
	CHECK_EQ(set("ipv4/ip_local_port_range", " 32768\t60999 "), 0);
}

static int
buffer_of(int option, int want)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size;
	socklen_t len = sizeof(size);
	if (want != 0)
		CHECK_EQ(setsockopt(fd, SOL_SOCKET, option, &want, sizeof(want)), 0);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, option, &size, &len), 0);
	close(fd);
	return size;
}

GUEST_TEST(sys_net_buffers)
{
	CHECK_EQ(set("core/rmem_max", "100000"), 0);
	CHECK_EQ(set("core/wmem_max", "200000"), 0);
	CHECK_EQ(buffer_of(SO_RCVBUF, 500000), 2 * 100000);
	CHECK_EQ(buffer_of(SO_SNDBUF, 500000), 2 * 200000);
	CHECK_EQ(set("core/rmem_default", "30000"), 0);
	CHECK_EQ(set("core/wmem_default", "40000"), 0);
	CHECK_EQ(buffer_of(SO_RCVBUF, 0), 30000);
	CHECK_EQ(buffer_of(SO_SNDBUF, 0), 40000);
	CHECK_EQ(set("core/rmem_max", "2303"), EINVAL);
	const char *const all[] = {
		"core/rmem_max", "core/wmem_max", "core/rmem_default", "core/wmem_default"};
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(set(all[i], "212992"), 0);
		holds(all[i], "212992");
	}
}

/* Whether an echo request over loopback is answered within some time. */
static bool
is_answered_in(struct timeval tv)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct icmphdr h = {.type = ICMP_ECHO};
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	CHECK(fd >= 0);
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	CHECK_EQ(sendto(fd, &h, sizeof(h), 0, (struct sockaddr *)&a, sizeof(a)), sizeof(h));
	bool answered = recv(fd, &h, sizeof(h), 0) > 0;
	close(fd);
	return answered;
}

static bool
is_answered(void)
{
	return is_answered_in((struct timeval){.tv_sec = GUEST_SECONDS / 3}); /* hosts stall */
}

GUEST_TEST(sys_net_echo)
{
	CHECK(is_answered());
	CHECK_EQ(set("ipv4/icmp_echo_ignore_all", "1"), 0);
	CHECK(!is_answered_in((struct timeval){.tv_usec = 200000}));
	CHECK_EQ(set("ipv4/icmp_echo_ignore_all", "2"), EINVAL);
	CHECK_EQ(set("ipv4/icmp_echo_ignore_all", "0"), 0);
	CHECK(is_answered());
	CHECK_EQ(set("ipv4/ping_group_range", "1 0"), 0); /* nobody */
	CHECK_ERRNO(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), EACCES);
	CHECK_ERRNO(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6), EACCES);
	CHECK_EQ(set("ipv4/ping_group_range", "0 2147483647"), 0);
	CHECK(is_answered());
}

static int
bind_loopback6(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	CHECK(fd >= 0);
	int err = bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 ? 0 : errno;
	close(fd);
	return err;
}

GUEST_TEST(sys_net_ipv6_off_and_on)
{
	int old = open(setting("ipv6/conf/lo/disable_ipv6"), O_RDONLY);
	char c;
	CHECK(old >= 0);
	CHECK_EQ(bind_loopback6(), 0);
	CHECK_EQ(set("ipv6/conf/lo/disable_ipv6", "1"), 0);
	CHECK_EQ(bind_loopback6(), EADDRNOTAVAIL);
	CHECK_EQ(pread(old, &c, 1, 0), 1);
	CHECK_EQ(c, '1');
	holds("ipv6/conf/all/disable_ipv6", "0");
	CHECK_EQ(set("ipv6/conf/lo/disable_ipv6", "0"), 0);
	CHECK_EQ(bind_loopback6(), 0);
	CHECK_EQ(pread(old, &c, 1, 0), 1);
	CHECK_EQ(c, '0');
	close(old);
	CHECK_EQ(set("ipv6/conf/all/disable_ipv6", "1"), 0);
	holds("ipv6/conf/default/disable_ipv6", "1");
	holds("ipv6/conf/lo/disable_ipv6", "1");
	CHECK_EQ(set("ipv6/conf/all/disable_ipv6", "0"), 0);
	holds("ipv6/conf/lo/disable_ipv6", "0");
	CHECK_EQ(bind_loopback6(), 0);
}

GUEST_TEST(sys_net_interfaces)
{
	holds("ipv6/conf/lo/mtu", "65536");
	holds("ipv6/conf/lo/accept_ra", "1");
	CHECK_EQ(set("ipv6/conf/lo/accept_ra", "0"), 0);
	holds("ipv6/conf/lo/accept_ra", "0");
	holds("ipv6/conf/default/accept_ra", "1");
	CHECK_EQ(set("ipv6/conf/lo/accept_ra", "1"), 0);
	holds("ipv6/neigh/lo/retrans_time_ms", "1000");
	CHECK_EQ(set("ipv6/neigh/lo/retrans_time_ms", "0"), EINVAL);
	CHECK_ERRNO(open(setting("ipv6/conf/nowhere/accept_ra"), O_RDONLY), ENOENT);
	CHECK_ERRNO(open(setting("ipv6/conf/lo/accept_rb"), O_RDONLY), ENOENT);
	CHECK_ERRNO(open(setting("ipv6/conf/l"), O_RDONLY), ENOENT);
	CHECK_ERRNO(open(setting("ipv6/conf/lolololololololololololololololo"), O_RDONLY), ENOENT);
	CHECK_ERRNO(open(setting("ipv6/neigh/all"), O_RDONLY), ENOENT);
	CHECK_ERRNO(open(setting("ipv4/tcp_no_such_thing"), O_RDONLY), ENOENT);
	CHECK_EQ(set("ipv4/ip_forward", "1"), EACCES); /* what is fixed is no file to write */
	holds("ipv4/conf/lo/forwarding", "0");
}

static int
count_names(const char *folder)
{
	int n = 0;
	DIR *d = opendir(setting(folder));
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d)) != NULL; n++) {
		struct stat st;
		CHECK_EQ(fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW), 0);
		if (guest_is_swos() && strcmp(e->d_name, "..") != 0)
			CHECK_EQ(st.st_ino, e->d_ino);
	}
	closedir(d);
	return n;
}

GUEST_TEST(sys_net_listings)
{
	CHECK(count_names("ipv6/conf") >= 5);
	CHECK(count_names("ipv6/neigh") >= 3);
	CHECK(count_names("ipv6/conf/all") > 8);
	CHECK_EQ(count_names("ipv6/conf/lo"), count_names("ipv6/conf/default"));
	struct stat all, lo;
	CHECK_EQ(stat(setting("ipv6/conf/all/accept_ra"), &all), 0);
	CHECK_EQ(stat(setting("ipv6/conf/lo/accept_ra"), &lo), 0);
	CHECK(all.st_ino != lo.st_ino);
}

static int
tcp_option(int level, int name)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), value = 0;
	socklen_t len = sizeof(value);
	CHECK_EQ(getsockopt(fd, level, name, &value, &len), 0);
	close(fd);
	return value;
}

GUEST_TEST(sys_net_tcp)
{
	char name[16];
	socklen_t len = sizeof(name);
	CHECK_EQ(tcp_option(IPPROTO_TCP, TCP_KEEPIDLE), 7200);
	CHECK_EQ(set("ipv4/tcp_keepalive_time", "100"), 0);
	CHECK_EQ(tcp_option(IPPROTO_TCP, TCP_KEEPIDLE), 100);
	CHECK_EQ(set("ipv4/tcp_keepalive_time", "0"), EINVAL);
	CHECK_EQ(set("ipv4/tcp_keepalive_time", "7200"), 0);
	CHECK_EQ(set("ipv4/tcp_rmem", "4096 50000 40000"), EINVAL);
	CHECK_EQ(set("ipv4/tcp_rmem", "4096 50000"), 0);
	CHECK_EQ(tcp_option(SOL_SOCKET, SO_RCVBUF), 50000);
	CHECK_EQ(set("ipv4/tcp_rmem", "4096 131072"), 0);
	holds("ipv4/tcp_available_congestion_control", "reno cubic");
	holds("ipv4/tcp_congestion_control", "cubic");
	CHECK_EQ(set("ipv4/tcp_congestion_control", "reno\n"), 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	CHECK(strncmp(name, "reno", sizeof(name)) == 0);
	close(fd);
	CHECK_EQ(set("ipv4/tcp_congestion_control", "vegas"), ENOENT);
	CHECK_EQ(set("ipv4/tcp_congestion_control", "cubic"), 0);
}

static void
log_in(uint32_t uid, uint64_t caps)
{
	struct swos_login l = {
		.size = sizeof(l), .uid = uid, .gid = uid, .session = 1, .caps = caps};
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(syscall(NR_SWOS_LOGIN, &l), 0);
}

static void
as_root_without_netadmin(void *arg)
{
	log_in(0, CAP_ALL & ~CAP_NETADMIN);
	CHECK_EQ(set("ipv6/conf/lo/accept_ra", "1"), EPERM);
	CHECK_ERRNO(access("/proc/sys/net/ipv6/conf/lo/accept_ra", W_OK), EPERM);
	CHECK_EQ(access("/proc/sys/net/ipv6/conf/lo/accept_ra", R_OK), 0);
	holds("ipv6/conf/lo/accept_ra", "1");
}

static void
as_user(void *arg)
{
	log_in(1000, CAP_FSREAD);
	CHECK_EQ(set("ipv6/conf/lo/accept_ra", "1"), EACCES);
	CHECK_ERRNO(access("/proc/sys/net/ipv6/conf/lo/accept_ra", W_OK), EACCES);
	holds("ipv6/conf/lo/accept_ra", "1");
}

/* As netd is: no root, but with the capability. */
static void
as_netadmin(void *arg)
{
	log_in(1000, CAP_FSREAD | CAP_NETADMIN);
	CHECK_EQ(set("ipv6/conf/lo/accept_ra", "1"), 0);
	CHECK_EQ(set("ipv4/ip_forward", "1"), EACCES);
	CHECK_ERRNO(open("/proc/sys/kernel/hostname", O_WRONLY), EACCES);
}

GUEST_TEST(sys_net_who_may)
{
	guest_fork_ok(as_root_without_netadmin, NULL);
	guest_fork_ok(as_user, NULL);
	guest_fork_ok(as_netadmin, NULL);
}
