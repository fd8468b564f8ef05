"""All measures: `make bench`.

python benchmarks/run.py                    everything (about an hour), writes docs/benchmarks.md and its plot
python benchmarks/run.py --quick            small tables, a few minutes, writes nothing
python benchmarks/run.py --only cpu plan    some measures, writes nothing
"""

from __future__ import annotations

import argparse
import shutil
import sys

import page
from measures import ALL, Bench, Line


def main() -> None:
    """Measure, print, and write the page if all was measured in full."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small tables and short times")
    parser.add_argument(
        "--only", nargs="+", choices=list(ALL), default=list(ALL), metavar="NAME", help=", ".join(ALL)
    )
    parser.add_argument(
        "--repeats", type=int, default=0, help="times that a figure is taken (default 3, quick 1)"
    )
    parser.add_argument(
        "--write", action="store_true", help="put what was measured on the page, beside what is there"
    )
    parser.add_argument("--s6r-python", default=sys.executable, help="an interpreter that has s6r-hubspot")
    given = parser.parse_args()
    bench = Bench(given.quick, given.repeats or (1 if given.quick else 3), given.s6r_python)
    taken: dict[str, list[Line]] = {}
    try:
        for name in given.only:
            taken[name] = []
            for line in ALL[name](bench):
                taken[name].append(line)
                print(page.as_text(line), flush=True)
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)
    if given.write or (not given.quick and given.only == list(ALL)):
        page.write(taken, bench.repeats)


if __name__ == "__main__":
    main()
