#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Device trees that lie: the machine does without what they name wrongly, or says in one line why it cannot, and nothing
is written to what is no device: the initrd's signature tells of a byte that was."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.dont_write_bytecode = True

from harness import check, contains, main, test  # noqa: E402
from vm import Machine, Vm  # noqa: E402

TMP = os.environ.get("TEST_TMP", "/tmp")
RTC, UART, GIC, VIRTIO = "/pl031@9010000", "/pl011@9000000", "/intc@8000000", "/virtio_mmio@a000000"
# With 256 MiB of RAM from 0x40000000, QEMU puts the initrd at 0x48000000.
INITRD = 0x48000000


def tree(name, edits, gic=2):
    """QEMU's device tree with (node, property, cells) set, where a property of None removes the node. Its path."""
    path = os.path.join(TMP, name + ".dtb")
    options = Machine(base="none", rng=False, smp=2, gic=gic)
    options.machine = f"dumpdtb={path}"
    argv = options.command()
    at = argv.index("-kernel")  # whose tree it is does not depend on it
    subprocess.run(argv[:at] + argv[at + 2:], check=True, capture_output=True)
    for node, prop, *cells in edits:
        if prop is None:
            subprocess.run(["fdtput", "-r", path, node], check=True)
        else:
            subprocess.run(["fdtput", "-t", "x", path, node, prop, *(f"{c:x}" for c in cells)], check=True)
    return path


def range_of(base, size):
    return base >> 32, base & 0xffffffff, 0, size


def machine(name, *edits, gic=2):
    return Vm(base="initrd", rng=False, smp=2, gic=gic, append="panic=1", extra=("-dtb", tree(name, edits, gic)))


def works(name, line, *edits, gic=2):
    """Somebody can log in and read the image, and the log has the line."""
    with machine(name, *edits, gic=gic) as vm:
        vm.login()
        contains(vm.shell("cat /bin/busybox /bin/bash >/dev/null; echo status $?")[1], "status 0")
        log = vm.shell("dmesg")[1]
        check(re.search(line, log), f"no {line!r} in {log}")


def stops(name, line, *edits, gic=2):
    with machine(name, *edits, gic=gic) as vm:
        vm.wait_for(rf"^PANIC: {line}", panic=True)
        vm.wait_for(r"reset in 1 s", panic=True)


@test
def devices_in_ram_are_left_alone():
    in_ram = "device registers are not in RAM: base=0x48000"
    works("rtc", in_ram + "(.*\n)+.*the date is 1970", (RTC, "reg", *range_of(INITRD, 0x1000)))
    works("virtio", in_ram, (VIRTIO, "reg", *range_of(INITRD, 0x200)))


@test
def a_distributor_in_ram_is_none():
    stops("gic2", "no interrupt controller", (GIC, "reg", *range_of(INITRD, 0x10000), *range_of(INITRD + 0x10000, 0x10000)))
    stops("gic3", "no interrupt controller", (GIC, "reg", *range_of(INITRD, 0x10000), *range_of(0x80a0000, 0xf60000)), gic=3)


@test
def a_distributor_where_nothing_is():
    """A hole of the bus reads as zeroes and swallows what is written."""
    with machine("hole", (GIC, "reg", *range_of(0x20000000, 0x10000), *range_of(0x20010000, 0x10000))) as vm:
        vm.wait_for(r"interrupt controller is not there: GICD_CTLR=0", panic=True)
        vm.wait_for(r"^PANIC: no interrupt controller", panic=True)


@test
def a_serial_port_in_ram_is_none():
    """The kernel's own lines go to the default port; programs have none."""
    with machine("uart", (UART, "reg", *range_of(INITRD, 0x1000))) as vm:
        vm.wait_for(r"the serial port cannot be mapped: programs have no console$")
        vm.wait_for(r"initrd: swos-base generation \d+")  # its signature is right


@test
def interrupts_that_cannot_be():
    stops("timer-shared", "no virtual timer interrupt", ("/timer", "interrupts", *(0, 13, 4) * 4))
    stops("timer-huge", "no virtual timer interrupt", ("/timer", "interrupts", *(1, 0xffff, 4) * 4))
    works("virtio-huge", r"virtio-mmio@a000000: no interrupt|swos-base", (VIRTIO, "interrupts", 0, 0xffffffff, 1))


@test
def what_is_missing_is_named():
    stops("no-gic", "no interrupt controller", (GIC, None))
    stops("no-timer", "no virtual timer interrupt", ("/timer", None))
    works("no-cpus", "swos-base", ("/cpus", None))


main()
