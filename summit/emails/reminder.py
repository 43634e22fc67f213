"""Reminder emails. Staff can edit their templates (summit/emails/templates.py).

Each function returns unsaved messages, in the same number of queries for one and for many.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Lower
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from imagine.mail import editable_templates, preferences
from imagine.mail.models import Message, MessageQuerySet
from imagine.mail.queue import message_key
from partners.models import Contact, Pledge, PledgeYear
from summit.emails import templates as email_templates
from summit.emails.kinds import SummitEmailKind
from summit.models import Event, Invitation, Reminder, Rsvp

KINDS = {
    Reminder.Kind.WEEK: email_templates.WEEK,
    Reminder.Kind.DAY: email_templates.DAY,
    Reminder.Kind.NAMES: email_templates.NAMES,
    Reminder.Kind.THANKS: email_templates.THANKS,
    Reminder.Kind.UNANSWERED: email_templates.UNANSWERED,
}


def party_reminders(
    event: Event, kind: Reminder.Kind, rsvps: Sequence[Rsvp], *, day: date, now: datetime, expires_at: datetime
) -> list[Message]:
    """Return one reminder of an event on `day` for each party, true at `now`. Their `guests` should be prefetched."""
    template = editable_templates.load_template(KINDS[kind].code)
    rows = preferences.get_preferences([rsvp.email for rsvp in rsvps])
    content_for = (thanks_content if kind == Reminder.Kind.THANKS else reminder_content)(event, rsvps, now)
    messages = []
    for rsvp in rsvps:
        with translation.override(rsvp.language):
            messages.append(
                template.build_message(
                    about=rsvp,
                    idempotency_key=message_key(KINDS[kind].code, rsvp, day),
                    recipient=rsvp.email,
                    preference=rows[rsvp.email.lower()],
                    language=rsvp.language,
                    expires_at=expires_at,
                    **content_for(rsvp),
                )
            )
    return messages


def in_each_language(build: Callable[[], dict]) -> dict[str, dict]:
    """Return what is the same for all readers of one language, by language."""
    content = {}
    for language in editable_templates.LANGUAGES:
        with translation.override(language):
            content[language] = build()
    return content


def reminder_content(event: Event, _rsvps: Sequence[Rsvp], now: datetime) -> Callable[[Rsvp], dict]:
    """Return a function that returns the content of a party's reminder."""
    facts = in_each_language(
        lambda: email_templates.event_facts(event) | {"soon": email_templates.how_soon(event, now)}
    )
    same = in_each_language(
        lambda: {"card": email_templates.event_card(event, code=True), "notes": (email_templates.party_note(),)}
    )

    def tell(rsvp: Rsvp) -> dict:
        unnamed = sum(guest.position > 1 and not guest.name for guest in rsvp.guests.all())
        mine = {
            "seats": email_templates.seats_in_words(rsvp.held_seats),
            "unnamed": email_templates.guests_in_words(unnamed),
        }
        private = settings.SITE_URL + rsvp.get_absolute_url()
        return same[rsvp.language] | {
            "personal": {"name": rsvp.name, "code": rsvp.code, "link": private},
            "facts": facts[rsvp.language] | mine,
        }

    return tell


def thanks_content(event: Event, rsvps: Sequence[Rsvp], _now: datetime) -> Callable[[Rsvp], dict]:
    """Return a function that returns the content of a party's thank-you email, which asks those without a signed pledge
    for one."""
    year = PledgeYear.objects.current()
    signed = Signed.of(year, rsvps)
    facts = in_each_language(lambda: email_templates.event_facts(event) | {"promise": ""})
    same = in_each_language(lambda: {"card": email_templates.event_card(event)})

    def tell(rsvp: Rsvp) -> dict:
        path, button, promise = reverse("partners"), "", ""
        notes: tuple[str, ...] = ()
        if year and signed.has(rsvp):
            promise = email_templates.thank_for_promise(year.school_years)
        elif year:  # their own page knows their name, email and organization
            path, button = f"{rsvp.get_absolute_url()}#promise-h", _("Make a promise")
            promise, notes = email_templates.ask_to_promise(year.school_years), (email_templates.party_note(),)
        return same[rsvp.language] | {
            "personal": {"name": rsvp.name, "link": settings.SITE_URL + path},
            "facts": facts[rsvp.language] | {"promise": promise},
            "button": button,
            "notes": notes,
        }

    return tell


