"""The benchmarks' table is the one that was asked for, and its programs run. What they measure is not tested."""

import re
import subprocess
import sys

import pytest

from benchmarks import scenarios
from benchmarks.table import LINES, Figure, Line, written
from imagine.demo.environment import PROJECT

# (threshold, target)
ASKED_FOR = {
    "posts": (0.4, 0.6),
    "tail": (2.5, 2.0),
    "many_rsvps": (1.2, 1.05),
    "guards": (1.05, 1.02),
    "race": (2.5, 2.0),
    "landing": (0.6, 0.7),
    "directory": (0.5, 0.6),
    "partner": (0.5, 0.6),
    "pledge": (0.2, 0.4),
    "csv": (2.5, 2.0),
    "csv_memory": (8, 2),
    "xlsx": (10, 6),
    "pledges_csv": (2.5, 2.0),
    "pledges_memory": (8, 2),
    "pledges_xlsx": (10, 6),
    "coverage": (300, 150),
    "coverage_queries": (8, 8),
    "certificate": (50, 25),
    "import": (30, 15),
    "import_memory": (150, 75),
    "preview": (500, 250),
    "person": (5, 2),
    "mail": (0.5, 0.7),
    "delay": (1.0, 0.3),
    "invitations": (0.12, 0.25),
    "connections": (1, 1),
    "during_mailing": (2, 2),
    "memory": (1.9, 1.6),
}


def test_table_has_the_required_lines_thresholds_and_targets():
    assert {key: (line.threshold, line.target) for key, line in LINES.items()} == ASKED_FOR
    rates = {key for key, line in LINES.items() if line.more_is_better}
    assert rates == {"posts", "landing", "directory", "partner", "pledge", "mail", "invitations"}


def test_every_line_is_measured_by_one_scenario():
    measured = [key for name in scenarios.SCENARIOS for key in scenarios.LINES_OF.get(name, [name])]
    assert sorted(measured) == sorted(LINES)


def test_performance_page_explains_every_row():
    page = (PROJECT / "docs" / "performance.md").read_text()
    assert set(re.findall(r"^- `(\w+)`", page, re.M)) == set(scenarios.SCENARIOS)
    assert [line.what for line in LINES.values() if line.what not in " ".join(page.split())] == []


@pytest.mark.parametrize(
    ("more_is_better", "value", "verdict"),
    [
        (True, 0.8, "target met"),
        (True, 0.6, "threshold met"),
        (True, 0.59, "NOT met"),
        (False, 0.6, "target met"),
        (False, 0.8, "threshold met"),
        (False, 0.81, "NOT met"),
    ],
)
def test_verdict_compares_the_value_with_threshold_and_target(more_is_better, value, verdict):
    threshold, target = (0.6, 0.8) if more_is_better else (0.8, 0.6)
    assert Line("key", "what", "baseline", threshold, target, more_is_better=more_is_better).verdict(value) == verdict


def test_figure_is_the_median_and_skipped_rows_say_why():
    table = written({"posts": Figure("posts", [0.5, 0.9, 0.7], "900/s", "630/s")}, {"xlsx": "no exports"})
    assert "| 900/s (bare view) | 630/s | **0.70** | 0.50–0.90 | 0.40 | 0.60 | target met |" in table
    assert "| left out: no exports |" in table


@pytest.mark.bench
def test_every_benchmark_runs():
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--tiny"], cwd=PROJECT, capture_output=True, text=True, timeout=900
    )
    assert run.returncode == 0, run.stderr
    assert "PostgreSQL 18" in run.stdout
    assert "| coverage: queries of the page |  | 8 | **8** |" in run.stdout
    for line in LINES.values():
        row = next(row for row in run.stdout.splitlines() if row.startswith(f"| {line.what} |"))
        assert re.search(r"\| \*\*[\d.]+( MB| s| ms)?\*\* \|", row), row
