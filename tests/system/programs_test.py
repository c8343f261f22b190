#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that nobody here wrote: dynamic glibc ones with Debian's libraries, static musl and static glibc ones."""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.dont_write_bytecode = True

from harness import equal, main, test  # noqa: E402
from vm import Vm  # noqa: E402

IMAGE = os.path.join(ROOT, "build", "ports.img")

# command, what it prints
COMMANDS = (
    # dynamic glibc: coreutils (sort uses threads), dash, mawk (floating point)
    ("/opt/debian/factor 1234567", "1234567: 127 9721"),
    ("/opt/debian/seq 300000 | /opt/debian/sort -n -r --parallel=4 | /opt/debian/head -1", "300000"),
    ("/opt/debian/seq 100000 | /opt/debian/sha256sum", ""),
    ("/opt/debian/dash -c 'echo $((6*7))'", "42"),
    ("/opt/debian/mawk 'BEGIN{printf \"%.5f\", 2^0.5}'", "1.41421"),
    ("/opt/debian/env A=b /opt/debian/printenv A", "b"),
    ("/opt/debian/timeout 1 /opt/debian/sleep 20; echo $?", "124"),
    ("/opt/debian/dd if=/dev/zero bs=64k count=100 2>/dev/null | /opt/debian/wc -c", "6553600"),
    ("/opt/debian/stat -c %a:%U:%F /tmp", "1777:root:directory"),
    # static musl, ET_EXEC
    ("/opt/debian/seq 50000 | /opt/musl/bzip2 | /opt/musl/bzip2 -d | /opt/debian/tail -1", "50000"),
    # static glibc: busybox and bash
    ("busybox seq 20000 | busybox gzip | busybox gzip -d | busybox tail -1", "20000"),
    ("/bin/bash -c 'x=(1 2 3); echo ${#x[@]}'", "3"),
)


def expected_sha256():
    """What the host says of the same input."""
    import hashlib
    return hashlib.sha256("".join(f"{i}\n" for i in range(1, 100001)).encode()).hexdigest()


def run_all(**machine):
    with Vm(base_image=IMAGE, mem="512M", **machine) as guest:
        guest.login()
        for command, wanted in COMMANDS:
            if "sha256sum" in command:
                wanted = expected_sha256()
            status, output = guest.shell(command)
            equal(status, 0, f"status of {command}")
            equal(output.strip().split("  ")[0], wanted, f"output of {command}")


@test
def four_cpus():
    run_all(smp=4)


@test
def one_cpu_with_every_feature():
    run_all(smp=1, cpu="max,pauth-impdef=on", gic=3, base="initrd")


subprocess.run(["make", "-s", "guest-ports"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
subprocess.run(["make", "-s", "image", "ROOT_EXTRA=build/ports-guest", f"OUT={IMAGE}"], cwd=ROOT, check=True,
               stdout=subprocess.DEVNULL)
main()
