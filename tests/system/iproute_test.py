#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the kernel tells of its network, as Debian's own `ss` and `ip` read it, unmodified: sockets of every family in
states that were made for it, links, addresses, routes and neighbours, and the MTU of a path that a router tells."""

import contextlib
import hashlib
import json
import os
import re
import subprocess

from harness import check, equal, main, test
from vm import Vm, build_path
from wire import check_frames, taps

TMP = os.environ.get("TEST_TMP", "/tmp")
IMAGE = os.path.join(TMP, "iproute.img")

# Runs in the guest: makes the sockets, then runs ss with each of the options that it is given.
SOCKETS = """
import os, socket, sys
from socket import AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM
made = []
def bound(family, kind, address, protocol=0):
    s = socket.socket(family, kind, protocol)
    made.append(s)
    if address is not None:
        s.bind(address)
    return s
def connected(family, address, to):
    s = bound(family, SOCK_STREAM, address)
    s.connect(to)
    return s
listener = bound(AF_INET, SOCK_STREAM, ('127.0.0.1', 1111))
listener.listen(7)
client = connected(AF_INET, ('127.0.0.1', 2222), ('127.0.0.1', 1111))
server = listener.accept()[0]
client.send(b'12345')
waiting = connected(AF_INET, ('127.0.0.1', 2223), ('127.0.0.1', 1111))
only6 = bound(AF_INET6, SOCK_STREAM, None)
only6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
only6.bind(('::', 1112))
only6.listen(5)
bound(AF_INET6, SOCK_STREAM, ('::', 1113)).listen(6)
client6 = connected(AF_INET6, ('::1', 2224), ('::1', 1112))
only6.accept()[0].close()
bound(AF_INET, SOCK_DGRAM, ('127.0.0.1', 3333))
bound(AF_INET, SOCK_DGRAM, ('127.0.0.1', 3334)).connect(('127.0.0.1', 3333))
bound(AF_INET6, SOCK_DGRAM, ('::', 3335))
bound(AF_INET, SOCK_RAW, None, 17)
bound(AF_PACKET, SOCK_RAW, ('lo', 0x0806))
bound(AF_NETLINK, SOCK_RAW, (4321, 1))
unix = bound(AF_UNIX, SOCK_STREAM, '/tmp/listens')
unix.listen(3)
unix_client = connected(AF_UNIX, None, '/tmp/listens')
unix_server = unix.accept()[0]
unix_client.send(b'123')
unix_waiting = connected(AF_UNIX, None, '/tmp/listens')
bound(AF_UNIX, SOCK_DGRAM, chr(0) + 'datagrams')
pair = socket.socketpair(AF_UNIX, SOCK_SEQPACKET)
# The other ends have heard all that was sent.
server.recv(5, socket.MSG_PEEK | socket.MSG_WAITALL)
client6.recv(1)
for options in sys.argv[1:]:
    print('==', options, flush=True)
    os.system('/opt/debian/ss -H ' + options)
