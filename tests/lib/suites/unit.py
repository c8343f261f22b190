# SPDX-License-Identifier: MIT
"""On the host under ASan and UBSan: the pure cores, tests/unit; the network as a whole, tests/netstack."""

from runner import Job

ORDER = 20


def jobs(context):
    return [Job("unit", [context.path("asan", "unit")]),
            Job("unit/netstack", [context.path("asan", "netstack")])]
