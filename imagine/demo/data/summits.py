"""The demo's two summits: last spring's, with attendance and a thank-you, and the coming one, nearly full."""

from datetime import date, datetime, timedelta

from imagine.demo.data.clock import as_of, deliver_queued
from imagine.demo.data.dates import StoryDates, at, moments
from imagine.demo.data.names import ACCESS, DIETS, InventedPerson, People
from imagine.demo.data.organizations import GUESTS_ONLY, ORGANIZATIONS, TYPOS
from partners.models import Organization
from summit import attendance, event_changes, organization_matching, seats
from summit.models import Event, Guest, Rsvp, RsvpQuerySet
from summit.reminders import sending

SIZES = [1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6]
FREE_SEATS = 3  # a party of three fits, and the next one is waitlisted
WAITLIST = [5, 2, 4, 1, 6]  # sizes; those of 2 and 1 move up
CAME, CAME_IN_PART = 0.86, 0.06  # shares of the parties
PLACE = {"venue": "University of the Pacific", "address": "DeRosa University Center, Stockton, California"}
ABOUT = """Parents and leaders from Stockton’s businesses, nonprofits, congregations, unions, and colleges sit down at \
one table with the people who run its schools. Over breakfast, you’ll hear what students ask for and choose what \
you can promise them for the next school year.

In early fall, every partner is invited to a kickoff, and the year’s work with schools begins."""
ABOUT_ES = """Familias y líderes de empresas, organizaciones sin fines de lucro, congregaciones, sindicatos y \
universidades de Stockton se sientan a la misma mesa con quienes dirigen sus escuelas. Durante el desayuno, usted \
escuchará qué piden los estudiantes y elegirá qué puede prometerles para el próximo año escolar.

A principios del otoño, invitamos a todos los aliados a una reunión de inicio, y comienza el trabajo del año con las \
escuelas."""


def create_summit(day: date, *, opens: datetime, capacity: int, reserved_seats: int) -> Event:
    """Create a summit on `day` from 8:00 to 10:30 a.m."""
    with as_of(opens - timedelta(days=7)):
        return event_changes.save_event(
            Event(
                title="Imagine Promise Summit",
                title_es="Cumbre Imagine Promise",
                slug=f"summit-{day.year}",
                school_year=day.year,
                starts_at=at(day, 8),
                ends_at=at(day, 10, 30),
                rsvp_opens_at=opens,
                rsvp_closes_at=at(day - timedelta(days=1), 17),
                description=ABOUT,
                description_es=ABOUT_ES,
                is_published=True,
                capacity=capacity,
                reserved_seats=reserved_seats,
                **PLACE,
            )
        )


# Last spring's ---------------------------------------------------------------------------------------------------


def fill_past_summit(people: People, dates: StoryDates) -> Event:
    day = dates.past_summit
    event = create_summit(day, opens=at(day - timedelta(days=80), 8), capacity=240, reserved_seats=30)
    sizes = sizes_for(people, 206)
    made = moments(people.dice, len(sizes), event.rsvp_opens_at, event.rsvp_closes_at - timedelta(days=3))
    parties = [rsvp_at(people, event, moment, size=size) for size, moment in zip(sizes, made, strict=True)]
    canceled = people.dice.sample([rsvp for rsvp in parties if rsvp.held_seats], 5)
    for rsvp, moment in zip(
        canceled, moments(people.dice, 5, event.rsvp_closes_at - timedelta(days=3), event.rsvp_closes_at), strict=True
    ):
        with as_of(moment):
            seats.cancel(rsvp)
    open_links(people, event, dates.now)
    hold_event(people, event, dates)
    return event


def sizes_for(people: People, total: int) -> list[int]:
    """Return the sizes of parties that together take so many seats."""
    sizes: list[int] = []
    while (missing := total - sum(sizes)) > 0:
        sizes.append(min(missing, people.dice.choice(SIZES)))
    return sizes


def rsvp_at(people: People, event: Event, moment: datetime, *, size: int, organization: str = "") -> Rsvp:
    """RSVP for a party that the organization's speaker leads, or anyone else from there."""
    dice = people.dice
    organization, sector = (organization, "") if organization else typed_organization(people)
    person = people.speaker(organization) if organization and dice.random() < 0.5 else people.person()
    if event.rsvps.with_email(person.email).exists():
        person = people.person()
    by_staff = dice.random() < 0.05
    rsvp = Rsvp(
        event=event,
        **person._asdict(),
        phone=f"(209) 555-01{dice.randrange(100):02}" if by_staff or dice.random() < 0.4 else "",
        organization_name=organization,
        sector=sector,
        accepts_partial=dice.random() < 0.1,
        source=Rsvp.Source.STAFF if by_staff else Rsvp.Source.WEB,
    )
    with as_of(moment):
        return seats.reserve(rsvp, size=size, guests=invent_guests(people, person, size), by_staff=by_staff)


def typed_organization(people: People) -> tuple[str, str]:
    """Return an organization and its sector: a partner, someone who isn't one yet, or neither."""
    chance = people.dice.random()
    if chance < 0.1:
        return "", ""
    return people.dice.choice(GUESTS_ONLY if chance < 0.2 else ORGANIZATIONS)


def invent_guests(people: People, contact: InventedPerson, size: int) -> list[Guest]:
    names = [contact.name, *(people.name() if people.dice.random() < 0.75 else "" for _companion in range(size - 1))]
    return [
        Guest(name=name, dietary_needs=people.maybe(DIETS, 0.15), accessibility_needs=people.maybe(ACCESS, 0.06))
        for name in names
    ]


