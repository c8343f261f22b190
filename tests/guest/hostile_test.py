#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each argument of each system call with null, kernel, unmapped, misaligned, straddling and huge values, on four CPUs.

The results are those of the guest's program, line by line; a panic or a hang of the kernel fails the run itself.
"""

import sys

from vm import VmError, build_path, run_in_guest


def main():
    # The log's notes about calls that swos does not have would only slow the console down.
    status, output = run_in_guest("/tests/guest hostile*", timeout=900, smp=4, mem="512M", gic=3,
                                  cpu="max,pauth-impdef=on", base="initrd",
                                  base_image=build_path("guest/base.img"), append="loglevel=4")
    print(output)
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except VmError as e:
        print(f"not ok hostile: {e}")
        sys.exit(1)
