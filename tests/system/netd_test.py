#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""netd and netinfo against dnsmasq in a network namespace: leases, their renewal, rebinding and refusal, router
advertisements, DHCPv6, links that go and come, and what is configured in the image."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time

from harness import check, contains, equal, main, test
from vm import Vm
from wire import Dnsmasq, Listener, check_frames, ip, segment, until

TMP = os.environ.get("TEST_TMP", "/tmp")
BASE = {"base": "initrd", "smp": 2}


def fails(guest, command, why):
    status, output = guest.shell(command + " 2>&1")
    equal(status, 1, command)
    contains(output, why)


@contextlib.contextmanager
def network_at_the_prompt(**machine):
    """A guest, logged in, whose network is there by then. Where the host is busy a server may answer too late for that: of
    three boots one is enough."""
    for left in (2, 1, 0):
        with Vm(**machine) as guest:
            guest.login()
            said = guest.shell("netinfo --check")
            if said == (0, "") or left == 0:
                equal(said, (0, ""), "the network at the login's prompt")
                yield guest
                return


LEASE = "--dhcp-option=option:T1,4", "--dhcp-option=option:T2,8"  # dnsmasq grants no lease below two minutes


@test
def leases_and_advertisements():
    with segment("10.9.0.1/24", "fd00:9::1/64", "fe80::1/64") as (netns, nic):
        range4 = "--dhcp-range=10.9.0.50,10.9.0.60,255.255.255.0,120"
        with Dnsmasq(netns, range4, *LEASE, "--enable-ra", "--dhcp-range=fd00:9::,ra-stateless", "--domain=swos.test",
                     "--address=/host.test/10.9.0.77", "--dhcp-option=option6:dns-server,[fd00:9::1]") as first, \
                network_at_the_prompt(netns=netns, nics=(nic,), **BASE) as guest:
            address = first.wait_for(r"DHCPACK\(t0\) (\S+)").group(1)
            offers = first.text.count("DHCPOFFER")
            contains(guest.shell("netinfo")[1], f"{address}/24 (dhcp)")
            contains(guest.shell("cat /etc/resolv.conf")[1], "nameserver 10.9.0.1\n")
            contains(guest.shell("nslookup host.test")[1], "Address: 10.9.0.77")
            equal(guest.shell("ping -c 1 10.9.0.1 >/dev/null")[0], 0)
            slaac = until(guest, "netinfo", r"(fd00:9::\S*:\S+)/64 \(slaac\)$").group(1)
            until(guest, "cat /etc/resolv.conf", r"^nameserver fd00:9::1$")
            until(guest, "netinfo", r"^gateway fe80::1 on eth0 \(ra\)$")
            first.wait_for(r"DHCPINFORMATION-REQUEST\(t0\)")
            equal(guest.shell("ping6 -c 1 fd00:9::1 >/dev/null")[0], 0)
            link_goes_and_comes(guest, first, address, slaac)
            first.wait_for(rf"DHCPREQUEST\(t0\) {address}")  # renewed in time
            first.wait_for(rf"DHCPACK\(t0\) {address}")
            check("DHCPNAK" not in first.text and first.text.count("DHCPOFFER") == offers, first.text)
            first.stop()
            another_server_takes_over(guest, netns, range4, address)
            a_server_refuses(guest, netns, address)


def link_goes_and_comes(guest, server, address, slaac):
    guest.qmp.command("set_link", name="net0", up=False)
    until(guest, "netinfo", r"^eth0: no link")
    fails(guest, "netinfo --check", "no link")
    server.skip()
    guest.qmp.command("set_link", name="net0", up=True)
    server.wait_for(rf"DHCPACK\(t0\) {address}")
    until(guest, "netinfo", rf"{re.escape(slaac)}/64 \(slaac\)$")
    until(guest, "netinfo --check; echo status $?", r"^status 0$")
    contains(guest.shell("netinfo")[1], f"{address}/24 (dhcp)")


