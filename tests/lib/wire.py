# SPDX-License-Identifier: MIT
"""Wires for guests: taps in a network namespace of the test's own, who serves there, and what a guest's counters must come
to."""

import contextlib
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

from harness import check, equal
from vm import Nic

SECONDS = 120  # a server's deadline; hosts stall
# A new namespace has what the host's own is set to, whatever that is. These answer for what is theirs, and forward nothing.
SETTINGS = {"rp_filter": 0, "arp_ignore": 0, "arp_announce": 0, "arp_filter": 0, "arp_accept": 0, "proxy_arp": 0, "forwarding": 0}


def ip(*arguments, inside=None):
    """Runs ip, in a namespace if one is named."""
    subprocess.run(["ip", *(("-n", inside) if inside else ()), *arguments], check=True)


def configure(netns, settings):
    """Sets what /proc/sys/net/… of the namespace says: path -> number."""
    script = "".join(f"echo {value} >/proc/sys/net/{path}; " for path, value in settings.items())
    subprocess.run(["ip", "netns", "exec", netns, "sh", "-ec", script], check=True)


def before_others(process):
    """What plays another machine runs before others, where it may: a guest waits a fraction of a second for its answer."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(process.pid, os.SCHED_FIFO, os.sched_param(1))


@contextlib.contextmanager
def namespace(purpose="wire"):
    """A network namespace with a loopback; gives its name."""
    name = f"swos-{purpose}-{os.getpid()}"
    ip("netns", "add", name)
    try:
        configure(name, {f"ipv4/conf/{where}/{key}": value for where in ("all", "default") for key, value in SETTINGS.items()})
        ip("link", "set", "lo", "up", inside=name)
        yield name
    finally:
        ip("netns", "delete", name)


def add_tap(netns, n, addresses, queues=1, mtu=1500, link_local=True, vnet_headers=True):
    """The tap tN with these addresses; gives what a device is connected to it by."""
    flags = (["vnet_hdr"] if vnet_headers else []) + (["multi_queue"] if queues > 1 else [])
    ip("tuntap", "add", f"t{n}", "mode", "tap", *flags, inside=netns)
    if not link_local:
        ip("link", "set", f"t{n}", "addrgenmode", "none", inside=netns)
    for address in addresses:
        ip("address", "add", address, "dev", f"t{n}", *(("nodad",) if ":" in address else ()), inside=netns)
    ip("link", "set", f"t{n}", "mtu", str(mtu), "up", inside=netns)
    return f"tap,ifname=t{n},script=no,downscript=no"


@contextlib.contextmanager
def taps(*options, queues=1, mtu=1500):
    """A network namespace with the taps t0, t1, … for devices with these options; 10.9.N.1/24 and fd00:9:N::1/64 are on
    tap N. Gives the namespace's name and the devices."""
    with namespace() as name:
        yield name, tuple(Nic(add_tap(name, n, (f"10.9.{n}.1/24", f"fd00:9:{n}::1/64"), queues, mtu), queues=queues,
                              options=option) for n, option in enumerate(options))


@contextlib.contextmanager
def segment(*addresses):
    """A network namespace with the tap t0 that has these addresses and no other, so that who serves there is known. Gives
    the namespace's name and the device."""
    with namespace() as name:
        yield name, Nic(add_tap(name, 0, addresses, link_local=False))


@contextlib.contextmanager
def python(netns, program, *arguments):
    """A program in the namespace, which ends with the block; gives the process, its input and output are pipes."""
    process = subprocess.Popen(["ip", "netns", "exec", netns, sys.executable, "-c", program, *map(str, arguments)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def web_server(netns, content):
    """http://…:8000/f gives these bytes, over both versions."""
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "f"), "wb") as f:
            f.write(content)
        server = subprocess.Popen(["ip", "netns", "exec", netns, sys.executable, "-u", "-m", "http.server", "8000",
                                   "--bind", "::", "--directory", directory], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            server.stdout.readline()  # it serves
            yield
        finally:
            server.kill()
            server.wait()


class Listener:
    """A process whose output is read all the time: `text`; wait_for() looks at what nobody waited for yet."""

    def __init__(self, name, argv, stdin=subprocess.DEVNULL):
        self.name = name
        self.process = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True)
        before_others(self.process)
        self.text, self.seen, self.state = "", 0, threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.state:
                self.text += line
                self.state.notify_all()

    def wait_for(self, pattern):
        expression = re.compile(pattern, re.M)
        with self.state:
            found = self.state.wait_for(lambda: expression.search(self.text, self.seen), SECONDS)
            check(found, f"{self.name} did not say {pattern!r} but {self.text!r}")
            self.seen = found.end()
            return found

    def skip(self):
        with self.state:
            self.seen = len(self.text)

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def stop(self):
        """Ends the process; when this returns, its ports are free for another."""
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.stop()
        self.reader.join(5)
        if self.process.stdin and not self.process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        if kind is not None:
            print("\n".join(f"{self.name}: {line}" for line in self.text.split("\n")[-100:]))


