#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Floods: 20,000 segments a second and more against a listener with a backlog of 128, SYNs, forged ACKs and RSTs, from
addresses at random and in the name of an established connection, over both versions of IP. Meanwhile a transfer goes on
and new clients connect.

Memory is what the flood costs, so that the transfer is held for each look at it: what was sent has come back, nothing is in
flight, and no buffer holds anything. Looked at before the flood, while it goes on, and after it has ended.

usage: tests/net/flood.py [SECONDS [RATE]]     of each flood (60, 20000)

Prints a line for each flood; exit status 1 when a bar is missed. `make campaign-net-flood` runs it.
"""
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.dont_write_bytecode = True

from vm import Vm, build_path  # noqa: E402
from wire import taps  # noqa: E402

GOODPUT_BAR, CONNECT_BAR, MEMORY_BAR = 0.5, 3.0, 1 << 20
HOLD = 30  # seconds until what is under way must have come back
CLIENTS, PORT, MAC = 20, 7, "52:54:00:53:57:01"
ADDRESS = {4: "10.9.0.2", 6: "fd00:9::2"}
OWN = {4: "10.9.0.1", 6: "fd00:9::1"}
WSCALE, SACK = 4, 2  # tcp_info.tcpi_options


class Transfer(threading.Thread):
    """One connection that echoes without end but while it is held; bytes counts what came back."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.socket = socket.create_connection((address, PORT), 5)
        self.bytes, self.sent, self.error = 0, 0, None
        self.block = os.urandom(1 << 16)
        self.going, self.held = threading.Event(), threading.Event()
        self.going.set()

    def send_all(self):
        try:
            while True:
                if not self.going.is_set():
                    self.held.set()
                    self.going.wait()
                self.socket.sendall(self.block)
                self.sent += len(self.block)
        except OSError:
            pass

    def hold(self):
        """Sends no more and waits until all that was sent has come back; whether it has."""
        end = time.monotonic() + HOLD
        self.held.clear()
        self.going.clear()
        if not self.held.wait(HOLD):
            return False
        while self.bytes != self.sent and time.monotonic() < end:
            time.sleep(0.02)
        return self.bytes == self.sent

    def resume(self):
        self.going.set()

    def run(self):
        threading.Thread(target=self.send_all, daemon=True).start()
        at = 0
        try:
            while True:
                data = self.socket.recv(1 << 16)
                expected = (self.block * 2)[at:at + len(data)]
                if not data or data != expected:
                    raise OSError("wrong bytes" if data else "the end")
                at = (at + len(data)) % len(self.block)
                self.bytes += len(data)
        except OSError as error:
            self.error = error

    def rate(self, seconds):
        before = self.bytes
        time.sleep(seconds)
        return (self.bytes - before) / seconds


def connect(address):
    """Seconds until a new client was connected and answered; None: not in time, or without scaling or SACK."""
    begin = time.monotonic()
    try:
        with socket.create_connection((address, PORT), CONNECT_BAR) as s:
            s.settimeout(CONNECT_BAR)
            s.sendall(b"x")
            if s.recv(1) != b"x":
                return None
            options = struct.unpack_from("6B", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8))[5]
            return time.monotonic() - begin if options & WSCALE and options & SACK else None
    except OSError:
        return None


def look(transfer, when):
    """Has the memory looked at while the transfer is held."""
    still = transfer.hold()
    time.sleep(0.5)  # the last ACK
    print(f"{when} {'held' if still else 'moving'}", flush=True)
    sys.stdin.readline()
    transfer.resume()


def inside(seconds, rate):
    """Runs in the namespace, asked line by line: "VERSION KIND random|own"; says when memory is to be looked at, then
    prints goodput before and during, new clients that connected, the slowest of them, and frames sent."""
    for line in sys.stdin:
        version, kind, source = line.split()
        address = ADDRESS[int(version)]
        transfer = Transfer(address)
        transfer.start()
        time.sleep(1)
        quiet = transfer.rate(5)
        look(transfer, "before")
        command = [build_path("host/flood"), "t0", MAC, kind, address, str(PORT), str(rate), str(seconds)]
        if source == "own":
            command += [OWN[int(version)], str(transfer.socket.getsockname()[1])]
        flood = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        time.sleep(1)
        measured = transfer.rate(max(seconds - 12, 2))
        look(transfer, "during")
        times = [connect(address) for _ in range(CLIENTS)]
        outlasted = flood.poll() is None
        sent = int(flood.communicate()[0])
        time.sleep(2)
        look(transfer, "after")
        good = [t for t in times if t is not None]
        state = "the flood ended too soon" if not outlasted else "alive" if transfer.error is None else transfer.error
        print(f"{quiet:.0f} {measured:.0f} {len(good)} {max(good, default=0):.2f} {sent} {state}", flush=True)
        transfer.socket.close()


