"""Where the parts of the wall's chart stand, in units of its drawing; templates/partners/_chart.html draws it."""

from dataclasses import dataclass

WIDTH = 352
ROW, BAR, THIN = 48, 11, 5
LABEL_Y, BAR_Y, THIN_Y = 14, 21, 33  # from the top of a row


@dataclass(frozen=True)
class Bar:
    """One line: its number as a bar, and the year before as a thin one below it."""

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
    """The chart of numbers by label, most first, beside those of the year before."""
    labels = sorted({**now, **before}, key=lambda label: (-now.get(label, 0), -before.get(label, 0)))
    most = max([*now.values(), *before.values(), 1])

    def width(number: int) -> int:
        return max(2, round(number * WIDTH / most)) if number else 0

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
