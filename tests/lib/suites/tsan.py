# SPDX-License-Identifier: MIT
"""Lock-free code and locks on the host under TSan: a program for each tests/tsan/*.c, one for several CPUs and
one for the network on these."""

import glob
import os

from runner import Job

ORDER = 30


def jobs(context):
    names = sorted(os.path.basename(p)[:-2] for p in glob.glob("tests/tsan/*.c")) + ["cpus-test", "net-test"]
    return [Job(f"tsan/{n}", [context.path("tsan", n)], env={"TSAN_OPTIONS": "halt_on_error=1"}) for n in names]
