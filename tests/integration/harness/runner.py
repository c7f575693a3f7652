"""runner.py - runs the cases of one test file and says how it went, as TAP.

A test file decorates coroutines with @case("a sentence, with the requirements it proves"), and ends with main().
Arguments are words that a sentence must contain for its case to run. No case sleeps: until() waits for a condition,
with a bound, and `within` is the bound for a whole case.
SPDX-License-Identifier: MIT
"""
import asyncio
import faulthandler
import os
import resource
import sys
import time
import traceback

_cases = []
PATIENCE = 10.0  # how long a condition may take; generous, as sanitizer builds on a busy machine are slow
SCALE = float(os.environ.get("NXB_TEST_SCALE", "1"))  # of counts in the heavy cases


class Skipped(Exception):
    """Raised by a case that cannot run here; its text says why."""


def case(sentence, within=60.0):
    def register(function):
        _cases.append((sentence, within, function))
        return function
    return register


async def until(what, condition, patience=PATIENCE):
    """Waits for condition() (plain or a coroutine) to be true and returns its value."""
    clock = asyncio.get_running_loop()
    end = clock.time() + patience
    pause = 0.001
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        if clock.time() > end:
            raise AssertionError(f"still not so after {patience} s: {what}")
        await asyncio.sleep(pause)  # between two looks at the condition
        pause = min(pause * 1.5, 0.05)


def expect(condition, what="expectation"):
    if not condition:
        raise AssertionError(what)


def same(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what or 'value'}: got {got!r}, wanted {wanted!r}")


def scaled(count, least=1):
    return max(least, int(count * SCALE))


def _raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _notes(text):
    for line in text.rstrip().splitlines():
        print(f"#   {line}")


def _where(problem):
    """The traceback without asyncio's part of it."""
    told = traceback.TracebackException.from_exception(problem)
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    told.stack = traceback.StackSummary.from_list([frame for frame in told.stack if frame.filename.startswith(ours)])
    return "".join(told.format(chain=False))


def main():
    _raise_descriptor_limit()
    chosen = [one for one in _cases if all(word in one[0] for word in sys.argv[1:])]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, (sentence, within, function) in enumerate(chosen, 1):
        title = sentence.replace("#", "\\#")
        began = time.monotonic()
        faulthandler.dump_traceback_later(within + 30, exit=True)  # for what asyncio cannot interrupt
        try:
            asyncio.run(asyncio.wait_for(function(), within))
            print(f"ok {number} - {title}", flush=True)
        except Skipped as why:
            print(f"ok {number} - {title} # SKIP {why}", flush=True)
        except BaseException as problem:  # also a timeout, also Ctrl-C: the cases after it are still told about
            failed += 1
            print(f"not ok {number} - {title}")
            _notes(_where(problem))
            sys.stdout.flush()
            if isinstance(problem, KeyboardInterrupt):
                break
        if (took := time.monotonic() - began) > 5:
            print(f"# that took {took:.0f} s", flush=True)
    sys.exit(1 if failed else 0)
