# SPDX-License-Identifier: MIT
"""Protocol cores explored breadth first on the host, to a depth that takes seconds: see tests/explore/tcp.c."""

from runner import Job

ORDER = 15

# SACK and simultaneous opens each make another protocol.
TCP = {"sack": ["-d", "5"], "dupacks": ["-d", "5", "-n"], "both-connect": ["-d", "5", "-s"]}


def jobs(context):
    program = context.path("explore", "tcp")
    return [Job(f"explore/tcp/{name}", [program, "-q"] + args) for name, args in TCP.items()]
