"""Numbers about an event for staff. Each takes one query, whatever the number of RSVPs."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Case, Count, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from imagine.core.formatting import at_time, day
from imagine.core.relations import about_rows
from imagine.mail.models import Message
from partners.models import Sector
from summit.models import Event, Guest, Rsvp
from summit.models.invitations import ACCEPTED, OPEN

MAX_DAYS = 92  # a longer chart has weeks
MAX_WAITLIST_ROWS = 10


def seat_counts(event: Event) -> dict[str, int]:
    """Return the numbers of seats and parties, by name. `free` is never negative; `over` is the number of held seats
    over capacity."""
    counts = event.rsvps.aggregate(
        held=Coalesce(Sum("held_seats"), 0),
        waiting=Coalesce(Sum("waitlisted_seats"), 0),
        overbooked=Coalesce(Sum("overbooked_seats"), 0),
        confirmed_parties=Count("pk", filter=Q(held_seats__gt=0, waitlisted_seats=0)),
        partially_confirmed_parties=Count("pk", filter=Q(held_seats__gt=0, waitlisted_seats__gt=0)),
        waitlisted_parties=Count("pk", filter=Q(held_seats=0, waitlisted_seats__gt=0)),
        canceled_parties=Count("pk", filter=Q(canceled_at__isnull=False)),
        canceled_late_parties=Count("pk", filter=Q(canceled_late=True)),
        skipped_parties=Count("pk", filter=Q(skipped_at__isnull=False)),
    )
    left = event.capacity - event.reserved_seats - counts["held"]
    return counts | {
        "capacity": event.capacity,
        "reserved": event.reserved_seats,
        "free": max(left, 0),
        "over": max(-left, 0),
    }


@dataclass(frozen=True)
class Period:
    """A day or a week, and the RSVPs made in it."""

    day: date
    rsvps: int
    seats: int


def rsvps_by_day(event: Event) -> list[Period]:
    """Return the active RSVPs by the day they were made in the district, with the seats they hold or wait for now:
    every day from the first to the last or, if there are more than MAX_DAYS, every week."""
    rows = (
        event.rsvps.active()
        .annotate(day=TruncDate("created_at", tzinfo=timezone.get_default_timezone()))
        .values("day")
        .annotate(rsvps=Count("pk"), seats=Sum(F("held_seats") + F("waitlisted_seats")))
        .order_by("day")
    )
    made = {row["day"]: (row["rsvps"], row["seats"]) for row in rows}
    if not made:
        return []
    first, last = min(made), max(made)
    step = 1 if (last - first).days < MAX_DAYS else 7
    periods = []
    for begins in range(0, (last - first).days + 1, step):
        days = [made.get(first + timedelta(days=begins + more), (0, 0)) for more in range(step)]
        periods.append(Period(first + timedelta(days=begins), sum(r for r, _s in days), sum(s for _r, s in days)))
    return periods


def seats_by_day(events: Iterable[Event]) -> dict[int, dict[date, int]]:
    """Return the confirmed seats of each event, by its primary key and the day their RSVP was made in the district."""
    rows = (
        Rsvp.objects.filter(event__in=[event.pk for event in events], held_seats__gt=0)
        .annotate(day=TruncDate("created_at", tzinfo=timezone.get_default_timezone()))
        .values("event", "day")
        .annotate(seats=Sum("held_seats"))
        .order_by("event", "day")
    )
    by_day: dict[int, dict[date, int]] = defaultdict(dict)
    for row in rows:
        by_day[row["event"]][row["day"]] = row["seats"]
    return by_day


def events_a_year_before(events: Iterable[Event]) -> dict[int, Event]:
    """Return, by an event's primary key, the one of the same type in the school year before. If there were several, it
    is the one closest to a year before. Events without one are left out."""
    events = list(events)
    earlier = list(
        Event.objects.published()
        .filter(
            canceled_at__isnull=True,
            kind__in={event.kind for event in events},
            school_year__in={event.school_year - 1 for event in events},
        )
        .order_by("starts_at", "pk")
    )
    found = {}
    for event in events:
        same = [one for one in earlier if (one.kind, one.school_year) == (event.kind, event.school_year - 1)]
        if same:
            found[event.pk] = closest_to(event.starts_at - timedelta(days=365), same)
    return found


def closest_to(moment: datetime, events: Iterable[Event]) -> Event:
    return min(events, key=lambda event: abs(event.starts_at - moment))


def are_weeks(periods: list[Period]) -> bool:
    return len(periods) > 1 and (periods[1].day - periods[0].day).days > 1


def attendance_counts(event: Event) -> dict[str, int]:
    """Return how many guests came, and of how many parties."""
    return Guest.objects.filter(rsvp__event=event, checked_in_at__isnull=False).aggregate(
        guests=Count("pk"), parties=Count("rsvp", distinct=True)
    )


def rsvps_by_sector(event: Event) -> list[dict]:
    """Return parties, held and waitlisted seats by sector, the largest first. Sectors without parties are left out;
    parties without a sector are last, with "" as `sector`."""
    rows = (
        event.rsvps.active()
        .values("sector")
        .annotate(parties=Count("pk"), held=Sum("held_seats"), waiting=Sum("waitlisted_seats"))
        .order_by("-parties", "sector")
    )
    labels = {"": _("Not given")} | dict(Sector.choices)
    named = [row | {"label": labels.get(row["sector"], row["sector"])} for row in rows]
    return sorted(named, key=lambda row: row["sector"] == "")


@dataclass(frozen=True)
class Needs:
    """How many guests have each need, most common first, and how many gave none."""

    counted: list[tuple[str, int]]
    silent: int


def needs_of_guests(event: Event) -> tuple[Needs, Needs]:
    """Return dietary and accessibility needs of the guests who hold a seat: of a partly confirmed party, the first
    ones. What anyone in a party needs counts once for the party, marked as such. The same words in any case and spacing
    count as one, in the most common spelling."""
    seated = Guest.objects.filter(rsvp__event=event, position__lte=F("rsvp__held_seats"))
    party_needs = {
        name: Case(When(position=1, then=F(f"rsvp__{name}")), default=Value(""))
        for name in ("party_dietary_needs", "party_accessibility_needs")
    }
    columns = ("dietary_needs", "accessibility_needs", *party_needs)
    rows = seated.annotate(**party_needs).values_list(*columns)
    counted = list(rows.annotate(guests=Count("pk")).order_by(*columns))
    return (
        count_needs([row for diet, _access, party, _party, n in counted for row in own_and_party(diet, party, n)]),
        count_needs([row for _diet, access, _party, party, n in counted for row in own_and_party(access, party, n)]),
    )


def own_and_party(own: str, party: str, number: int) -> list[tuple[str, int]]:
    marked = _("%(needs)s (anyone in a party)") % {"needs": party}
    return [(own, number), *([(marked, number)] if party else [])]


def count_needs(answers) -> Needs:
    totals: Counter[str] = Counter()
    spellings: dict[str, Counter[str]] = {}
    silent = 0
    for words, number in answers:
        words = " ".join(words.split())
        if words:
            totals[words.casefold()] += number
            spellings.setdefault(words.casefold(), Counter())[words] += number
        else:
            silent += number
    needs = [(spellings[key].most_common(1)[0][0], number) for key, number in totals.items()]
    return Needs(sorted(needs, key=lambda need: (-need[1], need[0].casefold())), silent)


@dataclass(frozen=True)
class WaitlistRow:
    """A waitlisted party, and in words why others got seats before it, or ""."""

    rsvp: Rsvp
    why: str


def first_on_waitlist(event: Event) -> list[WaitlistRow]:
    """Return the first parties of the waitlist. Skipped parties are among them, because only parties that have waited
    longer than a promoted one can be skipped."""
    return [WaitlistRow(rsvp, waitlist_skip_reason(rsvp)) for rsvp in event.rsvps.waitlist()[:MAX_WAITLIST_ROWS]]


def waitlist_skip_reason(rsvp: Rsvp) -> str:
    if not rsvp.skipped_at:
        return ""
    message = ngettext(
        "Waiting for %(seats)d seat. Skipped on %(day)s %(time)s: a later party fit the available seats.",
        "Waiting for %(seats)d seats together. Skipped on %(day)s %(time)s: a later party fit the available seats.",
        rsvp.waitlisted_seats,
    )
    moment = rsvp.skipped_at
    return message % {"seats": rsvp.waitlisted_seats, "day": day(moment), "time": at_time(moment)}


def unnamed_guest_count(event: Event) -> int:
    """Return how many guests of active parties have no name yet."""
    return Guest.objects.filter(rsvp__event=event, rsvp__canceled_at__isnull=True, position__gt=1, name="").count()


def invitation_counts(event: Event) -> dict[str, int]:
    """Return the number of invitations by answer, and of all, in one query."""
    counts = event.invitations.aggregate(
        invited=Count("pk"), accepted=Count("pk", filter=ACCEPTED), open=Count("pk", filter=OPEN)
    )
    return counts | {"declined": counts["invited"] - counts["accepted"] - counts["open"]}


def failed_messages(event: Event) -> QuerySet[Message]:
    """Return emails about this event's RSVPs that failed for good, newest first, without their text."""
    failed = Message.objects.undelivered().filter(about_rows(Rsvp, event.rsvps.order_by().values("pk")))
    return failed.order_by("-send_after").defer("body_text", "body_html", "ics")
