#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The kernel's command line: what the log shows and records, the trace of system calls, run= on a release image."""

import os
import re
import subprocess

from harness import check, contains, equal, main, test
from vm import Vm, build_path, run_in_guest

TMP = os.environ.get("TEST_TMP", "/tmp")
KEYS = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "swos", "keys")
LINE = re.compile(r"^\[ *\d+\.\d{6}\] (\w+)(?:\[(\d+)/(\d+)\])?: (.*)$", re.M)


def booted(append):
    """What the console shows until the prompt, and the log."""
    with Vm(append=append, base="initrd", smp=2) as vm:
        vm.wait_for(r"login: $")
        shown = vm.text
        vm.send("root\nswordfish\n")
        vm.wait_for(r"# $")
        status, log = vm.shell("dmesg")
        equal(status, 0, "status of dmesg")
        return shown, log


def sources(text):
    return {m.group(1) for m in LINE.finditer(text)}


@test
def a_release_image_refuses_run():
    path = os.path.join(TMP, "release.img")
    subprocess.run(["base/image", build_path("host/swos-image"), os.path.join(KEYS, "development-base.key"),
                    build_path("base"), path, "", "--generation", "1", "--epoch", "0"], check=True)
    with Vm(base="initrd", base_image=path, append='run="echo it r""an; touch /tmp/ran"') as vm:
        vm.wait_for(r"^init: run= is refused: the base image is not a development image$")
        vm.login()
        equal(vm.shell("test -e /tmp/ran")[0], 1, "status of a look for what run= would have made")
        contains(vm.shell("cat /proc/swos/image")[1], "development no")
        vm.expect_absent("^run: exit")


@test
def levels_of_the_console():
    shown, log = booted("loglevel=3 selftest")
    equal(sources(shown), set(), "sources on the console")
    for wanted in ("cpus: ok, 2 of them", r"clocks: ok, \d+ s since the start", r"memory: ok, \d\d+ MiB",
                   r"image: ok, \d\d+ files, \d{4,} KiB", "passed"):
        check(re.search(rf"^selftest: {wanted}$", shown, re.M), f"selftest says no {wanted!r}: {shown}")
    check({"boot", "random", "smp", "virtio"} <= sources(log), f"sources in the log: {log}")
    shown, _ = booted("")
    check({"boot", "random", "smp"} <= sources(shown), f"sources on the console: {shown}")


@test
def levels_of_sources():
    _, log = booted("log=virtio:3,smp:4")
    check({"boot", "random"} <= sources(log) and not {"virtio", "smp"} & sources(log), f"sources in the log: {log}")
    _, log = booted("log=3,boot:6")
    equal(sources(log), {"boot"}, "sources in the log")
    shown, log = booted("log=virtio:9,:,toolongforthenameofasource:3,smp:3 loglevel=banana panic=x trace=0")
    equal(log.count("log=: wants SOURCE:LEVEL"), 3, "complaints about what is malformed")
    check("smp" not in sources(log), "what follows malformed items was skipped")


@test
def the_trace_decodes_calls():
    _, log = booted("trace=1 loglevel=4")
    lines = [m.groups() for m in LINE.finditer(log) if m.group(1) == "trace"]
    check(lines and all(who == "1" for _, who, _, _ in lines), "trace=1 shows others")
    status, log = run_in_guest("cd /tmp; dmesg -c >/dev/null; mkdir -m 750 traced; cat traced; rmdir traced; dmesg | grep trace",
                               append="trace=all loglevel=4", base="initrd")
    equal(status, 0, log)
    for wanted in (r'mkdirat\(-100, "traced", 0777\) \.\.\.$', r"mkdirat = 0$", r'openat\(-100, "traced", 0, 00\) \.\.\.$',
                   r"rt_sigreturn = \d+$", r"execve = 0$",
                   r"read = -21$", r'execve\("\S*/mkdir", 0x\w+, 0x\w+\) \.\.\.$', 
                   r"trace\[\d+/0\]: \d+ exit_group\(1\) \.\.\.$"):
        check(re.search(wanted, log, re.M), f"no {wanted!r} in {log}")


@test
def the_log_is_for_those_who_may_read_it():
    with Vm(base="initrd") as vm:
        vm.login("user", "user")
        for command in ("dmesg", "dmesg -c", "dmesg -n 8", "cat /dev/kmsg", "cat /proc/kmsg"):
            status, output = vm.shell(command)
            check(status != 0 and "swos-base" not in output, f"{command} gives {status} and {output!r}")
        vm.send("exit\n")
        vm.login()
        equal(vm.shell("dmesg | grep -c swos-base")[1].strip(), "1", "lines for root")


@test
def the_log_survives_a_flood_from_every_cpu():
    """Records of eight CPUs, and of interrupts among them, stay whole and in order; the oldest give way."""
    status, output = run_in_guest("for i in 1 2 3 4 5 6 7 8; do (for j in 1 2 3 4 5 6 7 8 9; do cat /tmp/none; done) & done "
                                  "2>/dev/null; wait; dmesg >/tmp/log; wc -l </tmp/log; grep -vc '^.[ 0-9.]*. trace.[0-9]*/0.: ' "
                                  "/tmp/log; wc -c </tmp/log", smp=8, base="initrd", append="trace=all loglevel=4", timeout=400)
    equal(status, 0, output)
    lines, strange, size = (int(n) for n in output.split()[-3:])
    check(lines > 500 and strange == 0 and size < 2 * 65536, f"{lines} lines, {strange} of them strange, {size} bytes")


main()
