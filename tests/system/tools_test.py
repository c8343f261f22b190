#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""busybox's network tools in a guest that netd has configured, one boot for all: against a Linux on the same wire and
one behind that."""

import contextlib
import hashlib
import os
import re

from harness import check, contains, equal, main, test
from vm import Vm
from wire import Dnsmasq, check_frames, configure, ip, namespace, python, segment, until, web_server

CONTENT = os.urandom(300_000)
FAR4, FAR6 = "10.9.99.2", "fd00:9:99::2"
ADDRESS = "10.9.0.50"  # what dnsmasq leases
ADDRESS6 = "fd00:9::2"

# A client on the peer: connects, says from which port, and waits for a line; then sends, ends its half, and prints what
# came back.
CLIENT = """import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
print(s.getsockname()[1], flush=True)
sys.stdin.readline()
s.sendall(b"from the peer\\n")
s.shutdown(socket.SHUT_WR)
print(b"".join(iter(lambda: s.recv(100), b"")).decode(), end="")
"""
# A server on the peer that sends back what it got, in capitals, to each of so many clients.
SERVER = """import socket, sys
l = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
print("listening", flush=True)
for _ in range(int(sys.argv[2])):
    s, _ = l.accept()
    got = b"".join(iter(lambda: s.recv(100), b""))
    s.sendall(got.upper())
    s.close()
