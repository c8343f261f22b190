#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The serial console as a terminal: editing, signals, job control, pasted input, flow control, settings, sessions."""

import hashlib
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.dont_write_bytecode = True

from harness import check, equal, main, test  # noqa: E402
from vm import Vm, VmError  # noqa: E402

PROMPT = r"# $"


def machine(**more):
    options = {"smp": 4, "base": "initrd"}
    return Vm(**(options | more))


def start(guest, command):
    """Types a command and waits until it runs."""
    guest.send(f"echo re''ady; {command}\n")
    guest.wait_for(r"^ready\n")


def start_cat(guest):
    """Runs cat, and sees that it reads: the shell itself would take signals in another way."""
    start(guest, "cat")
    guest.send("hello\n")
    guest.wait_for(r"^hello\nhello\n")


def digest_of(guest):
    found = guest.wait_for(r"([0-9a-f]{32})  -$", 120).group(1)
    guest.wait_for(PROMPT)
    return found


def told(guest, pattern):
    """Presses return until the shell reports a change of its jobs."""
    for _ in range(40):
        guest.send("\n")
        guest.wait_for(PROMPT)
        match = re.search(pattern, guest.text)
        if match:
            return
        try:
            guest.wait_for("never comes", 0.5)
        except VmError:
            pass
    raise VmError(f"the shell does not say {pattern!r}")


@test
def lines_are_edited():
    with machine(smp=1) as guest:
        guest.login()
        typed = (
            ("abx\x7fc\n", "abc"),  # erase
            ("nothing\x15all\n", "all"),  # kill
            ("one two\x17three\n", "one three"),  # word erase
            ("\x16\x03\n", "\x03"),  # literal next
            ("tab\there\n", "tab\there"),
            ("no newline\x04\x04", "no newline"),
        )
        for keys, line in typed:
            start(guest, "cat | md5sum")
            guest.send(keys if keys.endswith("\x04") else keys + "\x04")
            wanted = line + ("" if keys.endswith("\x04") else "\n")
            equal(digest_of(guest), hashlib.md5(wanted.encode()).hexdigest(), f"what {keys!r} comes to")


@test
def keys_send_signals():
    with machine() as guest:
        guest.login()
        for key, shown, status in (("\x03", r"\^C", 130), ("\x1c", r"\^\\", 131)):
            start_cat(guest)
            guest.send("partial line" + key)
            guest.wait_for(shown)
            guest.wait_for(PROMPT)
            equal(guest.shell("echo $?")[1].strip(), str(status), "status")
        start_cat(guest)
        guest.send("\x1a")
        guest.wait_for(r"Stopped +cat$")
        guest.wait_for(PROMPT)
        guest.send("fg\n")
        guest.wait_for(r"^cat$")
        guest.send("again\n")
        guest.wait_for(r"^again\nagain\n")
        guest.send("\x04")
        guest.wait_for(PROMPT)
        equal(guest.shell("echo $?")[1].strip(), "0", "status")


@test
def background_jobs_stop():
    with machine() as guest:
        guest.login()
        guest.send("cat &\n")
        guest.wait_for(PROMPT)
        told(guest, r"Stopped +cat")
        # bash overlooks a child that ends while it tells of another change, so nothing waits for it to tell of this one.
        # It may also end before fg gets to it: then fg says so, and gives 1.
        status, output = guest.shell("kill %1; fg")
        check(status == 143 or (status == 1 and "terminated" in output), f"status {status} of fg: {output}")
        guest.send("stty tostop; (echo wri''tten) &\n")
        guest.wait_for(PROMPT)
        told(guest, r"Stopped +\( echo")
        guest.expect_absent(r"^written$")
        guest.send("fg; stty -tostop\n")
        guest.wait_for(r"^written$")
        guest.wait_for(PROMPT)


