#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The kernel's IP stack, on the host, against Linux: over a tap in a network namespace of its own."""

import contextlib
import ipaddress
import subprocess
import sys

from harness import contains, equal, main, test
from vm import build_path
from wire import add_tap, namespace

STACK = build_path("asan/net_tap")
OURS4, PEER4, OURS6, PEER6 = "10.9.0.1", "10.9.0.2", "2001:db8:9::1", "2001:db8:9::2"

# Runs in the namespace: `echo ADDRESS SIZE`, `udp ADDRESS SIZE`, `refused ADDRESS`.
PEER = r"""
import os, socket, struct, sys, time
what, address, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
v6 = ":" in address
family = socket.AF_INET6 if v6 else socket.AF_INET
data = bytes((i * 7 + i // 256) & 255 for i in range(size))

def checksum(b):
    b += b"\0" * (len(b) % 2)
    s = sum(struct.unpack(f"!{len(b) // 2}H", b))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff

def echo():
    s = socket.socket(family, socket.SOCK_RAW, 58 if v6 else 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.settimeout(5)
    m = struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, os.getpid() & 0xffff, 1) + data
    if not v6:
        m = m[:2] + struct.pack("!H", checksum(m)) + m[4:]
    s.sendto(m, (address, 0))
    while True:
        got = s.recv(70000)
        got = got if v6 else got[(got[0] & 15) * 4:]
        if got[0] == (129 if v6 else 0) and got[4:6] == m[4:6]:
            print("same" if got[8:] == data else "different")
            return

def udp():
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.connect((address, 7 if what == "udp" else 9))
    s.send(data)
    try:
        print("same" if s.recv(70000) == data else "different")
    except ConnectionRefusedError:
        print("refused")

deadline = time.monotonic() + 100
while True:
    try:
        echo() if what == "echo" else udp()
        break
    except (TimeoutError, OSError) as e:
        if time.monotonic() > deadline:
            print("failed", e)
            break
"""


def in_hex(address):
    packed = ipaddress.ip_address(address).packed
    return (packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed).hex()


@contextlib.contextmanager
def stack(mtu):
    """The stack on one end of a tap, Linux on the other; gives the namespace's name."""
    with namespace("ip") as name:
        add_tap(name, 0, (f"{PEER4}/24", f"{PEER6}/64"), mtu=mtu, vnet_headers=False)
        with subprocess.Popen(
                ["ip", "netns", "exec", name, STACK, "t0", str(mtu), f"{in_hex(OURS4)}/24", f"{in_hex(OURS6)}/64"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            equal(process.stdout.readline().strip(), "ready")
            yield name
            process.stdin.close()
            errors = process.stderr.read()
            equal((process.wait(timeout=200), errors), (0, ""), "the stack's end")


def run_in(netns, *command):
    return subprocess.run(["ip", "netns", "exec", netns, *command], check=True, text=True, stdout=subprocess.PIPE,
                          timeout=300).stdout.strip()


def peer(netns, what, address, size=1):
    return run_in(netns, sys.executable, "-c", PEER, what, address, str(size))


def exchange(mtu):
    with stack(mtu) as netns:
        for address in OURS4, OURS6:
            for size in 0, 56, 1400, 1473, 9000, 30000, 65000:
                equal(peer(netns, "echo", address, size), "same", f"echo of {size} bytes, MTU {mtu}, {address}")
            for size in 1, 1473, 20000, 60000:
                equal(peer(netns, "udp", address, size), "same", f"UDP echo of {size} bytes, MTU {mtu}, {address}")
            equal(peer(netns, "refused", address), "refused", f"a port that is not bound, {address}")
        known = run_in(netns, "ip", "neigh")
        contains(known, OURS4)
        contains(known, OURS6)


@test
def echo_and_datagrams_of_any_size_with_an_mtu_of_1500():
    exchange(1500)


@test
def echo_and_datagrams_of_any_size_with_an_mtu_of_9000():
    exchange(9000)


if __name__ == "__main__":
    main()
