"""`python -m benchmarks [--quick] [scenario …]`: measure these scenarios, or all, and print the table."""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import scenarios, table
from benchmarks.stack import Stack


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="scenario", help=", ".join(scenarios.SCENARIOS))
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const=scenarios.QUICK, help="a third, in two pairs")
    size.add_argument(
        "--tiny", dest="size", action="store_const", const=scenarios.TINY, help="only to try that it runs"
    )
    parser.set_defaults(size=scenarios.FULL)
    options = parser.parse_args()
    if unknown := set(options.rows) - set(scenarios.SCENARIOS):
        parser.error(f"there is no scenario {', '.join(sorted(unknown))}; there are {', '.join(scenarios.SCENARIOS)}")
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit("The benchmarks were told to stop."))
    with tempfile.TemporaryDirectory(prefix="imagine-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # as root, PostgreSQL runs as another user
        stack = Stack(Path(folder))
        try:
            print(measured(stack, options.rows or list(scenarios.SCENARIOS), options.size))
        finally:
            stack.stop()
    return 0


def measured(stack: Stack, names: list[str], size: scenarios.Size) -> str:
    load = os.getloadavg()
    figures, left_out = {}, {}
    for name in names:
        started = time.monotonic()
        try:
            figures.update({figure.key: figure for figure in scenarios.SCENARIOS[name](stack, size)})
        except scenarios.LeftOut as reason:
            left_out |= dict.fromkeys(scenarios.LINES_OF.get(name, [name]), str(reason))
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    [(version,)] = stack.sql("SHOW server_version")
    part = "" if size.part == 1 else f"\n\nOnly to try it: {size.part:.0%} of the counts that the lines name."
    return f"{table.machine(load, version)}{part}\n\n{table.written(figures, left_out)}"


if __name__ == "__main__":
    sys.exit(main())