def another_server_takes_over(guest, netns, range4, address):
    """The first does not answer any more: who hears the broadcast may prolong the lease."""
    ip("address", "del", "10.9.0.1/24", "dev", "t0", inside=netns)
    ip("address", "add", "10.9.0.2/24", "dev", "t0", inside=netns)
    with Dnsmasq(netns, range4, *LEASE) as second:
        second.wait_for(rf"DHCPACK\(t0\) {address}")
        until(guest, "cat /etc/resolv.conf", r"^nameserver 10\.9\.0\.2$")
        until(guest, "ip route", r"^default via 10\.9\.0\.2 ")
        check("DHCPDISCOVER" not in second.text, second.text)


def a_server_refuses(guest, netns, address):
    """The network has another prefix now, and addresses of version 6 come from DHCP."""
    ip("address", "del", "10.9.0.2/24", "dev", "t0", inside=netns)
    ip("address", "add", "10.9.1.1/24", "dev", "t0", inside=netns)
    with Dnsmasq(netns, "--dhcp-range=10.9.1.50,10.9.1.60,255.255.255.0,120", "--enable-ra",
                 "--dhcp-range=fd00:9::100,fd00:9::1ff,64,120") as third:
        third.wait_for(rf"DHCPNAK\(t0\) {address}")
        other = third.wait_for(r"DHCPACK\(t0\) (10\.9\.1\.\S+)").group(1)
        until(guest, "netinfo", rf"{other}/24 \(dhcp\)$")
        output = guest.shell("ip addr; ip route")[1]
        check(address not in output and "10.9.0." not in output, output)
        third.seen = 0  # the advertisement may have come first
        leased = third.wait_for(r"DHCPREPLY\(t0\) (fd00:9::1\S+)").group(1)
        until(guest, "netinfo", rf"{leased}/128 \(dhcp6\)$")
        until(guest, "ping6 -c 1 fd00:9::1", r" 0% packet loss")
        leases_are_given_back(guest, third, other, leased)


def leases_are_given_back(guest, server, address, address6):
    """When the machine goes down; netd alone may end and come again, and nobody notices."""
    until(guest, "ping -c 1 10.9.1.1", r" 0% packet loss")
    server.skip()
    before = server.seen
    guest.shell("kill $(pidof netd)")
    until(guest, "cat /run/services", r"^netd running \d+ 2 0$")
    # Up to here netinfo may say what the first one left: the second has what it is given.
    server.wait_for(rf"DHCPACK\(t0\) {address} ")
    server.seen = before
    server.wait_for(rf"DHCPREPLY\(t0\) {address6} ")
    until(guest, "netinfo", rf"{address}/24 \(dhcp\)$")
    until(guest, "netinfo", rf"{address6}/128 \(dhcp6\)$")
    check_frames(guest)
    check("DHCPRELEASE" not in server.text, server.text)
    guest.send("poweroff\n")
    server.wait_for(rf"DHCPRELEASE\(t0\) {address}")
    server.seen = 0
    server.wait_for(rf"DHCPRELEASE\(t0\)( \S+)* 00:03:00:01:52:54")
    equal(guest.wait_exit(), "guest-shutdown", "the end")


# A server of DHCPv4 whose leases are as short as no real one's: three seconds, renewed after one. Its input says how it
# answers from then on: "ack", "nak" (what is asked for again), "nothing". Prints what it is asked.
SHORT_LEASES = """import select, socket, struct, sys
DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
OURS, LEASED, ALL = (socket.inet_aton(a) for a in ("10.9.0.1", "10.9.0.60", "255.255.255.255"))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"t0")
s.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
s.bind(("", 67))
mode = "ack"

def option(number, value):
    return bytes((number, len(value))) + value

def reply(to, kind):
    given = LEASED if kind != NAK else bytes(4)
    times = b"".join(option(n, struct.pack("!I", t)) for n, t in ((51, 3), (58, 1), (59, 2))) if kind != NAK else b""
    s.sendto(b"\\2\\1\\6\\0" + to[4:8] + bytes(8) + given + bytes(8) + to[28:44] + bytes(192) + b"c\\x82Sc"
             + option(53, bytes((kind,))) + option(54, OURS) + times + option(1, b"\\xff\\xff\\xff\\0") + option(3, OURS)
             + option(6, OURS) + b"\\xff", ("255.255.255.255", 68))

def asked(m, broadcast):
    kind = m[m.index(b"\\x35\\1", 240) + 2]
    again = kind == REQUEST and m[12:16] != bytes(4)
    print("discover" if kind == DISCOVER else "request" if not again else "rebind" if broadcast else "renew", flush=True)
    if kind == DISCOVER and mode != "nothing":
        reply(m, OFFER)
    elif kind == REQUEST and mode != "nothing":
        reply(m, NAK if again and mode == "nak" else ACK)

print("there", flush=True)
while True:
    for f in select.select([s, sys.stdin], [], [])[0]:
        if f is sys.stdin:
            mode = sys.stdin.readline().strip()
            print("mode", mode, flush=True)
        else:
            m, more, _, _ = s.recvmsg(2000, 200)
            asked(m, more[0][2][8:12] == ALL)
"""


