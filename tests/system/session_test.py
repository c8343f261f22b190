#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What people do at the console: log in and out, use the shell and its tools, and end the machine."""

import hashlib
import re

from harness import check, contains, equal, main, test
from vm import Vm, VmError

ROOT_PROMPT, USER_PROMPT = r"# $", r"\$ $"
FULL_NAMES = {"root": "swordfish", "user": "user", "guest": "guest"}


def machine(**more):
    options = {"smp": 4, "base": "initrd"}
    return Vm(**(options | more))


def log_in(vm, name, prompt=None):
    vm.wait_for(r"login: $")
    vm.send(name + "\n")
    vm.wait_for(r"^Password: ")
    vm.send(FULL_NAMES[name] + "\n")
    vm.wait_for(prompt or (ROOT_PROMPT if name == "root" else USER_PROMPT))


def log_out(vm):
    vm.send("exit\n")


def run(vm, command, wanted=None, status=0, timeout=None):
    """Runs a command; checks its status and, if given, what it prints. Returns that."""
    got, output = vm.shell(command, timeout)
    equal(got, status, f"status of {command!r}, which printed {output!r},")
    if wanted is not None:
        equal(output.strip(), wanted, f"output of {command!r}")
    return output


def keys(vm, text, pattern, timeout=None):
    """Types text at the prompt, and waits for what it brings, then for the prompt."""
    vm.send(text)
    match = vm.wait_for(pattern, timeout)
    vm.wait_for(ROOT_PROMPT)
    return match


def shows(vm, pattern, seconds):
    """Whether the console has the pattern within so many seconds."""
    try:
        vm.wait_for(pattern, seconds)
    except VmError:
        return False
    return True


def escape(vm):
    """The escape key in vi, up to the status line that tells of it: what follows at once would look like a function key."""
    vm.wait_for(r"\x1b\[KI text ")
    vm.send("\x1b")
    vm.wait_for(r"\x1b\[K- text ")


