"""The default text of the email templates that staff can edit, and the values of their placeholders."""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from imagine.core.formatting import date_at_time, day, long_date, to_district_time
from imagine.mail.editable_templates import EditableTemplate, TemplateExample, register_template
from imagine.mail.rendering import marker
from partners.models import Contact, PledgeYear
from summit.formatting import hours
from summit.models import Event

Card = tuple[tuple[str, ...], ...]


# Values of placeholders, in the current language ------------------------------------------------------------------


def event_facts(event: Event) -> dict[str, str]:
    """Return the placeholders for what, when and where."""
    return {
        "event": event.localized_title,
        "day": day(event.starts_at),
        "when": event_times(event),
        "where": f"{event.venue}, {event.address}",
    }


def event_card(event: Event, *, code: bool = False) -> Card:
    """Return the lines that say what an email is about; with `code`, also the party's check-in code."""
    groups = [
        (event.localized_title,),
        (capfirst(long_date(event.starts_at)), hours(event)),
        (event.venue, event.address),
    ]
    if code:
        groups.append((_("Check-in code: %(code)s") % {"code": marker("code")},))
    return tuple(groups)


def invitation_facts(event: Event) -> dict[str, str]:
    return event_facts(event) | {"about": event.localized_description, "until": answer_until(event)}


def contact_words(contact: Contact) -> dict[str, str]:
    """Return the placeholders for the reader of an invitation."""
    return {"name": contact.name, "organization": contact.organization.name if contact.organization else ""}


def invitation_note() -> str:
    return _("This link is just for you. Anyone who has it can answer for you, so please don’t forward it.")


def party_note() -> str:
    return _("This link is just for you. Anyone who has it can change your RSVP, so please don’t forward it.")


def event_times(event: Event) -> str:
    """Thursday, April 4, 2019, 8:00–10:30 a.m. · jueves 4 de abril de 2019, de 8:00 a 10:30 a. m."""
    return f"{long_date(event.starts_at)}, {hours(event)}"


def answer_until(event: Event) -> str:
    """Wednesday, April 3, 2019, at 9:00 a.m."""
    return date_at_time(event.rsvp_closes_at)


def how_to_answer(event: Event) -> str:
    """Return {answer} for people invited to an event that was rescheduled."""
    if event.rsvp_is_closed:
        return _("RSVPs are closed now. If you’d like to come, reply to this email.")
    message = _("Your invitation still stands. Please let us know by %(until)s whether you’re coming.")
    return message % {"until": answer_until(event)}


def how_soon(event: Event, now: datetime) -> str:
    """today · tomorrow · in 7 days, by the days of the district's calendar"""
    days = (to_district_time(event.starts_at).date() - to_district_time(now).date()).days
    if days <= 0:
        return _("today")
    if days == 1:
        return _("tomorrow")
    return ngettext("in %(number)d day", "in %(number)d days", days) % {"number": days}


def seats_in_words(number: int) -> str:
    return ngettext("%(number)d seat", "%(number)d seats", number) % {"number": number}


def guests_in_words(number: int) -> str:
    return ngettext("%(number)d guest", "%(number)d guests", number) % {"number": number}


def ask_to_promise(year: str) -> str:
    """Return {promise} for people without a signed pledge for this school year."""
    message = _(
        "Will you make a promise for the %(year)s school year? The checklist takes about two minutes, and you don’t "
        "need an account."
    )
    return message % {"year": year}


def thank_for_promise(year: str) -> str:
    """Return {promise} for people with one."""
    message = _(
        "Thank you, too, for your promises for the %(year)s school year. They’re signed, and our schools are counting "
        "on them."
    )
    return message % {"year": year}


# Examples for the page where staff edit a template ---------------------------------------------------------------


def example_event() -> Event:
    """Return an invented event in two weeks, unsaved."""
    starts_at = to_district_time(timezone.now() + timedelta(days=14)).replace(hour=8, minute=0, second=0, microsecond=0)
    return Event(
        title="Imagine Promise Kickoff",
        title_es="Reunión de inicio de Imagine Promise",
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=2, minutes=30),
        rsvp_closes_at=starts_at - timedelta(days=2),
        venue="University of the Pacific",
        address="3601 Pacific Avenue, Stockton",
        description="Breakfast, a look at the promises of the year, and time to meet the schools.",
        description_es="Desayuno, un repaso a las promesas del año y tiempo para conocer a las escuelas.",
    )


