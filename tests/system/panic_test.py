#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Panics: what they print, the reset, that three before a healthy boot halt the machine, and that one clears the count.

A trap in the kernel is brought about through QEMU's gdb stub: a function that a file of /proc is shown by, called through
a pointer, is overwritten with what traps, and the file is read.
"""

import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.dont_write_bytecode = True

from harness import check, equal, main, test  # noqa: E402
from vm import Vm  # noqa: E402

# An init that dies until two panics are on the count, then starts the real one.
DYING_INIT = """#!/bin/sh
case $(/bin/busybox dmesg) in
*"panics since the last healthy boot: 2"*) exec /sbin/init ;;
esac
exit 1
"""


@test
def three_panics_halt():
    with Vm(reboot=True, append="init=/bin/false panic=1", smp=2) as guest:
        for count in range(3):
            guest.wait_for(r"^PANIC: init exited with status 1$", panic=True)
            guest.wait_for(r"sys_exit_group\+0x", panic=True)
            guest.wait_for(r"^log:$", panic=True)
            if count < 2:
                guest.wait_for(r"reset in 1 s", panic=True)
                guest.wait_for(rf"panics since the last healthy boot: {count + 1}$", panic=True)
        guest.wait_for(r"3 panics without a healthy boot: halted", panic=True)


@test
def healthy_boot_clears_the_count():
    with tempfile.TemporaryDirectory() as work:
        os.mkdir(os.path.join(work, "root"))
        os.mkdir(os.path.join(work, "root", "tests"))
        script = os.path.join(work, "root", "tests", "init")
        with open(script, "w", encoding="utf-8") as f:
            f.write(DYING_INIT)
        os.chmod(script, 0o755)
        image = os.path.join(work, "image")
        subprocess.run(["make", "-s", "image", f"ROOT_EXTRA={work}/root", f"OUT={image}"], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)
        with Vm(reboot=True, base_image=image, append="init=/tests/init panic=1") as guest:
            guest.wait_for(r"panics since the last healthy boot: 2$", panic=True)
            guest.login()
            guest.send("reboot\n")
            guest.wait_for(r"^PANIC: init exited with status 1$", panic=True)
            guest.wait_for(r"panics since the last healthy boot: 1$", panic=True)


@test
def nothing_to_mount():
    with Vm(base="none", append="panic=1") as guest:
        guest.wait_for(r"^PANIC: nothing to mount as /: no disk and no initrd holds an image$", panic=True)
        guest.wait_exit()


# ---- Traps in the kernel

VICTIM, VICTIM_FILE = "show_ngroups_max", "/proc/sys/kernel/ngroups_max"
STUB_WAIT = 180  # seconds; hosts stall

NOP, LANDING_PAD, UNDEFINED = 0xd503201f, 0xd503245f, 0
FRAME = (0xa9bf7bfd, 0x910003fd)  # stp x29, x30, [sp, #-16]!; mov x29, sp
X8_IS_0, X8_IS_WILD, CALL_X8, LOAD_X8 = 0xd2800008, 0x92800068, 0xd63f0100, 0xf9400108  # wild: -4
CALL_SELF = 0x97fffffd  # bl to three instructions before


class Debugger:
    """Talks to QEMU's gdb stub; the machine stands while it is connected."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(STUB_WAIT)
        self.sock.connect(path)
        self.stream = self.sock.makefile("rb")
        self.ask("?")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ask("D")
        self.stream.close()
        self.sock.close()

    def receive(self):
        """The next packet, acknowledged; what stands between packets is acknowledgements."""
        while (c := self.stream.read(1)) != b"$":
            check(c, "QEMU's stub has gone")
        reply = b""
        while (c := self.stream.read(1)) != b"#":
            check(c, "QEMU's stub has gone")
            reply += c
        self.stream.read(2)
        self.sock.sendall(b"+")
        return reply.decode("ascii")

    def ask(self, command):
        data = command.encode("ascii")
        self.sock.sendall(b"$" + data + b"#" + b"%02x" % (sum(data) % 256))
        reply = self.receive()
        while command != "?" and reply.startswith("T"):
            reply = self.receive()  # that it stands now, which nobody asked
        return reply

    def cpu_in_kernel(self, cpus, address):
        """Chooses a CPU that can read the kernel at that address, as one in user mode cannot; None if there is none."""
        for cpu in range(1, cpus + 1):
            if self.ask(f"Hg{cpu:x}") == "OK" and not self.ask(f"m{address:x},4").startswith("E"):
                return cpu
        return None


def overwrite(path, cpus, address, words):
    """Writes instructions to the kernel's memory once a CPU stands in the kernel: an idle machine's nearly always do."""
    data, deadline = struct.pack(f"<{len(words)}I", *words).hex(), time.monotonic() + STUB_WAIT
    while time.monotonic() < deadline:
        with Debugger(path) as gdb:
            if gdb.cpu_in_kernel(cpus, address) is None:
                continue
            equal(gdb.ask(f"M{address:x},{len(data) // 2:x}:{data}"), "OK", "answer to a write")
            equal(gdb.ask(f"m{address:x},{len(data) // 2:x}"), data, "memory after the write")
            return
    raise AssertionError("no CPU came by in the kernel")


