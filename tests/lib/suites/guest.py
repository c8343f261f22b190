# SPDX-License-Identifier: MIT
"""Programs in the guest, many to a boot: every executable directly in tests/guest runs some of them. The one that boots
several machines is a job for each, so that they run side by side."""

import os

from runner import Job
from suites import programs

ORDER = 60
MACHINES = {"tests/guest/guest_test.py": [["smp1"], ["smp4"], ["smp8"], ["debug", "late", "storm"]]}


def jobs(context):
    found = []
    for p in programs("tests/guest"):
        for machines in MACHINES.get(p, [[]]):
            name = "/".join([os.path.relpath(p, "tests"), *machines[:1]])
            found.append(Job(name, [os.path.abspath(p), *machines]))
    return found