def example_of_event(**facts: str) -> TemplateExample:
    event = example_event()
    words = {"name": "Alma Reyes", "organization": "Delta Orchards", "code": "K7M-4QX"}
    return TemplateExample(words, event_facts(event) | facts, event_card(event))


def example_of_invitation() -> TemplateExample:
    return example_of_event(**invitation_facts(example_event()))._replace(notes=(invitation_note(),))


def example_of_move() -> TemplateExample:
    return example_of_event(answer=how_to_answer(example_event()))._replace(notes=(invitation_note(),))


def example_of_party(before: timedelta, **facts: str) -> TemplateExample:
    event = example_event()
    facts |= {"soon": how_soon(event, event.starts_at - before), "seats": seats_in_words(2)}
    return example_of_event(**facts)._replace(card=event_card(event, code=True), notes=(party_note(),))


def example_of_thanks() -> TemplateExample:
    year = PledgeYear(school_year=timezone.localdate().year).school_years
    return example_of_event(promise=ask_to_promise(year))._replace(button=_("Make a promise"))


# The kinds -----------------------------------------------------------------------------------------------------

NAME = {"name": gettext_lazy("the recipient’s name")}
OF_EVENT = {
    "event": gettext_lazy("the event’s title"),
    "day": gettext_lazy("the date without weekday and year"),
    "when": gettext_lazy("the full date and the hours"),
    "where": gettext_lazy("the place with its address"),
}
OF_CONTACT = {**NAME, "organization": gettext_lazy("the recipient’s organization; empty if there is none")}

NOT_ANSWERED = gettext_lazy("You’re getting this email because we invited you to this event and haven’t heard back.")

INVITATION = register_template(
    EditableTemplate(
        code="invitation",
        title=gettext_lazy("Invitation"),
        topic="invitations",
        placeholders={
            **OF_CONTACT,
            **OF_EVENT,
            "about": gettext_lazy("the event’s description; empty if it has none"),
            "until": gettext_lazy("when RSVPs close"),
        },
        subject=gettext_lazy("You’re invited: {event}, {day}"),
        paragraphs=(
            gettext_lazy("Hi {name}, we’d love to have you with us. {event} is on {when}."),
            "{about}",
            gettext_lazy(
                "Please let us know by {until} whether you’re coming. Seats are limited. If none are left, you can "
                "join the waitlist."
            ),
        ),
        button=gettext_lazy("Answer your invitation"),
        reason=gettext_lazy(
            "You’re getting this email because Community Relations invites Imagine Promise partners and guests to its "
            "events."
        ),
        example=example_of_invitation,
    )
)

UNANSWERED = register_template(
    EditableTemplate(
        code="unanswered",
        title=gettext_lazy("Unanswered invitation"),
        topic="reminders",
        placeholders=INVITATION.placeholders,
        subject=gettext_lazy("Will you join us? {event}, {day}"),
        paragraphs=(
            gettext_lazy("Hi {name}, we’d still love to have you with us. {event} is on {when}."),
            gettext_lazy(
                "A quick yes or no is all we need. Please answer by {until}. This is the only reminder we’ll send."
            ),
        ),
        button=gettext_lazy("Answer your invitation"),
        reason=NOT_ANSWERED,
        example=example_of_invitation,
    )
)

INVITATION_MOVED = register_template(
    EditableTemplate(
        code="invitation_moved",
        title=gettext_lazy("Event changed, invitation not answered"),
        topic="invitations",
        placeholders={
            **OF_CONTACT,
            **OF_EVENT,
            "answer": gettext_lazy("when RSVPs close, or that they’re closed"),
        },
        subject=gettext_lazy("New date, time or location: {event}, {day}"),
        paragraphs=(
            gettext_lazy("Hi {name}, we changed the date, time or location of an event we invited you to: {event}."),
            gettext_lazy("It’s now on {when}. The location is {where}."),
            "{answer}",
        ),
        button=gettext_lazy("See your invitation"),
        reason=NOT_ANSWERED,
        example=example_of_move,
    )
)

