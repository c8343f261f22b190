#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many connections: a client on a tap opens them all, each sends so many bytes and gets them back, then all idle in
the server's epoll set; the memory that one end holds is what MemFree lost, divided by their number.

usage: tests/net/scale.py [CONNECTIONS [BYTES]]     20000 connections, 65536 bytes each

Prints the figures; exit status 1 when one misses its bar. `make campaign-net-scale` runs it.
"""
import os
import selectors
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.dont_write_bytecode = True

from vm import Vm, build_path  # noqa: E402
from wire import free_memory, taps  # noqa: E402

BAR_BYTES = 2560  # of memory per connection's end
PORT = 7
AT_ONCE = 100  # connections that one client is opening
PER_CLIENT = 5000  # a process may have only so many


class Client:
    """Opens connections and echoes over each; runs in the namespace."""

    def __init__(self, address, count, size):
        self.address, self.count, self.size = address, count, size
        self.payload = bytes(range(256)) * (size // 256)
        self.selector = selectors.DefaultSelector()
        self.open, self.done, self.begun = [], 0, 0

    def begin(self):
        s = socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET)
        s.setblocking(False)
        s.connect_ex((self.address, PORT))
        self.selector.register(s, selectors.EVENT_WRITE, [0, 0])
        self.open.append(s)
        self.begun += 1

    def step(self, s, state, events):
        if events & selectors.EVENT_WRITE and state[0] < self.size:
            state[0] += s.send(self.payload[state[0]:])
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if state[0] < self.size else 0)
            self.selector.modify(s, wanted, state)
        if events & selectors.EVENT_READ:
            data = s.recv(65536)
            if data != self.payload[state[1]:state[1] + len(data)] or not data:
                raise SystemExit(f"wrong bytes after {state[1]} of connection {s.fileno()}")
            state[1] += len(data)
            if state[1] == self.size:
                self.selector.unregister(s)
                self.done += 1

    def run(self):
        while self.done < self.count:
            while self.begun < self.count and self.begun - self.done < AT_ONCE:
                self.begin()
            for key, events in self.selector.select(30) or self.stuck():
                self.step(key.fileobj, key.data, events)

    def stuck(self):
        raise SystemExit(f"nothing happens any more: {self.done} of {self.begun} are done")


def client(address, count, size):
    c = Client(address, count, size)
    c.run()
    print("echoed", flush=True)
    sys.stdin.readline()
    for s in c.open:
        s.close()
    print("closed", flush=True)


def settled_memory(guest):
    """What is free once deferred work has settled."""
    time.sleep(2)
    return free_memory(guest)


def await_closed(guest):
    """Until hardly a TCP socket is left: who closed later than its peer has an ACK to wait for."""
    status, _ = guest.shell("until [ $(awk '/^TCP:/ { print $3 + $5 }' /proc/net/sockstat) -le 10 ]; do sleep 1; done")
    if status != 0:
        raise SystemExit("sockets are left")


def start_client(namespace, address, count, size):
    return subprocess.Popen(
        ["ip", "netns", "exec", namespace, sys.executable, __file__, "--client", address, str(count), str(size)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def measure(guest, namespace, address, count, size):
    before = settled_memory(guest)
    started, left = time.monotonic(), count
    clients = []
    while left:
        clients.append(start_client(namespace, address, min(left, PER_CLIENT), size))
        left -= min(left, PER_CLIENT)
    for process in clients:
        line = process.stdout.readline()
        if line != "echoed\n":
            raise SystemExit(f"a client said {line!r}")
    seconds = time.monotonic() - started
    during = settled_memory(guest)
    _, slabs = guest.shell("awk '$2 > 1000 { print $1, $2, $4 }' /proc/slabinfo")
    for process in clients:
        process.communicate("\n")
    await_closed(guest)
    after = settled_memory(guest)
    each = (before - during) / count
    print(f"{count} connections of {size} bytes in {seconds:.0f} s: {each:.0f} bytes of memory each"
          f" (bar {BAR_BYTES}); {(before - after) // 1024} KiB less free after all were closed")
    print(slabs)
    return each <= BAR_BYTES


def main(count, size):
    with taps("") as (namespace, nics):
        subprocess.run(["ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65000"],
                       check=True)
        with Vm(base="initrd", smp=1, mem="512M", netns=namespace, nics=nics, timeout=1200,
                base_image=build_path("guest/base.img")) as guest:
            guest.login()
            guest.shell("ifconfig eth0 10.9.0.2 netmask 255.255.255.0 up")
            guest.shell(f"/tests/echo {PORT} >/tmp/echo.out & sleep 1; cat /tmp/echo.out")
            ok = measure(guest, namespace, "10.9.0.2", count, size)
    return 0 if ok else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        client(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        sys.exit(main(int((sys.argv[1:] or ["20000"])[0]), int((sys.argv[2:] or ["65536"])[0])))
