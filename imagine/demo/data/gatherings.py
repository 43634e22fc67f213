"""The demo's events for partners: the kickoff, a fall gathering, a tour that was canceled, and a breakfast that
partners are being invited to right now."""

from datetime import date, datetime, timedelta

from imagine.demo.data.clock import as_of, deliver_queued
from imagine.demo.data.dates import StoryDates, at, moments
from imagine.demo.data.names import InventedPerson, People
from imagine.demo.data.summits import hold_event, invent_guests, remind_unanswered
from imagine.mail import preferences
from imagine.mail.bulk import control
from imagine.mail.models import Mailing, Message
from partners.models import PledgeYear
from summit import event_changes, seats
from summit.invitations import audience_query, audiences, responses, starting, writing
from summit.models import Event, Invitation, Rsvp

INVITED_BEFORE = timedelta(days=28)
OPENS_BEFORE = timedelta(days=42)
ACCEPT, DECLINE = 0.55, 0.2
STAFF = "staff"
SENT_SHARE = 0.6  # of the mailing that is under way
REJECTION = "550 5.1.1 The email account that you tried to reach does not exist."
DECLINE_MESSAGES = {
    "en": ["We take inventory that week.", "I’ll be out of town. Please invite us to the next one.", "", ""],
    "es": ["Esa semana hacemos inventario.", "Estaré de viaje. Nos vemos en el próximo.", ""],
}
FOR_PARTNERS = {"capacity": 80, "reserved_seats": 10, "invitation_only": True}
BOARD_ROOM = {
    "venue": "Stockton Unified School District",
    "address": "Board Room, 701 N. Madison Street, Stockton, California",
}
KICKOFF = {
    "kind": Event.Kind.KICKOFF,
    "title": "Partner Kickoff",
    "title_es": "Reunión de inicio de aliados",
    "description": "Meet the principals and teachers you’ll keep your promises with this school year. You’ll leave "
    "with a name, a school, and a first date.",
    "description_es": "Conozca a quienes dirigen las escuelas y a los maestros con quienes cumplirá sus promesas este "
    "año escolar. Saldrá con un nombre, una escuela y una primera fecha.",
    **BOARD_ROOM,
    **FOR_PARTNERS,
}
FALL = {
    "kind": Event.Kind.GATHERING,
    "title": "Fall Gathering",
    "title_es": "Encuentro de otoño",
    "description": "Teachers tell what the first visits changed in their classrooms, and partners trade what worked.",
    "description_es": "Los maestros cuentan qué cambió en sus salones con las primeras visitas, y los aliados "
    "comparten lo que funcionó.",
    "venue": "Weber Institute",
    "address": "302 W. Weber Avenue, Stockton, California",
    **FOR_PARTNERS,
}
BREAKFAST = {
    "kind": Event.Kind.GATHERING,
    "title": "Partner Breakfast: Internships",
    "title_es": "Desayuno de aliados: pasantías",
    "description": "What a first internship takes: the paperwork, a mentor, and a student who is nervous too. Three "
    "partners tell how theirs went.",
    "description_es": "Lo que requiere una primera pasantía: los trámites, un mentor y un estudiante que también está "
    "nervioso. Tres aliados cuentan cómo les fue.",
    **BOARD_ROOM,
    **FOR_PARTNERS,
}
TOUR = {
    "kind": Event.Kind.GATHERING,
    "title": "Harbor Tour by Boat",
    "title_es": "Recorrido del puerto en barco",
    "description": "See the port from the water with the people who load the ships.",
    "description_es": "Vea el puerto desde el agua con quienes cargan los barcos.",
    "venue": "Port of Stockton",
    "address": "Gate 1, 2201 W. Washington Street, Stockton, California",
    "meal": Event.Meal.NONE,
    "capacity": 30,
}


def create_gathering(day: date, slug: str, facts: dict, *, opens: datetime, dates: StoryDates) -> Event:
    """Create a morning's gathering."""
    with as_of(min(opens - timedelta(days=3), dates.now - timedelta(hours=3))):
        return event_changes.save_event(
            Event(
                slug=slug,
                school_year=dates.school_year_of(day),
                starts_at=at(day, 8, 30),
                ends_at=at(day, 10, 30),
                rsvp_opens_at=opens,
                rsvp_closes_at=at(day - timedelta(days=2), 17),
                max_party_size=4,
                is_published=True,
                **facts,
            )
        )


def fill_kickoff(people: People, dates: StoryDates) -> None:
    gather(people, dates, dates.kickoff, f"kickoff-{dates.this_year}", KICKOFF)


def fill_fall_gathering(people: People, dates: StoryDates) -> None:
    gather(people, dates, dates.fall_gathering, f"gathering-{dates.this_year}-10", FALL)


