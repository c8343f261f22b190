#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs swos in QEMU: for people (`vm.py --smp 4`, a terminal), for tests and benchmarks (class Vm, a script).

    with Vm(smp=4, append="quiet") as vm:
        vm.login("root", "swordfish")
        status, output = vm.shell("uname -a")

Everything waits for a condition with a deadline, none with a sleep. A wait that fails raises VmError, and leaving the
`with` block by an exception prints the guest's console. Only the process that a Vm started is ever ended by it.
"""

import argparse
import dataclasses
import fcntl
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEADLINE = 180.0  # seconds; hosts stall
SHOWN_LINES = 600


class VmError(Exception):
    """The guest did not do what was waited for."""


def build_path(name):
    return os.path.join(ROOT, os.environ.get("BUILD", "build"), name)


def debug_kernel():
    """The path of the debug kernel, which is built if it is not there or old; by one of many who ask at once."""
    with open(build_path("debug.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "DEBUG=1", "build/debug/kernel.img"], cwd=ROOT, check=True)
    return build_path("debug/kernel.img")


@dataclasses.dataclass
class Nic:
    """A network device and what it is connected to: the arguments of QEMU's -netdev but its id, with {queues} where
    several queues are asked for: "user", "tap,ifname=t0,script=no,downscript=no", "stream,…", "dgram,…"."""
    netdev: str = "user"
    queues: int = 1
    mac: str = ""
    options: str = ""  # further ones of the device: "mrg_rxbuf=off,host_mtu=9000"

    def arguments(self, index):
        queues = f",queues={self.queues}" if self.queues > 1 else ""
        mac = self.mac or f"52:54:00:53:57:{index + 1:02x}"
        device = f"virtio-net-device,netdev=net{index},mac={mac}" + (",mq=on" if self.queues > 1 else "")
        return ["-netdev", f"{self.netdev}{queues},id=net{index}",
                "-device", device + ("," + self.options if self.options else "")]


PAGE_PORT = 8080


def page_port():
    """A port of 127.0.0.1 for the guest's page: 8080, or a free one if somebody has that."""
    for port in (PAGE_PORT, 0):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return s.getsockname()[1]
            except OSError:
                pass
    raise VmError("127.0.0.1 has no free port")


@dataclasses.dataclass
class Machine:
    """What the machine consists of; command() makes QEMU's arguments of it, without those of the console."""
    smp: int = 1
    mem: str = "256M"
    cpu: str = "cortex-a72"
    gic: int = 2
    machine: str = ""  # further options of -M, "virtualization=on"
    kernel: str = ""  # build/kernel.img
    base: str = "virtio"  # how the base image comes: virtio, initrd, both, none
    base_image: str = ""  # build/base.img
    append: str = ""
    disks: tuple = ()  # paths of raw images, writable, on virtio-blk after the base
    rng: bool = True
    icount: bool = False  # one instruction is one nanosecond of guest time
    multithread: bool = False  # each CPU on a host thread of its own, even where QEMU would not
    nics: tuple = ()  # of Nic, or of what its netdev would be
    netns: str = ""  # the network namespace that QEMU runs in (taps are found there)
    extra: tuple = ()  # further arguments

    def command(self):
        machine = f"virt,gic-version={self.gic}" + (f",{self.machine}" if self.machine else "")
        argv = ["ip", "netns", "exec", self.netns] if self.netns else []
        argv += ["qemu-system-aarch64", "-M", machine, "-cpu", self.cpu, "-smp", str(self.smp), "-m", self.mem,
                "-nodefaults", "-display", "none", "-nic", "none",
                "-global", "virtio-mmio.force-legacy=false", "-kernel", self.kernel or build_path("kernel.img")]
        if self.icount:
            argv += ["-icount", "shift=0,sleep=off"]
        if self.multithread:
            argv += ["-accel", "tcg,thread=multi"]
        if self.append:
            argv += ["-append", self.append]
        argv += self.base_arguments()
        for i, path in enumerate(self.disks):
            argv += ["-drive", f"if=none,id=disk{i},file={escape(path)},format=raw",
                     "-device", f"virtio-blk-device,drive=disk{i}"]
        for i, nic in reversed(list(enumerate(self.nics))):  # the first becomes eth0
            argv += (nic if isinstance(nic, Nic) else Nic(nic)).arguments(i)
        if self.rng:
            argv += ["-device", "virtio-rng-device"]
        return argv + list(self.extra)

    def base_arguments(self):
        if self.base not in ("virtio", "initrd", "both", "none"):
            raise ValueError(f"base is {self.base}, not virtio, initrd, both or none")
        image, argv = self.base_image or build_path("base.img"), []
        if self.base in ("virtio", "both"):
            argv += ["-drive", f"if=none,id=base,file={escape(image)},format=raw,readonly=on",
                     "-device", "virtio-blk-device,drive=base"]
        if self.base in ("initrd", "both"):
            argv += ["-initrd", image]
        return argv


