# SPDX-License-Identifier: MIT
"""The test runner: suites give jobs, jobs are programs, programs print results.

A suite is a module in tests/lib/suites with `ORDER` (suites start in this order) and `jobs(context)`, which returns
a list of Job. A job is a program that prints, besides anything else, lines

    ok NAME
    not ok NAME: why

one for each test in it. A program that prints none is a test of its own, named after the job, that passes if its
exit status is 0. A program that ends with another status without having said `not ok`, or that runs longer than
its timeout, fails too. What a program prints is kept in BUILD/test/log, and shown when one of its tests failed:
a test that boots a machine prints the machine's console.

In the environment of each job are BUILD (the build directory, relative to the root, which is the working
directory), TEST_TMP (an empty directory of its own) and PYTHONPATH (tests/lib and tools/run).
"""

import argparse
import dataclasses
import importlib
import os
import pkgutil
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

RESULT = re.compile(r"^(ok|not ok) ([^\s:]+)(?::\s*(.*))?\s*$")
SUMMARY = re.compile(r"^\d+ passed, \d+ failed$")
SHOWN_LINES = 400


@dataclasses.dataclass
class Job:
    name: str  # SUITE/REST, unique
    argv: list
    timeout: float = 1800  # for what hangs: a busy host needs five times what a quiet one does
    env: dict = dataclasses.field(default_factory=dict)
    alone: bool = False  # nothing else runs at the same time: for tests that measure


@dataclasses.dataclass
class Context:
    build: str
    root: str

    def path(self, *parts):
        return os.path.join(self.build, *parts)


class Outcome:
    def __init__(self, job):
        self.job = job
        self.passed, self.failed = [], []  # names; (name, why)
        self.lines, self.seconds, self.cpu_seconds = [], 0.0, 0.0

    def take_line(self, line):
        self.lines.append(line)
        m = RESULT.match(line)
        if m and m.group(1) == "ok":
            self.passed.append(m.group(2))
        elif m:
            self.failed.append((m.group(2), m.group(3) or ""))

    def finish(self, status, timed_out):
        why = None
        if timed_out:
            why = f"ran longer than {self.job.timeout:.0f} s"
        elif status < 0:
            why = f"ended by signal {-status} ({signal.Signals(-status).name})"
        elif status and not self.failed:
            why = f"exit status {status}"
        if why:
            self.failed.append(("", why))
        elif not self.passed and not self.failed:
            self.passed.append("")

    def full(self, name):
        return f"{self.job.name}/{name}" if name else self.job.name

    def shown(self):
        """The output without what only says that other tests passed."""
        lines = [x for x in self.lines if not x.startswith("ok ") and not SUMMARY.match(x)]
        if len(lines) > SHOWN_LINES:
            lines = [f"[{len(lines) - SHOWN_LINES} lines before]"] + lines[-SHOWN_LINES:]
        return lines


def log_path(context, job, what):
    return context.path("test", what, job.name.replace("/", "."))


def job_environment(context, job):
    tmp = log_path(context, job, "tmp")
    shutil.rmtree(tmp, ignore_errors=True)
    os.makedirs(tmp)
    env = dict(os.environ, BUILD=context.build, TEST_TMP=os.path.abspath(tmp), PYTHONDONTWRITEBYTECODE="1")
    # Programs that start with `env python3` get this interpreter, and no shim that looks for one each time.
    env["PATH"] = os.pathsep.join((os.path.dirname(sys.executable), env["PATH"]))
    env["PYTHONPATH"] = os.pathsep.join(os.path.join(context.root, d) for d in ("tests/lib", "tools/run"))
    env.setdefault("ASAN_OPTIONS", "detect_stack_use_after_return=1:abort_on_error=1:allocator_may_return_null=1")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    env.update(job.env)
    return env


