"""Where the parts of a chart stand, in units of its drawing; templates/admin/summit/event/_rsvp_chart.html draws it."""

from dataclasses import dataclass

from summit.stats import Stretch

WIDTH, HEIGHT = 720, 190
LEFT, TOP, FLOOR = 36, 12, 160
WIDEST = 40
NARROWEST = 240  # where the two days below still stand side by side


@dataclass(frozen=True)
class Bar:
    """One stretch: its seats behind, its RSVPs in front; there are never more RSVPs than seats."""

    x: int
    width: int
    seats_y: int
    seats_height: int
    rsvps_y: int
    rsvps_height: int


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    first: Stretch
    last: Stretch
    most: Stretch
    rsvps: int
    seats: int
    by_week: bool
    last_x: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    top: int = TOP
    floor: int = FLOOR
    label_x: int = LEFT - 6
    label_y: int = FLOOR + 20
    top_label_y: int = TOP + 10


def draw(stretches: list[Stretch]) -> Chart | None:
    """The chart of RSVPs by day; None when nothing came yet."""
    if not stretches:
        return None
    most = max(stretches, key=lambda stretch: stretch.seats)
    step = max(1, min(WIDEST, (WIDTH - LEFT) // len(stretches)))
    return Chart(
        bars=[bar(stretch, LEFT + place * step, step, most.seats) for place, stretch in enumerate(stretches)],
        first=stretches[0],
        last=stretches[-1],
        most=most,
        rsvps=sum(stretch.rsvps for stretch in stretches),
        seats=sum(stretch.seats for stretch in stretches),
        by_week=len(stretches) > 1 and (stretches[1].day - stretches[0].day).days > 1,
        last_x=min(WIDTH, max(LEFT + len(stretches) * step, NARROWEST)),
    )


def bar(stretch: Stretch, x: int, step: int, most: int) -> Bar:
    seats, rsvps = (round(number * (FLOOR - TOP) / most) for number in (stretch.seats, stretch.rsvps))
    return Bar(x, max(1, step - step // 4), FLOOR - seats, seats, FLOOR - rsvps, rsvps)