def gather(people: People, dates: StoryDates, day: date, slug: str, facts: dict) -> None:
    """Create an event for this year's partners. Invite them when it is time, and hold it when its day has come."""
    opens = max(at(day - OPENS_BEFORE, 8), at(dates.past_summit + timedelta(days=1), 8))
    event = create_gathering(day, slug, facts, dates=dates, opens=min(opens, at(day - OPENS_BEFORE, 8)))
    invited_at = at(day - INVITED_BEFORE, 10)
    if invited_at > dates.now:
        return
    invite_partners(event, dates, invited_at)
    until = min(dates.now, event.rsvp_closes_at)
    answer_invitations(people, event, invited_at + timedelta(hours=1), until)
    deliver_queued(invited_at + timedelta(days=1))
    reminded_at = at(day - INVITED_BEFORE + timedelta(days=9), 9)
    if reminded_at < until:
        remind_unanswered(event, reminded_at)
    hold_event(people, event, dates)


def invite_partners(event: Event, dates: StoryDates, moment: datetime) -> Mailing:
    with as_of(moment):
        audience = audiences.get_or_create_partners_audience(PledgeYear.objects.get(pk=dates.this_year))
        asked = audience_query.count_people(audience, event).invited
        mailing = starting.start_invitations(event, audience, count=asked, by=STAFF)
        while not writing.write_mailing(mailing):
            pass
    mailing.refresh_from_db()
    return mailing


def answer_invitations(people: People, event: Event, since: datetime, until: datetime) -> None:
    asked = list(event.invitations.select_related("contact__organization").order_by("pk"))
    people.dice.shuffle(asked)
    for invitation, moment in zip(asked, moments(people.dice, len(asked), since, until), strict=True):
        chance, messages = people.dice.random(), DECLINE_MESSAGES[invitation.contact.language]
        with as_of(moment):
            if chance < ACCEPT:
                accept(people, invitation)
            elif chance < ACCEPT + DECLINE:
                responses.decline_invitation(invitation, people.dice.choice(messages))


def accept(people: People, invitation: Invitation) -> None:
    contact, size = invitation.contact, people.dice.choice([1, 1, 2, 2, 3])
    organization = contact.organization
    rsvp = Rsvp(
        name=contact.name,
        language=contact.language,
        organization_name=organization.name if organization else "",
        sector=organization.sector if organization else "",
    )
    guests = invent_guests(people, InventedPerson(contact.name, contact.email, contact.language), size)
    try:
        responses.accept_invitation(invitation, rsvp, size=size, guests=guests)
    except seats.DuplicateRsvp:  # the same person answered for another organization
        responses.decline_invitation(invitation)


def fill_canceled_tour(people: People, dates: StoryDates) -> None:
    """Twelve people were coming when the boat broke down."""
    day = dates.canceled_tour
    tour = create_gathering(
        day,
        f"harbor-tour-{day.year}",
        TOUR,
        dates=dates,
        opens=at(day - timedelta(days=21), 8),
    )
    for size, moment in zip(
        [2, 1, 3, 2, 4], moments(people.dice, 5, tour.rsvp_opens_at, at(day - timedelta(days=5), 9)), strict=True
    ):
        person = people.person()
        with as_of(moment):
            seats.reserve(Rsvp(event=tour, **person._asdict()), size=size, guests=invent_guests(people, person, size))
    with as_of(at(day - timedelta(days=4), 16)):
        event_changes.cancel_event(tour)
        while not event_changes.notify_next_guests(tour.pk):
            pass


def fill_breakfast(people: People, dates: StoryDates) -> None:
    """Staff started the invitations this morning, one address bounced, and they paused to look."""
    started = dates.mailing_started
    opens = at(started.date() - timedelta(days=1), 8)
    day = dates.breakfast
    event = create_gathering(day, f"breakfast-{day.year}-{day.month:02}", BREAKFAST, dates=dates, opens=opens)
    with as_of(opens):
        audience = audiences.get_or_create_partners_audience(PledgeYear.objects.get(pk=dates.this_year))
    first = next(iter(audience_query.audience_people(audience, event, reason="")))
    with as_of(opens):
        preferences.set_topics(preferences.get_preference(first.email), invitations=False)
    mailing = invite_partners(event, dates, started)
    send_part(mailing, started)
    answered = event.invitations.filter(messages__state=Message.State.SENT).select_related("contact__organization")
    for invitation in answered.order_by("pk")[:2]:
        with as_of(started + timedelta(minutes=31)):
            accept(people, invitation)


def send_part(mailing: Mailing, started: datetime) -> None:
    """Send the first emails of a mailing, of which one bounces, and pause it."""
    messages = list(mailing.messages.order_by("created_at", "pk"))
    for number, message in enumerate(messages[: round(len(messages) * SENT_SHARE)]):
        moment = started + timedelta(minutes=1, seconds=number)
        message.attempts, message.handed_over_at = 1, moment
        if number == 3:
            message.state, message.last_error = Message.State.REJECTED, REJECTION
        else:
            message.state, message.sent_at = Message.State.SENT, moment
        message.save()
    with as_of(started + timedelta(minutes=5)):
        preferences.suppress(messages[3].recipient, REJECTION)
        control.pause_mailing(mailing)