# Lines of its input go to a TCP server, what that says goes to its output, and "[end]" when no more will come.
CLIENT = """import socket, sys, threading
try:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 300)
except OSError as e:
    sys.exit(f"[{type(e).__name__}]")
s.settimeout(None)
print("[connected from {1}]".format(*s.getsockname()[:2]), flush=True)
def send():
    for line in sys.stdin:
        s.sendall(line.encode())
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=send, daemon=True).start()
try:
    for line in s.makefile("r"):
        print(line, end="", flush=True)
    print("[end]", flush=True)
except OSError as e:
    print(f"[{type(e).__name__}]", flush=True)
"""


class Client(Listener):
    """Somebody in the namespace who connects to a TCP server and talks in lines. `port` is its own."""

    def __init__(self, netns, address, port):
        super().__init__("client", ["ip", "netns", "exec", netns, sys.executable, "-c", CLIENT, address, str(port)],
                         subprocess.PIPE)

    def connected(self):
        """Waits for the connection; returns our port."""
        return int(self.wait_for(r"^\[connected from (\d+)\]$").group(1))

    def end(self):
        """No more is sent."""
        self.process.stdin.close()


class Dnsmasq(Listener):
    """DHCP, router advertisements and DNS on t0 as the options say."""

    def __init__(self, netns, *options):
        with tempfile.NamedTemporaryFile(prefix="swos-leases-") as leases:
            super().__init__("dnsmasq", [
                "ip", "netns", "exec", netns, "dnsmasq", "--keep-in-foreground", "--log-facility=-",
                "--conf-file=/dev/null", "--pid-file=", "--user=root", "--no-resolv", "--no-hosts", "--interface=t0",
                "--bind-interfaces", "--no-ping", "--dhcp-authoritative", f"--dhcp-leasefile={leases.name}", *options])
            self.wait_for(r"started, version")


def until(guest, command, pattern):
    """Asks until what the command prints has the expression; returns the match."""
    deadline = time.monotonic() + SECONDS
    while True:
        output = guest.shell(command)[1]
        if match := re.search(pattern, output, re.M):
            return match
        check(time.monotonic() < deadline, f"{command} does not say {pattern!r} but {output!r}")
        guest.shell("sleep 0.2")


def counters(guest):
    """What /proc/swos/net says: name -> count."""
    status, output = guest.shell("cat /proc/swos/net")
    equal(status, 0)
    return {m.group(1): int(m.group(2)) for m in re.finditer(r"^\w+ (\w+) (-?\d+)$", output, re.M)}


LINK_DROPS = ("too_short", "ethertype_unknown", "other_host", "interface_down", "backlog_full", "rx_no_memory",
              "rx_device_header")


def link_sum(now):
    """Frames whose way on the link layer ended: delivered, coalesced or dropped with a reason."""
    return now["delivered"] + now["coalesced"] + sum(now[name] for name in LINK_DROPS)


def check_frames(guest):
    """Each frame that came in has ended. Gives the counters. A frame may be on its way just as we look; one that never ends
    is seen whenever we do."""
    deadline = time.monotonic() + SECONDS
    while True:
        now = counters(guest)
        if now["frames_in"] == link_sum(now):
            return now
        check(time.monotonic() < deadline, f"{now['frames_in']} frames came in, {link_sum(now)} have ended: {now}")


def free_port(kind=socket.SOCK_STREAM):
    """A port of 127.0.0.1 for somebody whom we start, and whom nobody forestalls that asks for any port meanwhile."""
    while True:
        with socket.socket(socket.AF_INET, kind) as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", random.randrange(20000, 30000)))
            return s.getsockname()[1]


def free_memory(guest):
    """MemFree in bytes."""
    _, text = guest.shell("grep MemFree /proc/meminfo")
    return int(re.search(r"MemFree: *(\d+)", text).group(1)) * 1024
