#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The guest's program of tests, one boot for all of them: on one, four and eight CPUs, both interrupt controllers, with
and without pointer authentication, and on the debug kernel (heap checker, lock-order checker, fault injection), which can also make a CPU late.
A terminal under everything at once has boots of its own, as what it prints and is typed is not to be read.

The hostile tests have a program of their own (hostile_test.py); those marked slow run only when they are named.

usage: guest_test.py [MACHINE]…
"""

import random
import re
import sys
import threading

from vm import Vm, VmError, build_path, debug_kernel, run_in_guest

DEBUG_KERNEL = build_path("debug/kernel.img")
MACHINES = {
    "smp1": {"smp": 1},
    "smp4": {"smp": 4, "cpu": "max,pauth-impdef=on", "gic": 3, "base": "virtio"},
    "smp8": {"smp": 8, "gic": 3},
    "debug": {"smp": 4, "kernel": DEBUG_KERNEL},
}


# What is left out where another machine does the same. The debug kernel runs all.
# TCP's tests are there three times: over IPv4, over IPv6, and over IPv4 between sockets of IPv6; the other machines run
# one each. Races want as many CPUs as there are, or one, where only preemption makes them.
LEFT_OUT = {"smp1": "-tcp_*_v4 -tcp_*_dual -fd_hundred_thousand",
            "smp4": "-tcp_*_v6 -tcp_*_dual -race_* -memory_stress*",
            "smp8": "-tcp_*_v4 -tcp_*_v6 -fd_hundred_thousand"}


def run(name, machine):
    """Runs the tests on one machine and prints their results with its name; returns how many failed."""
    machine = {"base": "initrd", "mem": "512M", **machine}
    try:
        _, output = run_in_guest(f"/tests/guest -hostile* {LEFT_OUT.get(name, '')}", timeout=1700, base_image=build_path("guest/base.img"),
                                 append="loglevel=4", **machine)
    except VmError as e:
        print(f"not ok {name}: {e}", flush=True)
        return 1
    results = re.findall(r"^(ok|not ok) (\w+)(.*)$", output, re.M)
    failed = [r for r in results if r[0] != "ok"]
    if failed or not results:
        print(output)
    for verdict, test, why in results:
        print(f"{verdict} {test}@{name}{why}")
    sys.stdout.flush()
    return len(failed) + (not results)


def run_late():
    """A CPU that comes after it was given up parks, and the machine works with the others."""
    wanted = "3\n30000\n"
    try:
        _, output = run_in_guest("nproc; seq 30000 | sort -n | tail -n 1", base="initrd", smp=4, gic=3, kernel=DEBUG_KERNEL,
                                 append="late-cpu=1")
        why = "" if re.search(r"CPU 1 did not start: affinity=0x1 err=-110\n(.*\n)*.*made late is parked: affinity=0x1\n"
                              rf"(.*\n)*{wanted}", output) else "the console shows otherwise"
    except VmError as e:
        output, why = "", str(e)
    if why:
        print(output)
    print(f"not ok late_cpu: {why}" if why else "ok late_cpu", flush=True)
    return 1 if why else 0


def type_until(vm, pattern):
    """Types keys that mean something to a terminal, without a pause to speak of, until the console shows the pattern."""
    keys, over = random.Random(1), threading.Event()

    def type_on():
        try:
            while not over.wait(0.01):
                vm.send(bytes(keys.choices(b"abc \r\n\x03\x1a\x1c\x11\x13\x04\x7f\x15\x16", k=20)))
        except VmError:  # the wait tells why
            pass
    typist = threading.Thread(target=type_on, daemon=True)  # that nobody reads what is typed must not keep us
    typist.start()
    try:
        return vm.wait_for(pattern)
    finally:
        over.set()
        typist.join(timeout=10)


def storm_on(machine):
    """All that can happen to a terminal at once, while somebody types; what the console shows is a heap of letters."""
    append = "run=\"trap '' INT QUIT TSTP HUP; /tests/guest tty_storm\" loglevel=4"
    with Vm(append=append, base="initrd", base_image=build_path("guest/base.img"), mem="512M", timeout=200, **machine) as vm:
        vm.wait_for("run tty_storm")
        if type_until(vm, r"after the storm|run: exit").group(0) != "run: exit":
            vm.send("\x11\x11")  # ^Q: a ^S that was typed last would hold what is to come (twice, for a ^V before it)
            vm.wait_for(r"run: exit")
        status = vm.wait_for(r" (\d+)\s").group(1)
        if status != "0":
            raise VmError(f"status {status}")


def run_storm():
    failed = 0
    for name, machine in (("smp4", {"smp": 4, "gic": 3}), ("debug", {"smp": 4, "kernel": DEBUG_KERNEL})):
        try:
            storm_on(machine)
            print(f"ok tty_storm@{name}", flush=True)
        except VmError as e:
            print(f"not ok tty_storm@{name}: {e}", flush=True)
            failed += 1
    return failed


def main():
    names = sys.argv[1:] or [*MACHINES, "late", "storm"]
    if {"debug", "late", "storm"} & set(names):
        debug_kernel()
    more = {"late": run_late, "storm": run_storm}
    return 1 if sum(more[n]() if n in more else run(n, MACHINES[n]) for n in names) else 0


if __name__ == "__main__":
    sys.exit(main())
