"""The layout of the chart of RSVPs, in units of its drawing. templates/admin/summit/event/_rsvp_chart.html draws it."""

from dataclasses import dataclass

from summit.stats import Period

WIDTH, HEIGHT = 720, 190
LEFT, TOP, BASELINE = 36, 12, 160
MAX_BAR_WIDTH = 40
MIN_LABELED_WIDTH = 240  # so that the labels of the first and the last day don't overlap


@dataclass(frozen=True)
class RsvpChartBar:
    """One period: its seats behind, its RSVPs in front. There are never more RSVPs than seats."""

    x: int
    width: int
    seats_y: int
    seats_height: int
    rsvps_y: int
    rsvps_height: int


@dataclass(frozen=True)
class RsvpChart:
    bars: list[RsvpChartBar]
    first: Period
    last: Period
    most: Period
    rsvps: int
    seats: int
    by_week: bool
    last_x: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    top: int = TOP
    floor: int = BASELINE
    label_x: int = LEFT - 6
    label_y: int = BASELINE + 20
    top_label_y: int = TOP + 10


def rsvp_chart(stretches: list[Period]) -> RsvpChart | None:
    """Return the chart of RSVPs by day, or None if there are none yet."""
    if not stretches:
        return None
    most = max(stretches, key=lambda stretch: stretch.seats)
    step = max(1, min(MAX_BAR_WIDTH, (WIDTH - LEFT) // len(stretches)))
    return RsvpChart(
        bars=[
            rsvp_chart_bar(stretch, LEFT + place * step, step, most.seats) for place, stretch in enumerate(stretches)
        ],
        first=stretches[0],
        last=stretches[-1],
        most=most,
        rsvps=sum(stretch.rsvps for stretch in stretches),
        seats=sum(stretch.seats for stretch in stretches),
        by_week=len(stretches) > 1 and (stretches[1].day - stretches[0].day).days > 1,
        last_x=min(WIDTH, max(LEFT + len(stretches) * step, MIN_LABELED_WIDTH)),
    )


def rsvp_chart_bar(stretch: Period, x: int, step: int, most: int) -> RsvpChartBar:
    seats, rsvps = (round(number * (BASELINE - TOP) / most) for number in (stretch.seats, stretch.rsvps))
    return RsvpChartBar(x, max(1, step - step // 4), BASELINE - seats, seats, BASELINE - rsvps, rsvps)