class Signed(NamedTuple):
    """Who signed a pledge for a school year: organizations, and the addresses of their contacts."""

    organizations: set[int]
    emails: set[str]

    @classmethod
    def of(cls, year: PledgeYear | None, rsvps: Sequence[Rsvp]) -> "Signed":
        signed = Pledge.objects.signed().filter(year=year)
        contacts = Contact.objects.filter(organization__in=signed.values("organization")).alias(folded=Lower("email"))
        emails = [rsvp.email.lower() for rsvp in rsvps]
        return cls(
            set(
                signed.filter(organization__in=[rsvp.organization_id for rsvp in rsvps]).values_list(
                    "organization", flat=True
                )
            ),
            {email.lower() for email in contacts.filter(folded__in=emails).values_list("email", flat=True)},
        )

    def has(self, rsvp: Rsvp) -> bool:
        return rsvp.organization_id in self.organizations or rsvp.email.lower() in self.emails


def unanswered_reminders(event: Event, invitations: Sequence[Invitation], *, expires_at: datetime) -> list[Message]:
    """Return reminders to people who didn't answer. The contact and organization of each invitation should be
    loaded."""
    template = editable_templates.load_template(email_templates.UNANSWERED.code)
    rows = preferences.get_preferences([invitation.contact.email for invitation in invitations])
    same = in_each_language(
        lambda: {
            "facts": email_templates.invitation_facts(event),
            "card": email_templates.event_card(event),
            "notes": (email_templates.invitation_note(),),
        }
    )
    messages = []
    for invitation in invitations:
        contact = invitation.contact
        link = settings.SITE_URL + invitation.get_absolute_url()
        messages.append(
            template.build_message(
                about=invitation,
                idempotency_key=message_key(SummitEmailKind.INVITATION_UNANSWERED, invitation),
                recipient=contact.email,
                preference=rows[contact.email.lower()],
                language=contact.language,
                personal=email_templates.contact_words(contact) | {"link": link},
                expires_at=expires_at,
                **same[contact.language],
            )
        )
    return messages


# Recall -------------------------------------------------------------------------------------------------------------


def recall_event_reminders(event: Event) -> None:
    """Delete unsent reminders that say when and where the event was to take place before a change. People still to be
    reminded are found again. Call it in the transaction of the change."""
    delete_unsent_reminders(Message.objects.filter(reminder__event=event, expires_at__isnull=False))


def recall_party_reminders(rsvp: Rsvp) -> None:
    """Delete unsent reminders with a party's old address or link. The party is still to be reminded. Call it in the
    transaction of the change."""
    delete_unsent_reminders(rsvp.messages.filter(reminder__isnull=False, expires_at__isnull=False))


@transaction.atomic(savepoint=False)
def delete_unsent_reminders(messages: MessageQuerySet) -> None:
    """Delete those of these messages that haven't been sent, and reopen their reminders."""
    unsent = messages.not_handed_over().select_for_update(of=("self",)).order_by("pk")
    reminder_by_message = dict(unsent.values_list("pk", "reminder"))
    if not reminder_by_message:
        return
    Message.objects.filter(pk__in=reminder_by_message).delete()
    for reminder, taken in sorted(Counter(reminder_by_message.values()).items()):
        recipients = Greatest(F("recipient_count") - taken, 0)
        Reminder.objects.filter(pk=reminder).update(recipient_count=recipients, completed_at=None)
