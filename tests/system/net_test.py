#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Network devices: absent, one, several, with and without what a device may have; links that come and go; frames both
ways between the guest and a tap in a network namespace of its own."""

import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.dont_write_bytecode = True

from harness import check, contains, equal, main, test  # noqa: E402
from vm import Nic, Vm, build_path  # noqa: E402
from wire import SECONDS, check_frames, counters, taps  # noqa: E402

BASE = {"base": "initrd", "smp": 4}
HUB = "hubport,hubid=0"  # carries frames to nobody


def devices(guest):
    """What /proc/net/dev says: name -> its sixteen numbers."""
    status, output = guest.shell("cat /proc/net/dev")
    equal(status, 0)
    return {m.group(1): [int(n) for n in m.group(2).split()]
            for m in re.finditer(r"^ *(\w+): +([\d ]+)$", output, re.M)}


def wait_for_frames(guest, count):
    """Waits until eth0 has received so many; a frame that somebody has sent is on its way for a while."""
    deadline = time.monotonic() + SECONDS
    while devices(guest)["eth0"][1] < count:
        check(time.monotonic() < deadline, "frames to a device that is up do not arrive")


def wait_for_log(guest, line):
    """Waits until the kernel's log has the line."""
    status, output = guest.shell(f"i=0; until dmesg | grep -q '{line}'; do i=$((i+1)); [ $i -lt 1000 ] || break; "
                                 f"sleep 0.01; done; dmesg | grep '{line}' | tail -1")
    equal(status, 0)
    contains(output, line)


@test
def none_is_one_line():
    with Vm(**BASE) as guest:
        guest.login()
        status, output = guest.shell("dmesg | grep net:")
        equal((status, output.count("\n")), (0, 1))
        contains(output, "net: no network device")
        equal(list(devices(guest)), ["lo"])


@test
def announced_with_what_they_have():
    cases = (
        (Nic(HUB), "mtu 1500, 1 queue, link up"),
        (Nic(HUB, options="host_mtu=9000"), "mtu 9000, 1 queue, link up"),
        (Nic(HUB, options="mrg_rxbuf=off,ctrl_vq=off,event_idx=off,indirect_desc=off"), "mtu 1500, 1 queue, link up"),
        (Nic(HUB, options="csum=off,guest_csum=off,status=off"), "mtu 1500, 1 queue, link up"),
        (Nic(HUB, options="speed=2500,duplex=full"), "1 queue, link up, 2500 Mbit/s"),
    )
    for nic, line in cases:
        with Vm(nics=(nic,), **BASE) as guest:
            guest.wait_for(r"net: eth0: 52:54:00:53:57:01, .*" + line + "$")
            guest.wait_for(r"login: ")


@test
def several_in_order():
    with Vm(nics=(HUB, Nic(HUB, mac="02:00:00:00:00:99"), HUB), **BASE) as guest:
        guest.wait_for(r"eth0: 52:54:00:53:57:01,")
        guest.wait_for(r"eth1: 02:00:00:00:00:99,")
        guest.wait_for(r"eth2: 52:54:00:53:57:03,")
        guest.login()
        equal(list(devices(guest)), ["lo", "eth0", "eth1", "eth2"])


@test
def link_comes_and_goes():
    with Vm(nics=(HUB,), **BASE) as guest:
        guest.login()
        was = True
        for up in (False, False, True, True, False, True):
            guest.shell("dmesg -c >/dev/null")
            guest.qmp.command("set_link", name="net0", up=up)
            if up != was:  # each change is seen before there is another
                wait_for_log(guest, "eth0: link is " + ("up" if up else "down"))
            was = up


@test
def frames_both_ways_over_a_tap():
    shapes = ((1, ""), (4, ""), (1, "mrg_rxbuf=off,ctrl_vq=off,event_idx=off"), (2, "csum=off,guest_csum=off"))
    for queues, options in shapes:
        with taps(options, queues=queues) as (netns, nics), Vm(netns=netns, nics=nics, **BASE) as guest:
            guest.login()
            equal(guest.shell("ifconfig eth0 10.9.0.2 netmask 255.255.255.0 up")[0], 0)
            for size in (0, 100, 1472, 8000):
                status, output = guest.shell(f"ping -c 5 -s {size} 10.9.0.1")
                check(status == 0 and "5 packets received" in output, output)
            check_frames(guest)
            check(devices(guest)["eth0"][1] >= 20 and devices(guest)["eth0"][9] >= 20, devices(guest))


def broadcast(netns):
    """Five frames for everybody on the tap."""
    program = """import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for _ in range(5): s.sendto(b"x", ("10.9.0.255", 9))"""
    subprocess.run(["ip", "netns", "exec", netns, sys.executable, "-c", program], check=True)


@test
def senders_are_charged_for_what_waits():
    """In a neighbour's queue and in a device's: memory charged is memory held, and a send buffer bounds it."""
    with taps("") as (netns, nics), Vm(netns=netns, nics=nics, base_image=build_path("guest/base.img"), **BASE) as guest:
        guest.login()
        equal(guest.shell("ifconfig eth0 10.9.0.2 netmask 255.255.255.0 up")[0], 0)
        for command in ("charged_while_unresolved 10.9.0.77", "paced_by_the_device 10.9.0.1"):
            status, output = guest.shell(f"/tests/guest +{command}")
            check(status == 0, output)
        check_frames(guest)


@test
def frames_to_a_device_that_is_down_reach_nobody():
    with taps("") as (netns, nics), Vm(netns=netns, nics=nics, **BASE) as guest:
        guest.login()
        before = devices(guest)["eth0"][1]
        broadcast(netns)
        wait_for_frames(guest, before + 5)
        equal(guest.shell("ifconfig eth0 down")[0], 0)
        before = counters(guest)
        broadcast(netns)
        now = check_frames(guest)
        equal(now["delivered"], before["delivered"], "delivered")
        check(now["rx_device_header"] == 0 and now["device_gone"] == 0, now)


main()
