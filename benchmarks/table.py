"""The table: its lines with threshold and target, and a run written as Markdown."""

import os
import platform
import statistics
from dataclasses import dataclass, field

import psutil


@dataclass(frozen=True)
class Line:
    """One line of the table: what the product does, its baseline, and threshold and target in `unit`."""

    key: str
    what: str
    baseline: str
    threshold: float
    target: float
    unit: str = ""
    more_is_better: bool = False

    def verdict(self, value: float) -> str:
        def reaches(mark: float) -> bool:
            return value >= mark if self.more_is_better else value <= mark

        return "target met" if reaches(self.target) else "threshold met" if reaches(self.threshold) else "NOT met"


LINES = {
    line.key: line
    for line in (
        Line("posts", "RSVP POSTs per second, 8 at once", "bare view", 0.4, 0.6, more_is_better=True),
        Line("tail", "their 99th percentile, 32 at once", "bare view", 2.5, 2.0),
        Line("many_rsvps", "RSVP POST with 2,000 RSVPs on the event", "the same with 20", 1.2, 1.05),
        Line("guards", "RSVP POST with limits, activity log and headers", "the same without", 1.05, 1.02),
        Line("race", "600 tries for 300 seats, 32 at once, exact: wall time", "bare view that sums", 2.5, 2.0),
        Line("landing", "landing pages per second", "bare page, one read", 0.6, 0.7, more_is_better=True),
        Line("directory", "pages of the partner list per second", "bare page, one read", 0.5, 0.6, more_is_better=True),
        Line("partner", "partners' own pages per second", "bare page, one read", 0.5, 0.6, more_is_better=True),
        Line("pledge", "pledges with eight promises saved per second", "bare view", 0.2, 0.4, more_is_better=True),
        Line("csv", "guest list, 100,000 rows as CSV: time", "csv.writer over a cursor", 2.5, 2.0),
        Line("csv_memory", "guest list as CSV: memory growth", "", 8, 2, unit="MB"),
        Line("xlsx", "guest list, 100,000 rows as XLSX: time", "the CSV above", 10, 6),
        Line("pledges_csv", "pledge list, 100,000 promises as CSV: time", "csv.writer over a cursor", 2.5, 2.0),
        Line("pledges_memory", "pledge list as CSV: memory growth", "", 8, 2, unit="MB"),
        Line("pledges_xlsx", "pledge list, 100,000 promises as XLSX: time", "the CSV above", 10, 6),
        Line("coverage", "coverage of 5,000 pledges and 62 schools: time of the page", "", 300, 150, unit="ms"),
        Line("coverage_queries", "coverage: queries of the page", "", 8, 8),
        Line("certificate", "a certificate that was never drawn, once warm", "", 50, 25, unit="ms"),
        Line("import", "import of 10,000 rows: time", "", 30, 15, unit="s"),
        Line("import_memory", "import of 10,000 rows: memory growth", "", 150, 75, unit="MB"),
        Line("preview", "preview of an audience of 10,000: time of the page", "", 500, 250, unit="ms"),
        Line("person", "everything about a person among 100,000 emails: time of page and JSON", "", 5, 2, unit="s"),
        Line("mail", "confirmations per minute through the worker", "bare Celery task", 0.5, 0.7, more_is_better=True),
        Line("delay", "commit to the mail server's yes, 95%, 20 RSVPs per second", "", 1.0, 0.3, unit="s"),
        Line(
            "invitations",
            "10,000 invitations, emails per minute",
            "100 emails per task",
            0.12,
            0.25,
            more_is_better=True,
        ),
        Line("connections", "SMTP connections for 50 of them", "", 1, 1),
        Line("during_mailing", "a guest's confirmation while invitations leave, 95%", "", 2, 2, unit="s"),
        Line("memory", "memory of a web worker after the load", "bare Django", 1.9, 1.6),
    )
}


@dataclass
class Figure:
    """What was measured for one line: one value per pair, and the raw numbers as they are shown."""

    key: str
    values: list[float]
    baseline: str = ""
    product: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def value(self) -> float:
        return statistics.median(self.values)


def compared(
    key: str, baseline: list[float], product: list[float], show: str, notes: list[str] | None = None
) -> Figure:
    """Return the figure of pairs measured one after the other: the median of their ratios, product to baseline."""
    ratios = [ours / theirs for theirs, ours in zip(baseline, product, strict=True)]
    middle = (show.format(statistics.median(numbers)) for numbers in (baseline, product))
    return Figure(key, ratios, *middle, notes or [])


def written(figures: dict[str, Figure], left_out: dict[str, str]) -> str:
    """Return the table in Markdown. A line that was asked for but not measured says why."""
    rows = [
        "| what | baseline | product | result | pairs | threshold | target | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for line in LINES.values():
        marks = f"{number(line.threshold)} | {number(line.target)}"
        if figure := figures.get(line.key):
            low, high = min(figure.values), max(figure.values)
            spread = f"{number(low)}–{number(high)}" if len(figure.values) > 1 else ""
            unit = f" {line.unit}" if line.unit else ""
            baseline = f"{figure.baseline} ({line.baseline})" if figure.baseline else line.baseline
            rows.append(
                f"| {line.what} | {baseline} | {figure.product} | **{number(figure.value)}{unit}** | {spread} "
                f"| {marks} | {line.verdict(figure.value)} |"
            )
        elif line.key in left_out:
            rows.append(f"| {line.what} | {line.baseline} | | | | {marks} | left out: {left_out[line.key]} |")
    notes = [f"- {note}" for figure in figures.values() for note in figure.notes]
    return "\n".join([*rows, "", *notes])


def number(value: float) -> str:
    return f"{value:.2f}" if value < 10 and value != int(value) else f"{value:.0f}"


def machine(load_at_start: tuple[float, float, float], postgres: str) -> str:
    """Describe the machine."""
    model = next((line.partition(":")[2].strip() for line in cpu_lines() if line.startswith("model name")), "")
    memory = psutil.virtual_memory().total / 2**30
    load = ", ".join(f"{value:.1f}" for value in load_at_start)
    busy = " (busy: others were at work)" if load_at_start[0] > 0.5 else ""
    return (
        f"{os.cpu_count()} cores ({model or platform.processor() or platform.machine()}), {memory:.0f} GB, "
        f"{platform.system()}, Python {platform.python_version()}, PostgreSQL {postgres}; "
        f"load at the start {load}{busy}"
    )


def cpu_lines() -> list[str]:
    try:
        with open("/proc/cpuinfo") as lines:
            return lines.readlines()
    except OSError:
        return []