# What is for others, on the link that netd hears for an answer of DHCP.
CHATTER = """import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"t0")
for _ in range(1000):
    s.sendto(b"x" * 100, ("255.255.255.255", 9))
    time.sleep(0.001)
"""


def others_do_not_wake_it(guest, netns):
    count = "sed -n 's/^voluntary_ctxt_switches:.//p' /proc/$(pidof netd)/status"
    received = "sed -n 's/ *eth0: *[0-9]* *\\([0-9]*\\).*/\\1/p' /proc/net/dev"
    woken, came = [int(guest.shell(command)[1]) for command in (count, received)]
    subprocess.run(["ip", "netns", "exec", netns, sys.executable, "-c", CHATTER], check=True)
    # A busy host brings them when it gets to it.
    guest.shell(f"i=0; until [ $(( $({received}) - {came} )) -ge 900 ] || [ $((i += 1)) -gt 600 ]; do sleep 0.1; done")
    woken, came = (int(guest.shell(command)[1]) - was for command, was in ((count, woken), (received, came)))
    check(came >= 900 and woken < 100, f"netd woke {woken} times for {came} frames that were for others")


@test
def leases_that_are_not_renewed_end():
    with segment("10.9.0.1/24") as (netns, nic), \
            Listener("server", ["ip", "netns", "exec", netns, sys.executable, "-c", SHORT_LEASES], subprocess.PIPE) as server:
        server.wait_for("^there$")
        with Vm(netns=netns, nics=(nic,), **BASE) as guest:
            guest.login()
            for _ in range(2):
                server.wait_for("^renew$")
            until(guest, "netinfo", r"10\.9\.0\.60/24 \(dhcp\)$")
            server.send("nothing")
            server.wait_for("^mode nothing$")
            server.wait_for("^discover$")
            until(guest, "(ip addr show dev eth0; ip route; cat /etc/resolv.conf) | grep -c 10.9.0", "^0$")
            fails(guest, "netinfo --check", "no address beyond the link")
            others_do_not_wake_it(guest, netns)
            server.send("ack")
            until(guest, "netinfo --check; echo status $?", "^status 0$")
            server.send("nak")
            server.wait_for("^mode nak$")
            server.wait_for("^(renew|rebind)$")
            server.wait_for("^discover$")  # at once, and has it again
            server.send("ack")
            until(guest, "netinfo --check; echo status $?", "^status 0$")
            check_frames(guest)


# Another host on the link. "have ADDRESS": it answers who asks for that. "take ADDRESS": it says that it has it. Prints
# what it hears of others' addresses.
SQUATTER = """import select, socket, sys
mac, have = bytes.fromhex("020000000099"), None
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x806))
s.bind(("t0", 0x806))
def say(op, sender, target, to=b"\\xff" * 6):
    s.send(to + mac + bytes.fromhex("080600010800060400%02d" % op) + mac + sender + to + target)
print("there", flush=True)
while True:
    for f in select.select([s, sys.stdin], [], [])[0]:
        if f is sys.stdin:
            word, address = sys.stdin.readline().split()
            address = socket.inet_aton(address)
            if word == "have":
                have = address
                print("has", socket.inet_ntoa(address), flush=True)
            else:
                say(1, address, address)
            continue
        p = s.recv(100)
        if p[6:12] == mac or p[20:22] != b"\\0\\1":
            continue
        sender, target = p[28:32], p[38:42]
        if sender in (bytes(4), target):
            print("announces" if sender == target else "asks for", socket.inet_ntoa(target), flush=True)
        if target == have and sender != target:
            say(2, have, sender, p[6:12])
"""


