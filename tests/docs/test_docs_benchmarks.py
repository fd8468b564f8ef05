"""The commands of the page on benchmarks: the cheapest measure is taken, the others are known to the
script.
"""

import re
import shlex
import subprocess
import sys

import docs_pages
import pytest

PAGE = docs_pages.ROOT / "docs" / "benchmarks.md"
WRITTEN = [PAGE, PAGE.with_suffix(".json"), PAGE.with_suffix(".png")]
SHOWN = sorted({each for each, _ in docs_pages.commands_in_sentences() if "benchmarks/run.py" in each})


def run(script: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, f"benchmarks/{script}", *words],
        cwd=docs_pages.ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_quick_measure_prints_its_figures_and_writes_nothing() -> None:
    before = [file.read_bytes() for file in WRITTEN]
    *printed, planned = run("run.py", "--quick", "--only", "bad-row", "plan").splitlines()
    assert [file.read_bytes() for file in WRITTEN] == before
    assert re.search(r"plan of [\d,]+ rows .* x DuckDB's scan and md5 ", planned)
    assert len(printed) == 2
    for line in printed:
        measure, figure, bar, verdict, *_ = re.split(r"\s{2,}", line)
        assert measure in PAGE.read_text()
        assert re.fullmatch(r"\d+ more requests", figure)
        assert re.fullmatch(r"<= \d+", bar)
        assert verdict in ("ok", "MISSED")


def test_the_measure_of_a_bucket_prints_its_figures() -> None:
    printed = run("bucket.py", "--append", "0.002", "--seconds", "0")
    assert re.search(r"without a limit +appends/batch \d\.\d\d", printed)


def test_the_price_of_a_bucket_counts_the_requests_of_three_runs() -> None:
    printed = run("bucket.py", "--price", "--seconds", "0").splitlines()
    assert [re.split("  +", line)[0] for line in printed] == ["first load", "1 % changed", "unchanged"]
    puts, dollars = zip(
        *(
            (int(re.search(r"'PUT': (\d+)", line)[1]), float(re.search(r"([\d.]+) dollars", line)[1]))
            for line in printed
        ),
        strict=True,
    )
    assert puts[0] > puts[1] > puts[2] > 0  # a night writes what it sent, and what every run writes
    assert dollars[0] > dollars[1] > dollars[2] > 0


def test_the_measure_of_a_warehouse_prints_its_figures() -> None:
    printed = run("warehouse.py", "--engine", "duckdb", "--rows", "5000")
    assert re.search(r"rows moved +\d+\.\d\d%", printed)


def test_the_measure_of_a_merge_prints_how_long_it_took_and_what_readers_saw() -> None:
    printed = run("warehouse.py", "--engine", "duckdb", "--rows", "2000", "--merge", "100")
    assert re.search(r"\d+\.\d s", printed), printed


@pytest.mark.parametrize("command", SHOWN)
def test_the_script_has_the_options_and_measures_that_the_page_names(command: str) -> None:
    offered = " ".join(run("run.py", "--help").split())
    words = shlex.split(command)[2:]
    assert words
    for word in words:
        assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", offered), f"{command}: {word}"


def test_the_page_names_some_commands() -> None:
    assert len(SHOWN) >= 2
