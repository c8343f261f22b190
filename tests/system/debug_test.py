#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`make debug` as its users meet it: the machine stands, the printed command brings gdb to it, names and lines are right."""

import os
import re
import shlex
import socket
import subprocess

from harness import check, contains, main, test

GDB_SECONDS = 240  # a machine under a debugger, on a host that stalls
SYSCALL = "sys_sethostname"  # init makes it early, and only it


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def printed_command(machine):
    """What make debug says how to start gdb."""
    said = ""
    while line := machine.stdout.readline():
        said += line
        if line.startswith("gdb-multiarch "):
            return shlex.split(line)
    raise AssertionError(f"make debug did not print gdb's command but {said!r}")


def run_gdb(command, *steps):
    """Runs the printed command with these steps and ends the machine; what gdb said."""
    argv = [command[0], "-nx", "-batch", *command[1:]]
    for step in ("set pagination off", "set width 0", *steps, "kill"):
        argv += ["-ex", step]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=GDB_SECONDS, check=False)
    print(done.stdout)
    return done.stdout


@test
def gdb_sees_the_kernel():
    """The first instruction; kernel_main by name, line and arguments; a system call and how it was reached."""
    machine = subprocess.Popen(["make", "-s", "debug", f"GDB_PORT={free_port()}", "SMP=2"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    try:
        said = run_gdb(printed_command(machine), "info registers pc", "break kernel_main", f"break {SYSCALL}", "continue",
                       "backtrace", "list", "print $pc == (unsigned long)kernel_main || $pc > (unsigned long)kernel_main",
                       "delete 1", "continue", "backtrace", "info threads")
    finally:
        if machine.poll() is None:
            machine.stdin.write("\x01x")  # where gdb has not ended it
        machine.stdin.close()
        rest = machine.stdout.read()
        machine.wait()
    contains(said, "Breakpoint 1, kernel_main (")
    check(re.search(r"^#0 +kernel_main \(.*\) at kernel/core/main\.c:\d+$", said, re.M), "no line of kernel_main's")
    check(re.search(rf"^#0 +{SYSCALL} \(.*\) at kernel/\S+\.c:\d+$", said, re.M), f"no line of {SYSCALL}'s")
    check(re.search(r"^#[12] .*syscall_dispatch \(.*\) at kernel/\S+\.c:\d+$", said, re.M), "no line of its caller's")
    contains(said, "CPU#1")
    check("PANIC" not in rest, "the machine panicked")


main()
