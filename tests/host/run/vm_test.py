#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The VM runner, on a guest of a few instructions: it says hello, echoes what is typed, and obeys single letters."""

import io
import os
import subprocess

from harness import check, contains, equal, main, test
from vm import Machine, Vm, VmError

GUEST = r"""
	.globl _start
_start:	b 1f
	.long 0
	.quad 0x80000, 0x10000, 0xa, 0, 0, 0
	.ascii "ARM\x64"
	.long 0
1:	ldr x1, =0x9000000
	adr x2, hello
	bl print
2:	ldr w3, [x1, #0x18]
	tbnz w3, #4, 2b
	ldr w4, [x1]
	str w4, [x1]
	ldr w0, =0x84000008
	cmp w4, #'q'
	b.eq 3f
	ldr w0, =0x84000009
	cmp w4, #'r'
	b.eq 3f
	adr x2, panic
	cmp w4, #'p'
	b.ne 2b
	bl print
	b 2b
3:	hvc #0
print:	ldrb w5, [x2], #1
	cbz w5, 4f
	str w5, [x1]
	b print
4:	ret
hello:	.asciz "hello\r\nlogin: "
panic:	.asciz "PANIC: on demand\r\n"
"""


def guest():
    tmp = os.environ.get("TEST_TMP", ".")
    source, elf, image = (os.path.join(tmp, "guest" + e) for e in (".S", ".o", ".img"))
    with open(source, "w", encoding="ascii") as f:
        f.write(GUEST)
    subprocess.run(["clang-19", "--target=aarch64-none-elf", "-c", "-o", elf, source], check=True)
    subprocess.run(["llvm-objcopy-19", "-O", "binary", elf, image], check=True)
    return image


KERNEL = guest()


def machine(**more):
    return Vm(kernel=KERNEL, base="none", mem="64M", timeout=180, **more)


@test
def console_and_power_off():
    with machine() as vm:
        vm.wait_for(r"^login: $")
        vm.send("ab\x03q")
        equal(vm.wait_exit(), "guest-shutdown", "reason")
        contains(vm.text, "hello\nlogin: ab\x03q")


@test
def reset_ends_it():
    with machine(smp=2, gic=3, cpu="max") as vm:
        vm.wait_for("login: ")
        vm.send("r")
        equal(vm.wait_exit(), "guest-reset", "reason")


@test
def reset_starts_it_again():
    with machine(reboot=True, icount=True) as vm:
        vm.wait_for("login: ")
        vm.send("r")
        vm.wait_for("login: ")
        check(vm.running())
        equal(vm.qmp.command("query-status")["status"], "running")


@test
def waits_are_bounded_and_see_new_text_only():
    with machine() as vm:
        vm.wait_for("login: ")
        try:
            vm.wait_for("hello", timeout=0.2)
        except VmError as e:
            contains(str(e), "the deadline passed")
        else:
            raise AssertionError("old text was found again")


@test
def panic_ends_a_wait():
    with machine() as vm:
        vm.wait_for("login: ")
        vm.send("p")
        try:
            vm.wait_for("never")
        except VmError as e:
            contains(str(e), "a panic")
        else:
            raise AssertionError("the wait went on")
        vm.send("p")
        vm.wait_for("PANIC: on demand", panic=True)


@test
def console_is_shown_with_marks():
    with machine() as vm:
        vm.wait_for("login: ")
        out = io.StringIO()
        vm.show_console(out)
    contains(out.getvalue(), "\n| hello\n| login: \n")


@test
def a_kernel_that_is_not_there_is_an_error():
    out = io.StringIO()
    vm = Vm(kernel="/nonexistent", base="none")
    vm.show_console = lambda: None
    try:
        with vm:
            vm.wait_for("login: ")
    except VmError as e:
        contains(str(e), "QEMU")
    else:
        raise AssertionError("no error")
    contains(vm.complaints(), "could not load kernel")
    equal(vm.text, "", "the console")
    Vm.show_console(vm, out)
    contains(out.getvalue(), "\n! qemu-system-aarch64: could not load kernel")


class Scripted(Vm):
    """A console that answers by a script, as a shell on a terminal with echo would."""

    def __init__(self, answers):
        super().__init__(timeout=5)
        self.answers = answers
        self.text = "motd\n# "

    def send(self, text):
        self.text += text.replace("\n", "\r\n").replace("\r", "") + self.answers.pop(0)


@test
def shell_gives_status_and_output():
    vm = Scripted(["one\ntwo\n[exit 0]\n# ", "no newline[exit 3]\n# ", "[exit 127]\n# "])
    vm.wait_for(r"# $")
    equal(vm.shell("ls"), (0, "one\ntwo\n"))
    equal(vm.shell("printf x"), (3, "no newline"))
    equal(vm.shell("missing"), (127, ""))


@test
def others_may_write_behind_a_prompt():
    vm = Scripted(["one\n[exit 0]\n# init: a line\n", "two\n[exit 1]\n# "])
    vm.wait_for(r"# $")
    equal(vm.shell("first"), (0, "one\n"))
    equal(vm.shell("second"), (1, "two\n"))


@test
def base_image_ways():
    text = " ".join(Machine(base="both", base_image="/x,y").command())
    contains(text, "file=/x,,y,format=raw,readonly=on")
    contains(text, "-initrd /x,y")


main()