@test
def addresses_that_others_have_are_declined():
    """Before they are used, and when somebody takes one that is."""
    with segment("10.9.0.1/24", "fd00:9::1/64", "fd00:9::100/64", "fe80::1/64") as (netns, nic), \
            Listener("squatter", ["ip", "netns", "exec", netns, sys.executable, "-c", SQUATTER], subprocess.PIPE) as squatter:
        squatter.wait_for("^there$")
        squatter.send("have 10.9.0.50")
        with Dnsmasq(netns, "--dhcp-range=10.9.0.50,10.9.0.51,255.255.255.0,120", "--dhcp-host=52:54:00:53:57:01,10.9.0.50",
                     "--enable-ra", "--dhcp-range=fd00:9::100,fd00:9::101,64,120",
                     "--dhcp-host=id:00:03:00:01:52:54:00:53:57:01,[fd00:9::100]") as server, \
                Vm(netns=netns, nics=(nic,), **BASE) as guest:
            server.wait_for(r"DHCPACK\(t0\) 10\.9\.0\.50")
            server.wait_for(r"DHCPDECLINE\(t0\) 10\.9\.0\.50")
            squatter.wait_for(r"^asks for 10\.9\.0\.50$")
            guest.login()
            contains(guest.text, "netd: eth0: somebody else has 10.9.0.50, which the server gave us")
            check("10.9.0.50" not in guest.shell("ip addr show dev eth0")[1], "the address of somebody else is used")
            server.seen = 0
            server.wait_for(r"DHCPDECLINE\(t0\) 00:03:00:01:52:54")
            until(guest, "netinfo", r"fd00:9::101/128 \(dhcp6\)$")
            somebody_takes_the_address(guest, squatter, server)
            check_frames(guest)


def taken_until_declined(squatter, server, address):
    """Soon is ten seconds: on a host that stalls the first times may be too far apart, and then the guest says again whose
    it is."""
    declines = f"DHCPDECLINE(t0) {address}"
    for _ in range(10):
        squatter.send(f"take {address}")
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline and declines not in server.text:
            time.sleep(0.05)
        if declines in server.text:
            return
    raise AssertionError(f"{address} was not given up: {server.text!r}")


def somebody_takes_the_address(guest, squatter, server):
    """Who does is told whose it is; when it does so again soon, the guest gives way."""
    guest.qmp.command("set_link", name="net0", up=False)
    until(guest, "netinfo", r"^eth0: no link")
    guest.qmp.command("set_link", name="net0", up=True)  # which asks for another address at once
    until(guest, "netinfo", r"10\.9\.0\.51/24 \(dhcp\)$")
    for _ in range(2):
        squatter.wait_for(r"^announces 10\.9\.0\.51$")
    squatter.send("take 10.9.0.51")
    squatter.wait_for(r"^announces 10\.9\.0\.51$")
    contains(guest.shell("netinfo")[1], "10.9.0.51/24 (dhcp)")
    taken_until_declined(squatter, server, "10.9.0.51")
    check("10.9.0.51" not in guest.shell("ip addr show dev eth0")[1], "an address that was lost is used")


def image_with(name, text):
    tree, path = os.path.join(TMP, name), os.path.join(TMP, name + ".img")
    os.makedirs(f"{tree}/etc/swos")
    with open(f"{tree}/etc/swos/network", "w", encoding="ascii") as f:
        f.write(text)
    subprocess.run(["make", "-s", "image", f"ROOT_EXTRA={tree}", f"OUT={path}"], check=True, stdout=subprocess.DEVNULL)
    return path


