"""The demo's kickoff: the coming school year's partners were invited some days ago, and half have answered.

Everything is created through the rules for invitations, then backdated.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from imagine.demo.data.names import ACCESS, DIETS, People
from imagine.mail import preferences
from imagine.mail.models import Mailing, Message
from partners.models import PledgeYear
from summit import event_changes
from summit.invitations import audience_query, audiences, responses, starting, writing
from summit.models import Event, Guest, Invitation, Rsvp

ZONE = ZoneInfo(settings.TIME_ZONE)
SEED = 2021
DAYS = 5  # since they were invited; the reminder goes out after seven
ACCEPT, DECLINE = 0.4, 0.15
REJECTION = "550 5.1.1 The e-mail account that you tried to reach does not exist."
DECLINE_MESSAGES = {
    "en": ["We take inventory that week.", "I’ll be out of town. Please invite us to the next one.", "", ""],
    "es": ["Esa semana hacemos inventario.", "Estaré de viaje. Nos vemos en el próximo.", ""],
}
ABOUT = """Meet the principals and teachers you’ll keep your promises with this school year. You’ll leave with a name, \
a school, and a first date."""
ABOUT_ES = """Conozca a quienes dirigen las escuelas y a los maestros con quienes cumplirá sus promesas este año \
escolar. Saldrá con un nombre, una escuela y una primera fecha."""


def fill_kickoff(school_year: int) -> None:
    """Invite the partners of the school year that the coming summit recruits for. Their pledges exist already."""
    people, event = People(SEED), create_kickoff(school_year)
    audience = audiences.get_or_create_partners_audience(PledgeYear.objects.get(pk=school_year))
    first = next(iter(audience_query.audience_people(audience, event, reason="")))
    preferences.set_topics(preferences.get_preference(first.email), invitations=False)  # so that someone is excluded
    asked = audience_query.count_people(audience, event).invited
    mailing = starting.start_invitations(event, audience, count=asked, by="staff")
    writing.write_mailing(mailing)
    answer_invitations(people, event)
    reject_one_address(event)
    backdate_invitations(people, mailing)


def create_kickoff(school_year: int) -> Event:
    """Create the kickoff, on the morning of the second Thursday in September."""
    first = date(school_year, 9, 1)
    day = first + timedelta(days=(3 - first.weekday()) % 7 + 7)

    def at(hour: int, minute: int = 0) -> datetime:
        return datetime.combine(day, time(hour, minute), ZONE)

    return event_changes.save_event(
        Event(
            kind=Event.Kind.KICKOFF,
            title="Partner Kickoff",
            title_es="Reunión de inicio de aliados",
            slug=f"kickoff-{school_year}",
            school_year=school_year,
            starts_at=at(8, 30),
            ends_at=at(10, 30),
            rsvp_opens_at=timezone.now() - timedelta(days=DAYS + 1),
            rsvp_closes_at=at(17) - timedelta(days=2),
            venue="Stockton Unified School District",
            address="Board Room, 701 N. Madison Street, Stockton, California",
            description=ABOUT,
            description_es=ABOUT_ES,
            capacity=80,
            reserved_seats=10,
            max_party_size=4,
            invitation_only=True,
            is_published=True,
        )
    )


def answer_invitations(people: People, event: Event) -> None:
    for invitation in event.invitations.select_related("contact__organization").order_by("pk"):
        chance = people.dice.random()
        if chance < ACCEPT:
            accept_one(people, invitation)
        elif chance < ACCEPT + DECLINE:
            responses.decline_invitation(invitation, people.dice.choice(DECLINE_MESSAGES[invitation.contact.language]))


def accept_one(people: People, invitation: Invitation) -> None:
    contact, size = invitation.contact, people.dice.choice([1, 1, 2, 2, 3])
    organization = contact.organization
    guests = [
        Guest(name=name, dietary_needs=people.maybe(DIETS, 0.15), accessibility_needs=people.maybe(ACCESS, 0.06))
        for name in [contact.name, *(people.name() for _companion in range(size - 1))]
    ]
    rsvp = Rsvp(
        name=contact.name,
        language=contact.language,
        organization_name=organization.name if organization else "",
        sector=organization.sector if organization else "",
    )
    responses.accept_invitation(invitation, rsvp, size=size, guests=guests)


def reject_one_address(event: Event) -> None:
    """Let the mail server of the last person who hasn't answered reject the address."""
    contact = event.invitations.unanswered().latest("pk").contact
    preferences.suppress(contact.email, REJECTION)
    refused = Message.objects.filter(recipient=contact.email, queue=Message.Queue.BULK)
    refused.update(state=Message.State.REJECTED, attempts=1, last_error=REJECTION)


def backdate_invitations(people: People, mailing: Mailing) -> None:
    """Move the invitations to some days ago at 10 a.m., and the answers to the time since."""
    start = datetime.combine(timezone.localdate() - timedelta(days=DAYS), time(10), ZONE).astimezone(UTC)
    seconds = (timezone.now() - start).total_seconds() - 3600
    Mailing.objects.filter(pk=mailing.pk).update(created_at=start, rendered_at=start)
    for invitation in mailing.invitations.select_related("rsvp").order_by("pk"):
        answered = start + timedelta(seconds=people.dice.uniform(0, seconds))
        Rsvp.objects.filter(invitation=invitation).update(created_at=answered)
        declined_at = answered if invitation.declined_at else None
        Invitation.objects.filter(pk=invitation.pk).update(created_at=start, emailed_at=start, declined_at=declined_at)
