# SPDX-License-Identifier: MIT
"""The host's Linux as what scripts are played on: a network namespace, a TUN device, real sockets and real time.

The process that makes a Linux enters a namespace of its own, for good: one process per script. Root's work.
"""

import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
import time
from collections import deque

from wire import IP_CE, IP_ECT

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS, SIOCSIFMTU = 0x8916, 0x891C, 0x8914, 0x8922
STACK, PEER = "10.9.0.1", "10.9.0.2"
PEER_PORT, STACK_PORT = 40000, 8080
SYSCTLS = {"tcp_congestion_control": "reno", "tcp_syn_linear_timeouts": "0", "tcp_ecn": "2", "tcp_timestamps": "1",
           "tcp_sack": "1", "tcp_window_scaling": "1", "tcp_syncookies": "1", "tcp_rmem": "4096 131072 1048576",
           "tcp_wmem": "4096 1048576 4194304", "tcp_no_metrics_save": "1", "tcp_early_retrans": "3",
           "tcp_recovery": "1", "tcp_invalid_ratelimit": "500", "tcp_tw_reuse": "1", "tcp_tw_reuse_delay": "1000",
           "tcp_pingpong_thresh": "1", "tcp_retries2": "15", "tcp_frto": "2", "tcp_fastopen": "0"}
SETTINGS = {"cc": "tcp_congestion_control", "ecn": "tcp_ecn", "timestamps": "tcp_timestamps", "sack": "tcp_sack",
            "wscale": "tcp_window_scaling", "cookies": "tcp_syncookies"}
OPTIONS = {"nodelay": (6, 1), "cork": (6, 3), "keepidle": (6, 4), "keepintvl": (6, 5), "keepcnt": (6, 6),
           "syncnt": (6, 7), "quickack": (6, 12), "maxseg": (6, 2), "user_timeout": (6, 18), "keepalive": (1, 9)}
INFO = {"state": "0B", "ca_state": "1B", "retransmits": "2B", "probes": "3B", "backoff": "4B", "rto": "8I",
        "snd_mss": "16I", "rtt": "68I", "snd_ssthresh": "76I", "snd_cwnd": "80I"}


def checksum(data):
    """The Internet checksum: 16-bit words summed modulo 65535 are the whole as a number modulo 65535."""
    return ~(int.from_bytes(data + b"\0" * (len(data) % 2), "big") % 65535) & 65535


def enter_namespace():
    """This process, for good."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def keep_time():
    """This process runs before others, where it may: it sleeps most of the time, and is to be there when it wakes."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pass


def _sysctl(name, value):
    path = "/proc/sys/net/ipv4/" + name
    if os.path.exists(path):
        with open(path, "w", encoding="ascii") as f:
            f.write(str(value))


