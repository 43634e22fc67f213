"""Coordinates of the directory's chart, which templates/partners/_sector_chart.html draws."""

from dataclasses import dataclass

WIDTH, VALUE_WIDTH = 352, 52  # a bar's number stands at its end
BAR, GAP, SPACE = 13, 4, 16
LABEL_Y, BAR_Y = 14, 22  # from the top of a row
VALUE_Y = 11  # from the top of a bar


@dataclass(frozen=True)
class Bar:
    """A number, and the bar that shows it."""

    text: str
    y: int
    width: int

    @property
    def text_x(self) -> int:
        return self.width + 6 if self.width else 0

    @property
    def text_y(self) -> int:
        return self.y + VALUE_Y


@dataclass(frozen=True)
class SectorBars:
    """A sector with its bar, and below it that of the year before, if there are any."""

    label: str
    label_y: int
    now: Bar
    before: Bar


@dataclass(frozen=True)
class Chart:
    sectors: list[SectorBars]
    has_before: bool
    height: int
    width: int = WIDTH
    bar: int = BAR


def draw(now: dict[str, int], before: dict[str, int]) -> Chart:
    """Return the bars of numbers by label, largest first, with those of the year before."""
    labels = sorted({**now, **before}, key=lambda label: (-now.get(label, 0), -before.get(label, 0)))
    maximum = max([*now.values(), *before.values(), 1])
    has_before = any(before.values())
    row = BAR_Y + BAR + SPACE + (BAR + GAP if has_before else 0)

    def bar(number: int, y: int) -> Bar:
        return Bar(f"{number:,}", y, max(2, round(number * (WIDTH - VALUE_WIDTH) / maximum)) if number else 0)

    sectors = [
        SectorBars(
            label=label,
            label_y=row * place + LABEL_Y,
            now=bar(now.get(label, 0), row * place + BAR_Y),
            before=bar(before.get(label, 0), row * place + BAR_Y + BAR + GAP),
        )
        for place, label in enumerate(labels)
    ]
    return Chart(sectors, has_before, height=row * len(sectors) - SPACE // 2)
