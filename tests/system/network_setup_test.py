#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/network-setup.md, done: its files make an image, its commands run on the host and in the guest. A command that the
page has and this test does not know fails it."""

import contextlib
import os
import re
import subprocess

from harness import check, contains, equal, main, test
from vm import ROOT, Vm
from wire import check_frames, ip, namespace, until

TMP = os.environ.get("TEST_TMP", "/tmp")
# What stands in the text as a command without its arguments: what is run for it, and what the guest then has.
EXAMPLES = {
    "ip address add": ("ip address add 192.0.2.6/24 dev eth0", "ip address", r"inet 192\.0\.2\.6/24 "),
    "ip route add": ("ip route add 198.51.100.0/24 via 192.0.2.1", "ip route", r"^198\.51\.100\.0/24 via 192\.0\.2\.1 dev eth0"),
    "ifconfig": ("ifconfig eth0 mtu 1400", "ip link", r"eth0: .* mtu 1400 "),
}
NO_COMMANDS = {"make run", "netd", "root", "base/", "accept each", "accept pass", "LISTEN_FDS", "etc/swos/network",
               "etc/swos/services"}


class Page:
    """The page's parts."""

    def __init__(self):
        with open(os.path.join(ROOT, "docs/network-setup.md"), encoding="utf-8") as f:
            text = f.read()
        self.blocks = [re.sub(r"^    ", "", b, flags=re.M) for b in re.findall(r"(?:^    .*\n)+", text, re.M)]
        self.inline = [c.replace("\\|", "|") for c in re.findall(r"`([^`]+)`", text)]

    def block(self, first_word):
        """The one that begins so."""
        found = [b for b in self.blocks if b.startswith(first_word + " ")]
        equal(len(found), 1, f"blocks that begin with {first_word}")
        return found[0]

    def typed(self, where):
        """What is typed there, without what stands beside it."""
        return [re.split(r"\s{2,}", line.removeprefix(f"root@{where}:~# "))[0]
                for b in self.blocks for line in b.splitlines() if line.startswith(f"root@{where}:~# ")]

    def nic(self):
        return next(c for c in self.inline if c.startswith("make run NIC=")).removeprefix("make run NIC=")


PAGE = Page()


class Wire:
    """The guest and the host's namespace, made once."""
    guest = netns = None


def inside(command):
    return subprocess.run(["ip", "netns", "exec", Wire.netns, *command.split()], check=True, stdout=subprocess.PIPE,
                          text=True).stdout


@test
def every_line_of_the_configuration_is_in_force():
    said = Wire.guest.shell("netinfo; cat /etc/resolv.conf")[1]
    for line in PAGE.block("interface").splitlines():
        key, value = line.split(" ", 1)
        contains(said, {"interface": f"{value}: up", "ipv4": f"address  {value} (static)",
                        "ipv6": f"address  {value} (static)", "gateway": f"gateway {value} on eth0 (static)",
                        "dns": f"nameserver {value}"}[key])


@test
def what_is_typed_in_the_guest_works():
    commands = PAGE.typed("swos")
    check("netinfo --check" in commands, commands)
    for command in commands:
        equal(Wire.guest.shell(f"{command} >/dev/null")[0], 0, command)


@test
def what_the_text_and_the_table_name_works():
    guest = Wire.guest
    for command in sorted(set(PAGE.inline)):
        if command in EXAMPLES:
            typed, look, pattern = EXAMPLES[command]
            equal(guest.shell(typed)[0], 0, typed)
            until(guest, look, pattern)
        elif command.startswith("/"):
            equal(guest.shell(f"grep -q . {command}")[0], 0, command)
        elif command.split()[0] in ("netinfo", "netstat", "dmesg", "sysctl"):
            says = "true" if "--check" in command else "test -s /tmp/said"
            equal(guest.shell(f"(set -o pipefail; {command}) >/tmp/said 2>&1 && {says}")[0], 0, command)
        else:
            check(command in NO_COMMANDS or command == "make run NIC=" + PAGE.nic(),
                  f"this test does not know `{command}`")


@test
def the_service_serves():
    for host in ("192.0.2.5", "[2001:db8:1:2::5]"):
        contains(inside(f"curl -sS -g --max-time 180 http://{host}/"), "This page comes from a virtual machine that runs swos")


@test
def every_frame_has_ended():
    check_frames(Wire.guest)


def make_image():
    tree, path = os.path.join(TMP, "tree"), os.path.join(TMP, "setup.img")
    os.makedirs(f"{tree}/etc/swos/services")
    for name, first in (("network", "interface"), ("services/httpd", "exec")):
        with open(f"{tree}/etc/swos/{name}", "w", encoding="ascii") as f:
            f.write(PAGE.block(first))
    subprocess.run(["make", "-s", "image", f"ROOT_EXTRA={tree}", f"OUT={path}"], check=True, stdout=subprocess.DEVNULL)
    return path


@contextlib.contextmanager
def everything():
    with namespace() as Wire.netns:
        for command in PAGE.typed("host"):
            inside(command)
        for address in ("2001:db8:1:2::1/64", "fe80::1/64"):
            ip("address", "add", address, "dev", "tap0", "nodad", inside=Wire.netns)
        with Vm(netns=Wire.netns, nics=(PAGE.nic(),), base_image=make_image(), base="initrd", smp=2) as Wire.guest:
            Wire.guest.login()
            yield


if __name__ == "__main__":
    main(within=everything())
