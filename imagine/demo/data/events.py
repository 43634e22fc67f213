"""The demo's district: the summit of April 4, 2019, next spring's with a few seats left, partners and their promises,
and the kickoff they are invited to. All of it is created through the rules."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from imagine.core.models import AuditEntry
from imagine.demo.data import kickoff, promises
from imagine.demo.data.names import ACCESS, DIETS, People
from imagine.mail.models import Message
from summit import event_changes, seats
from summit.models import Event, Guest, Rsvp
from summit.school_year import thursday_nearest_april_4

ZONE = ZoneInfo(settings.TIME_ZONE)
SEED = 2019
FREE_SEATS = 3  # a party of three fits, and the next one is waitlisted
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


@transaction.atomic
def fill_database() -> bool:
    """Fill an empty database and return True. Leave one that has an event alone and return False."""
    if Event.objects.exists():
        return False
    people = People(SEED)
    fill_past_summit(people)
    fill_coming_summit(people)
    school_year = coming_summit_day(timezone.localdate()).year
    promises.fill_promises(school_year)
    kickoff.fill_kickoff(school_year)
    return True


def coming_summit_day(today: date) -> date:
    """Return the next summit's Thursday that is at least two weeks away, so that RSVPs are open."""
    day = thursday_nearest_april_4(today.year)
    return day if day - today >= timedelta(days=14) else thursday_nearest_april_4(today.year + 1)


def create_summit(day: date, **fields) -> Event:
    """Create a summit on `day` from 8:00 to 10:30 a.m."""

    def at(hour: int, minute: int = 0) -> datetime:
        return datetime.combine(day, time(hour, minute), ZONE)

    return event_changes.save_event(
        Event(
            title="Imagine Promise Summit",
            title_es="Cumbre Imagine Promise",
            school_year=day.year,
            starts_at=at(8),
            ends_at=at(10, 30),
            rsvp_opens_at=min(at(0) - timedelta(days=90), timezone.now() - timedelta(days=30)),
            rsvp_closes_at=at(17) - timedelta(days=1),
            description=ABOUT,
            description_es=ABOUT_ES,
            is_published=True,
            **PLACE,
            **fields,
        )
    )


def fill_coming_summit(people: People) -> None:
    day = coming_summit_day(timezone.localdate())
    event = create_summit(day, slug=f"summit-{day.year}", capacity=300, reserved_seats=20)
    while (free := seats.available_seats(event) - FREE_SEATS) > 0:
        create_rsvp(people, event, size=min(free, people.dice.choice([1, 1, 2, 2, 2, 3, 3, 4, 5, 6])))
    backdate_rsvps(people, event, timezone.now())


def fill_past_summit(people: People) -> None:
    """RSVP the guests of 2019 as if the event were upcoming, then set its true date."""
    event = create_summit(coming_summit_day(timezone.localdate()), slug="summit-2019", capacity=320, reserved_seats=30)
    parties = []
    while seats.available_seats(event) > 0:
        parties.append(create_rsvp(people, event, size=people.dice.choice([1, 1, 2, 2, 3, 3, 4, 6])))
    for rsvp in people.dice.sample(parties, 6):
        seats.cancel(rsvp)
    for witness in (Message, AuditEntry):  # this product didn't exist in 2019
        witness.objects.all().delete()
    day = date(2019, 4, 4)
    start = datetime.combine(day, time(8), ZONE)
    Event.objects.filter(pk=event.pk).update(
        school_year=2019,
        starts_at=start,
        ends_at=start + timedelta(hours=2, minutes=30),
        rsvp_opens_at=start - timedelta(days=60),
        rsvp_closes_at=start - timedelta(hours=15),
    )
    backdate_rsvps(people, event, start)
    Rsvp.objects.filter(event=event, canceled_at__isnull=False).update(canceled_at=start - timedelta(days=2))


def create_rsvp(people: People, event: Event, *, size: int) -> Rsvp:
    dice = people.dice
    name, email = people.contact()
    organization, sector = people.partner()
    guests = [
        Guest(
            name=who if position == 0 or dice.random() < 0.75 else "",
            dietary_needs=people.maybe(DIETS, 0.15),
            accessibility_needs=people.maybe(ACCESS, 0.06),
        )
        for position, who in enumerate([name, *(people.name() for _companion in range(size - 1))])
    ]
    rsvp = Rsvp(
        event=event,
        name=name,
        email=email,
        phone=f"(209) 555-01{dice.randrange(100):02}" if dice.random() < 0.4 else "",
        organization_name=organization,
        sector=sector,
        language="es" if dice.random() < 0.2 else "en",
        accepts_partial=dice.random() < 0.3,
    )
    return seats.reserve(rsvp, size=size, guests=guests)


def backdate_rsvps(people: People, event: Event, until: datetime) -> None:
    """Spread the RSVPs over the weeks before, in the order they were made."""
    rsvps = list(event.rsvps.order_by("pk"))
    ages = sorted((people.dice.uniform(1, 28 * 24) for _rsvp in rsvps), reverse=True)
    for rsvp, hours in zip(rsvps, ages, strict=True):
        rsvp.created_at = until.astimezone(UTC) - timedelta(hours=hours)
        if hours > 48:  # by then, most people used the link in their email
            rsvp.verified_at = rsvp.created_at + timedelta(hours=1)
            rsvp.browser_token = None
    Rsvp.objects.bulk_update(rsvps, ["created_at", "verified_at", "browser_token"])