def escape(path):
    """A path as a value among QEMU's comma-separated options."""
    return path.replace(",", ",,")


class Qmp:
    """QEMU's control socket: events are kept, one command at a time."""

    def __init__(self, sock):
        self.sock, self.state = sock, threading.Condition()
        self.events, self.replies, self.closed = [], [], False
        threading.Thread(target=self.read, daemon=True).start()
        self.command("qmp_capabilities")

    def read(self):
        try:
            with self.sock.makefile("r", encoding="utf-8") as stream:
                for line in stream:
                    self.take(json.loads(line))
        except (OSError, ValueError):
            pass
        with self.state:
            self.closed = True
            self.state.notify_all()

    def take(self, message):
        with self.state:
            if "event" in message:
                self.events.append(message)
            elif "return" in message or "error" in message:
                self.replies.append(message)
            self.state.notify_all()

    def command(self, name, /, timeout=DEADLINE, **arguments):
        message = {"execute": name, "arguments": arguments} if arguments else {"execute": name}
        try:
            self.sock.sendall(json.dumps(message).encode() + b"\n")
        except OSError as e:
            raise VmError(f"QEMU has gone before {name}: {e}") from e
        with self.state:
            if not self.state.wait_for(lambda: self.replies or self.closed, timeout) or not self.replies:
                raise VmError(f"QEMU did not answer {name}")
            reply = self.replies.pop(0)
        if "error" in reply:
            raise VmError(f"QEMU refused {name}: {reply['error'].get('desc')}")
        return reply["return"]

    def wait_event(self, name, timeout=DEADLINE, **data):
        """The first event of that name whose data has these values; None if the deadline passes."""
        def find():
            for e in self.events:
                if e["event"] == name and all(e.get("data", {}).get(k) == v for k, v in data.items()):
                    return e
            return None
        with self.state:
            self.state.wait_for(lambda: find() or self.closed, timeout)
            return find()


