# SPDX-License-Identifier: MIT
"""On the host under ASan and UBSan: the pure cores, tests/unit; the network as a whole, tests/netstack."""

from runner import Job

ORDER = 20


def jobs(context):
    return [Job(name, [context.path("asan", name)], timeout=600) for name in ("unit", "netstack")]