"""


@contextlib.contextmanager
def beyond(netns):
    """A second namespace that the first one leads to."""
    with namespace("far") as far:
        ip("link", "add", "f0", "netns", netns, "type", "veth", "peer", "name", "f0", "netns", far)
        for where, last in ((netns, 1), (far, 2)):
            ip("address", "add", f"10.9.99.{last}/24", "dev", "f0", inside=where)
            ip("address", "add", f"fd00:9:99::{last}/64", "dev", "f0", "nodad", inside=where)
            ip("link", "set", "f0", "up", inside=where)
        ip("route", "add", "default", "via", "10.9.99.1", inside=far)
        ip("-6", "route", "add", "default", "via", "fd00:9:99::1", inside=far)
        configure(netns, {"ipv4/conf/all/forwarding": 1, "ipv6/conf/all/forwarding": 1})
        for where in (netns, far):  # traces are answered as often as they ask
            configure(where, {"ipv4/icmp_ratelimit": 0, "ipv6/icmp/ratelimit": 0})
        yield far


def says(guest, command, *patterns, status=0):
    """The command ends with the status, and what it prints has all these."""
    got, output = guest.shell(command)
    check(got == status, f"{command} ended with {got}, not {status}: {output!r}")
    for pattern in patterns:
        check(re.search(pattern, output, re.M), f"{command} does not say {pattern!r} but {output!r}")
    return output


class Wire:
    """The guest and its peers, made once: a test may not depend on another, but on this."""
    guest = netns = None


@test
def addresses_are_shown_and_changed():
    guest = Wire.guest
    says(guest, "ip addr", r"^\d: lo: <LOOPBACK,UP,LOWER_UP>", r"inet 127\.0\.0\.1/8 scope host lo$", r"inet6 ::1/128",
         r"^\d: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500", rf"inet {ADDRESS}/24 brd 10\.9\.0\.255 scope global")
    says(guest, "ip addr add 10.9.5.1/24 dev eth0")
    says(guest, "ip addr show dev eth0", r"inet 10\.9\.5\.1/24 scope global eth0$")
    says(guest, "ip addr add 10.9.5.1/24 dev eth0 2>&1", "File exists", status=2)
    says(guest, "ip addr del 10.9.5.1/24 dev eth0")
    check("10.9.5.1" not in says(guest, "ip addr"), "an address that was deleted is there")
    says(guest, "ifconfig eth0", r"HWaddr 52:54:00:53:57:01", rf"inet addr:{ADDRESS}  Bcast:10\.9\.0\.255  Mask:255\.255\.255\.0",
         r"UP BROADCAST RUNNING MULTICAST  MTU:1500", r"RX packets:\d+ errors:0")
    says(guest, "ifconfig eth0:1 10.9.6.1 netmask 255.255.255.0 && ip addr show dev eth0", r"inet 10\.9\.6\.1/24 .* eth0:1$")
    says(guest, "ifconfig eth0:1 down; ifconfig", r"^eth0 ", r"^lo ")
    says(guest, "ip link set eth0 mtu 1400 && ip link show dev eth0", "mtu 1400")
    says(guest, "ip link set eth0 mtu 1500 && ip link", r"^\d: lo:", r"^\d: eth0: .* mtu 1500")


@test
def routes_lead_where_they_say():
    guest = Wire.guest
    says(guest, "ip route", r"^default via 10\.9\.0\.1 dev eth0", rf"^10\.9\.0\.0/24 dev eth0 scope link  src {ADDRESS}")
    says(guest, "ip route del default && ip route get 10.9.99.2 2>&1", "Network is unreachable", status=2)
    says(guest, f"ping -c 1 -W 2 {FAR4} 2>&1", "Network is unreachable", status=1)
    says(guest, f"ip route add 10.9.99.0/24 via 10.9.0.1 && ip route get {FAR4}", rf"{FAR4} via 10\.9\.0\.1 dev eth0  src {ADDRESS}")
    says(guest, f"ping -c 1 {FAR4}", "1 packets received")
    says(guest, "ip route del 10.9.99.0/24 && route add -net 10.9.99.0/24 gw 10.9.0.1 && route -n",
         r"^10\.9\.99\.0 +10\.9\.0\.1 +255\.255\.255\.0 +UG +0 ")
    says(guest, f"ping -c 1 {FAR4}", "1 packets received")
    says(guest, "route del -net 10.9.99.0/24 && route add default gw 10.9.0.1 && netstat -rn", r"^0\.0\.0\.0 +10\.9\.0\.1 ")
    says(guest, f"ip -6 route add fd00:9:99::/64 via fd00:9::1 && ip -6 route", r"^fd00:9:99::/64 via fd00:9::1 dev eth0")
    says(guest, f"ping6 -c 1 {FAR6}", "1 packets received")


@test
def pings_and_traces():
    guest = Wire.guest
    says(guest, "ping -c 2 10.9.0.1", r"^64 bytes from 10\.9\.0\.1: seq=1 ttl=64 ", "2 packets transmitted, 2 packets received")
    says(guest, "ping -c 1 -s 20000 10.9.0.1", "1 packets received")
    says(guest, "ping -c 1 -W 1 10.9.0.99", "100% packet loss", status=1)
    says(guest, "ping -c 1 host.test", r"^PING host\.test \((10\.9\.0\.1|fd00:9::1)\)", "1 packets received")
    says(guest, "ping6 -c 1 fd00:9::1", r"^64 bytes from fd00:9::1: seq=0 ttl=64 ", "1 packets received")
    says(guest, f"ping -c 1 -t 1 -W 1 {FAR4}", "100% packet loss", status=1)
    says(guest, f"traceroute -n {FAR4}", r"^ 1  10\.9\.0\.1 ", rf"^ 2  {FAR4} ")
    says(guest, f"traceroute -n -I {FAR4}", r"^ 1  10\.9\.0\.1 ", rf"^ 2  {FAR4} ")
    says(guest, f"traceroute6 -n {FAR6}", r"^ 1  fd00:9::1 ", rf"^ 2  {FAR6} ")
    says(guest, "arp -n", r"\(10\.9\.0\.1\) at ([0-9a-f]{2}:){5}[0-9a-f]{2} \[ether\]  on eth0")
    says(guest, "arping -f -c 20 -I eth0 10.9.0.1", rf"^ARPING 10\.9\.0\.1 from {ADDRESS} eth0$", "Received 1 response")
    says(guest, "ip neigh", r"^10\.9\.0\.1 dev eth0 lladdr ", r"^fd00:9::1 dev eth0 lladdr ")


@test
def names_are_resolved():
    guest = Wire.guest
    says(guest, "nslookup host.test", r"^Server:\s+10\.9\.0\.1$", r"^Address: 10\.9\.0\.1$", r"^Address: fd00:9::1$")
    says(guest, "nslookup -type=aaaa host.test", r"^Address: fd00:9::1$")
    says(guest, "nslookup short", r"^Name:\s+short\.swos\.test$", r"^Address: 10\.9\.0\.77$")
    says(guest, "nslookup nosuch.test", "NXDOMAIN", status=1)
    says(guest, "nslookup host.test fd00:9::1", r"^Address: 10\.9\.0\.1$")


@test
def files_are_fetched():
    guest, digest = Wire.guest, hashlib.md5(CONTENT).hexdigest()
    with web_server(Wire.netns, CONTENT):
        for host in ("10.9.0.1", "[fd00:9::1]", "host.test"):
            says(guest, f"wget -q -O - http://{host}:8000/f | md5sum", f"^{digest} ")
        says(guest, "wget -O /tmp/f http://host.test:8000/f 2>&1 && md5sum /tmp/f; rm /tmp/f", r"^'/tmp/f' saved$", f"^{digest} ")
        says(guest, "wget -q -O - http://host.test:8000/nothing 2>&1", "404 Not Found|server returned error: .* 404", status=1)
    says(guest, "wget -q -O - http://10.9.0.1:8000/f 2>&1", "Connection refused", status=1)


def listens(guest, port):
    until(guest, "netstat -tln", rf"^tcp .*:{port} +\S+ +LISTEN")


@test
def nc_listens_and_netstat_shows_who_is_there():
    guest = Wire.guest
    for address, shown in ((ADDRESS, f"::ffff:{ADDRESS}|{ADDRESS}"), (ADDRESS6, ADDRESS6)):
        says(guest, "rm -f /tmp/go; ((until [ -e /tmp/go ]; do sleep 0.1; done; echo from the guest) | nc -l -p 7000 >/tmp/got; "
             "echo ended >>/tmp/got) & true")
        listens(guest, 7000)
        with python(Wire.netns, CLIENT, address, 7000) as client:
            port = int(client.stdout.readline())
            until(guest, "netstat -tn", rf"^tcp +0 +\d+ ({shown}):7000 +\S+:{port} +ESTABLISHED")
            says(guest, "touch /tmp/go")
            until(guest, "netstat -tn", rf"^tcp +0 +0 ({shown}):7000 +\S+:{port} +FIN_WAIT2")
            client.stdin.write("\n")
            client.stdin.flush()
            equal(client.stdout.read(), "from the guest\n", f"what came from {address}")
        until(guest, "cat /tmp/got", r"^from the peer\nended$")


@test
def nc_connects():
    guest = Wire.guest
    with python(Wire.netns, SERVER, 7001, 3) as server:
        equal(server.stdout.readline(), "listening\n")
        for host in ("10.9.0.1", "fd00:9::1", "host.test"):
            says(guest, f"echo hello to {host} | nc {host} 7001", f"^HELLO TO {host.upper()}$")
    says(guest, "nc 10.9.0.1 7001 </dev/null 2>&1", "Connection refused", status=1)


@test
def udhcpc_gets_what_netd_got():
    guest = Wire.guest
    says(guest, "printf '#!/bin/sh\\necho $1 ip=$ip mask=$mask router=$router dns=$dns domain=$domain\\n' >/tmp/script; "
         "chmod +x /tmp/script")
    says(guest, "udhcpc -i eth0 -n -q -f -s /tmp/script 2>&1",
         rf"^bound ip={ADDRESS} mask=24 router=10\.9\.0\.1 dns=10\.9\.0\.1 domain=swos\.test$", f"lease of {ADDRESS} obtained")
    says(guest, "netinfo --check")  # netd has not noticed


@test
def every_frame_has_ended():
    check_frames(Wire.guest)


@contextlib.contextmanager
def everything():
    with segment("10.9.0.1/24", "fd00:9::1/64", "fe80::1/64") as (netns, nic), beyond(netns), \
            Dnsmasq(netns, f"--dhcp-range={ADDRESS},{ADDRESS},255.255.255.0,3600", "--domain=swos.test", "--local=/test/",
                    "--address=/host.test/10.9.0.1", "--address=/host.test/fd00:9::1", "--address=/short.swos.test/10.9.0.77",
                    "--address=/short.swos.test/fd00:9::77"), \
            Vm(netns=netns, nics=(nic,), base="initrd", smp=2) as guest:
        guest.login()
        until(guest, "netinfo", rf"{ADDRESS}/24 \(dhcp\)$")
        says(guest, f"ip -6 addr add {ADDRESS6}/64 dev eth0")
        until(guest, "ip -6 addr show dev eth0", rf"inet6 {ADDRESS6}/64 scope global (?!tentative)")
        Wire.guest, Wire.netns = guest, netns
        yield


if __name__ == "__main__":
    main(within=everything())
