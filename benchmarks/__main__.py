"""`python -m benchmarks [--quick] [row …]`: measures the rows, all when none is named, and prints the table."""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import rows, table
from benchmarks.house import House


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="row", help=", ".join(rows.ROWS))
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const=rows.QUICK, help="a third, in two pairs")
    size.add_argument("--tiny", dest="size", action="store_const", const=rows.TINY, help="only to see that it runs")
    parser.set_defaults(size=rows.FULL)
    wanted = parser.parse_args()
    if unknown := set(wanted.rows) - set(rows.ROWS):
        parser.error(f"there is no row {', '.join(sorted(unknown))}; there are {', '.join(rows.ROWS)}")
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit("The benchmarks were told to stop."))
    with tempfile.TemporaryDirectory(prefix="imagine-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # as root, PostgreSQL runs as another user
        house = House(Path(folder))
        try:
            print(measured(house, wanted.rows or list(rows.ROWS), wanted.size))
        finally:
            house.stop()
    return 0


def measured(house: House, names: list[str], size: rows.Size) -> str:
    load = os.getloadavg()
    figures, left_out = {}, {}
    for name in names:
        began = time.monotonic()
        try:
            figures.update({figure.key: figure for figure in rows.ROWS[name](house, size)})
        except rows.LeftOut as reason:
            left_out |= dict.fromkeys(rows.LINES_OF.get(name, [name]), str(reason))
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    [(version,)] = house.sql("SHOW server_version")
    part = "" if size.part == 1 else f"\n\nOnly to try it: {size.part:.0%} of the counts that the lines name."
    return f"{table.machine(load, version)}{part}\n\n{table.written(figures, left_out)}"


if __name__ == "__main__":
    sys.exit(main())
