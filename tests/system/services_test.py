#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What service files say about listening, one boot: who is handed what, how many at once, who waits for whom."""

import contextlib
import os
import shutil
import subprocess

from harness import check, equal, main, test
from vm import Vm, build_path
from wire import Client, check_frames, taps, until

TMP = os.environ.get("TEST_TMP", "/tmp")
GUEST4, OTHER4, GUEST6 = "10.9.0.2", "10.9.0.3", "fd00:9::2"
PASSED = "/opt/t/passed"
NO_NET = "caps SPAWN,FSREAD,TMPWRITE\n"

SCRIPTS = {
    "each": "echo peer $REMOTE_ADDR $REMOTE_PORT, uid $(id -u), ${LISTEN_FDS-no} sockets, $(ls /proc/self/fd | wc -l) files\n"
            "busybox nc 127.0.0.1 80 2>&1 </dev/null | tail -1\n"
            "while read line; do [ \"$line\" = end ] && exit; echo got $line; done",
    "ready": "sleep 2; cut -d' ' -f1 /proc/uptime >/run/ready; echo ready >&$NOTIFY_FD; exec sleep 100000",
    "late": "sleep 4; echo ready >&$NOTIFY_FD; echo said it >/run/late; exec sleep 100000",
    "memory": "ulimit -v >/run/memory",
}
SERVICES = {
    "passed": f"exec {PASSED}\nuser www\n{NO_NET}listen 0.0.0.0:7 [::]:7 {GUEST4}:71 [{GUEST6}]:72\n",
    "backlog": f"exec {PASSED} wait\nuser www\n{NO_NET}listen *:73\naccept pass\nbacklog 1\n",
    "each": f"exec /opt/t/each\nuser www\n{NO_NET}listen *:74 {GUEST4}:75\naccept each\nmax-connections 2\n",
    "ready": f"exec /opt/t/ready\n{NO_NET}notify 60\n",
    "late": f"exec /opt/t/late\n{NO_NET}notify 1\n",
    "ends": "exec /bin/true\nnotify 60\nrestart never\n",
    "memory": f"exec /opt/t/memory\n{NO_NET}max-memory 67108864\nrestart never\n",
}


def make_image(path):
    tree = path + ".tree"
    os.makedirs(f"{tree}/etc/swos/services")
    os.makedirs(f"{tree}/opt/t")
    for name, text in SERVICES.items():
        with open(f"{tree}/etc/swos/services/{name}", "w", encoding="ascii") as f:
            f.write(text)
    for name, text in SCRIPTS.items():
        with open(f"{tree}/opt/t/{name}", "w", encoding="ascii") as f:
            f.write("#!/bin/sh\n" + text + "\n")
        os.chmod(f"{tree}/opt/t/{name}", 0o755)
    shutil.copy(build_path("guest/root/tests/passed"), tree + PASSED)
    subprocess.run(["make", "-s", "image", f"ROOT_EXTRA={tree}", f"OUT={path}"], check=True, stdout=subprocess.DEVNULL)


class Wire:
    """The guest and its namespace, made once."""
    guest = netns = None


def client(port, address=GUEST4):
    return Client(Wire.netns, address, port)


def service(name):
    """State, process, starts and last exit, as /run/services has them."""
    found = until(Wire.guest, "cat /run/services", rf"^{name} (\w+) (\d+) (\d+) (\d+)$")
    return [found.group(1)] + [int(n) for n in found.groups()[1:]]


@test
def login_waits_for_who_says_that_it_is_ready():
    guest = Wire.guest
    prompt = int(until(guest, "cat /run/login-prompt", r"^(\d+)$").group(1)) / 1e9
    ready = float(until(guest, "cat /run/ready", r"^([\d.]+)$").group(1))
    check(ready < prompt < ready + 50, f"the prompt came at {prompt}, the word at {ready}")
    # Who is late has nobody wait, and may still say it; its pipe does not end it.
    until(guest, "cat /run/late 2>&1", "^said it$")
    equal((service("late")[0], service("late")[2]), ("running", 1), "state and starts of the late one")


