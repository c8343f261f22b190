#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What protects the login: delays that grow, answers that give no name away, a terminal that is nobody else's."""

import re
import time

from harness import check, contains, equal, main, test
from vm import Vm, VmError, run_in_guest

PASSWORDS = {"root": "swordfish", "user": "user", "guest": "guest"}


def machine(**more):
    return Vm(**({"smp": 4, "base": "initrd"} | more))


def attempt(vm, name, password):
    """One failure; how long the answer took."""
    vm.wait_for(r"login: $")
    vm.send(name + "\n")
    vm.wait_for(r"^Password: ")
    began = time.monotonic()
    vm.send(password + "\n")
    vm.wait_for(r"^Login incorrect$")
    return time.monotonic() - began


@test
def failures_take_longer_and_longer():
    with machine(smp=1) as vm:
        took = [attempt(vm, "root", "no") for _ in range(4)]
        for seconds, least in zip(took, (1, 2, 4, 8)):
            check(seconds >= least, f"failures took {took} seconds")
        vm.login()


@test
def the_end_of_input_forgets_no_failures():
    with machine(smp=1) as vm:
        for least in (1, 2, 4):
            took = attempt(vm, "root", "no")
            check(took >= least, f"the failure took {took} seconds, not {least}")
            vm.wait_for(r"^login: $")
            vm.send("\x04")
            vm.wait_for(r"^login: $")
            vm.send("root\n")
            vm.wait_for(r"^Password: ")
            vm.send("\x04")
            vm.wait_for(r"^login: $")
            vm.send("\x04")
        vm.login()


@test
def a_name_that_is_unknown_costs_what_a_known_one_does():
    """In time, counted in instructions, and in what is shown."""
    script = ("TIMEFORMAT='took %U %S'; for who in root stranger nobody guest; do echo $who; "
              "time printf '%s\\nwrong\\n' $who | login; done")
    status, output = run_in_guest(script, icount=True, base="initrd", timeout=300)
    equal(status, 0, output)
    took = [float(u) + float(s) for u, s in re.findall(r"took (\S+) (\S+)$", output, re.M)]
    equal(len(took), 4, f"measurements in {output!r}")
    check(min(took) > 0.05 and max(took) < 1.1 * min(took), f"root, stranger, nobody and guest took {took} seconds")
    answers = re.findall(r"^(?:root|stranger|nobody|guest)\n((?:.*\n)*?.*)took", output, re.M)
    equal(len(set(answers)), 1, f"answers {answers}")


@test
def a_long_or_binary_name_is_a_failure_like_any_other():
    with machine(smp=1) as vm:
        for name in ("x" * 5000, "\x16\x00\x16\x01\x16\x03", "\xff\xfe" * 40, "%s%n" * 20, "root\x16\x00"):
            vm.wait_for(r"login: $")
            vm.send(name + "\n")
            vm.wait_for(r"Password: $")
            vm.send("\x04")
        vm.wait_for(r"login: $")
        vm.send("root\n")
        vm.wait_for(r"Password: $")
        vm.send("s" * 5000 + "\n")
        vm.wait_for(r"^Login incorrect$")
        vm.login()


@test
def no_memory_is_no_wrong_password():
    with machine() as vm:
        vm.login()
        vm.send("(ulimit -v 12000; login)\n")
        vm.wait_for(r"^login: $")
        vm.send("root\n")
        vm.wait_for(r"^Password: ")
        vm.send("swordfish\n")
        vm.wait_for(r"^login: not enough memory to check the password; try again later$")


@test
def only_who_holds_the_capability_logs_others_in():
    for name in ("user", "guest"):
        with machine() as vm:
            vm.login(name, PASSWORDS[name])
            status, output = vm.shell("login")
            equal(status, 1, "status of login")
            contains(output, "takes the capability CONSOLE")


@test
def a_killed_login_comes_again():
    with machine() as vm:
        vm.login()
        waits = "until grep -q '^State:.S' /proc/$(pidof login)/status; do sleep 0.1; done 2>/dev/null; sleep 1"
        kills = "p=$(pidof login); kill -9 $p; while test -e /proc/$p; do sleep 0.1; done; echo k''illed >/dev/console"
        vm.send(f"(trap '' HUP; {waits}; {kills}) >/dev/null & disown; exit\n")
        vm.wait_for(r"killed\n")  # what asks from now on is another
        for _ in range(60):  # its first prompt may have come before; an empty name brings one
            vm.send("\n")
            try:
                vm.wait_for(r"login: ", 2)
                break
            except VmError:
                pass
        vm.send("root\n")
        vm.wait_for(r"Password: ")  # behind one more "login: ", if the empty name came with the first prompt
        vm.send("swordfish\n")
        vm.wait_for(r"# $")


@test
def nobody_listens_at_the_next_login():
    """The terminal was the last session's own: what that left running opens it over and over, and gets nothing."""
    thief = ("while kill -0 $0 2>/dev/null; do :; done; while :; do cat </dev/ttyAMA0 >>/tmp/stolen; done 2>>/tmp/why")
    for smp in (1, 4):
        with machine(smp=smp) as vm:
            vm.login("user", "user")
            vm.send(f"(trap '' HUP; setsid sh -c '{thief}' $$) & disown\n")
            vm.wait_for(r"\$ $")
            vm.send("exit\n")
            for _ in range(2):
                vm.login()
                equal(vm.shell("stat -c %U:%a /dev/ttyAMA0")[1].strip(), "root:600", "the terminal")
                vm.send("exit\n")
            vm.login()
            equal(vm.shell("while ! grep -q denied /tmp/why; do sleep 0.1; done; cat /tmp/stolen 2>/dev/null")[1], "", "what was stolen")


main()
