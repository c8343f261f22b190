#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""init: services, orphans, the signals that mean something and those that do not, the way down; what our commands say."""

import os
import re
import subprocess
import time

from harness import check, contains, equal, main, test
from vm import Vm

TMP = os.environ.get("TEST_TMP", "/tmp")
IMAGE = os.path.join(TMP, "services.img")

SCRIPTS = {
    "steady": "echo started >>/run/steady; exec sleep 100000",
    "first": "echo $$ first >>/run/order; exec sleep 100000",
    "second": "echo $$ second >>/run/order",
    "failing": "cut -d' ' -f1 /proc/uptime >>/run/failing; exit 1",
    "forker": "sleep 100000 & echo $! >/run/forked",
    "who": "echo who: $(id -u) $(id) $(ulimit -n) $(pwd) $(env | grep -vc '^_=\\|^PWD=\\|^SHLVL=') ",
    "hidden": "echo this must not be seen; echo nor this >&2; cat; exit 7",
    "stubborn": "trap '' TERM HUP; while :; do sleep 1; done",
    "polite": "trap 'echo service told; exit' TERM; >/run/polite; while :; do sleep 0.1; done",
}
SERVICES = {
    "steady": "exec /opt/t/steady\n",
    "a-second": "exec /opt/t/second\nafter z-first\nrestart never\n",
    "z-first": "exec /opt/t/first\n",
    "failing": "# comes again, later each time\n\nexec /opt/t/failing\nrestart on-failure\n",
    "done": "exec /bin/true\nrestart on-failure\n",
    "forker": "exec /opt/t/forker\nrestart never\n",
    "who": "exec /opt/t/who\nuser user\ncaps SPAWN,FSREAD,CONSOLE,TMPWRITE\nmax-files 30\nrestart never\noutput console\n",
    "hidden": "exec /opt/t/hidden\nrestart never\n",
    "gone": "exec /opt/t/gone\n",
    "ghost": "exec /bin/true\nuser ghost\nrestart never\n",
    "broken": "exec /bin/true\nbogus value\n",
    "empty": "",
    "relative": "exec bin/true\n",
    "circle-a": "exec /bin/true\nafter circle-b\n",
    "circle-b": "exec /bin/true\nafter circle-a\n",
    "orphaned": "exec /bin/true\nafter nothing-known\n",
    "Not.A.Name": "exec /opt/t/hidden\n",
}
STANDARD = {"httpd", "netd"}  # of every image


def make_image(path, services):
    tree = path + ".tree"
    os.makedirs(f"{tree}/etc/swos/services")
    os.makedirs(f"{tree}/opt/t")
    for name, text in services.items():
        with open(f"{tree}/etc/swos/services/{name}", "w", encoding="ascii") as f:
            f.write(text)
    for name, text in SCRIPTS.items():
        with open(f"{tree}/opt/t/{name}", "w", encoding="ascii") as f:
            f.write("#!/bin/sh\n" + text + "\n")
        os.chmod(f"{tree}/opt/t/{name}", 0o755)
    subprocess.run(["make", "-s", "image", f"ROOT_EXTRA={tree}", f"OUT={path}"], check=True, stdout=subprocess.DEVNULL)


def machine(**more):
    return Vm(**({"smp": 4, "base": "initrd"} | more))


def run(vm, command):
    """What a command printed, without what init said meanwhile of services."""
    return re.sub(r"^init: .*\n", "", vm.shell(command)[1], flags=re.M)


def states(vm):
    """What /run/services says: name to [state, pid, starts, last exit]."""
    lines = [line.split() for line in vm.shell("cat /run/services")[1].strip().split("\n")]
    # What init says of a service may come before the first line, on the prompt's, or between the lines.
    header = ["name", "state", "pid", "starts", "last-exit"]
    check(header in lines, f"/run/services has no line {header}: {lines}")
    lines = [line for line in lines[lines.index(header):] if len(line) == 5 and line[0] != "init:"]
    return {line[0]: [line[1]] + [int(n) for n in line[2:]] for line in lines[1:]}


def until(vm, wanted, what):
    """Looks at the services until wanted(states) is true."""
    for _ in range(60):
        now = states(vm)
        if wanted(now):
            return now
        vm.shell("sleep 0.5")
    raise AssertionError(f"{what} has not come: {now}")


# ---- Services

