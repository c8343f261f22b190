#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""iperf3 (Debian's) in swos and in Linux, alternately, on the same machine: bulk over loopback, to and from the host over
a tap. Guest-side figures in Gbit per second of guest time, medians.

usage: bench/iperf.py [--runs N] [--only swos|linux] [loopback|out|in|scaling]…

Scaling, which only runs when it is named, is four flows on two CPUs against one on one, in real time on host threads: it
wants two idle host cores.

Exit status 1 when swos does not reach 1.2 times Linux's figure, or scales by less than 1.6.
"""

import argparse
import contextlib
import pathlib
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools" / "run"))
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import vm  # noqa: E402
from wire import taps  # noqa: E402

BAR, SCALING_BAR = 1.2, 1.6
BYTES = "200M"
HOST, GUEST = "10.9.0.1", "10.9.0.2"
MACHINE = {"mem": "512M", "rng": False, "base": "initrd"}
COUNTED = {"smp": 1, "icount": True}
FLOWS, SECONDS, FIRST_PORT = 4, 5, 5201
# What is run in the guest, and whose line of the summary is the guest's.
TRANSFERS = {"loopback": ("-c 127.0.0.1", "receiver"), "out": (f"-c {HOST}", "sender"),
             "in": (f"-c {HOST} -R", "receiver")}


@contextlib.contextmanager
def peer():
    """iperf3 on a tap in a namespace; gives the namespace's name and the device."""
    with taps("") as (name, nics), subprocess.Popen(["ip", "netns", "exec", name, "iperf3", "-s"],
                                                    stdout=subprocess.DEVNULL) as server:
        try:
            yield name, nics
        finally:
            server.terminate()


def linux_machine():
    ready = subprocess.run([ROOT / "bench/linux-iperf", ROOT / "build/bench/iperf"], check=True, text=True,
                           stdout=subprocess.PIPE)
    kernel, disk = ready.stdout.split()
    return {"kernel": kernel, "base_image": disk, "append": "console=ttyAMA0 quiet panic=-1"}


@contextlib.contextmanager
def booted(system, machine):
    with vm.Vm(timeout=300, **MACHINE, **machine) as guest:
        if system == "swos":
            guest.login()
        else:
            guest.wait_for(r"# $")
        yield guest


def measure(guest, transfer):
    """Gbit per second of guest time."""
    arguments, line = TRANSFERS[transfer]
    status, text = guest.shell(f"iperf3 {arguments} -n {BYTES} -f m")
    match = re.search(rf"([\d.]+) Mbits/sec.*{line}", text)
    if status != 0 or not match:
        raise vm.VmError(f"iperf3 {arguments}: status {status}\n{text}")
    return float(match.group(1)) / 1000


def bulk(machines, runs, transfers):
    """All transfers in each system's guest, in turn. Whether a bar was missed."""
    got = {(t, s): [] for t in transfers for s in machines}
    for _ in range(runs):
        for system, machine in machines.items():
            with peer() as (netns, nics), booted(system, {"netns": netns, "nics": nics, **COUNTED, **machine}) as guest:
                guest.shell(f"ifconfig eth0 {GUEST} netmask 255.255.255.0 up")
                guest.shell("iperf3 -s -D")
                for t in transfers:
                    begin = time.monotonic()
                    got[t, system].append(measure(guest, t))
                    print(f"{t} {system} {got[t, system][-1]:.2f} ({time.monotonic() - begin:.0f} s)", file=sys.stderr)
    missed = False
    for t in transfers:
        medians = {s: statistics.median(got[t, s]) for s in machines}
        ratio = medians["swos"] / medians["linux"] if len(medians) == 2 else float("nan")
        missed |= ratio < BAR
        print(f"iperf3_{t:<14} " + "  ".join(f"{s} {v:.2f}" for s, v in medians.items()) +
              f" Gbit/s  bar >= {BAR} x  ratio {ratio:.2f}{'  MISSED' if ratio < BAR else ''}", flush=True)
    return missed


def together(system, machine, cpus, flows):
    """Mbit per second of so many flows over loopback, each between processes of its own."""
    ports = range(FIRST_PORT, FIRST_PORT + flows)
    with booted(system, {"smp": cpus, "multithread": True, **machine}) as guest:
        for port in ports:
            guest.shell(f"iperf3 -s -D -p {port}")
        start = "".join(f"iperf3 -c 127.0.0.1 -p {port} -t {SECONDS} -f m >/tmp/flow.{port} & " for port in ports)
        status, text = guest.shell(f"{start} wait; cat /tmp/flow.*")
        rates = re.findall(r"([\d.]+) Mbits/sec.*receiver", text)
        if status != 0 or len(rates) != flows:
            raise vm.VmError(f"{flows} flows on {cpus} CPUs: status {status}\n{text}")
        return sum(map(float, rates))


def scaling(machines, runs):
    """Four flows on two CPUs against one on one. Whether the bar was missed."""
    best = {s: 0.0 for s in machines}
    for _ in range(runs):
        for system, machine in machines.items():
            one, four = together(system, machine, 1, 1), together(system, machine, 2, FLOWS)
            best[system] = max(best[system], four / one)
            print(f"scaling {system} {one:.0f} {four:.0f} Mbit/s {four / one:.2f}", file=sys.stderr)
    missed = best.get("swos", SCALING_BAR) < SCALING_BAR
    print(f"iperf3_{'scaling':<14} " + "  ".join(f"{s} {v:.2f}" for s, v in best.items()) +
          f" x  bar >= {SCALING_BAR}{'  MISSED' if missed else ''}", flush=True)
    return missed


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=("swos", "linux"))
    parser.add_argument("transfers", nargs="*", choices=[[], *TRANSFERS, "scaling"])
    options = parser.parse_args()
    systems = {"linux": linux_machine, "swos": lambda: {"base_image": str(ROOT / "build/bench/iperf.img")}}
    machines = {name: make() for name, make in systems.items() if options.only in (None, name)}
    names = options.transfers or list(TRANSFERS)
    transfers = [t for t in names if t in TRANSFERS]
    missed = bulk(machines, options.runs, transfers) if transfers else False
    if "scaling" in names:
        missed |= scaling(machines, options.runs)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
