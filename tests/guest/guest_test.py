#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The guest's program of tests, one boot for all of them: on one, four and eight CPUs, both interrupt controllers, with
and without pointer authentication, and on the debug kernel (heap checker, lock-order checker, fault injection).

The hostile tests have a program of their own (hostile_test.py); those marked slow run only when they are named.

usage: guest_test.py [MACHINE]…
"""

import re
import subprocess
import sys

from vm import VmError, build_path, run_in_guest

MACHINES = {
    "smp1": {"smp": 1},
    "smp4": {"smp": 4, "cpu": "max,pauth-impdef=on", "gic": 3, "base": "virtio"},
    "smp8": {"smp": 8, "gic": 3},
    "debug": {"smp": 4, "kernel": build_path("debug/kernel.img")},
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


def main():
    names = sys.argv[1:] or list(MACHINES)
    if "debug" in names:
        subprocess.run(["make", "-s", "DEBUG=1", "build/debug/kernel.img"], check=True)
    return 1 if sum(run(n, MACHINES[n]) for n in names) else 0


if __name__ == "__main__":
    sys.exit(main())