@test
def services_start_as_their_files_say():
    with machine(base_image=IMAGE) as vm:
        vm.wait_for(r"^login: ")  # what init says of a service may stand behind it
        said = vm.text
        vm.send("root\nswordfish\n")
        vm.wait_for(r"# ")
        vm.shell("until test $(cat /run/order | wc -l) = 2; do sleep 0.1; done")
        now = until(vm, lambda s: all(s[n][0] == "ended" for n in ("hidden", "ghost", "done")) and s["gone"][3] == 127,
                    "the end of those that end")
        equal(sorted(now), sorted((set(SERVICES) | STANDARD) - {"broken", "empty", "relative", "circle-a", "circle-b",
                                                                "orphaned", "Not.A.Name"}), "services")
        for line in ("services/broken: line 2 is not understood", "services/relative: line 1 is not understood",
                     "services/empty: no exec line", "service circle-a is left out: what it comes after",
                     "service circle-b is left out", "service orphaned is left out"):
            contains(said, line)
        contains(vm.text, "cannot run /opt/t/gone: No such file or directory")
        contains(vm.text, "service ghost: its principal is not known")
        equal(now["steady"][0], "running", "state of steady")
        equal(now["done"], ["ended", 0, 1, 0], "done")
        equal(now["hidden"], ["ended", 0, 1, 7], "hidden")
        equal(now["ghost"][3], 126, "status of ghost")
        vm.expect_absent("this must not be seen|nor this")
        # Processes are numbered as they start. By name, the second would have been the first.
        equal(run(vm, "sort -n /run/order | cut -d' ' -f2"), "first\nsecond\n", "the order")


@test
def services_have_their_principal_and_limits():
    with machine(base_image=IMAGE, smp=1) as vm:
        said = vm.wait_for(r"who: (.*)\n").group(1)
        check(said.startswith("1000 uid=1000(user) gid=1000(user)"), said)
        # What the principal does not hold is not given, whatever the file says; nor is what the file leaves out.
        caps = re.search(r"caps=(\S+)", said).group(1)
        equal(sorted(caps.split(",")), ["FSREAD", "SPAWN", "TMPWRITE"], "capabilities")
        check(said.endswith(" 30 / 1"), f"files, directory and variables at the end of {said!r}")


@test
def services_come_again_later_and_later():
    with machine(base_image=IMAGE) as vm:
        vm.login()
        until(vm, lambda s: s["failing"][2] >= 5, "the fifth start")  # so the fourth has said when it was
        starts = [float(t) for t in run(vm, "cat /run/failing").split()]
        gaps = [later - sooner for sooner, later in zip(starts, starts[1:])]
        check(all(gap >= least - 0.02 for gap, least in zip(gaps, (1, 2, 4))), f"it started at {starts}")
        now = states(vm)
        check(now["failing"][3] == 1 and now["gone"][3] == 127, f"last exits: {now}")
        equal(now["steady"][2], 1, "starts of what runs")
        vm.shell(f"kill -9 {now['steady'][1]}")
        again = until(vm, lambda s: s["steady"][2] == 2 and s["steady"][0] == "running", "what was killed")
        check(again["steady"][1] != now["steady"][1] and again["steady"][3] == 137, f"{again['steady']}")
        equal(run(vm, "cat /run/steady"), "started\nstarted\n", "what it did")


@test
def orphans_are_reaped():
    with machine(base_image=IMAGE) as vm:
        vm.login()
        vm.shell("for i in 1 2 3 4 5 6 7 8 9; do sh -c 'sleep 0.2 & sh -c \"sleep 0.3 &\" & sleep 0.1 &'; done")
        vm.shell("while ps -o stat,args | grep -q -e '^Z' -e '[s]leep 0[.]'; do sleep 1; done")
        # A service that forks away has ended as far as init is concerned; what it left belongs to init.
        until(vm, lambda s: s["forker"][0] == "ended", "the end of forker")
        pid = run(vm, "cat /run/forked").strip()
        equal(run(vm, f"awk '{{print $4}}' /proc/{pid}/stat").strip(), "1", "the parent of what was left")
        vm.shell(f"kill {pid}")
        equal(run(vm, f"while test -e /proc/{pid}; do sleep 0.1; done; echo gone").strip(), "gone")


# ---- Signals