def memory(guest):
    """KiB by name: what is free, and where the rest went as far as the system tells."""
    text = guest.shell("cat /proc/meminfo /proc/net/sockstat")[1]
    kib = {name: int(value) for name, value in re.findall(r"^([A-Za-z()_]+): *(\d+) kB", text, re.M)}
    kib["TCP"] = 4 * int(re.search(r"^TCP: .* mem (\d+)", text, re.M).group(1))
    kib["FRAG"] = int(re.search(r"^FRAG: .* memory (\d+)", text, re.M).group(1)) // 1024
    return kib


def difference(before, now):
    """How many bytes of memory more are used, and a text that says of what."""
    grown = before["MemFree"] - now["MemFree"]
    parts = [f"{name} {now[name] - before[name]:+}" for name in
             ("TCP", "FRAG", "Slab", "AnonPages", "Cached", "PageTables", "KernelStack") if now[name] != before[name]]
    return grown << 10, f"{grown:+} KiB{' (' + ', '.join(parts) + ')' if parts else ''}"


def watch(guest, client):
    """Looks at memory whenever the client says; by when, and whether the transfer was held each time."""
    seen, held = {}, True
    for when in ("before", "during", "after"):
        words = client.stdout.readline().split()
        if words[:1] != [when]:
            raise SystemExit("the client ended")
        held &= words[1] == "held"
        seen[when] = memory(guest)
        client.stdin.write("\n")
        client.stdin.flush()
    return seen, held


def one(guest, client, version, kind, source, seconds):
    client.stdin.write(f"{version} {kind} {source}\n")
    client.stdin.flush()
    seen, held = watch(guest, client)
    quiet, during, good, slowest, sent, alive = client.stdout.readline().split(maxsplit=5)
    share = int(during) / max(int(quiet), 1)
    (most, then), (left, later) = (difference(seen["before"], seen[when]) for when in ("during", "after"))
    ok = (share >= GOODPUT_BAR and int(good) == CLIENTS and max(most, left) <= MEMORY_BAR and held
          and alive.strip() == "alive")
    print(f"IPv{version} {kind:3} {source:6}: {int(sent) / seconds:.0f} frames/s; goodput {share:.2f} of "
          f"{int(quiet) / 1e6:.1f} MB/s; {good} of {CLIENTS} connected, the slowest in {slowest} s; memory "
          f"during it {then}, after it {later}; transfer {'' if held else 'never still, '}{alive.strip()}"
          f"{'' if ok else '  MISSED'}", flush=True)
    return ok


def main(seconds, rate):
    # Neither ends nor flood wait for who else works on this machine; all inherit it.
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    with taps("") as (namespace, nics):
        with Vm(base="initrd", smp=1, mem="256M", netns=namespace, nics=nics, timeout=1800,
                base_image=build_path("guest/base.img")) as guest:
            guest.login()
            guest.shell("ifconfig eth0 10.9.0.2 netmask 255.255.255.0 up; ip address add fd00:9::2/64 dev eth0")
            guest.shell("ip route add default via 10.9.0.1; ip -6 route add default via fd00:9::1; sleep 2")
            guest.shell(f"/tests/echo {PORT} 128 >/tmp/echo.out & sleep 1; cat /tmp/echo.out")
            client = subprocess.Popen(["ip", "netns", "exec", namespace, sys.executable, __file__, "--client",
                                       str(seconds), str(rate)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            results = [one(guest, client, version, kind, source, seconds)
                       for version in (4, 6)
                       for kind, source in (("syn", "random"), ("ack", "random"), ("ack", "own"), ("rst", "random"),
                                            ("rst", "own"))]
            client.stdin.close()
            client.wait()
    return 0 if all(results) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        inside(float(sys.argv[2]), int(sys.argv[3]))
    else:
        sys.exit(main(float((sys.argv[1:] or ["60"])[0]), int((sys.argv[2:] or ["20000"])[0])))
