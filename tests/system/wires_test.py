#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real wires: each offload of the device on and off, jumbo frames, several queues, two devices, two guests, links that go
down in the middle of a transfer. The peer is this machine's Linux, over taps with vnet headers, which uses every offload
that the device has. After each the guest's frames add up."""

import contextlib
import hashlib
import os
import random
import re
import socket
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.dont_write_bytecode = True

from harness import check, equal, main, test  # noqa: E402
from vm import Nic, Vm  # noqa: E402
from wire import check_frames, namespace, taps, web_server  # noqa: E402

BASE = {"base": "initrd", "smp": 2}
SIZE = 3_000_000

NO_TX = "csum=off,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off"
NO_RX = "guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off"
OFFLOADS = (NO_TX, "host_tso4=off", "host_tso6=off", NO_RX, "guest_tso4=off", "guest_tso6=off",
            "host_ecn=off,guest_ecn=off", "mrg_rxbuf=off", "indirect_desc=off", "event_idx=off", "ctrl_vq=off")


@contextlib.contextmanager
def some_file(netns):
    """A file of SIZE bytes, which is served in the namespace; gives its MD5 sum."""
    content = os.urandom(SIZE)
    with web_server(netns, content):
        yield hashlib.md5(content).hexdigest()


def add6(guest, device, address):
    """Gives the device an IPv6 address, and waits until nobody else turned out to have it."""
    status, output = guest.shell(f"ip -6 addr add {address}/64 dev {device} && "
                                 f"while ip -6 addr show dev {device} | grep -q tentative; do sleep 0.05; done")
    equal((status, output), (0, ""))


def set_up(guest, number=0, mtu=1500):
    """Gives ethN its addresses, 10.9.N.2 and fd00:9:N::2."""
    status, output = guest.shell(f"ifconfig eth{number} mtu {mtu} 10.9.{number}.2 netmask 255.255.255.0 up")
    equal((status, output), (0, ""))
    add6(guest, f"eth{number}", f"fd00:9:{number}::2")


def check_pings(guest, number, sizes):
    for address in (f"10.9.{number}.1", f"fd00:9:{number}::1"):
        for size in sizes:
            status, output = guest.shell(f"ping -c 2 -s {size} {address}")
            check(status == 0 and "2 packets received" in output, output)


def check_fetches(guest, md5, number=0):
    """TCP from this Linux to the guest, over both versions."""
    for address in (f"10.9.{number}.1", f"[fd00:9:{number}::1]"):
        status, output = guest.shell(f"wget -q -O - http://{address}:8000/f | md5sum")
        check(status == 0 and output.split()[:1] == [md5], output)


def check_served(guest, netns, number=0):
    """TCP from the guest to this Linux."""
    status, output = guest.shell("httpd -p 8080 -h /bin; md5sum /bin/busybox")
    equal(status, 0)
    for address in (f"10.9.{number}.2", f"[fd00:9:{number}::2]"):
        body = subprocess.run(["ip", "netns", "exec", netns, "curl", "-s", "-g", "--max-time", "180",
                               f"http://{address}:8080/busybox"], check=True, stdout=subprocess.PIPE).stdout
        equal(hashlib.md5(body).hexdigest(), output.split()[0], "what the guest served")


def check_wire(options="", queues=1, mtu=1500, sizes=(0, 1400, 20000)):
    with taps(options, queues=queues, mtu=mtu) as (netns, nics), some_file(netns) as md5, \
            Vm(netns=netns, nics=nics, **BASE) as guest:
        guest.login()
        set_up(guest, mtu=mtu)
        check_pings(guest, 0, sizes)
        check_fetches(guest, md5)
        check_served(guest, netns)
        check_frames(guest)


@test
def everything_the_device_has():
    check_wire()


@test
def several_queues():
    check_wire(queues=2)


def used(guest):
    """How many buffers of each of the queues of eth0 the device has used: of rx0, tx0, rx1, tx1, …"""
    path = next(d["path"] for d in guest.qmp.command("x-query-virtio") if d["name"] == "virtio-net")
    return [guest.qmp.command("x-query-virtio-queue-status", path=path, queue=queue)["used-idx"] for queue in range(4)]


def grown(guest, before):
    return [(new - old) % 65536 for new, old in zip(used(guest), before)]


def tells_how_to_spread(guest):
    path = next(d["path"] for d in guest.qmp.command("x-query-virtio") if d["name"] == "virtio-net")
    features = guest.qmp.command("x-query-virtio-status", path=path)["guest-features"]["dev-features"]
    return any("RSS" in f for f in features)


def send_flows(netns, address, flows):
    """A datagram of each flow, a pair of ports, from the namespace to the address."""
    subprocess.run(["ip", "netns", "exec", netns, sys.executable, "-c", f"""
import socket
for source, port in {flows}:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("10.9.0.1", source))
        s.sendto(b"x", ("{address}", port))
"""], check=True)


def spread(guest, netns, flows):
    """How many frames each receive queue took while these flows came to the guest."""
    before = used(guest)
    send_flows(netns, "10.9.0.2", flows)
    check_pings(guest, 0, (100,))  # they have arrived
    return grown(guest, before)[::2]


