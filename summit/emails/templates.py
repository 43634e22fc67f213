"""The default text of the email templates that staff can edit, and the values of their placeholders."""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from imagine.core.formatting import clock, day, long_date, to_district_time
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
    """Return the lines that say what an email is about; with `code`, also what the party says at the door."""
    groups = [
        (event.localized_title,),
        (capfirst(long_date(event.starts_at)), hours(event)),
        (event.venue, event.address),
    ]
    if code:
        groups.append((_("At the door, say %(code)s.") % {"code": marker("code")},))
    return tuple(groups)


def invitation_facts(event: Event) -> dict[str, str]:
    return event_facts(event) | {"about": event.localized_description, "until": answer_until(event)}


def contact_words(contact: Contact) -> dict[str, str]:
    """Return the placeholders for the reader of an invitation."""
    return {"name": contact.name, "organization": contact.organization.name if contact.organization else ""}


def invitation_note() -> str:
    return _("The link belongs to you alone. Whoever has it can answer for you, so please do not forward it.")


def party_note() -> str:
    return _("The link belongs to you alone. Whoever has it can change your party, so please do not forward it.")


def event_times(event: Event) -> str:
    return f"{long_date(event.starts_at)}, {hours(event)}"


def answer_until(event: Event) -> str:
    """9:00 a.m. on Wednesday, April 3, 2019"""
    message = _("%(time)s on %(date)s")
    return message % {"time": clock(event.rsvp_closes_at), "date": long_date(event.rsvp_closes_at)}


def how_to_answer(event: Event) -> str:
    """Return {answer} for people invited to an event that was rescheduled."""
    if event.rsvp_is_closed:
        return _("RSVP for it is closed by now. If you would like to come, reply to this mail.")
    message = _("Your invitation stands: please say yes or no with the button, until %(until)s.")
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
    message = _("Will you promise something for the school year %(year)s? The checklist takes two minutes, no account.")
    return message % {"year": year}


def thank_for_promise(year: str) -> str:
    """Return {promise} for people with one."""
    message = _(
        "Thank you, too, for your promises for the school year %(year)s: they are signed, and schools count on them."
    )
    return message % {"year": year}


# Examples for the page where staff edit a template ---------------------------------------------------------------