def end_group(pid):
    """Ends a job and what it started: the group that we made for it, no other."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run_job(context, job):
    outcome, started = Outcome(job), time.monotonic()
    timed_out = threading.Event()
    try:
        process = subprocess.Popen(job.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, env=job_environment(context, job),
                                   start_new_session=True)
    except OSError as e:
        outcome.failed.append(("", f"cannot start {job.argv[0]}: {e.strerror}"))
        return outcome

    def expire():
        timed_out.set()
        end_group(process.pid)

    timer = threading.Timer(job.timeout, expire)
    timer.start()
    with open(log_path(context, job, "log"), "w", encoding="utf-8") as log:
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            log.write(line + "\n")
            outcome.take_line(line)
    _, raw_status, usage = os.wait4(process.pid, 0)
    status = process.returncode = os.waitstatus_to_exitcode(raw_status)
    timer.cancel()
    end_group(process.pid)
    outcome.seconds = time.monotonic() - started
    outcome.cpu_seconds = usage.ru_utime + usage.ru_stime  # its own, and of what it has waited for
    outcome.finish(status, timed_out.is_set())
    return outcome


class Report:
    def __init__(self, verbose):
        self.verbose = verbose
        self.passed = 0
        self.failures = []
        self.lock = threading.Lock()

    def add(self, outcome):
        with self.lock:
            self.passed += len(outcome.passed)
            self.failures += [(outcome.full(n), why) for n, why in outcome.failed]
            self.show(outcome)

    def show(self, outcome):
        job, passed, failed = outcome.job, len(outcome.passed), len(outcome.failed)
        if failed:
            print(f"==== {job.name}: {passed} passed, {failed} failed ({outcome.seconds:.1f} s), its output:")
            print("\n".join(outcome.shown()))
            for name, why in outcome.failed:
                print(f"not ok {outcome.full(name)}" + (f": {why}" if why else ""))
            print(f"==== end of {job.name}")
        elif self.verbose and passed and outcome.passed != [""]:
            for name in outcome.passed:
                print(f"ok {outcome.full(name)}")
        else:
            count = f"{passed} tests, " if outcome.passed != [""] else ""
            print(f"ok {job.name} ({count}{outcome.seconds:.1f} s, {outcome.cpu_seconds:.1f} s of CPU)")
        sys.stdout.flush()

    def end(self):
        if self.failures:
            print("Failed:")
            for name, why in self.failures:
                print(f"  {name}" + (f": {why}" if why else ""))
        print(f"{self.passed} passed, {len(self.failures)} failed", flush=True)
        return 1 if self.failures or not self.passed else 0


def run_all(context, jobs, workers, report):
    """Runs jobs in order on some workers; a job that wants to be alone waits for the others and keeps them waiting."""
    state = threading.Condition()
    queue, running = list(jobs), []

    def may_start():
        return not queue or not running or not (queue[0].alone or any(j.alone for j in running))

    def worker():
        while True:
            with state:
                state.wait_for(may_start)
                if not queue:
                    return
                job = queue.pop(0)
                running.append(job)
            try:
                report.add(run_job(context, job))
            except Exception as e:  # no job may vanish from the count
                report.failures.append((job.name, f"the runner failed: {e!r}"))
            finally:
                with state:
                    running.remove(job)
                    state.notify_all()

    threads = [threading.Thread(target=worker) for _ in range(workers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def load_suites():
    import suites
    modules = [importlib.import_module(f"suites.{m.name}") for m in pkgutil.iter_modules(suites.__path__)]
    return sorted(modules, key=lambda m: (m.ORDER, m.__name__))


def suite_name(module):
    return module.__name__.rpartition(".")[2]


def select(jobs, patterns):
    """The jobs that a pattern names: a suite, a job, or the beginning of a job's path up to a slash."""
    if not patterns:
        return jobs
    return [j for j in jobs if any(j.name == p or j.name.startswith(p.rstrip("/") + "/") for p in patterns)]


def main(arguments):
    parser = argparse.ArgumentParser(prog="tests/run", description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="*", help="suites or jobs, for example: unit system/boot.py")
    parser.add_argument("--jobs", type=int, default=(os.cpu_count() or 1) + 1,
                        help="how many run at a time; guests spend a quarter of theirs waiting, so one more than CPUs")
    parser.add_argument("--list", action="store_true", help="list the jobs")
    parser.add_argument("-v", "--verbose", action="store_true", help="name each test that passes")
    options = parser.parse_args(arguments)

    context = Context(os.environ.get("BUILD", "build"), os.getcwd())
    jobs = []
    for module in load_suites():
        name = suite_name(module)
        if not options.what or any(p.split("/")[0] == name for p in options.what):
            jobs += module.jobs(context)
    jobs = select(jobs, options.what)
    if options.list:
        print("\n".join(j.name for j in jobs))
        return 0
    jobs.sort(key=lambda j: j.alone)  # in the end, when nobody else is kept waiting
    os.makedirs(context.path("test", "log"), exist_ok=True)
    report = Report(options.verbose)
    for pattern in options.what:
        if not select(jobs, [pattern]):
            report.failures.append((pattern, "there is no such suite or job"))
    run_all(context, jobs, max(1, options.jobs), report)
    return report.end()