@test
def what_the_image_says_is_there_at_the_login():
    path = image_with("static", "dns 10.9.0.1\nsearch swos.test\ninterface eth0\nipv4 10.9.7.5/32\ngateway 10.9.0.1\n"
                      "ipv6 fd00:9::5/64\ngateway fe80::1\nmtu 1400\n")
    with segment("10.9.0.1/24", "fd00:9::1/64", "fe80::1/64") as (netns, nic):
        ip("route", "add", "10.9.7.5/32", "dev", "t0", inside=netns)
        with Vm(netns=netns, nics=(nic,), base_image=path, **BASE) as guest:
            guest.login()
            equal(guest.shell("netinfo --check --require-static6"), (0, ""))
            said = guest.shell("netinfo")[1]
            for line in ("10.9.7.5/32 (static)", "fd00:9::5/64 (static)", "gateway 10.9.0.1 on eth0 (static)",
                         "gateway fe80::1 on eth0 (static)", "dns 10.9.0.1 (static)", "MTU 1400"):
                contains(said, line)
            contains(guest.shell("cat /etc/resolv.conf")[1], "search swos.test\nnameserver 10.9.0.1\n")
            equal(guest.shell("ping -c 1 10.9.0.1 >/dev/null && ping6 -c 1 fd00:9::1 >/dev/null")[0], 0)
            programs_are_told_the_same(guest)
            checks_name_what_is_missing(guest)
            check_frames(guest)


def programs_are_told_the_same(guest):
    status, output = guest.shell("netinfo --json")
    equal((status, output.count("\n")), (0, 1), "status and lines")
    said = json.loads(output)
    equal(sorted(said), ["configuration", "dns", "gateways", "links"], "keys")
    equal(said["configuration"], "valid")
    equal([link["name"] for link in said["links"]], ["lo", "eth0"], "links")
    eth0 = said["links"][1]
    equal((eth0["state"], eth0["mac"], eth0["mtu"]), ("up", "52:54:00:53:57:01", 1400), "eth0")
    addresses = {a["address"]: a for a in eth0["addresses"]}
    for address, prefix in (("10.9.7.5", 32), ("fd00:9::5", 64)):
        equal(addresses[address], {"address": address, "prefix": prefix, "source": "static", "usable": True})
    check(any(a["source"] == "link-local" for a in addresses.values()), addresses)
    for way in ("received", "sent"):
        equal(sorted(eth0[way]), ["bytes", "dropped", "errors", "packets"], way)
        check(eth0[way]["packets"] > 0 and eth0[way]["bytes"] > eth0[way]["packets"], eth0[way])
    equal(sorted(said["gateways"], key=lambda g: g["address"]),
          [{"address": a, "link": "eth0", "source": "static"} for a in ("10.9.0.1", "fe80::1")], "gateways")
    equal(said["dns"], [{"address": "10.9.0.1", "source": "static"}], "DNS servers")
    equal(guest.shell("netinfo --jason 2>/dev/null; netinfo 1 2>/dev/null || echo $?"), (0, "2\n"), "wrong usage")


def checks_name_what_is_missing(guest):
    equal(guest.shell("cp /run/net/state /tmp/state; grep -v ^dns /tmp/state >/run/net/state")[0], 0)
    fails(guest, "netinfo --check", "no DNS server is known")
    equal(guest.shell("cat /tmp/state >/run/net/state")[0], 0)
    equal(guest.shell("ip -6 route del default")[0], 0)
    equal(guest.shell("netinfo --check"), (0, ""), "the check without a gateway of version 6")
    fails(guest, "netinfo --check --require-static6", "no IPv6 gateway")
    equal(guest.shell("ip addr del fd00:9::5/64 dev eth0; ip addr add fd00:9::6/64 dev eth0")[0], 0)
    fails(guest, "netinfo --check --require-static6", "no static IPv6 address")
    equal(guest.shell("ip addr add fd00:9::5/48 dev eth0")[0], 0)
    until(guest, "netinfo --require-static6 2>&1", "^netinfo: the static IPv6 address has no /64 prefix$")
    equal(guest.shell("ip addr del fd00:9::5/48 dev eth0")[0], 0)
    equal(guest.shell("ip route del default")[0], 0)
    fails(guest, "netinfo --check", "no gateway")
    equal(guest.shell("ip addr del 10.9.7.5/32 dev eth0; ip addr del fd00:9::6/64 dev eth0")[0], 0)
    fails(guest, "netinfo --check", "no address beyond the link")
    equal(guest.shell("ip addr add 10.9.7.5/0 dev eth0")[0], 0)
    fails(guest, "netinfo --check", "no prefix")
    equal(guest.shell("ip link set eth0 down")[0], 0)
    fails(guest, "netinfo --check", "no link")


