#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The guest's tests of TCP sockets on the Linux of this machine, in a network namespace of their own: what Linux does
not pass says nothing about swos.

usage: linux_test.py [NAME]…
"""

import re
import subprocess
import sys

from vm import build_path

SECONDS = 550


def main():
    program = build_path("host/guest_tcp")
    names = sys.argv[1:] or ["tcp_*"]
    script = f"ip link set lo up && exec timeout {SECONDS} {program} \"$@\""
    ran = subprocess.run(["unshare", "-rn", "sh", "-c", script, "sh", *names], capture_output=True, text=True, check=False)
    results = re.findall(r"^(ok|not ok) (\w+)(.*)$", ran.stdout, re.M)
    if ran.returncode or not results:
        print(ran.stdout, ran.stderr)
    for verdict, test, why in results:
        print(f"{verdict} {test}@linux{why}")
    if not results or not re.search(r"^\d+ passed, \d+ failed$", ran.stdout, re.M):
        print("not ok linux: it did not end")
        return 1
    return 1 if ran.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
