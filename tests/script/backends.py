# SPDX-License-Identifier: MIT
"""What scripts are played on: our core in virtual time (Core); the host's Linux is in linux.py."""

import errno
import os
import subprocess
from collections import deque

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ICMP_ERRNO = {"port": errno.ECONNREFUSED, "host": errno.EHOSTUNREACH}


class Core:
    """tests/script/core as a process; see its main.c for the lines that go to and fro."""

    early, late, share = 0.006, 0.006, 0.05

    def __init__(self, settings):
        program = os.path.join(ROOT, os.environ.get("BUILD", "build"), "script", "core")
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.start, self.time, self.sent = None, 0, deque()
        for name, value in settings.items():
            if name != "peer_iss":
                self._command(f"config {name} {value}")
        self._command("step 0")
        self.start = self.time

    def _command(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        while True:
            words = self.process.stdout.readline().split()
            if not words:
                raise RuntimeError(f"the core died of: {line}")
            if words[0] == "done":
                self.time = int(words[1])
                return int(words[2])
            at = (int(words[1]) - (self.start or 0)) / 1e9
            self.sent.append((at, int(words[2]), int(words[3]), bytes.fromhex(words[4])))

    def now(self):
        """Seconds since the beginning."""
        return (self.time - self.start) / 1e9

    def _step(self, until):
        return self._command(f"step {self.start + int(until * 1e9)}")

    def sleep(self, until):
        """Time passes until then."""
        while self._step(until):
            pass

    def receive(self, until):
        """See player.py."""
        while not self.sent and self._step(until):
            pass
        return self.sent.popleft() if self.sent else None

    def inject(self, ip, header, length):
        """A segment arrives."""
        self._command(f"in {ip} {length} {header.hex()}")

    def icmp(self, words, seq, _header):
        """`frag MTU SEQ`, or `port SEQ`, `host SEQ`."""
        mtu, error = (words[1], 0) if words[0] == "frag" else (0, ICMP_ERRNO[words[0]])
        self._command(f"icmp {seq} {mtu} {error}")

    def call(self, words):
        """A call on the socket: its result or -errno."""
        return self._command("call " + " ".join(words))

    def info(self, name):
        """A number of TCP_INFO."""
        return self._command("info " + name)

    def close(self):
        """Ends the process; raises RuntimeError when it ended badly."""
        self.process.stdin.close()
        rest = self.process.stdout.read()
        if self.process.wait(20) != 0:
            raise RuntimeError("the core: " + rest)