def symbol(name):
    done = subprocess.run(["llvm-nm-19", os.path.join(BUILD, "kernel.elf")], check=True, capture_output=True, text=True)
    found = [line.split()[0] for line in done.stdout.splitlines() if line.split()[-1] == name]
    equal(len(found), 1, f"symbols named {name}")
    return int(found[0], 16)


def trap(reason, words, first_frames, at=0, smp=1, **machine):
    """Overwrites the victim from `at` on, reads its file, and sees the panic from its reason to the reset."""
    path = os.path.join(tempfile.mkdtemp(dir=os.environ.get("TEST_TMP")), "gdb")
    stub = ("-chardev", f"socket,id=gdb,path={path},server=on,wait=off", "-gdb", "chardev:gdb")
    with Vm(smp=smp, base="initrd", append="panic=3 nokaslr", extra=stub, **machine) as guest:
        guest.login()
        overwrite(path, smp, symbol(VICTIM) + at, words)
        began = time.monotonic()
        guest.send((smp - 1) * "(while :; do :; done) & " + f"read x <{VICTIM_FILE}\n")
        guest.wait_for(rf"^PANIC: {reason}", panic=True)
        guest.wait_for(r"^pc \w{16} sp ffff\w{12} pstate \w{8}\nx0  \w{16} x1  \w{16} x2  \w{16}\n", panic=True)
        guest.wait_for(r"^x30 \w{16}\nbacktrace:\n" + "".join(rf"  {f}\n" for f in first_frames), panic=True)
        backtrace = guest.wait_for(r"(?:  [a-z_0-9]+\+0x[0-9a-f]+\n)+(?=log:\n)", panic=True).group(0)
        for frame in ("sys_read+", "syscall_dispatch+"):
            check(f"  {frame}" in backtrace, f"no {frame} in the backtrace")
        guest.wait_for(r"^  \[\d+\.\d{6}\] [\w-]+: .+\n", panic=True)
        guest.wait_for(r"^reset in 3 s$", panic=True)
        guest.wait_for(r"^reset in 2 s\nreset in 1 s\n", panic=True)
        equal(guest.wait_exit(), "guest-reset", "the end")
        check(time.monotonic() - began > 2, "the countdown is too fast")


@test
def a_jump_to_nowhere():
    """On four CPUs, of which three compute: nobody talks into what it prints."""
    words = (LANDING_PAD, *FRAME, X8_IS_WILD, CALL_X8)
    for smp in (1, 4):
        trap(r"the kernel jumped to 0xfffffffffffffffc", words, ("0xfffffffffffffffc", rf"{VICTIM}\+0x14"), smp=smp)


@test
def a_call_of_null():
    trap(r"the kernel jumped to 0 ", (LANDING_PAD, *FRAME, X8_IS_0, CALL_X8), ("0", rf"{VICTIM}\+0x14"), smp=2)


@test
def a_load_from_null():
    trap(r"the kernel accessed 0, which it may not", (LANDING_PAD, *FRAME, X8_IS_0, LOAD_X8), (rf"{VICTIM}\+0x10",))


@test
def an_undefined_instruction():
    trap(r"undefined instruction in the kernel$", (LANDING_PAD, *FRAME, UNDEFINED), (rf"{VICTIM}\+0xc",))


@test
def a_call_of_the_wrong_kind_of_function():
    """The compiler's hash of the type, before the function, is another one: the caller finds out."""
    trap(r"an indirect call went to the wrong kind of function: target=0xffff", (0x12345678,), (), at=-4)


@test
def a_missed_landing_pad():
    trap(r"an indirect branch missed its landing pad$", (NOP, NOP), (rf"{VICTIM}\+0",), cpu="max,pauth-impdef=on", gic=3)


@test
def a_recursion_without_end():
    """The frames that are shown are the deepest: all of them the victim's."""
    path = os.path.join(tempfile.mkdtemp(dir=os.environ.get("TEST_TMP")), "gdb")
    stub = ("-chardev", f"socket,id=gdb,path={path},server=on,wait=off", "-gdb", "chardev:gdb")
    with Vm(smp=2, base="initrd", append="panic=1 nokaslr", extra=stub) as guest:
        guest.login()
        overwrite(path, 2, symbol(VICTIM), (LANDING_PAD, *FRAME, CALL_SELF))
        guest.send(f"cat {VICTIM_FILE}\n")
        guest.wait_for(r"^PANIC: kernel stack overflow: sp=0xffff", panic=True)
        guest.wait_for(rf"^backtrace:\n  {VICTIM}\+0x\w+\n(  {VICTIM}\+0x10\n){{10,}}log:\n", panic=True)
        equal(guest.wait_exit(), "guest-reset", "the end")


main()