def _open_tun(mtu):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
    with open("/proc/sys/net/ipv6/conf/default/disable_ipv6", "w", encoding="ascii") as f:
        f.write("1")
    with open("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w", encoding="ascii") as f:
        f.write("1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for request, address in ((SIOCSIFADDR, STACK), (SIOCSIFNETMASK, "255.255.255.0")):
            fcntl.ioctl(s, request, struct.pack("16sHH4s8x", b"tun0", socket.AF_INET, 0, socket.inet_aton(address)))
        fcntl.ioctl(s, SIOCSIFMTU, struct.pack("16si20x", b"tun0", mtu))
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH22x", b"tun0", 1))
    return tun


class Linux:
    """See player.py for what a back end is."""

    early, late, share = 0.009, 0.024, 0.06

    def __init__(self, settings):
        enter_namespace()
        keep_time()
        for name, value in SYSCTLS.items():
            _sysctl(name, value)
        for name, value in settings.items():
            if name in SETTINGS:
                _sysctl(SETTINGS[name], value)
        self.rcvbuf = int(settings.get("rcvbuf", 0))
        self.tun = _open_tun(int(settings.get("mss", 1460)) + 40)
        self.start, self.sent, self.wait = time.monotonic(), deque(), select.poll()
        self.wait.register(self.tun, select.POLLIN)
        self.listener = self.conn = None
        self.ports = (PEER_PORT, STACK_PORT)

    def now(self):
        """Seconds since the beginning."""
        return time.monotonic() - self.start

    def _drain(self):
        while True:
            try:
                packet = os.read(self.tun, 65536)
            except BlockingIOError:
                return
            head = (packet[0] & 15) * 4
            if packet[0] >> 4 != 4 or packet[9] != 6:
                continue
            tcp = packet[head:]
            size = (tcp[12] >> 4) * 4
            ip = {0: 0, 1: IP_ECT, 2: IP_ECT, 3: IP_ECT | IP_CE}[packet[1] & 3]
            self.sent.append((self.now(), ip, len(tcp) - size, tcp[:size]))

    def sleep(self, until):
        """Time passes until then."""
        while True:
            left = until - self.now()
            if left <= 0:
                return
            if self.wait.poll(left * 1000):
                self._drain()

    def receive(self, until):
        """See player.py."""
        while not self.sent:
            left = until - self.now()
            if self.wait.poll(max(left, 0.0) * 1000):
                self._drain()
            elif left <= 0:
                return None
        return self.sent.popleft()

    def _packet(self, protocol, tos, body):
        head = struct.pack(">BBHHHBBH4s4s", 0x45, tos, 20 + len(body), 1, 0, 64, protocol, 0,
                           socket.inet_aton(PEER), socket.inet_aton(STACK))
        os.write(self.tun, head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body)

    def inject(self, ip, header, length):
        """A segment arrives."""
        body = bytearray(header + bytes(length))
        pseudo = socket.inet_aton(PEER) + socket.inet_aton(STACK) + struct.pack(">HH", 6, len(body))
        body[16:18] = struct.pack(">H", checksum(pseudo + bytes(body)))
        self._packet(6, 3 if ip & IP_CE else 2 if ip & IP_ECT else 0, bytes(body))

    def icmp(self, words, seq, header):
        """`frag MTU SEQ`, or `port SEQ`, `host SEQ`: an error that quotes a segment of ours."""
        quoted = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 1, 0x4000, 64, 6, 0,
                             socket.inet_aton(STACK), socket.inet_aton(PEER))
        quoted += header[2:4] + header[0:2] + struct.pack(">I", seq)
        code, mtu = {"frag": (4, int(words[1])), "port": (3, 0), "host": (1, 0)}[words[0]]
        body = struct.pack(">BBHHH", 3, code, 0, 0, mtu) + quoted
        self._packet(1, 0, body[:2] + struct.pack(">H", checksum(body)) + body[4:])

    def call(self, words):
        """A call on the socket: its result or -errno."""
        try:
            return getattr(self, "_call_" + words[0])(*words[1:]) or 0
        except OSError as err:
            return -err.errno

    def _new_socket(self):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setblocking(False)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.rcvbuf:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.rcvbuf)
        return s

    def _any(self):
        return self.conn or self.listener

    def _call_listen(self):
        self.listener = self.listener or self._new_socket()
        self.listener.bind((STACK, self.ports[1]))
        self.listener.listen(16)

    def _call_connect(self):
        if self.conn is None or self.conn.fileno() < 0:
            self.conn = self._new_socket()
        if self.conn.getsockname()[1] == 0:
            self.conn.bind((STACK, self.ports[0]))
        self.conn.connect((PEER, self.ports[1]))

    def _call_accept(self):
        self.conn, _ = self.listener.accept()
        self.conn.setblocking(False)

    def _call_write(self, size, how=None):
        flags = {"more": socket.MSG_MORE, "oob": socket.MSG_OOB, None: 0}[how]
        return self.conn.send(bytes(int(size)), flags | socket.MSG_NOSIGNAL)

    def _call_read(self, size):
        return len(self.conn.recv(int(size)))

    def _call_readoob(self):
        return len(self.conn.recv(1, socket.MSG_OOB))

    def _call_shutdown(self):
        self.conn.shutdown(socket.SHUT_WR)

    def _call_close(self):
        self.conn.close()

    def _call_error(self):
        return -self.conn.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def _call_set(self, name, value):
        if self._any() is None:
            self.conn = self._new_socket()
        if name == "linger0":
            self._any().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", int(value), 0))
        else:
            self._any().setsockopt(*OPTIONS[name], int(value))

    def info(self, name):
        """A number of TCP_INFO; a socket that was closed has the state CLOSE."""
        if self.conn is None or self.conn.fileno() < 0:
            return 7 if name == "state" else -errno.EBADF
        if name == "unread":
            return struct.unpack("i", fcntl.ioctl(self.conn, 0x541B, bytes(4)))[0]
        data = self.conn.getsockopt(6, 11, 192)
        at, kind = int(INFO[name][:-1]), INFO[name][-1]
        return struct.unpack_from(kind, data, at)[0]

    def close(self):
        """Gives all back."""
        for s in (self.conn, self.listener):
            if s is not None:
                s.close()
        os.close(self.tun)
