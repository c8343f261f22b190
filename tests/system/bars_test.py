#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The bars of `make bench` that a loaded host cannot blur and that are quickly looked at: the kernel's size, instructions
until the login, memory in use at it."""

import re
import subprocess
import sys

from harness import check, equal, main, test


@test
def size_boot_and_memory():
    tables = ("size", "boot", "memory")
    done = subprocess.run([sys.executable, "bench/run.py", *tables], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(done.stdout)
    equal(done.returncode, 0, "status of bench/run.py")
    rows = re.findall(r"^(\w+) +([0-9.]+) \S+ +bar <= \d+$", done.stdout, re.M)
    equal([name for name, _ in rows], ["kernel_img", "boot", "memory"], "rows")
    check(all(float(value) > 0 for _, value in rows), f"values: {rows}")


main()