@test
def flows_are_spread_over_queues():
    some = random.Random(1)
    flows = [(some.randrange(20000, 60000), some.randrange(20000, 60000)) for _ in range(200)]
    with taps("rss=on", queues=2) as (netns, nics), some_file(netns) as md5, Vm(netns=netns, nics=nics, **BASE) as guest:
        guest.login()
        check(tells_how_to_spread(guest), "the driver does not tell the device how to spread flows")
        # No queue has a buffer yet. QEMU keeps the first frame of each of its queues, also those that are for the other one.
        send_flows(netns, "224.0.0.1", flows)
        set_up(guest)
        check_pings(guest, 0, (1400,))
        counts = spread(guest, netns, flows)
        check(min(counts) > 50, f"200 flows: {counts}")
        counts = spread(guest, netns, flows[:1] * 200)
        check(max(counts) >= 200 and min(counts) < 50, f"one flow: {counts}")
        check_fetches(guest, md5)
        check_served(guest, netns)
        check_frames(guest)


def refused(guest, netns, ports):
    """How many frames each transmit queue gave while the guest refused a connection from each of the ports."""
    before = used(guest)
    subprocess.run(["ip", "netns", "exec", netns, sys.executable, "-c", f"""
import socket
for port in {ports}:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("10.9.0.1", port))
        try:
            s.connect(("10.9.0.2", 9))
        except ConnectionRefusedError:
            continue
        raise SystemExit("it was accepted")
"""], check=True)
    return grown(guest, before)[1::2]


@test
def flows_choose_their_transmit_queue():
    """Whichever CPU sends: a flow keeps its order, and many keep all queues busy."""
    with taps("", queues=2) as (netns, nics), Vm(netns=netns, nics=nics, **BASE) as guest:
        guest.login()
        set_up(guest)
        check_pings(guest, 0, (100,))
        counts = refused(guest, netns, list(range(20000, 20200)))
        check(min(counts) > 50, f"200 flows: {counts}")
        counts = refused(guest, netns, [20000] * 200)
        check(max(counts) >= 200 and min(counts) < 50, f"one flow: {counts}")
        check_frames(guest)


@test
def each_offload_off():
    for options in OFFLOADS:
        print(f"# {options}", flush=True)
        check_wire(options, sizes=(1400,))


@test
def jumbo_frames():
    for options in ("", "," + NO_TX, "," + NO_RX):
        print(f"# host_mtu=9000{options}", flush=True)
        check_wire("host_mtu=9000" + options, mtu=9000, sizes=(8900, 8972, 20000))


@test
def two_devices():
    with taps("", "mrg_rxbuf=off") as (netns, nics), some_file(netns) as md5, \
            Vm(netns=netns, nics=nics, **BASE) as guest:
        subprocess.run(["ip", "netns", "exec", netns, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore"], check=True)
        guest.login()
        for number in (0, 1):
            set_up(guest, number)
        for number in (0, 1):
            check_pings(guest, number, (1400,))
            check_fetches(guest, md5, number)
            # Who is bound to a device speaks there alone, whatever the routes say; nobody there has the other wire's address.
            status, output = guest.shell(f"ping -c 1 -W 5 -I eth{number} 10.9.{number}.1")
            check(status == 0, output)
            status, output = guest.shell(f"ping -c 1 -W 1 -I eth{1 - number} 10.9.{number}.1 2>&1")
            check(status == 1 and "100% packet loss" in output, output)
        check_frames(guest)


@test
def two_guests_over_ipv6():
    """Datagrams between two QEMUs carry the frames: no offload, and nobody in between."""
    ends = [Nic(f"dgram,local.type=inet,local.host=127.0.0.1,local.port={a},"
                f"remote.type=inet,remote.host=127.0.0.1,remote.port={b}", mac=f"52:54:00:53:58:0{n}")
            for n, (a, b) in enumerate(((1001, 1002), (1002, 1001)))]
    with namespace() as netns, Vm(netns=netns, nics=ends[:1], **BASE) as one, Vm(netns=netns, nics=ends[1:], **BASE) as other:
        for guest, last in ((one, 1), (other, 2)):
            guest.login()
            equal(guest.shell("ifconfig eth0 up")[0], 0)
            add6(guest, "eth0", f"fd00:9::{last}")
        status, output = other.shell("httpd -p 8080 -h /bin; md5sum /bin/busybox")
        equal(status, 0)
        md5 = output.split()[0]
        status, output = one.shell("ping -c 3 -s 3000 fd00:9::2")
        check(status == 0 and "3 packets received" in output, output)
        status, output = one.shell("wget -q -O - http://[fd00:9::2]:8080/busybox | md5sum")
        check(status == 0 and output.split()[:1] == [md5], output)
        for guest in (one, other):
            check_frames(guest)


@test
def link_goes_down_in_the_middle_of_a_transfer():
    with taps("") as (netns, nics), some_file(netns) as md5, Vm(netns=netns, nics=nics, **BASE) as guest:
        guest.login()
        set_up(guest)
        check_pings(guest, 0, (100,))
        for address in ("10.9.0.1", "[fd00:9:0::1]"):
            guest.shell(f"(for i in 1 2 3 4 5 6; do wget -q -O - http://{address}:8000/f | md5sum; done >/tmp/sums; "
                        "echo done >>/tmp/sums) 2>/dev/null & true")
            guest.shell("until [ -s /tmp/sums ]; do sleep 0.01; done")
            for up in (False, True):
                guest.qmp.command("set_link", name="net0", up=up)
                guest.shell("sleep 0.5")
            status, output = guest.shell("until grep -q done /tmp/sums; do sleep 0.05; done; cat /tmp/sums; rm /tmp/sums",
                                         timeout=300)
            equal(status, 0)
            equal(re.findall(r"^[0-9a-f]{32}", output, re.M), [md5] * 6, "sums")
        check_frames(guest)


main()