@test
def a_static_address_is_used_when_nobody_else_has_it():
    """Who has it first keeps it, and the login does not wait for him; once it is the guest's, that keeps it."""
    path = image_with("taken", "interface eth0\nipv4 10.9.0.5/24 10.9.0.6/24\ngateway 10.9.0.1\nipv6 off\n")
    with segment("10.9.0.1/24") as (netns, nic), \
            Listener("squatter", ["ip", "netns", "exec", netns, sys.executable, "-c", SQUATTER], subprocess.PIPE) as squatter:
        squatter.wait_for("^there$")
        squatter.send("have 10.9.0.5")
        with Vm(netns=netns, nics=(nic,), base_image=path, **BASE) as guest:
            guest.login()
            squatter.wait_for(r"^asks for 10\.9\.0\.5$")
            contains(guest.text, "netd: eth0: 10.9.0.5: somebody else has it, so it is not used")
            output = guest.shell("ip addr show dev eth0; ip route")[1]
            check("10.9.0.5" not in output and "10.9.0.6/24" in output and "default via 10.9.0.1" in output, output)
            squatter.send("have 0.0.0.0")
            squatter.wait_for(r"^has 0\.0\.0\.0$")
            guest.qmp.command("set_link", name="net0", up=False)
            until(guest, "netinfo", r"^eth0: no link")
            guest.qmp.command("set_link", name="net0", up=True)  # and it is looked for again at once
            until(guest, "netinfo", r"10\.9\.0\.5/24 \(static\)$")
            for _ in range(2):
                squatter.wait_for(r"^announces 10\.9\.0\.5$")
            squatter.send("take 10.9.0.5")
            squatter.wait_for(r"^announces 10\.9\.0\.5$")
            guest.wait_for("netd: eth0: 10.9.0.5: somebody else says that it is his")
            squatter.send("take 10.9.0.5")
            equal(guest.shell("ping -c 1 -I 10.9.0.5 10.9.0.1 >/dev/null")[0], 0)
            contains(guest.shell("ip addr show dev eth0")[1], "10.9.0.5/24")
            check_frames(guest)


@test
def a_mistake_in_the_image_leaves_link_local_addresses_only():
    path = image_with("mistake", "dns 10.9.0.1\ninterface eth0\nipv4 10.9.0.5/24\ngateway 10.9.0.300\n")
    with segment("10.9.0.1/24") as (netns, nic), Vm(netns=netns, nics=(nic,), base_image=path, **BASE) as guest:
        guest.wait_for(r"netd: /etc/swos/network:4:9: .*; using link-local addresses only$")
        guest.login()
        fails(guest, "netinfo --check", "/etc/swos/network has a mistake")
        output = guest.shell("ip addr show dev eth0; ip route; cat /etc/resolv.conf")[1]
        check("inet 10." not in output and "default" not in output and "nameserver" not in output, output)
        until(guest, "ip addr show dev eth0", r"inet6 fe80::\S+ scope link (?!tentative)")
        check_frames(guest)


@test
def nobody_holds_the_boot_up():
    """No device, and one behind which nobody answers: login comes all the same, and netd says what there is."""
    with Vm(icount=True, **BASE) as guest:  # its time is its instructions: how busy the host is does not count
        guest.login()
        fails(guest, "netinfo --check", "no link")
        alone = int(guest.shell("cat /run/login-prompt")[1])
        guest.expect_absent("netd:")
    with Vm(icount=True, nics=("hubport,hubid=0",), **BASE) as guest:
        guest.login()
        silent = int(guest.shell("cat /run/login-prompt")[1])
        contains(guest.text, "netd: eth0: no DHCP server has answered yet; it has fe80:")
        fails(guest, "netinfo --check", "no address beyond the link")
        check_frames(guest)
    print(f"the prompt came after {alone / 1e9} s, after {silent / 1e9} s with a silent link")
    check(silent - alone < 1_000_000_000, f"the prompt came after {alone / 1e9} s, after {silent / 1e9} s with a silent link")


if __name__ == "__main__":
    sys.exit(main())
