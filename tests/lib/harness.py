# SPDX-License-Identifier: MIT
"""For test programs in Python: functions marked with @test, each run and reported as the runner wants it.

    from harness import test, equal, main

    @test
    def what_it_shows():
        equal(1 + 1, 2)

    main()
"""

import contextlib
import sys
import traceback

_tests = []


def test(function):
    _tests.append(function)
    return function


def check(condition, message="is false"):
    if not condition:
        raise AssertionError(message)


def equal(actual, expected, what="value"):
    if actual != expected:
        raise AssertionError(f"{what} is {actual!r}, not {expected!r}")


def contains(text, part):
    if part not in text:
        raise AssertionError(f"no {part!r} in {text!r}")


def _run(names):
    passed = failed = 0
    for function in _tests:
        if names and function.__name__ not in names:
            continue
        try:
            function()
        except Exception as e:  # a test may fail in any way
            traceback.print_exc(file=sys.stdout)
            why = (str(e) or type(e).__name__).split("\n")[0]
            print(f"not ok {function.__name__}: {why}", flush=True)
            failed += 1
        else:
            print(f"ok {function.__name__}", flush=True)
            passed += 1
    print(f"{passed} passed, {failed} failed", flush=True)
    if failed or not passed:
        sys.exit(1)


def main(names=None, within=None):
    """Runs the tests in the order of their definition, or those that are named on the command line. within: a context that
    they share, such as a guest; it ends by an exception when one failed, so that it shows what it has to show."""
    with within or contextlib.nullcontext():
        _run(sys.argv[1:] if names is None else names)
    sys.exit(0)
