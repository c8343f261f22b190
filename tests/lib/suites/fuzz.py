# SPDX-License-Identifier: MIT
"""Each fuzz target for FUZZ_SECONDS, from its seeds. A find stays in BUILD/fuzz/found; once understood, it belongs
into tests/fuzz/corpus/NAME, so that every later run begins with it."""

import glob
import os

from runner import Job

ORDER = 40


def corpus(context, name):
    """The directories of inputs: the first is written to."""
    kept = context.path("fuzz", "corpus", name)
    os.makedirs(kept, exist_ok=True)
    rest = [os.path.join("tests/fuzz/corpus", name), context.path("fuzz", "seeds", name)]
    return [kept] + [d for d in rest if os.path.isdir(d)]


def jobs(context):
    seconds = int(os.environ.get("FUZZ_SECONDS", "4"))
    sources = glob.glob("tests/fuzz/*_fuzz.c") + glob.glob("tests/fuzz/net/*_fuzz.c")
    names = sorted(os.path.basename(p)[:-len("_fuzz.c")] for p in sources)
    found = context.path("fuzz", "found")
    os.makedirs(found, exist_ok=True)
    result = []
    for name in names:
        slow = 10 if seconds > 60 else 120  # an input that takes as long is a find, where a stall of the host is not
        argv = [context.path("fuzz", name), f"-max_total_time={seconds}", f"-timeout={slow}", "-rss_limit_mb=2048",
                "-verbosity=0", f"-artifact_prefix={found}/{name}-"]
        dictionary = f"tests/fuzz/{name}.dict"
        if os.path.exists(dictionary):
            argv.append(f"-dict={dictionary}")
        result.append(Job(f"fuzz/{name}", argv + corpus(context, name)))
    return result
