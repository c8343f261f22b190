#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The benchmark tables. Each row: name, value, unit, then its bar and, where there is a Linux baseline, the ratio.

usage: bench/run.py [osbench|network|boot|size|memory|scaling|fairness|stress]…      all of them without an argument

Exit status 1 when a bar is missed.
"""

import os
import pathlib
import re
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools" / "run"))

import vm  # noqa: E402

ROW_BAR, MEAN_BAR, NETWORK_BAR = 0.8, 0.5, 0.7
NETWORK_ROWS = ("tcprtt", "tcpconn", "tcpbw", "unixrtt", "udprtt", "tcprtt6", "epoll1k", "sendfile64k")
BENCH_IMAGE = str(ROOT / "build/bench/base.img")


class Report:
    def __init__(self):
        self.missed = []

    def row(self, name, value, unit, bar, ok, ratio=None):
        note = f"  ratio {ratio:.2f}" if ratio is not None else ""
        verdict = "" if ok else "  MISSED"
        print(f"{name:<21} {value:>12} {unit:<14} bar {bar}{note}{verdict}", flush=True)
        if not ok:
            self.missed.append(name)


def baseline():
    """Instructions per operation of the better Linux, by row."""
    lines = (ROOT / "bench/baseline.tsv").read_text().splitlines()[1:]
    return {name: min(float(v) for v in values if v != "-") for name, *values in (line.split("\t") for line in lines)}


def osbench_rows(report, rows, bar):
    """Runs the rows, each of which must take at most bar times the instructions of the better Linux; returns the
    ratios, or None if one failed."""
    linux = baseline()
    status, text = vm.run_in_guest("/bin/osbench " + " ".join(rows), base="initrd", base_image=BENCH_IMAGE,
                                   mem="512M", icount=True, rng=False, timeout=1200)
    ratios = []
    for name in rows:
        match = re.search(rf"^{name}\s+(\d+) ns/op", text, re.M)
        if not match:
            report.row(name, "FAIL", "instructions", f"<= {bar * linux[name]:.0f}", False)
            continue
        value = int(match.group(1))
        ratios.append(value / linux[name])
        report.row(name, value, "instructions", f"<= {bar * linux[name]:.0f}", ratios[-1] <= bar, ratios[-1])
    return ratios if len(ratios) == len(rows) and status == 0 else None


def osbench(report):
    ratios = osbench_rows(report, [r for r in baseline() if r not in NETWORK_ROWS], ROW_BAR)
    mean = statistics.geometric_mean(ratios) if ratios else float("inf")
    report.row("osbench_mean", f"{mean:.3f}", "ratio", f"<= {MEAN_BAR}", mean <= MEAN_BAR)


def network(report):
    if osbench_rows(report, NETWORK_ROWS, NETWORK_BAR) is None:
        report.missed.append("network")


def boot(report):
    """Instructions from reset until login: is written: login notes the time of its first prompt."""
    values = []
    for _ in range(5):
        with vm.Vm(base="initrd", mem="512M", icount=True, rng=False) as guest:
            guest.login()
            _, text = guest.shell("cat /run/login-prompt")
            values.append(int(re.search(r"^(\d+)$", text, re.M).group(1)))
    value = statistics.median(values)
    report.row("boot", f"{value / 1e6:.1f}", "Minstructions", "<= 60", value <= 60e6)


def size(report):
    value = os.path.getsize(ROOT / "build/kernel.img")
    report.row("kernel_img", value, "bytes", f"<= {1 << 20}", value <= 1 << 20)


def memory(report):
    """Memory in use at login:, from what RAM holds less MemFree."""
    with vm.Vm(mem="256M") as guest:
        guest.login()
        _, text = guest.shell("grep MemFree /proc/meminfo")
        free = int(re.search(r"(\d+) kB", text).group(1))
    used = 256 - free / 1024
    report.row("memory", f"{used:.1f}", "MiB", "<= 12", used <= 12)


def cpubench(count, seconds, **machine):
    _, text = vm.run_in_guest(f"/bin/cpubench {count} {seconds}", base_image=BENCH_IMAGE, mem="512M", timeout=300,
                              **machine)
    match = re.search(r"work (\d+) least (\d+) most (\d+) idle (-?\d+)", text)
    return [int(v) for v in match.groups()]


def scaling(report):
    """Work of two processes on two CPUs against one on one: real host threads, so the best of three."""
    best = 0.0
    for _ in range(3):
        one = cpubench(1, 2, smp=1, multithread=True)[0]
        two = cpubench(2, 2, smp=2, multithread=True)[0]
        best = max(best, two / one)
    report.row("smp_scaling", f"{best:.2f}", "x", ">= 1.8", best >= 1.8)


def fairness(report):
    """Eight processes on four CPUs."""
    total, least, most, idle = cpubench(8, 2, smp=4, icount=True, base="initrd", rng=False)
    even = total / 8
    worst = max(most / even - 1, 1 - least / even)
    report.row("fairness", f"{100 * worst:.1f}", "% off even", "<= 5", worst <= 0.05)
    # Two CPU-seconds of processes ending at slightly different times on four CPUs is noise; a CPU left idle is not.
    report.row("idle", idle, "ms", "<= 100", 0 <= idle <= 100)


STRESS = {"stress_fork_exec": "10,000 x fork+exec+wait", "stress_live_processes": "1,000 live processes",
          "stress_live_threads": "1,000 threads of a process", "fd_hundred_thousand": "100,000 open handles"}


def stress(report):
    """Many of everything in 512 MiB, by the guest's tests, which compare the kernel's counts before and after."""
    _, text = vm.run_in_guest("/tests/guest " + " ".join(STRESS), base="initrd", mem="512M", smp=2, timeout=1500,
                              base_image=str(ROOT / "build/guest/base.img"))
    for name in STRESS:
        ok = re.search(rf"^ok {name}$", text, re.M) is not None
        report.row(name, "works" if ok else "fails", "", "works, nothing left behind", ok)


TABLES = {"osbench": osbench, "network": network, "boot": boot, "size": size, "memory": memory, "scaling": scaling,
          "fairness": fairness, "stress": stress}


def main(argv):
    names = argv[1:] or list(TABLES)
    if any(n not in TABLES for n in names):
        print(__doc__, file=sys.stderr)
        return 2
    report = Report()
    for name in names:
        try:
            TABLES[name](report)
        except vm.VmError as e:
            print(f"{name}: {e}", file=sys.stderr)
            report.missed.append(name)
    if report.missed:
        print("missed: " + " ".join(report.missed))
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
