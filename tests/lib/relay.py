# SPDX-License-Identifier: MIT
"""Two ends and the lossy link between them (tests/relay): Linux in a namespace of its own at one end, at the other Linux
too, or swos in QEMU; and transfers over it whose every byte is checked (tests/guest/peer/transfer.c).

    with linux_rig() as rig:  # or swos_rig()
        rig.transfer(0, seed=1, size=1 << 20, algorithm="cubic", loss=10_000)

End 0 is 10.9.0.2, swos's, end 1 is 10.9.0.1. A rig is used by one thread."""

import contextlib
import itertools
import os
import re
import subprocess
import tempfile

from vm import Nic, Vm, VmError, build_path

PORT = 7
ADDRESSES = ("10.9.0.2", "10.9.0.1")
# Datagrams that wait for a QEMU that is kept from running: none is lost that the link did not lose.
WAITING = 4096
# Linux remembers nothing of one transfer for the next. Its answers to pings are not part of any test.
FORGETFUL = ("net.ipv4.tcp_no_metrics_save=1", "net.ipv6.conf.all.disable_ipv6=1",
             "net.ipv6.conf.default.disable_ipv6=1")
numbers = itertools.count()


class Relay:
    """The running relay."""

    def __init__(self, *ends):
        self.process = subprocess.Popen([build_path("host/relay"), *ends], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise VmError("the relay did not start")

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer or answer.startswith("error"):
            raise VmError(f"relay: {command}: {answer or 'it ended'}")
        return answer

    def start(self, seed, **settings):
        self.ask(f"start {seed} " + " ".join(f"{name}={value}" for name, value in settings.items()))

    def counts(self):
        """Of each direction: what was counted, by name."""
        return [{k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", part)} for part in self.ask("report").split(";")]

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class LinuxEnd:
    """Linux in a network namespace, where it also serves."""

    def __init__(self, namespace):
        self.namespace, self.server = namespace, None

    def command(self, *words):
        return ["ip", "netns", "exec", self.namespace, build_path("host/transfer"), *words]

    def serve(self):
        self.server = subprocess.Popen(self.command("serve", str(PORT)), stdout=subprocess.PIPE, text=True)
        if self.server.stdout.readline() != "listening\n":
            raise VmError("the server did not start")

    def send(self, words, timeout):
        run = subprocess.run(self.command("send", *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             timeout=timeout, check=False)
        return run.stdout

    def stop(self):
        if self.server:
            self.server.kill()
            self.server.wait()
            self.server.stdout.close()


class SwosEnd:
    """swos, logged in."""

    def __init__(self, guest):
        self.guest = guest

    def serve(self):
        status, output = self.guest.shell(f"ifconfig eth0 {ADDRESSES[0]} netmask 255.255.255.0 up; "
                                          f"/tests/transfer serve {PORT} >/tmp/served & "
                                          "until grep -q listening /tmp/served; do sleep 0.05; done")
        if status != 0:
            raise VmError(f"the server did not start: {output}")

    def send(self, words, timeout):
        return self.guest.shell("/tests/transfer send " + " ".join(words), timeout=timeout)[1]


class Rig:
    """The two ends and their relay."""

    def __init__(self, relay, ends):
        self.relay, self.ends = relay, ends
        for end in ends:
            end.serve()
        # Neighbours are known before anything is measured.
        self.transfer(0, 0, 1, "-")

    def transfer(self, sender, seed, size, algorithm, timeout=300, **settings):
        """So many bytes from that end to the other. Returns seconds until the other end had seen and checked them all,
        and what the sender's TCP_INFO says."""
        self.relay.start(seed, **settings)
        words = (ADDRESSES[1 - sender], str(PORT), str(size), str(seed), algorithm)
        output = self.ends[sender].send(words, timeout)
        match = re.search(r"^good (\d+) us (.*)", output, re.M)
        if not match:
            raise VmError(f"transfer {words} over {settings}: {output}")
        return int(match.group(1)) / 1e6, match.group(2)


@contextlib.contextmanager
def namespaces(count):
    names = [f"swos-relay-{os.getpid()}-{next(numbers)}" for _ in range(count)]
    made = []
    try:
        for name in names:
            subprocess.run(["ip", "netns", "add", name], check=True)
            made.append(name)
            subprocess.run(["ip", "netns", "exec", name, "sysctl", "-qw", *FORGETFUL,
                            f"net.unix.max_dgram_qlen={WAITING}"], check=True)
            subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield names
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "delete", name], check=False)


def configure(namespace, address):
    for words in (f"address add {address}/24 dev t0", "link set t0 up"):
        subprocess.run(["ip", "-n", namespace, *words.split()], check=True)


@contextlib.contextmanager
def linux_rig():
    """Linux at both ends."""
    with namespaces(2) as names, contextlib.ExitStack() as stack:
        relay = Relay(*(f"tap:{name}:t0" for name in names))
        stack.callback(relay.stop)
        ends = []
        for name, address in zip(names, ADDRESSES):
            configure(name, address)
            ends.append(LinuxEnd(name))
            stack.callback(ends[-1].stop)
        yield Rig(relay, ends)


@contextlib.contextmanager
def swos_rig(**machine):
    """swos at end 0, Linux at end 1."""
    with namespaces(2) as names, tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ours, theirs = f"{folder}/relay", f"{folder}/qemu"
        relay = Relay(f"unix:{ours}:{theirs}", f"tap:{names[1]}:t0")
        stack.callback(relay.stop)
        configure(names[1], ADDRESSES[1])
        end = LinuxEnd(names[1])
        stack.callback(end.stop)
        nic = Nic(f"dgram,local.type=unix,local.path={theirs},remote.type=unix,remote.path={ours}")
        machine = {"base": "initrd", "base_image": build_path("guest/base.img"), "smp": 1, "mem": "512M", **machine}
        guest = stack.enter_context(Vm(netns=names[0], nics=(nic,), **machine))
        guest.login()
        yield Rig(relay, (SwosEnd(guest), end))
