# SPDX-License-Identifier: MIT
"""Packet scripts of TCP on our core and on the host's Linux, and a few random traces on both: see docs/scripts.md."""

from runner import Job

ORDER = 16
TRACES = 12  # `make campaign-script` does as many as are wanted


def jobs(context):
    return [Job("script/tcp", ["tests/script/play"]),
            Job("script/random", ["tests/script/random_traces", "-n", str(TRACES)])]