def example_event() -> Event:
    """Return an invented event in two weeks, unsaved."""
    starts_at = to_district_time(timezone.now() + timedelta(days=14)).replace(hour=8, minute=0, second=0, microsecond=0)
    return Event(
        title="Imagine Promise Kick-off",
        title_es="Arranque de Imagine Promise",
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

NAME = {"name": gettext_lazy("the reader’s name")}
OF_EVENT = {
    "event": gettext_lazy("the event’s title"),
    "day": gettext_lazy("its day, without weekday and year"),
    "when": gettext_lazy("its day and hours in full"),
    "where": gettext_lazy("the place with street and city"),
}
OF_CONTACT = {**NAME, "organization": gettext_lazy("the reader’s organization; nothing for people on their own")}

NOT_ANSWERED = gettext_lazy("You get this mail because an invitation to this address is not answered yet.")

INVITATION = register_template(
    EditableTemplate(
        code="invitation",
        title=gettext_lazy("Invitation"),
        topic="invitations",
        placeholders={
            **OF_CONTACT,
            **OF_EVENT,
            "about": gettext_lazy("the event’s description; nothing when it has none"),
            "until": gettext_lazy("until when one can answer"),
        },
        subject=gettext_lazy("You are invited: {event}, {day}"),
        paragraphs=(
            gettext_lazy("{name}, you are invited to {event}, on {when}."),
            "{about}",
            gettext_lazy(
                "Please say yes or no with the button, until {until}. Seats are limited, and when they are taken there "
                "is a waiting list."
            ),
        ),
        button=gettext_lazy("Answer the invitation"),
        reason=gettext_lazy(
            "You get this mail because Community Relations invites partners and guests of the Imagine Promise."
        ),
        example=example_of_invitation,
    )
)

UNANSWERED = register_template(
    EditableTemplate(
        code="unanswered",
        title=gettext_lazy("Invitation not answered"),
        topic="reminders",
        placeholders=INVITATION.placeholders,
        subject=gettext_lazy("Will you come? {event}, {day}"),
        paragraphs=(
            gettext_lazy("{name}, we invited you to {event}, on {when}, and do not know yet whether you will come."),
            gettext_lazy("Yes or no, the button is enough. You can answer until {until}. We do not ask again."),
        ),
        button=gettext_lazy("Answer the invitation"),
        reason=gettext_lazy("You get this mail, once, because an invitation to this address is not answered yet."),
        example=example_of_invitation,
    )
)

INVITATION_MOVED = register_template(
    EditableTemplate(
        code="invitation_moved",
        title=gettext_lazy("Invited, and the event moved"),
        topic="invitations",
        placeholders={
            **OF_CONTACT,
            **OF_EVENT,
            "answer": gettext_lazy("until when one can answer, or that RSVP is closed"),
        },
        subject=gettext_lazy("New time or place: {event}, {day}"),
        paragraphs=(
            gettext_lazy("{name}, time or place of an event to which we invited you has changed: {event}."),
            gettext_lazy("It takes place on {when}. The place: {where}."),
            "{answer}",
        ),
        button=gettext_lazy("See the invitation"),
        reason=NOT_ANSWERED,
        example=example_of_move,
    )
)

INVITATION_CANCELED = register_template(
    EditableTemplate(
        code="invitation_called_off",
        title=gettext_lazy("Invited, and the event is called off"),
        topic="invitations",
        placeholders={**OF_CONTACT, **OF_EVENT},
        subject=gettext_lazy("Cancelled: {event}, {day}"),
        paragraphs=(
            gettext_lazy("{name}, we had to cancel {event}, to which we invited you, and we are sorry."),
            gettext_lazy("It does not take place on {when}. You need do nothing."),
        ),
        button=gettext_lazy("See what comes next"),
        reason=NOT_ANSWERED,
        example=example_of_event,
    )
)

OF_PARTY = {
    **NAME,
    **OF_EVENT,
    "soon": gettext_lazy("in how many days it is, or “tomorrow”, or “today”"),
    "seats": gettext_lazy("how many seats the party holds, as “2 seats”"),
    "code": gettext_lazy("what the party says at the door"),
}
HAS_SEATS = gettext_lazy("You get this mail because seats are saved with this address.")

WEEK = register_template(
    EditableTemplate(
        code="reminder_week",
        title=gettext_lazy("A week before an event"),
        topic="reminders",
        placeholders=OF_PARTY,
        subject=gettext_lazy("{event} is {soon}, {day}"),
        paragraphs=(
            gettext_lazy("{name}, we expect you {soon}, and keep {seats} for your party."),
            gettext_lazy(
                "If something came up, please cancel with the button, or bring fewer: a seat given back is a seat for "
                "someone else."
            ),
        ),
        button=gettext_lazy("Name guests, change or cancel"),
        reason=HAS_SEATS,
        example=lambda: example_of_party(timedelta(days=7)),
    )
)

DAY = register_template(
    EditableTemplate(
        code="reminder_day",
        title=gettext_lazy("A day before an event"),
        topic="reminders",
        placeholders=OF_PARTY,
        subject=gettext_lazy("{event} is {soon}, {day}"),
        paragraphs=(
            gettext_lazy("{name}, we expect you {soon}, and keep {seats} for your party."),
            gettext_lazy(
                "If you cannot come, please cancel with the button now: a seat given back is a seat for someone else."
            ),
        ),
        button=gettext_lazy("See your seats, or cancel"),
        reason=HAS_SEATS,
        example=lambda: example_of_party(timedelta(days=1)),
    )
)

NAMES = register_template(
    EditableTemplate(
        code="names_missing",
        title=gettext_lazy("Names of companions still missing"),
        topic="reminders",
        placeholders={**OF_PARTY, "unnamed": gettext_lazy("how many have no name yet, as “2 guests”")},
        subject=gettext_lazy("Who comes with you on {day}?"),
        paragraphs=(
            gettext_lazy("{name}, in your party names are still missing: {unnamed}."),
            gettext_lazy("With the names, nobody has to wait at the door. Writing them takes a minute."),
            gettext_lazy(
                "If fewer come, give the seats back with the same button: a seat given back is a seat for someone else."
            ),
        ),
        button=gettext_lazy("Name your guests"),
        reason=HAS_SEATS,
        example=lambda: example_of_party(timedelta(days=3), unnamed=guests_in_words(2)),
    )
)

THANKS = register_template(
    EditableTemplate(
        code="thanks",
        title=gettext_lazy("Thank you, after an event"),
        topic="reminders",
        placeholders={
            **NAME,
            **OF_EVENT,
            "promise": gettext_lazy(
                "a paragraph about the promises of the school year: asks who has signed none, thanks who has"
            ),
        },
        subject=gettext_lazy("Thank you for your part in {event}"),
        paragraphs=(
            gettext_lazy("{name}, thank you for your part in {event}. What was said there lasts when it is kept."),
            "{promise}",
        ),
        button=gettext_lazy("See who promised what"),
        reason=gettext_lazy("You get this mail because you were a guest of this event, or had seats for it."),
        example=example_of_thanks,
    )
)
