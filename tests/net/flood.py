#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Floods: 20,000 segments a second and more against a listener with a backlog of 128, SYNs, forged ACKs and RSTs, from
addresses at random and in the name of an established connection, over both versions of IP. Meanwhile a transfer goes on
and new clients connect.

usage: tests/net/flood.py [SECONDS [RATE]]     of each flood (60, 20000)

Prints a line for each flood; exit status 1 when a bar is missed. `make campaign-net-flood` runs it.
"""
import os
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
from wire import free_memory, taps  # noqa: E402

GOODPUT_BAR, CONNECT_BAR, MEMORY_BAR = 0.5, 3.0, 1 << 20
CLIENTS, PORT, MAC = 20, 7, "52:54:00:53:57:01"
ADDRESS = {4: "10.9.0.2", 6: "fd00:9::2"}
OWN = {4: "10.9.0.1", 6: "fd00:9::1"}
WSCALE, SACK = 4, 2  # tcp_info.tcpi_options


class Transfer(threading.Thread):
    """One connection that echoes without end; bytes counts what came back."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.socket = socket.create_connection((address, PORT), 5)
        self.bytes, self.error = 0, None
        self.block = os.urandom(1 << 16)

    def send_all(self):
        try:
            while True:
                self.socket.sendall(self.block)
        except OSError:
            pass

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


def inside(seconds, rate):
    """Runs in the namespace, asked line by line: "VERSION KIND random|own"; prints goodput before and during, new
    clients that connected, the slowest of them, and frames sent."""
    for line in sys.stdin:
        version, kind, source = line.split()
        address = ADDRESS[int(version)]
        transfer = Transfer(address)
        transfer.start()
        time.sleep(1)
        quiet = transfer.rate(5)
        command = [build_path("host/flood"), "t0", MAC, kind, address, str(PORT), str(rate), str(seconds)]
        if source == "own":
            command += [OWN[int(version)], str(transfer.socket.getsockname()[1])]
        flood = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        time.sleep(1)
        measured = transfer.rate(max(seconds - 12, 2))
        print("memory", flush=True)
        sys.stdin.readline()
        times = [connect(address) for _ in range(CLIENTS)]
        sent = int(flood.communicate()[0])
        good = [t for t in times if t is not None]
        print(f"{quiet:.0f} {measured:.0f} {len(good)} {max(good, default=0):.2f} {sent} "
              f"{'alive' if transfer.error is None else transfer.error}", flush=True)
        transfer.socket.close()


def one(guest, client, version, kind, source, seconds):
    # The transfer's buffers are part of what the quiet machine holds.
    client.stdin.write(f"{version} {kind} {source}\n")
    client.stdin.flush()
    time.sleep(4)
    before = free_memory(guest)
    if client.stdout.readline() != "memory\n":
        raise SystemExit("the client ended")
    grown = before - free_memory(guest)
    client.stdin.write("\n")
    client.stdin.flush()
    quiet, during, good, slowest, sent, alive = client.stdout.readline().split(maxsplit=5)
    share = int(during) / max(int(quiet), 1)
    ok = share >= GOODPUT_BAR and int(good) == CLIENTS and grown <= MEMORY_BAR and alive.strip() == "alive"
    print(f"IPv{version} {kind:3} {source:6}: {int(sent) / seconds:.0f} frames/s; goodput {share:.2f} of "
          f"{int(quiet) / 1e6:.1f} MB/s; {good} of {CLIENTS} connected, the slowest in {slowest} s; memory "
          f"{grown // 1024:+} KiB; transfer {alive.strip()}{'' if ok else '  MISSED'}", flush=True)
    return ok


def main(seconds, rate):
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