"""


def make_iproute_image():
    subprocess.run(["make", "-s", "guest-ports"], check=True, stdout=subprocess.DEVNULL)
    tree = os.path.join(TMP, "iproute")
    subprocess.run(["cp", "-RPpl", build_path("ports-guest"), tree], check=True)
    os.makedirs(f"{tree}/opt/tests")
    for name, text in (("sockets", SOCKETS), ("path_mtu", PATH_MTU)):
        with open(f"{tree}/opt/tests/{name}.py", "w", encoding="utf-8") as f:
            f.write(text)
    subprocess.run(["make", "-s", "image", f"ROOT_EXTRA={tree}", f"OUT={IMAGE}"], check=True, stdout=subprocess.DEVNULL)


def guest(**machine):
    return Vm(base_image=IMAGE, base="initrd", mem="512M", smp=2, **machine)


def shell(vm, command):
    status, output = vm.shell(command)
    equal(status, 0, f"status of {command}, which printed {output!r},")
    return output


def run_ss(*options):
    """What ss prints about the sockets with each of the options: its lines, with a single blank where it has many."""
    with guest() as vm:
        vm.login()
        asked = " ".join(f"'{o}'" for o in options)
        output = shell(vm, f"/opt/debian/python3.11 /opt/tests/sockets.py {asked}")
        check_frames(vm)
    parts = re.split(r"^== (.*)$", output, flags=re.M)
    lines = ([re.sub(r"\s+", " ", line).strip() for line in part.splitlines()] for part in parts[2::2])
    return dict(zip(parts[1::2], ([line for line in part if line] for part in lines)))


def check_lines(said, options, *wanted, absent=()):
    """Each of the wanted patterns is one line, and no line holds one of the absent ones."""
    for pattern in wanted:
        equal(sum(re.fullmatch(pattern, line) is not None for line in said[options]), 1,
              f"number of lines as {pattern} that ss {options} printed in {said[options]}")
    for pattern in absent:
        check(not any(re.search(pattern, line) for line in said[options]), f"ss {options}: {pattern} in {said[options]}")


@test
def ss_lists_internet_sockets():
    here = r"127\.0\.0\.1"
    by = r'users:\(\("python3\.11",pid=\d+,fd=\d+\)\)'
    said = run_ss("-tan", "-tlnp", "-tn state established sport = :1111", "-tniOem src 127.0.0.1:2222", "-uan", "-wan", "-Man")
    check_lines(said, "-tan", rf"LISTEN 1 7 {here}:1111 0\.0\.0\.0:\*", rf"ESTAB 0 0 {here}:2222 {here}:1111",
                rf"ESTAB 5 0 {here}:1111 {here}:2222", rf"ESTAB 0 0 {here}:1111 {here}:2223",
                r"LISTEN 0 5 \[::\]:1112 \[::\]:\*", r"LISTEN 0 6 \*:1113 \*:\*",
                r"CLOSE-WAIT 0 0 \[::1\]:2224 \[::1\]:1112", r"FIN-WAIT-2 0 0 \[::1\]:1112 \[::1\]:2224")
    check_lines(said, "-tlnp", rf"LISTEN 1 7 {here}:1111 0\.0\.0\.0:\* {by}", rf"LISTEN 0 6 \*:1113 \*:\* {by}",
                absent=("ESTAB", "CLOSE"))
    check_lines(said, "-tn state established sport = :1111", rf"5 0 {here}:1111 {here}:2222",
                rf"0 0 {here}:1111 {here}:2223", absent=("LISTEN", ":1112"))
    check_lines(said, "-tniOem src 127.0.0.1:2222",
                rf"ESTAB 0 0 {here}:2222 {here}:1111 ino:\d+ sk:\w+ .*skmem:\(r0,rb\d+,t\d+,tb\d+,.*\) ts sack cubic "
                r"wscale:6,6 rto:\d.* rtt:\d.* mss:65483 pmtu:65535 .*(cwnd:10 bytes_sent:5 bytes_acked:5 segs_out:3 "
                r"segs_in:2 data_segs_out:1 .*|bytes_retrans:.*)")  # a host that stalls has the five bytes sent again
    check_lines(said, "-uan", rf"UNCONN 0 0 {here}:3333 0\.0\.0\.0:\*", rf"ESTAB 0 0 {here}:3334 {here}:3333",
                r"UNCONN 0 0 \*:3335 \*:\*")
    check_lines(said, "-wan", r"UNCONN 0 0 0\.0\.0\.0:17 0\.0\.0\.0:\*")
    check_lines(said, "-Man", absent=("mptcp", "LISTEN"))


@test
def ss_lists_local_sockets():
    said = run_ss("-xa", "-xlp", "-xame", "-0an", "-an -f netlink")
    check_lines(said, "-xa", r"u_str LISTEN 1 3 /tmp/listens \d+ \* 0", r"u_str ESTAB 3 0 /tmp/listens \d+ \* \d+",
                r"u_dgr UNCONN 0 0 @datagrams \d+ \* 0")
    lines = [line.split() for line in said["-xa"]]
    ends = {(line[5], line[7]) for line in lines if line[1] == "ESTAB"}
    equal({(b, a) for a, b in ends}, ends, "who is connected to whom")
    equal(sum(line[0] == "u_seq" for line in lines), 2, "ends of the pair")
    check_lines(said, "-xame", r"u_str LISTEN 1 3 /tmp/listens .*skmem:\(r0,rb\d+,t0,tb\d+,.*\) .*peers: \d+",
                r"u_str ESTAB 3 0 /tmp/listens .* <->")
    check_lines(said, "-xlp", r"u_str LISTEN 1 3 /tmp/listens .* users:\(\(\"python3\.11\",pid=\d+,fd=\d+\)\)",
                absent=("ESTAB",))
    check_lines(said, "-0an", r"p_raw UNCONN 0 0 \[2054\]:lo \*")
    check_lines(said, "-an -f netlink", r"UNCONN 0 0 0:4321 \*")


@test
def ip_shows_and_changes_the_network():
    with taps("") as (netns, nics), guest(netns=netns, nics=nics) as vm:
        vm.login()

        def ip(arguments):
            output = shell(vm, f"/opt/debian/ip {arguments}")
            return json.loads(output) if "-j" in arguments.split() and output else output

        ip("link set dev eth0 up mtu 1400")
        link = ip("-j link show dev eth0")[0]
        equal((link["mtu"], link["operstate"], link["link_type"], "UP" in link["flags"]), (1400, "UP", "ether", True))
        ip("address add 10.9.0.2/24 dev eth0")
        ip("address add fd00:9:0::2/64 dev eth0 nodad")
        found = {(a["family"], a["local"], a["prefixlen"], a["scope"])
                 for a in ip("-j address show dev eth0")[0]["addr_info"]}
        check({("inet", "10.9.0.2", 24, "global"), ("inet6", "fd00:9::2", 64, "global")} <= found, found)
        check("link" in {scope for _, _, _, scope in found}, found)
        ip("route add 10.77.0.0/16 via 10.9.0.1")
        ip("-6 route add fd77::/32 via fd00:9:0::1 mtu 1350")
        routes = {r["dst"]: r for r in ip("-j route")}
        equal((routes["10.77.0.0/16"]["gateway"], routes["10.77.0.0/16"]["dev"]), ("10.9.0.1", "eth0"))
        equal((routes["10.9.0.0/24"]["protocol"], routes["10.9.0.0/24"]["prefsrc"]), ("kernel", "10.9.0.2"))
        routes = {r["dst"]: r for r in ip("-j -6 route")}
        equal((routes["fd77::/32"]["gateway"], routes["fd77::/32"]["dev"]), ("fd00:9::1", "eth0"))
        equal(routes["fd77::/32"]["metrics"], [{"mtu": 1350}])
        check({"fd00:9::/64", "fe80::/64"} <= set(routes), routes)
        for to, wanted in (("10.77.1.1", ("10.9.0.1", "eth0", "10.9.0.2")), ("10.9.0.1", (None, "eth0", "10.9.0.2")),
                           ("fd77::1", ("fd00:9::1", "eth0", "fd00:9::2")), ("127.0.0.1", (None, "lo", "127.0.0.1"))):
            got = ip(f"-j route get {to}")[0]
            equal((got.get("gateway"), got["dev"], got["prefsrc"]), wanted, f"the way to {to}")
        for to in ("10.9.0.1", "fd00:9::1"):
            shell(vm, f"ping -c 1 {to}")
            neighbour = ip(f"-j neigh show to {to}")[0]
            equal((neighbour["dev"], neighbour["dst"]), ("eth0", to))
            check(re.fullmatch(r"(\w\w:){5}\w\w", neighbour["lladdr"]) and
                  neighbour["state"][0] in ("REACHABLE", "DELAY", "STALE", "PROBE"), neighbour)
        ip("neigh add 10.9.0.9 lladdr 02:00:00:00:00:09 dev eth0 nud permanent")
        equal(ip("-j neigh show nud permanent")[0]["lladdr"], "02:00:00:00:00:09")
        ip("neigh del 10.9.0.9 dev eth0")
        ip("route del 10.77.0.0/16")
        check("10.77" not in ip("route"), "the route is still there")
        status, output = vm.shell("/opt/debian/ip route get 192.0.2.1")
        check(status == 2 and "Network is unreachable" in output, output)
        ip("address del 10.9.0.2/24 dev eth0")
        check("10.9.0.2" not in ip("address"), "the address is still there")
        stats = ip("-j -s link show dev eth0")[0]["stats64"]
        check(stats["rx"]["packets"] > 0 and stats["tx"]["packets"] > 0 and stats["rx"]["errors"] == 0, stats)
        check_frames(vm)


# Runs in the guest: datagrams of 1400 bytes that may not be fragmented, until the path's MTU has been learnt.
PATH_MTU = """
import errno, socket, sys, time
family, level, discover, mtu = (socket.AF_INET, 0, 10, 14) if '.' in sys.argv[1] else (socket.AF_INET6, 41, 23, 24)
s = socket.socket(family, socket.SOCK_DGRAM)
s.setsockopt(level, discover, 2)  # IP_PMTUDISC_DO
s.connect((sys.argv[1], 9))
end = time.monotonic() + 180
while time.monotonic() < end:
    try:
        s.send(b'x' * 1400)
        time.sleep(0.05)
    except OSError as e:
        if e.errno == errno.EMSGSIZE:
            break
        if e.errno != errno.ECONNREFUSED:
            raise