INVITATION_CANCELED = register_template(
    EditableTemplate(
        code="invitation_called_off",
        title=gettext_lazy("Event canceled, invitation not answered"),
        topic="invitations",
        placeholders={**OF_CONTACT, **OF_EVENT},
        subject=gettext_lazy("Canceled: {event}, {day}"),
        paragraphs=(
            gettext_lazy("Hi {name}, we’re sorry, but we had to cancel an event we invited you to: {event}."),
            gettext_lazy("It won’t take place on {when}. You don’t need to do anything."),
        ),
        button=gettext_lazy("See what’s coming up"),
        reason=NOT_ANSWERED,
        example=example_of_event,
    )
)

OF_PARTY = {
    **NAME,
    **OF_EVENT,
    "soon": gettext_lazy("how soon it is: “in 7 days”, “tomorrow” or “today”"),
    "seats": gettext_lazy("the party’s confirmed seats, like “2 seats”"),
    "code": gettext_lazy("the party’s check-in code"),
}
HAS_SEATS = gettext_lazy("You’re getting this email because you have seats for this event.")
UPDATE_YOUR_RSVP = gettext_lazy(
    "Can’t make it, or bringing fewer people? Please update your RSVP so someone else can have the seat."
)

WEEK = register_template(
    EditableTemplate(
        code="reminder_week",
        title=gettext_lazy("One week before an event"),
        topic="reminders",
        placeholders=OF_PARTY,
        subject=gettext_lazy("See you {soon}: {event}, {day}"),
        paragraphs=(
            gettext_lazy("Hi {name}, we look forward to seeing you {soon}. You have {seats}."),
            UPDATE_YOUR_RSVP,
        ),
        button=gettext_lazy("View or change your RSVP"),
        reason=HAS_SEATS,
        example=lambda: example_of_party(timedelta(days=7)),
    )
)

DAY = register_template(
    EditableTemplate(
        code="reminder_day",
        title=gettext_lazy("One day before an event"),
        topic="reminders",
        placeholders=OF_PARTY,
        subject=gettext_lazy("See you {soon}: {event}, {day}"),
        paragraphs=(
            gettext_lazy("Hi {name}, we look forward to seeing you {soon}. You have {seats}."),
            gettext_lazy("Can’t make it? Please cancel now so someone else can have the seat."),
        ),
        button=gettext_lazy("View or change your RSVP"),
        reason=HAS_SEATS,
        example=lambda: example_of_party(timedelta(days=1)),
    )
)

NAMES = register_template(
    EditableTemplate(
        code="names_missing",
        title=gettext_lazy("Missing guest names"),
        topic="reminders",
        placeholders={**OF_PARTY, "unnamed": gettext_lazy("how many guests have no name yet, like “2 guests”")},
        subject=gettext_lazy("Who’s coming with you on {day}?"),
        paragraphs=(
            gettext_lazy("Hi {name}, your party still has {unnamed} without a name."),
            gettext_lazy("Adding names takes a minute, and it makes check-in faster for everyone."),
            UPDATE_YOUR_RSVP,
        ),
        button=gettext_lazy("Name your guests"),
        reason=HAS_SEATS,
        example=lambda: example_of_party(timedelta(days=3), unnamed=guests_in_words(2)),
    )
)

THANKS = register_template(
    EditableTemplate(
        code="thanks",
        title=gettext_lazy("Thank-you after an event"),
        topic="reminders",
        placeholders={
            **NAME,
            **OF_EVENT,
            "promise": gettext_lazy(
                "a paragraph that thanks partners for their promises, or asks for one; empty while no school year is "
                "open"
            ),
        },
        subject=gettext_lazy("Thank you for being part of {event}"),
        paragraphs=(
            gettext_lazy(
                "Hi {name}, thank you for being part of {event}. Now comes the part that matters most: keeping our "
                "promises."
            ),
            "{promise}",
        ),
        button=gettext_lazy("See what our partners promised"),
        reason=gettext_lazy("You’re getting this email because you had seats for this event."),
        example=example_of_thanks,
    )
)