def open_links(people: People, event: Event, now: datetime) -> None:
    """Within two days, most guests open the link in their email."""
    opened = []
    for rsvp in event.rsvps.filter(verified_at=None).order_by("pk"):
        verified_at = rsvp.created_at + timedelta(minutes=people.dice.randrange(2, 48 * 60))
        if verified_at < now and people.dice.random() < 0.95:
            rsvp.verified_at = verified_at
            opened.append(rsvp)
    Rsvp.objects.bulk_update(opened, ["verified_at"])


# What happened at an event, until now ----------------------------------------------------------------------------


def hold_event(people: People, event: Event, dates: StoryDates) -> None:
    """Send the automatic emails of an event that were due by now. Check guests in if it has taken place."""
    send_past_reminders(event, min(dates.now, event.ends_at))
    if event.ends_at < dates.now:
        check_in_guests(people, event)
        send_past_reminders(event, dates.now)


def send_past_reminders(event: Event, until: datetime) -> None:
    """Send each reminder when it was due. Delivery reports come before the next one."""
    dues = {span.due(event): kind for kind, span in sending.DUE_PERIODS.items()}
    done = set(event.reminders.filter(completed_at__isnull=False).values_list("kind", flat=True))
    for due, kind in sorted(dues.items()):
        if due > until or kind in done:
            continue
        deliver_queued(due)
        with as_of(due):
            while sending.write_reminder_batch(event, kind, due):
                pass
        if kind in {"week"}:
            remind_unanswered(event, due)


def remind_unanswered(event: Event, now: datetime) -> None:
    with as_of(now):
        while sending.write_unanswered_batch(event, now):
            pass


def check_in_guests(people: People, event: Event) -> None:
    """About 85% of the guests are checked in; of some parties only a part, of others nobody."""
    doors = event.starts_at - timedelta(minutes=25)
    parties = list(event.rsvps.active().filter(held_seats__gt=0).order_by("pk"))
    for rsvp, moment in zip(
        parties, moments(people.dice, len(parties), doors, doors + timedelta(minutes=45)), strict=True
    ):
        chance = people.dice.random()
        with as_of(moment):
            if chance < CAME:
                attendance.check_in_party(rsvp)
            elif chance < CAME + CAME_IN_PART and rsvp.held_seats > 1:
                first = rsvp.guests.order_by("position").first()
                attendance.set_checked_in(rsvp, {first.pk: True})


# The coming one --------------------------------------------------------------------------------------------------


def fill_coming_summit(people: People, dates: StoryDates) -> Event:
    """All seats were taken some days ago, and parties joined the waitlist. Then two parties of three canceled: two
    small ones moved up past the first in line, and the three seats left are too few for those who still wait."""
    opens = max(
        at(dates.past_summit, 12),
        min(at(dates.coming_summit - timedelta(days=90), 8), at(dates.today - timedelta(days=35), 8)),
    )
    event = create_summit(dates.coming_summit, opens=opens, capacity=300, reserved_seats=20)
    now = dates.now
    whole = now - opens
    full_at, moved_at = opens + whole * 0.8, opens + whole * 0.97
    sizes = [3, 3, *sizes_for(people, event.capacity - event.reserved_seats - 6)]
    people.dice.shuffle(sizes)
    typos = dict(zip(people.dice.sample(range(len(sizes)), len(TYPOS)), TYPOS, strict=True))
    for number, (size, moment) in enumerate(zip(sizes, moments(people.dice, len(sizes), opens, full_at), strict=True)):
        rsvp_at(people, event, moment, size=size, organization=typos.get(number, ""))
    for size, moment in zip(WAITLIST, moments(people.dice, len(WAITLIST), full_at, moved_at), strict=True):
        waits(people, event, moment, size=size)
    leaving = list(event.rsvps.filter(held_seats=3).order_by("pk")[:2])
    for rsvp, moment in zip(leaving, (moved_at, moved_at + (now - moved_at) / 2), strict=True):
        with as_of(moment):
            seats.cancel(rsvp)
    open_links(people, event, now)
    return event


def waits(people: People, event: Event, moment: datetime, *, size: int) -> None:
    name, sector = people.dice.choice(ORGANIZATIONS)
    person = people.person()
    rsvp = Rsvp(event=event, **person._asdict(), organization_name=name, sector=sector)
    with as_of(moment):
        seats.reserve(rsvp, size=size, guests=invent_guests(people, person, size))


# The organizations that guests typed -----------------------------------------------------------------------------


def match_typed_names(rsvps: RsvpQuerySet, moment: datetime, *, not_yet: int = 0) -> None:
    """Staff match what guests typed, except in the newest RSVPs, `not_yet` of them: partners by their exact names,
    others as new organizations."""
    newest = rsvps.order_by("-created_at", "-pk").values_list("pk", flat=True)[:not_yet]
    seen = Rsvp.objects.filter(pk__in=rsvps.values("pk")).exclude(pk__in=list(newest))
    sectors = dict(GUESTS_ONLY)
    with as_of(moment):
        while organization_matching.match_by_email():
            pass
        for name in sorted(set(seen.unmatched().values_list("organization_name", flat=True))):
            rows = seen.unmatched().filter(organization_name=name)
            known = Organization.objects.filter(name=name).first()
            if known:
                organization_matching.assign_organization(rows, known.pk, adds_contacts=True)
            elif name in sectors:
                organization_matching.create_organization_for(rows, name=name, sector=sectors[name])
