"""Emails to people with an unanswered invitation when the event is rescheduled or canceled. Staff can edit their
templates (summit/emails/templates.py)."""

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from imagine.mail import editable_templates
from imagine.mail.models import EmailPreference, Mailing, Message
from imagine.mail.queue import message_key
from summit.calendar import entries as calendar_entries
from summit.emails import templates as email_templates
from summit.emails.kinds import SummitEmailKind
from summit.emails.rsvp import LANGUAGES, Preview, landing_url
from summit.models import Event, Invitation

KINDS = (SummitEmailKind.INVITATION_MOVED, SummitEmailKind.INVITATION_CANCELED)


def kind_of(event: Event) -> str:
    return SummitEmailKind.INVITATION_CANCELED if event.canceled_at else SummitEmailKind.INVITATION_MOVED


def change_notice_messages(
    event: Event,
    invitations: Sequence[Invitation],
    preferences: Mapping[str, EmailPreference],
    *,
    mailing: Mailing,
    sequence: int,
) -> list[Message]:
    """Return unsaved messages about some invitations to one event, in one query. `preferences` are by lowercase
    address; `sequence` is that of the calendar entry."""
    kind = kind_of(event)
    template = editable_templates.load_template(kind)
    method: calendar_entries.Method = "CANCEL" if event.canceled_at else "PUBLISH"
    content = {language: change_notice_content(event, language) for language in LANGUAGES}
    return [
        template.build_message(
            about=invitation,
            idempotency_key=message_key(kind, invitation, sequence),
            recipient=invitation.contact.email,
            preference=preferences[invitation.contact.email.lower()],
            language=invitation.contact.language,
            personal=email_templates.contact_words(invitation.contact) | {"link": notice_link(invitation)},
            ics=calendar_entries.for_invitation(invitation, sequence=sequence, method=method),
            ics_method=method,
            mailing=mailing,
            **content[invitation.contact.language],
        )
        for invitation in invitations
    ]


def preview_change_notice(invitation: Invitation) -> list[Preview]:
    """Return what the contact will read in each language, about the event as it is in memory and without a personal
    link. Nothing is stored."""
    event, previews = invitation.event, []
    template = editable_templates.load_template(kind_of(event))
    for language in LANGUAGES:
        with translation.override(language):
            link_texts = dict.fromkeys(
                ("link", "unsubscribe_url", "preferences_url"), _("(each recipient’s personal link)")
            )
            if event.canceled_at:
                link_texts["link"] = landing_url()
        email = template.render(
            language,
            personal=email_templates.contact_words(invitation.contact) | link_texts,
            **change_notice_content(event, language),
        )
        previews.append(Preview(language, email.subject, email.body_text))
    return previews


def notice_link(invitation: Invitation) -> str:
    return landing_url() if invitation.event.canceled_at else settings.SITE_URL + invitation.get_absolute_url()


def change_notice_content(event: Event, language: str) -> dict:
    """Return what is the same for all readers of one language."""
    with translation.override(language):
        facts = email_templates.event_facts(event)
        content = {"facts": facts, "card": email_templates.event_card(event)}
        if event.canceled_at:
            return content | {"notes": (_("The attached file removes the event from your calendar."),)}
        facts["answer"] = email_templates.how_to_answer(event)
        calendar = _("The attached file updates your calendar, but it doesn’t answer the invitation.")
        return content | {"notes": (email_templates.invitation_note(), calendar)}
