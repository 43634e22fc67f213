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


def rsvp_chart(periods: list[Period]) -> RsvpChart | None:
    """Return the chart of RSVPs by day, or None if there are none yet."""
    if not periods:
        return None
    most = max(periods, key=lambda period: period.seats)
    step = max(1, min(MAX_BAR_WIDTH, (WIDTH - LEFT) // len(periods)))
    return RsvpChart(
        bars=[rsvp_chart_bar(period, LEFT + place * step, step, most.seats) for place, period in enumerate(periods)],
        first=periods[0],
        last=periods[-1],
        most=most,
        rsvps=sum(period.rsvps for period in periods),
        seats=sum(period.seats for period in periods),
        by_week=len(periods) > 1 and (periods[1].day - periods[0].day).days > 1,
        last_x=min(WIDTH, max(LEFT + len(periods) * step, MIN_LABELED_WIDTH)),
    )


def rsvp_chart_bar(period: Period, x: int, step: int, most: int) -> RsvpChartBar:
    seats, rsvps = (round(number * (BASELINE - TOP) / most) for number in (period.seats, period.rsvps))
    return RsvpChartBar(x, max(1, step - step // 4), BASELINE - seats, seats, BASELINE - rsvps, rsvps)