@test
def passed_sockets_need_no_net():
    served = "pid right, uid 33, a socket of its own: Operation not permitted"
    for number, (address, port) in enumerate(((GUEST4, 7), (GUEST6, 7), (GUEST4, 71), (GUEST6, 72))):
        with client(port, address) as c:
            c.wait_for(rf"^socket {number}, {served}$")
            c.send("hello")
            c.wait_for(r"^hello$")
            c.end()
            c.wait_for(r"^\[end\]$")


@test
def an_address_is_listened_to_alone():
    with client(71, OTHER4) as c:
        c.wait_for(r"^\[ConnectionRefusedError\]$")
    with client(71, GUEST6) as c:
        c.wait_for(r"^\[ConnectionRefusedError\]$")
    with client(75, OTHER4) as c:
        c.wait_for(r"^\[ConnectionRefusedError\]$")


@test
def who_is_started_again_misses_no_connection():
    state, pid, starts, _ = service("passed")
    equal(state, "running")
    equal(Wire.guest.shell(f"kill -9 {pid}")[0], 0)
    with client(7) as c:
        c.wait_for(r"^socket 0, pid right")
    equal(service("passed")[2], starts + 1, "starts")


@test
def the_backlog_is_what_the_file_says():
    """One may wait, and one more, as on Linux; further ones try again until somebody accepts."""
    with contextlib.ExitStack() as stack:
        first, second = stack.enter_context(client(73)), stack.enter_context(client(73))
        for c in (first, second):
            c.connected()
        third = stack.enter_context(client(73))
        Wire.guest.shell("sleep 1")
        check("[connected" not in third.text, "a third one waits, with a backlog of 1")
        equal(Wire.guest.shell(f"kill -USR1 {service('backlog')[1]}")[0], 0)
        for c in (first, second, third):
            c.end()  # it serves one after the other, in the order in which they came
        for c in (first, second, third):
            c.wait_for(r"^socket 0, ")


def two_are_served():
    until(Wire.guest, "ps -o user,args | grep -c '^www  *.*/bin/sh /opt/t/each$'", "^2$")


@test
def each_connection_is_a_process_and_so_many_at_once():
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(client(74, address)) for address in (GUEST4, GUEST6)]
        for c, address in zip(clients, ("10.9.0.1", "fd00:9::1")):
            port = c.connected()
            c.wait_for(rf"^peer {address} {port}, uid 33, no sockets, 4 files$")  # three, and ls's own
            c.wait_for(r"Operation not permitted$")
        third = stack.enter_context(client(75))
        third.connected()  # the system has it, nobody serves it
        clients[0].send("one")
        clients[0].wait_for(r"^got one$")
        Wire.guest.shell("sleep 1")
        two_are_served()
        check("peer" not in third.text, "a third one is served")
        clients[0].send("end")
        clients[0].wait_for(r"^\[end\]$")
        third.wait_for(r"^peer 10\.9\.0\.1 ")
        two_are_served()
        for c in (clients[1], third):
            c.end()  # standard input ends with the connection's
            c.wait_for(r"^\[end\]$")


@test
def memory_is_bounded():
    until(Wire.guest, "cat /run/memory", "^65536$")


@test
def every_frame_has_ended():
    check_frames(Wire.guest)


@contextlib.contextmanager
def everything():
    image = os.path.join(TMP, "services.img")
    make_image(image)
    with taps("") as (netns, nics), Vm(netns=netns, nics=nics, base_image=image, base="initrd", smp=2) as guest:
        guest.login()
        # The addresses come after the sockets that are bound to them.
        guest.shell(f"ip addr add {GUEST4}/24 dev eth0; ip addr add {OTHER4}/24 dev eth0; ip -6 addr add {GUEST6}/64 dev eth0")
        until(guest, "ip -6 addr show dev eth0", rf"inet6 {GUEST6}/64 scope global (?!tentative)")
        Wire.guest, Wire.netns = guest, netns
        yield


if __name__ == "__main__":
    main(within=everything())
