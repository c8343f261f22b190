#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Panics: what they print, the reset, that three before a healthy boot halt the machine, and that one clears the count."""

import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.dont_write_bytecode = True

from harness import main, test  # noqa: E402
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


main()