@test
def pasted_input_arrives_whole():
    for smp in (1, 4):
        with machine(smp=smp) as guest:
            guest.login()
            lines = "".join(f"{i:063d}\n" for i in range(64))
            start(guest, "cat | md5sum")
            guest.send(lines + "\x04")
            equal(digest_of(guest), hashlib.md5(lines.encode()).hexdigest(), "4 KiB of lines")
            lines = "".join(f"{i:063d}\n" for i in range(112))
            start(guest, "sleep 2; cat | md5sum")
            guest.send(lines + "\x04")
            equal(digest_of(guest), hashlib.md5(lines.encode()).hexdigest(), "what was typed ahead")
            commands = "".join(f"echo line-{i:04d} >/dev/null\n" for i in range(180))
            guest.send(commands + "echo d''one\n")
            guest.wait_for(r"^done$", 120)
            guest.wait_for(PROMPT)
            data = bytes((i * 7 + i // 256) % 256 for i in range(40000))
            start(guest, "stty raw -echo; echo set; sleep 2; head -c 40000 | md5sum; stty sane ixon")
            guest.wait_for(r"^set$")
            guest.send(data)
            equal(digest_of(guest), hashlib.md5(data).hexdigest(), "bytes that had to wait")


@test
def output_stops_and_starts():
    with machine() as guest:
        guest.login()
        start(guest, "stty ixon; sh -c 'echo armed; read x; echo be''hind'")
        guest.wait_for(r"^armed$")
        guest.send("\x13")
        guest.send("go\n")
        try:
            guest.wait_for(r"^behind$", 2)
            raise AssertionError("output did not stop")
        except VmError:
            pass
        guest.send("\x11")
        guest.wait_for(r"^behind$")
        guest.wait_for(PROMPT)


@test
def raw_reads_wait_as_told():
    with machine() as guest:
        guest.login()
        dd = "dd bs=10 count=1 2>/dev/null | wc -c; stty sane"
        # Nothing typed: at once, after a while.
        for rules in ("min 0 time 0", "min 0 time 3"):
            guest.send(f"stty -icanon -echo {rules}; {dd}\n")
            guest.wait_for(r"^0$")
            guest.wait_for(PROMPT)
        # Three bytes are waited for, without a limit and with one between them.
        for rules in ("min 3 time 0", "min 3 time 50"):
            guest.send(f"stty -icanon -echo {rules}; echo re''ady; {dd}\n")
            guest.wait_for(r"^ready\n")
            guest.send("abc")
            guest.wait_for(r"^3$")
            guest.wait_for(PROMPT)
        # The limit runs from the first byte on.
        guest.send(f"stty -icanon -echo min 5 time 3; echo re''ady; {dd}\n")
        guest.wait_for(r"^ready\n")
        guest.send("ab")
        guest.wait_for(r"^[12]$")
        guest.wait_for(PROMPT)


@test
def settings_and_size():
    with machine(smp=1) as guest:
        guest.login()
        equal(guest.shell("stty rows 40 cols 100; stty size")[1].strip(), "40 100", "size")
        guest.send("sh -c 'trap \"echo re''sized\" WINCH; stty cols 90; :'\n")
        guest.wait_for(r"^resized$")
        guest.wait_for(PROMPT)
        equal(guest.shell("tty")[1].strip(), "/dev/ttyAMA0", "tty")
        status, speed = guest.shell("stty speed")
        equal((status, speed.strip()), (0, "115200"), "speed")
        status, text = guest.shell("stty -a </dev/null")
        check(status != 0 and "nappropriate ioctl" in text, f"stty of a file: {text!r}")


@test
def sessions_and_their_terminal():
    with machine() as guest:
        guest.login()
        status, text = guest.shell("echo x >/dev/tty")
        equal((status, text.strip()), (0, "x"), "a write to /dev/tty")
        status, text = guest.shell("sh -c 'setsid sh -c \"echo y >/dev/tty\"; true'")
        check("No such device or address" in text, f"a session without a terminal: {text!r}")
        # What a killed program left raw is sane at the next login; who held the terminal open has lost it.
        guest.send("sh -c 'trap \"\" HUP; exec 5<>/dev/tty; >/tmp/open; while echo n >&5; do sleep 0.1; done "
                   "2>/tmp/lost; echo lost >>/tmp/lost' >/dev/null 2>&1 &\n")
        guest.wait_for(PROMPT)
        guest.shell("while ! test -e /tmp/open; do sleep 0.1; done")
        guest.send("stty raw -echo; exit\n")
        guest.login()
        guest.shell("while ! grep -qs lost /tmp/lost; do sleep 0.1; done")
        check("error" in guest.shell("cat /tmp/lost")[1], "writing to a terminal that is gone was no error")


main()