@test
def signals_do_not_harm_init():
    with machine(base_image=IMAGE) as vm:
        vm.login()
        vm.shell("for s in HUP QUIT ILL TRAP ABRT BUS FPE KILL SEGV PIPE ALRM STOP TSTP TTIN TTOU XCPU WINCH CHLD CONT RTMIN; "
                 "do kill -$s 1; done")
        vm.shell("i=0; while test $i -lt 2000; do kill -CHLD 1; i=$((i + 1)); done")
        # What init says of a service that it starts again may stand between; then it runs just now.
        said = run(vm, "cat /proc/1/comm; grep ^State /proc/1/status")
        check(re.search(r"^init\n", said, re.M) and re.search(r"^State:\t(S \(sleeping|R \(running)\)$", said, re.M), said)
        pid = states(vm)["steady"][1]
        vm.shell(f"kill -9 {pid}")
        until(vm, lambda s: s["steady"][2] == 2, "what was killed")
        vm.send("exit\n")
        vm.login()


@test
def signals_that_mean_the_way_down():
    for command, reason in (("kill -TERM 1", "guest-reset"), ("kill -INT 1", "guest-reset"), ("kill -USR2 1", "guest-shutdown"),
                            ("reboot", "guest-reset"), ("busybox reboot", "guest-reset")):
        with machine() as vm:
            vm.login()
            vm.send(command + "\n")
            vm.wait_for(r"init: (restarting|powering off)$")
            equal(vm.wait_exit(), reason, f"what {command} does")


@test
def halting_leaves_the_machine_on():
    for command in ("halt", "busybox halt", "kill -USR1 1"):
        with machine(append="loglevel=6") as vm:
            vm.login()
            vm.send(command + "\n")
            vm.wait_for(r"init: halting$")
            vm.wait_for(r"power: halted$")
            check(vm.running(), f"{command} turned the machine off")


# ---- The way down

@test
def who_disregards_the_end_is_ended():
    path = os.path.join(TMP, "stubborn.img")
    make_image(path, {"stubborn": "exec /opt/t/stubborn\n", "polite": "exec /opt/t/polite\noutput console\n"})
    with machine(base_image=path) as vm:
        vm.login()
        until(vm, lambda s: s["polite"][0] == "running", "the service")
        vm.shell("until test -e /run/polite; do sleep 0.1; done")  # its trap
        began = time.monotonic()
        vm.send("poweroff\n")
        vm.wait_for(r"init: powering off$")
        vm.wait_for(r"service told$")
        equal(vm.wait_exit(), "guest-shutdown", "the end")
        check(time.monotonic() - began >= 5, "the one that takes longer was not given its time")
        equal(vm.text.count("service told"), 1, "how often the service was told")


# ---- Our commands

@test
def commands_explain_themselves():
    with machine() as vm:
        vm.login()
        for name in ("id", "login", "reboot", "poweroff", "halt", "shutdown", "init"):
            status, output = vm.shell(f"{name} --help 2>/dev/null")
            check(status == 0 and len(output.strip().split("\n")) >= 2, f"{name} --help gives {status} and {output!r}")
        for command in ("id -x", "id root guest", "id -n", "reboot -x", "reboot now", "shutdown 23:00", "shutdown now please",
                        "login root", "halt -f -x"):
            status, output = vm.shell(f"{command} 2>&1 >/dev/null")
            check(status == 2 and "usage" in output, f"{command} gives {status} and {output!r}")
        equal(vm.shell("id nosuch 2>&1"), (1, "id: nosuch: no such user\n"), "id of nobody")
        status, output = vm.shell("init 2>&1")
        check(status == 1 and "Use reboot, poweroff, halt or shutdown" in output, f"{status} and {output!r} from init")
        status, output = vm.shell("ln -s /bin/power /tmp/other; /tmp/other 2>&1")
        check(status == 2 and "call it as reboot" in output, f"{status} and {output!r} from another name")
        vm.send("exit\n")
        vm.login("user", "user")
        for command in ("reboot", "poweroff -f", "halt", "shutdown -r now"):
            status, output = vm.shell(f"{command} 2>&1")
            check(status == 1 and "log in as root" in output, f"{command} gives {status} and {output!r}")
        status, output = vm.shell("id; id -un; id -G; id root")
        equal(status, 0, "status of id")
        contains(output, "principal=1000(user) session=2 caps=")
        contains(output, "\nuser\n1000\nuid=0(root)")


make_image(IMAGE, SERVICES)
main()
