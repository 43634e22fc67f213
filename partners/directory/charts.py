"""Coordinates of the directory's chart, which templates/partners/_sector_chart.html draws."""

from dataclasses import dataclass

WIDTH = 352
ROW, BAR, THIN = 48, 11, 5
LABEL_Y, BAR_Y, THIN_Y = 14, 21, 33  # from the top of a row


@dataclass(frozen=True)
class Bar:
    """A sector's bar, with a thin bar for the year before below it."""

    label: str
    now: str
    before: str
    label_y: int
    bar_y: int
    thin_y: int
    width: int
    thin_width: int


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    has_before: bool
    height: int
    width: int = WIDTH
    bar: int = BAR
    thin: int = THIN


def draw(now: dict[str, int], before: dict[str, int]) -> Chart:
    """Return the bars of numbers by label, largest first, with those of the year before."""
    labels = sorted({**now, **before}, key=lambda label: (-now.get(label, 0), -before.get(label, 0)))
    maximum = max([*now.values(), *before.values(), 1])

    def width(number: int) -> int:
        return max(2, round(number * WIDTH / maximum)) if number else 0

    bars = [
        Bar(
            label=label,
            now=f"{now.get(label, 0):,}",
            before=f"{before.get(label, 0):,}",
            label_y=ROW * place + LABEL_Y,
            bar_y=ROW * place + BAR_Y,
            thin_y=ROW * place + THIN_Y,
            width=width(now.get(label, 0)),
            thin_width=width(before.get(label, 0)),
        )
        for place, label in enumerate(labels)
    ]
    return Chart(bars, has_before=any(before.values()), height=ROW * len(bars))