print(s.getsockopt(level, mtu))
"""
NARROW = 1300  # the MTU behind the router


@contextlib.contextmanager
def narrow_way(router):
    """A second namespace behind the first, which forwards, over a wire of a smaller MTU. The host in it has two addresses
    of each version, 10.8.0.2 and .3, fd00:8::2 and ::3, and announces the MSS of a wide wire. Gives its name."""
    far = f"{router}-far"

    def both(*arguments):
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)

    both("ip", "netns", "add", far)
    try:
        both("ip", "-n", router, "link", "add", "near", "mtu", str(NARROW), "type", "veth", "peer", "name", "far", "netns", far)
        both("ip", "-n", far, "link", "set", "far", "mtu", str(NARROW), "up")
        both("ip", "-n", far, "link", "set", "lo", "up")
        for name, device, number in ((router, "near", 1), (far, "far", 2)):
            both("ip", "-n", name, "address", "add", f"10.8.0.{number}/24", "dev", device)
            both("ip", "-n", name, "address", "add", f"fd00:8::{number}/64", "dev", device, "nodad")
        both("ip", "-n", far, "address", "add", "10.8.0.3/24", "dev", "far")
        both("ip", "-n", far, "address", "add", "fd00:8::3/64", "dev", "far", "nodad")
        both("ip", "-n", router, "link", "set", "near", "up")
        both("ip", "-n", far, "route", "add", "10.9.0.0/24", "via", "10.8.0.1", "advmss", "1460")
        both("ip", "-n", far, "route", "add", "fd00:9::/48", "via", "fd00:8::1", "advmss", "1440")
        for name in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
            both("ip", "netns", "exec", router, "sh", "-c", f"echo 1 > /proc/sys/{name}")
        yield far
    finally:
        both("ip", "netns", "delete", far)


@test
def path_mtu_is_learnt():
    """Through a router whose next wire is narrow, by TCP to one host behind it, by UDP to another, over both versions."""
    with taps("") as (router, nics), narrow_way(router) as far, guest(netns=router, nics=nics) as vm:
        vm.login()
        for command in ("link set dev eth0 up", "address add 10.9.0.2/24 dev eth0", "address add fd00:9:0::2/64 dev eth0 nodad",
                        "route add 10.8.0.0/24 via 10.9.0.1", "route add fd00:8::/64 via fd00:9:0::1"):
            shell(vm, f"/opt/debian/ip {command}")
        digest = shell(vm, "httpd -p 8080 -h /bin; md5sum /bin/busybox").split()[0]
        for at, client in (("10.9.0.2", "10.8.0.2"), ("[fd00:9:0::2]", "fd00:8::2")):
            learnt = f"/opt/debian/ip route get {client}"
            check("mtu" not in shell(vm, learnt), f"the MTU to {client} is known before anything was sent there")
            body = subprocess.run(["ip", "netns", "exec", far, "curl", "-s", "-g", "--max-time", "180", "--interface", client,
                                   f"http://{at}:8080/busybox"], check=True, stdout=subprocess.PIPE).stdout
            equal(hashlib.md5(body).hexdigest(), digest, f"what {at} served")
            check(f"mtu {NARROW}" in shell(vm, learnt), f"what TCP learnt of the way to {client}: {shell(vm, learnt)}")
        for to in ("10.8.0.3", "fd00:8::3"):
            shell(vm, f"ping -c 1 {to}")
            equal(shell(vm, f"/opt/debian/python3.11 /opt/tests/path_mtu.py {to}").strip(), str(NARROW), f"the MTU to {to}")
            check(f"mtu {NARROW}" in shell(vm, f"/opt/debian/ip route get {to}"), f"ip route get {to}")
        check_frames(vm)


make_iproute_image()
main()