def press_until(vm, key, pattern):
    """Presses a key that drops input until what it is meant for is there to be told, and that shows."""
    for tries in range(60):
        if shows(vm, pattern, 0.5 * (1 + tries // 4)):  # a host that stalls is given time
            return
        vm.send(key)
    raise VmError(f"{key!r} does not bring {pattern!r}")


def stop_it(vm, command, pattern):
    """Starts a command in the foreground and stops it."""
    vm.send(command + "\n")
    vm.wait_for(re.escape(command) + r"\n")
    press_until(vm, "\x1a", pattern)
    vm.wait_for(ROOT_PROMPT)


# ---- Logging in

@test
def right_passwords():
    with machine() as vm:
        for name, uid in (("root", 0), ("user", 1000), ("guest", 1001)):
            log_in(vm, name)
            run(vm, "echo $UID $EUID $USER $HOME", f"{uid} {uid} {name} {'/root' if uid == 0 else '/home/' + name}")
            log_out(vm)
        log_in(vm, "user")
        contains(run(vm, "id"), "uid=1000(user)")
        vm.send("\x04")  # the end of input ends a session too
        log_in(vm, "root")


def refuse(tries):
    with machine() as vm:
        for name, password in tries:
            vm.wait_for(r"^login: ")
            vm.send(name + "\n")
            vm.wait_for(r"^Password: ")
            vm.send(password + "\n")
            vm.wait_for(r"^Login incorrect$")
        vm.expect_absent(r"[#$] $")
        check("wrong" not in vm.text and "swordfish" not in vm.text, "a password was shown")
        log_in(vm, "root")


@test
def wrong_passwords():
    tries = (("root", "wrong"), ("root", ""), ("nobody", ""), ("stranger", "swordfish"), ("root", "swordfis"),
             ("user", "swordfish"), ("root" + "x" * 300, "swordfish"), ("root", "s" * 300), ("../../etc", "x"))
    for first in range(0, len(tries), 3):  # each failure makes the next one take longer
        refuse(tries[first:first + 3])


@test
def control_keys_at_the_prompt():
    with machine(smp=1) as vm:
        vm.wait_for(r"^login: ")
        vm.send("\n\n")
        vm.send("\x03\x1c\x1a")  # neither ends nor stops it
        vm.send("rootx\x7f\n")
        vm.wait_for(r"^Password: ")
        vm.send("wrong\x15swordfish\n")  # edited without being seen
        vm.wait_for(ROOT_PROMPT)
        log_out(vm)
        vm.wait_for(r"^login: ")
        vm.send("\x04")  # the end of input: it asks again
        log_in(vm, "root")


# ---- Who may what

@test
def guest_may_do_nothing_but_run_the_shell():
    with machine() as vm:
        log_in(vm, "guest")
        run(vm, "x=5; echo $((x * 7)); [[ abc == a* ]] && echo matches", "35\nmatches")
        run(vm, "echo one two | { read a b; echo $b; }", "two")
        denied = r"(Operation not permitted|Permission denied)"
        for command in ("cat /etc/motd", "ls /", "touch /tmp/x", "dmesg", "reboot", "cat /etc/swos/passwd", "ps",
                        "head -c 1 /dev/urandom", "mkdir /tmp/d", "hostname other", "date -s 2020-01-01",
                        "poweroff", "busybox poweroff -f", "busybox reboot -f", "halt"):
            status, output = vm.shell(command)
            check(re.search(denied, output), f"{command!r} gave {status} and {output!r}")
            check(status != 0 or command.startswith("date"), f"{command!r} gave {status}")
        for command in ("echo x >/tmp/x", "cd /tmp", "echo </etc/motd", "exec 5</etc/passwd"):
            status, output = vm.shell(command)
            check(status != 0 and re.search(denied, output), f"{command!r} gave {status} and {output!r}")
        log_out(vm)
        log_in(vm, "root")
        run(vm, "ls /tmp/x", status=1)


@test
def user_works_but_does_not_rule():
    with machine() as vm:
        log_in(vm, "user")
        run(vm, "pwd", "/home/user")
        run(vm, "echo text >file && cat file && ls -l file | cut -c 1-10", "text\n-rw-r--r--")
        run(vm, "cp /bin/busybox /tmp/busybox && /tmp/busybox echo unsigned", "unsigned")
        denied = r"(?i)(Operation not permitted|Permission denied|Read-only file system)"
        for command in ("cat /etc/swos/passwd", "touch /etc/x", "dmesg", "reboot", "poweroff", "busybox reboot -f",
                        "hostname other", "date -s 2020-01-01", "chown root file", "kill -9 1", "ls /root",
                        "rm -f /bin/busybox", "mount -t tmpfs x /tmp", "busybox chroot / true", "renice -n -5 -p $$"):
            status, output = vm.shell(command)
            check(re.search(denied, output), f"{command!r} gave {status} and {output!r}")
            check(status != 0 or command.startswith("date"), f"{command!r} gave {status}")
        run(vm, "umask 077; echo secret >/tmp/secret; umask 022")
        log_out(vm)
        log_in(vm, "root")
        run(vm, "cat /tmp/secret", "secret")
        run(vm, "cat /etc/swos/passwd | wc -l >/dev/null; chmod 600 /tmp/secret; chown 1001 /tmp/secret")
        run(vm, "dmesg | grep -c swos-base", "1")


@test
def unsigned_programs_need_the_capability():
    """guest cannot read files; what keeps it from running one that root left in /tmp is UNSIGNED."""
    with machine() as vm:
        log_in(vm, "root")
        run(vm, "cp /bin/busybox /tmp/busybox; chmod 755 /tmp/busybox; printf '#!/bin/sh\\necho ran\\n' >/tmp/script; "
                "chmod 755 /tmp/script; /tmp/busybox echo fine; /tmp/script", "fine\nran")
        log_out(vm)
        log_in(vm, "guest")
        for command in ("/tmp/busybox echo ran", "/tmp/script"):
            status, output = vm.shell(command)
            check(status == 126 and "ran" not in output.replace(command, ""), f"{command!r} gave {status}: {output!r}")
        run(vm, "/bin/busybox echo signed", "signed")


# ---- The shell

@test
def pipes_and_redirection():
    with machine() as vm:
        log_in(vm, "root")
        run(vm, "cd /tmp; echo one >f; echo two >>f; cat <f | tr a-z A-Z | sort -r", "TWO\nONE")
        run(vm, "ls /nonexistent 2>err; wc -l <err", "1")
        run(vm, "{ echo out; echo err >&2; } 2>&1 | sort", "err\nout")
        run(vm, "exec 7<f; read -u 7 a; read -u 7 b; exec 7<&-; echo $b $a", "two one")
        contains(run(vm, "cat <<end | wc -w\none two\nthree\nend\n:"), "\n3\n")
        run(vm, "seq 100000 | md5sum", f"{hashlib.md5(''.join(f'{i}{chr(10)}' for i in range(1, 100001)).encode()).hexdigest()}  -")
        run(vm, "yes | head -n 50000 | wc -c", "100000")
        run(vm, "set -o pipefail; false | true; echo $?; set +o pipefail", "1")
        run(vm, "for i in 1 2 3; do (sleep 0.1; echo $i) & done; wait | cat; wait", None)
        run(vm, "echo $(echo nested $(echo deeper)) `echo old`", "nested deeper old")
        run(vm, "diff <(seq 3) <(seq 3) && echo same", "same")
        run(vm, "echo /etc/mot? /bin/b[ua]sybox", "/etc/motd /bin/busybox")
        run(vm, "trap 'echo caught' USR1; kill -USR1 $$; trap - USR1", "caught")
        run(vm, "(exit 7); echo $?; bash -c 'kill -9 $$'; echo $?", None)


@test
def job_control():
    with machine() as vm:
        log_in(vm, "root")
        keys(vm, "sleep 100 &\n", r"^\[1\] \d+$")
        stop_it(vm, "sleep 200", r"^\[2\]\+ +Stopped +sleep 200$")
        run(vm, "jobs | wc -l", "2")
        vm.send("fg %1\n")
        vm.wait_for(r"^sleep 100$")
        press_until(vm, "\x03", ROOT_PROMPT)
        keys(vm, "bg %2\n", r"^\[2\]\+ sleep 200 &$")
        contains(run(vm, "jobs"), "Running")
        run(vm, "kill %2; wait %2; echo $?", None)
        vm.send("\n")
        vm.wait_for(ROOT_PROMPT)
        run(vm, "jobs | wc -l", "0")
        stop_it(vm, "cat | cat | sleep 300", r"Stopped +cat \| cat \| sleep 300$")
        keys(vm, "kill -9 %+; fg\n", r"(Killed|cat \| cat)")
        vm.send("sleep 1000 & disown; ")
        keys(vm, "sleep 0.1\n", r"\[\d\] \d+$")
        vm.send("while :; do :; done\n")  # a loop of the shell itself
        vm.wait_for(r"done\n")
        press_until(vm, "\x03", ROOT_PROMPT)
        run(vm, "true")


@test
def lines_are_edited_by_the_shell():
    with machine() as vm:
        log_in(vm, "root")
        vm.send("echo wrld\x1b[D\x1b[D\x1b[Do\n")  # left three times
        vm.wait_for(r"^world$")
        vm.wait_for(ROOT_PROMPT)
        keys(vm, "\x1b[A\n", r"^world$")  # up
        keys(vm, "cho begin\x01e\x05 end\n", r"^begin end$")  # ^A, ^E
        keys(vm, "garbage\x15echo kill\n", r"^kill$")
        keys(vm, "echo one two\x17three\n", r"^one three$")
        keys(vm, "echo x\x7fy\n", r"^y$")
        keys(vm, "cat /etc/mot\t\n", r"^Welcome to swos\.$")
        vm.send("partial")
        vm.wait_for(r"partial")
        press_until(vm, "\x03", ROOT_PROMPT)
        vm.send("\x12kil")  # history search
        vm.wait_for(r"reverse-i-search")
        keys(vm, "\n\n", r"^kill$")  # the first ends the search
        long = "x" * 300  # wraps on the screen
        keys(vm, f"echo {long} | wc -c\n", r"^301$")


@test
def four_kibibytes_pasted():
    with machine() as vm:
        log_in(vm, "root")
        text = "".join(f"line {i:03d} {'abcdefgh' * 6}\n" for i in range(70))
        vm.send("echo re''ady; cat >/tmp/pasted\n")
        vm.wait_for(r"^ready$")
        vm.send(text + "\x04")
        vm.wait_for(ROOT_PROMPT, 120)
        run(vm, "md5sum </tmp/pasted", f"{hashlib.md5(text.encode()).hexdigest()}  -", timeout=120)
        lines = "".join(f"v{i}={'y' * 30}\n" for i in range(120))  # to the shell's own editor
        vm.send(lines + "echo d''one\n")
        vm.wait_for(r"^done$", 120)
        vm.wait_for(ROOT_PROMPT)
        run(vm, "echo ${#v0} ${#v60} ${#v119}; set | grep -c '^v[0-9]*=y*$'", "30 30 30\n120", timeout=120)


# ---- Tools

@test
def screen_programs():
    with machine() as vm:
        log_in(vm, "root")
        vm.send("cd /tmp; vi text\n")
        vm.wait_for(r"~")
        vm.send("ihello vi\nsecond line")
        escape(vm)
        vm.send("1GxIj")
        escape(vm)
        vm.send(":wq\n")
        vm.wait_for(ROOT_PROMPT)
        run(vm, "cat text", "jello vi\nsecond line")
        vm.send("vi text\n")
        vm.wait_for(r"second line")
        vm.send("dd:q!\n")
        vm.wait_for(ROOT_PROMPT)
        run(vm, "wc -l <text", "2")
        vm.send("top\n")
        vm.wait_for(r"PID.*COMMAND")
        vm.wait_for(r"/sbin/init")
        vm.send("q")
        vm.wait_for(ROOT_PROMPT)
        vm.send("seq 1000 | less\n")
        vm.wait_for(r"20")
        vm.send("Gq")
        vm.wait_for(ROOT_PROMPT)
        run(vm, "stty -a | grep -c ' echo '", None)


@test
def processes_are_shown():
    with machine() as vm:
        log_in(vm, "root")
        output = run(vm, "ps")
        check(re.search(r"^ +1 root .*init", output, re.M) and re.search(r"ps$", output, re.M), output)
        contains(run(vm, "top -b -n 1"), "CPU")
        run(vm, "sleep 500 & p=$!; until pidof sleep | grep -qw $p; do :; done; killall sleep; wait")
        contains(run(vm, "free"), "Mem:")
        contains(run(vm, "uptime"), "load average")
        contains(run(vm, "df"), "tmpfs")
        contains(run(vm, "mount"), " on / ")
        run(vm, "uname -sr", "Linux 6.1.0-swos")
        run(vm, "nproc", "4")
        run(vm, "tty", "/dev/ttyAMA0")
        run(vm, "pidof init", "1")
        run(vm, "cat /proc/self/comm; readlink /proc/self/exe", "cat\n/usr/bin/busybox")


@test
def files_and_texts():
    with machine() as vm:
        log_in(vm, "root")
        count = int(run(vm, "find / -xdev | wc -l").split()[-1])
        check(count > 300, f"find sees {count} files")
        check(int(run(vm, "find / 2>/dev/null | wc -l", timeout=180).split()[-1]) > count, "find / sees no more")
        run(vm, "mkdir -p /tmp/t/a/b; cd /tmp/t; seq 10000 >a/n; echo x >a/b/y; ln -s b a/l; chmod 640 a/n")
        run(vm, "tar cf ../t.tar . && mkdir ../u && tar xf ../t.tar -C ../u && diff -r . ../u && ls -l ../u/a | cut -c1-10 "
                "| tail -n 3", "drwxr-xr-x\nlrwxrwxrwx\n-rw-r-----")
        run(vm, "tar czf ../t.tgz . && tar tzf ../t.tgz | sort | tail -n 1", "./a/n")
        run(vm, "gzip -c a/n >n.gz && gzip -dc n.gz | cmp - a/n && test $(wc -c <n.gz) -lt 30000")
        wanted = hashlib.md5("".join(f"{i}\n" for i in range(1, 10001)).encode())
        run(vm, "md5sum a/n", f"{wanted.hexdigest()}  a/n")
        wanted = hashlib.sha256("".join(f"{i}\n" for i in range(1, 10001)).encode())
        run(vm, "sha256sum <a/n", f"{wanted.hexdigest()}  -")
        run(vm, "awk '{s += $1} END {print s, NR}' a/n", "50005000 10000")
        run(vm, "awk 'BEGIN {printf \"%.3f\\n\", 22 / 7}'", "3.143")
        run(vm, "sed -n '5,7s/^/>/p' a/n", ">5\n>6\n>7")
        run(vm, "sed -i 's/x/z/' a/b/y; cat a/b/y", "z")
        run(vm, "sort -rn a/n | head -n 1; grep -c 7 a/n; cut -c1 a/n | uniq | wc -l", "10000\n3439\n37")
        run(vm, "dd if=/dev/zero of=z bs=1k count=300 2>/dev/null; wc -c <z; truncate -s 5 z; stat -c %s z", "307200\n5")
        run(vm, "cp -a a c; mv c d; rm -r a; ls -1", "d\nn.gz\nz")
        run(vm, "cd /; rm -r /tmp/t /tmp/u /tmp/t.tar /tmp/t.tgz")


# ---- Ends

@test
def raw_terminals_are_sane_at_the_next_login():
    with machine() as vm:
        log_in(vm, "root")
        vm.send("stty raw -echo; kill -9 $$\n")
        log_in(vm, "root")
        contains(run(vm, "stty -a"), " icanon")
        # The shell's own settings are canonical while a command runs; what changes them is top.
        vm.send("(until stty -a </dev/tty | grep -q -e -icanon; do sleep 0.1; done; killall -9 top; kill -9 $$) & top\n")
        log_in(vm, "root")
        keys(vm, "echo e''choed\n", r"echo e''choed\n(.*\n)*echoed$")


@test
def what_a_session_leaves_is_gone():
    with machine() as vm:
        log_in(vm, "user")
        vm.send("cat &\n")
        vm.wait_for(USER_PROMPT)
        vm.send("sleep 1000 &\n")
        vm.wait_for(USER_PROMPT)
        vm.send("exit\n")
        if vm.wait_for(r"There are stopped jobs|(?=login: $)").group(0):
            vm.send("exit\n")
        log_in(vm, "root")
        run(vm, "while ps | grep -q '[ ]cat$'; do sleep 0.1; done")


@test
def reboot_starts_again():
    with machine(reboot=True) as vm:
        log_in(vm, "root")
        run(vm, "touch /tmp/before")
        vm.send("reboot\n")
        log_in(vm, "root")
        run(vm, "ls /tmp/before", status=1)
        vm.send("shutdown -r now\n")
        log_in(vm, "root")
        vm.send("busybox reboot\n")
        vm.wait_for(r"^login: ")
        vm.expect_absent("panics since")


@test
def each_power_off_ends_the_machine():
    for command in ("poweroff", "shutdown -h now", "busybox poweroff", "busybox poweroff -f", "sync; poweroff"):
        with machine() as vm:
            log_in(vm, "root")
            vm.send(command + "\n")
            equal(vm.wait_exit(), "guest-shutdown", f"what {command} does")


@test
def reset_by_force():
    with machine() as vm:
        log_in(vm, "root")
        vm.send("busybox reboot -f\n")
        equal(vm.wait_exit(), "guest-reset", "what reboot -f does")


@test
def processes_are_told_before_the_end():
    with machine() as vm:
        log_in(vm, "root")
        vm.send("sh -c 'trap \"\" HUP; trap \"echo to''ld >/dev/console; exit\" TERM; echo re''ady; while :; do sleep 0.1; done' &\n")
        vm.wait_for(r"ready$")
        vm.send("\npoweroff\n")
        vm.wait_for(r"^told$")
        equal(vm.wait_exit(), "guest-shutdown")


@test
def run_on_the_command_line():
    for command, status in (("exit 3", 3), ("cd /tmp; echo $PWD | tr a-z A-Z", 0), ("kill -9 $$", 137), ("/nowhere", 127)):
        with machine(append=f'run="{command}"') as vm:
            equal(int(vm.wait_for(r"^run: exit (\d+)\n").group(1)), status, f"status of {command!r}")
            equal(vm.wait_exit(), "guest-shutdown")


main()