class Vm:
    """A running machine with its console. Keyword arguments are those of Machine, and:

    reboot    a reset by the guest starts it again; otherwise it ends QEMU, as power-off does
    timeout   the default deadline of every wait, in seconds
    """

    def __init__(self, reboot=False, timeout=DEADLINE, **machine):
        self.machine, self.reboot, self.timeout = Machine(**machine), reboot, timeout
        self.raw, self.text, self.seen = bytearray(), "", 0  # text before `seen` has been waited for
        self.state = threading.Condition()
        self.process = self.qmp = self.reader = self.errors = None
        self.ended = False

    def start(self):
        ours, theirs = socket.socketpair()
        argv = self.machine.command() + [
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-chardev", f"socket,id=qmp,fd={theirs.fileno()}", "-mon", "chardev=qmp,mode=control", "-S"]
        argv += [] if self.reboot else ["-no-reboot"]
        self.argv = argv
        # What QEMU itself says would stand in the middle of the console's lines.
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        pass_fds=[theirs.fileno()])
        theirs.close()
        self.reader = threading.Thread(target=self.read_console, daemon=True)
        self.reader.start()
        self.qmp = Qmp(ours)
        self.qmp.command("cont")  # not before: a guest may be at its end as soon as it runs, and that is to be heard
        return self

    def read_console(self):
        while chunk := os.read(self.process.stdout.fileno(), 65536):
            with self.state:
                self.raw += chunk
                self.text += chunk.decode("utf-8", "replace").replace("\r", "")
                self.state.notify_all()
        with self.state:
            self.ended = True
            self.state.notify_all()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            self.show_console()
            raise

    def __exit__(self, kind, value, traceback):
        self.stop()
        if kind is not None:
            self.show_console()
        return False

    def stop(self):
        """Ends the machine as pulling its plug would."""
        if not self.process:
            return
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(5)
        self.process.stdin.close()
        if self.qmp:
            self.qmp.sock.close()

    def complaints(self):
        """What QEMU itself has said."""
        if not self.errors:
            return ""
        return os.pread(self.errors.fileno(), 1 << 20, 0).decode("utf-8", "replace")

    def show_console(self, out=None):
        out = out or sys.stdout
        lines = self.text.split("\n")[-SHOWN_LINES:]
        print("---- " + shlex.join(self.argv if self.process else self.machine.command()), file=out)
        for line in lines:
            print("| " + line, file=out)
        for line in self.complaints().splitlines():
            print("! " + line, file=out)
        print("---- end of the console", file=out, flush=True)

    def wait_for(self, pattern, timeout=None, panic=False):
        """Waits until the console's text that nobody waited for yet has the regular expression; returns the match. A
        panic of the guest ends the wait at once, unless it is what is expected."""
        expression, deadline = re.compile(pattern, re.M), time.monotonic() + (timeout or self.timeout)
        with self.state:
            while True:
                text = self.text[self.seen:]
                match = expression.search(text)
                if match:
                    self.seen += match.end()
                    return match
                if not panic and "PANIC:" in text and time.monotonic() < deadline - 2:
                    deadline = time.monotonic() + 2  # let it print what it has to say
                    continue
                left = deadline - time.monotonic()
                if self.ended or left <= 0:
                    why = "QEMU ended" if self.ended else "a panic" if "PANIC:" in text else "the deadline passed"
                    raise VmError(f"{why} before the console had {pattern!r}")
                self.state.wait(left)

    def send(self, text):
        """Types text; no newline is added."""
        data = text.encode() if isinstance(text, str) else text
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except OSError as e:
            raise VmError(f"QEMU has gone before {text!r} was typed: {e}") from e

    def expect_absent(self, pattern):
        """Fails if the expression is anywhere on the console so far."""
        match = re.search(pattern, self.text, re.M)
        if match:
            raise VmError(f"the console has {match.group(0)!r}")

    def login(self, user="root", password="swordfish", timeout=None):
        self.wait_for(r"login: ", timeout)
        self.send(user + "\n")
        self.wait_for(r"Password: ")
        self.send(password + "\n")
        self.wait_for(r"[#$] " if user != "root" else r"# ")  # somebody else's line may stand behind it

    def shell(self, command, timeout=None):
        """Types a command at a shell's prompt; returns its exit status and what it printed."""
        typed = command + '; echo "[exit"" $?]"\n'  # which does not look like what it prints
        self.send(typed)
        with self.state:
            start = self.seen
        match = self.wait_for(r"\[exit (\d+)\]\n", timeout)
        output = self.text[start:self.seen - len(match.group(0))]
        # Somebody else's line may stand behind a prompt, and before what is typed there.
        self.wait_for(r"[#$] ")
        _, end, printed = output.partition(typed.partition("\n")[0][-10:] + "\n")
        return int(match.group(1)), printed if end else output.partition("\n")[2]

    def wait_exit(self, timeout=None):
        """Waits until QEMU has ended, by the guest's power-off or reset; returns why: guest-shutdown, guest-reset …"""
        try:
            status = self.process.wait(timeout or self.timeout)
        except subprocess.TimeoutExpired as e:
            raise VmError("the deadline passed before the machine was off") from e
        self.reader.join(5)
        event = self.qmp.wait_event("SHUTDOWN", 5)
        if status != 0:
            raise VmError(f"QEMU ended with status {status}")
        return event["data"].get("reason") if event else None

    def running(self):
        return self.process.poll() is None


