/* SPDX-License-Identifier: MIT */
/* Interface ioctls, on the loopback. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "guest.h"

static struct ifreq
request(const char *name)
{
	struct ifreq r = {0};
	strcpy(r.ifr_name, name);
	return r;
}

static int
flags_of(int s, const char *name)
{
	struct ifreq r = request(name);
	CHECK_EQ(ioctl(s, SIOCGIFFLAGS, &r), 0);
	return r.ifr_flags;
}

GUEST_TEST(an_alias_goes_down_alone)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r = request("lo:1");
	struct sockaddr_in a = {.sin_family = AF_INET};
	r.ifr_flags = IFF_UP;
	CHECK_ERRNO(ioctl(s, SIOCSIFFLAGS, &r), EADDRNOTAVAIL);
	CHECK_EQ(inet_pton(AF_INET, "127.9.9.9", &a.sin_addr), 1);
	memcpy(&r.ifr_addr, &a, sizeof(a));
	CHECK_EQ(ioctl(s, SIOCSIFADDR, &r), 0);
	int flags = flags_of(s, "lo");
	CHECK_EQ(flags_of(s, "lo:1"), flags);
	CHECK(flags & IFF_UP);
	r.ifr_flags = (short)flags;
	CHECK_EQ(ioctl(s, SIOCSIFFLAGS, &r), 0);
	r.ifr_flags = (short)(flags & ~IFF_UP);
	CHECK_EQ(ioctl(s, SIOCSIFFLAGS, &r), 0);
	CHECK_EQ(flags_of(s, "lo"), flags);
	CHECK_ERRNO(ioctl(s, SIOCGIFADDR, &r), EADDRNOTAVAIL);
	r = request("lo");
	CHECK_EQ(ioctl(s, SIOCGIFADDR, &r), 0);
	memcpy(&a, &r.ifr_addr, sizeof(a));
	CHECK_EQ(a.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
}
