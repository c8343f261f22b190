# SPDX-License-Identifier: MIT
"""Wires for guests: taps in a network namespace of the test's own, and what a guest's counters must come to."""

import contextlib
import os
import re
import subprocess

from harness import equal
from vm import Nic


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


@contextlib.contextmanager
def taps(*options, queues=1, mtu=1500):
    """A network namespace with the taps t0, t1, … for devices with these options; 10.9.N.1/24 and fd00:9:N::1/64 are on
    tap N. Gives the namespace's name and the devices."""
    name = f"swos-wire-{os.getpid()}"
    several = ("multi_queue",) if queues > 1 else ()
    nics = []
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        for n, option in enumerate(options):
            ip("-n", name, "tuntap", "add", f"t{n}", "mode", "tap", "vnet_hdr", *several)
            ip("-n", name, "address", "add", f"10.9.{n}.1/24", "dev", f"t{n}")
            ip("-n", name, "address", "add", f"fd00:9:{n}::1/64", "dev", f"t{n}", "nodad")
            ip("-n", name, "link", "set", f"t{n}", "mtu", str(mtu), "up")
            nics.append(Nic(f"tap,ifname=t{n},script=no,downscript=no", queues=queues, options=option))
        yield name, tuple(nics)
    finally:
        ip("netns", "delete", name)


def counters(guest):
    """What /proc/swos/net says: name -> count."""
    status, output = guest.shell("cat /proc/swos/net")
    equal(status, 0)
    return {m.group(1): int(m.group(2)) for m in re.finditer(r"^\w+ (\w+) (-?\d+)$", output, re.M)}


LINK_DROPS = ("too_short", "ethertype_unknown", "other_host", "interface_down", "backlog_full", "rx_no_memory",
              "rx_device_header")


def link_sum(now):
    """Frames whose way on the link layer ended: delivered, coalesced or dropped with a reason."""
    return now["delivered"] + now["coalesced"] + sum(now[name] for name in LINK_DROPS)


def check_frames(guest):
    """Each frame that came in has ended. Gives the counters."""
    now = counters(guest)
    equal(now["frames_in"], link_sum(now), "frames in")
    return now


def free_memory(guest):
    """MemFree in bytes."""
    _, text = guest.shell("grep MemFree /proc/meminfo")
    return int(re.search(r"MemFree: *(\d+)", text).group(1)) * 1024
