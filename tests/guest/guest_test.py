#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The guest's program of tests, one boot for all of them: on one, four and eight CPUs, both interrupt controllers, with
and without pointer authentication, and on the debug kernel (heap checker, lock-order checker, fault injection), which can also make a CPU late.

The hostile tests have a program of their own (hostile_test.py); those marked slow run only when they are named.

usage: guest_test.py [MACHINE]…
"""

import re
import subprocess
import sys

from vm import VmError, build_path, run_in_guest

DEBUG_KERNEL = build_path("debug/kernel.img")
MACHINES = {
    "smp1": {"smp": 1},
    "smp4": {"smp": 4, "cpu": "max,pauth-impdef=on", "gic": 3, "base": "virtio"},
    "smp8": {"smp": 8, "gic": 3},
    "debug": {"smp": 4, "kernel": DEBUG_KERNEL},
}


def run(name, machine):
    """Runs the tests on one machine and prints their results with its name; returns how many failed."""
    machine = {"base": "initrd", "mem": "512M", **machine}
    try:
        _, output = run_in_guest("/tests/guest -hostile*", timeout=1100, base_image=build_path("guest/base.img"),
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


def main():
    names = sys.argv[1:] or [*MACHINES, "late"]
    if {"debug", "late"} & set(names):
        subprocess.run(["make", "-s", "DEBUG=1", "build/debug/kernel.img"], check=True)
    return 1 if sum(run_late() if n == "late" else run(n, MACHINES[n]) for n in names) else 0


if __name__ == "__main__":
    sys.exit(main())
