# SPDX-License-Identifier: MIT
"""Tests of host tools: every executable in a folder of tests/host."""

import glob
import os

from runner import Job
from suites import programs

ORDER = 50


def jobs(context):
    folders = sorted(d for d in glob.glob("tests/host/*") if os.path.isdir(d))
    return [Job(os.path.relpath(p, "tests"), [os.path.abspath(p)]) for d in folders for p in programs(d)]
