#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`make run` and `make debug` as their users meet them: the one boots to a login with what was asked for; with the other
the machine stands, the printed command brings gdb to it, names and lines are right. `make help` names the targets."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import threading

from harness import check, contains, main, test
from wire import free_port

GDB_SECONDS = 240  # a machine under a debugger, on a host that stalls
SYSCALL = "sys_sethostname"  # init makes it early, and only it


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
    argv = [command[0], "-nx", "-batch"]
    for step in (f"set tcp connect-timeout {GDB_SECONDS}", f"set remotetimeout {GDB_SECONDS}"):  # QEMU may be slow to come
        argv += ["-ex", step]
    argv += command[1:]
    for step in ("set pagination off", "set width 0", *steps, "kill"):
        argv += ["-ex", step]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=GDB_SECONDS, check=False)
    print(done.stdout)
    return done.stdout


def end_group(machine):
    """Ends make and what it started, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(machine.pid, signal.SIGKILL)


def read_until(machine, wanted):
    """What it says up to the text; all that it says if it ends or takes too long."""
    said, late = "", threading.Timer(GDB_SECONDS, end_group, (machine,))
    late.start()
    while not said.endswith(wanted) and (c := machine.stdout.read(1)):
        said += c
    late.cancel()
    return said


@test
def make_run_boots_to_a_login():
    machine = subprocess.Popen(["make", "-s", "run", "SMP=3", "MEM=200M", "NIC=none", "APPEND=loglevel=6 panic=7"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                               start_new_session=True)
    try:
        said = read_until(machine, "login: ")
        check(said.endswith("login: "), f"no login but {said!r}")
        contains(said, "smp: 3 CPUs")
        for line, wanted in (("root\n", "Password: "), ("swordfish\n", "# "), ("cat /proc/cmdline; grep MemTotal /proc/meminfo\n", " kB")):
            machine.stdin.write(line)
            machine.stdin.flush()
            said = read_until(machine, wanted)
            check(said.endswith(wanted), f"no {wanted!r} but {said!r}")
        contains(said, "panic=7")
        check(180000 < int(re.search(r"MemTotal: +(\d+)", said).group(1)) < 204800, said)
        machine.stdin.write("\x01x")
        machine.stdin.flush()
        check(machine.wait(GDB_SECONDS) == 0, "C-a x does not end it well")
    finally:
        end_group(machine)
        machine.wait()


@test
def help_names_what_people_script_against():
    said = subprocess.run(["make", "-s", "help"], check=True, capture_output=True, text=True).stdout
    for target in ("all", "run", "debug", "test", "image", "bench", "clean"):
        check(re.search(rf"^  make {target} ", said, re.M), f"make help does not name {target}: {said}")


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