def run_in_guest(command, timeout=300.0, **machine):
    """Boots with run="command" until the machine is off. Returns the command's status and what the console showed
    after the kernel's and init's own lines; the command holds no double quote."""
    if '"' in command:
        raise ValueError("the command must not hold a double quote")
    append = f'run="{command}" ' + machine.pop("append", "")
    with Vm(timeout=timeout, append=append.strip(), **machine) as vm:
        match = vm.wait_for(r"^run: exit (\d+)\n")
        output = vm.text[:vm.seen - len(match.group(0))]
        vm.wait_exit()
        return int(match.group(1)), output


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(prog="vm.py", description="Boots swos in QEMU on this terminal.")
    parser.add_argument("--smp", type=int, default=4)
    parser.add_argument("--mem", default="512M")
    parser.add_argument("--cpu", default="max,pauth-impdef=on")
    parser.add_argument("--gic", type=int, default=3, choices=(2, 3))
    parser.add_argument("--machine", default="", help="further options of -M")
    parser.add_argument("--kernel", default="")
    parser.add_argument("--base", default="virtio", choices=("virtio", "initrd", "both", "none"))
    parser.add_argument("--base-image", default="")
    parser.add_argument("--append", default="", help="the kernel's command line")
    parser.add_argument("--disk", dest="disks", action="append", default=[], help="a raw image, writable")
    parser.add_argument("--nic", dest="nics", action="append", default=[],
                        help="a network device: the arguments of -netdev; \"forward\": QEMU's user network, where "
                        "127.0.0.1:8080 leads to port 80 of the guest; \"none\"")
    parser.add_argument("--no-rng", dest="rng", action="store_false")
    parser.add_argument("--icount", action="store_true", help="count instructions as nanoseconds")
    parser.add_argument("--gdb", type=int, metavar="PORT", help="stop at the first instruction, wait for gdb there")
    parser.add_argument("--print", action="store_true", help="print the command instead")
    parser.add_argument("extra", nargs="*", help="further arguments of QEMU, after --")
    return parser.parse_args(arguments)


def main(arguments):
    options = vars(parse_arguments(arguments))
    gdb, only_print = options.pop("gdb"), options.pop("print")
    port = page_port() if "forward" in options["nics"] else 0
    options["nics"] = [f"user,hostfwd=tcp:127.0.0.1:{port}-:80" if nic == "forward" else nic
                       for nic in options["nics"] if nic != "none"]
    argv = Machine(**options).command()
    argv += ["-chardev", "stdio,id=console,mux=on,signal=off", "-serial", "chardev:console", "-mon", "chardev=console"]
    if gdb:
        argv += ["-gdb", f"tcp:127.0.0.1:{gdb}", "-S"]
    if only_print:
        print(shlex.join(argv))
        return
    if gdb:
        print(f"gdb-multiarch -ex 'target remote 127.0.0.1:{gdb}' {build_path('kernel.elf')}", flush=True)
    if port:
        taken = "" if port == PAGE_PORT else f" (port {PAGE_PORT} is taken)"
        print(f"The guest's page: http://127.0.0.1:{port}/{taken}", flush=True)
    print("The machine ends by C-a x.", flush=True)
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    main(sys.argv[1:])
