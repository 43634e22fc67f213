"""Emails with invitations. Staff can edit their template (summit/emails/templates.py); the calendar entry is ours."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from imagine.mail import editable_templates, preferences
from imagine.mail.bulk import control
from imagine.mail.models import EmailPreference, Mailing, Message, MessageQuerySet
from imagine.mail.queue import message_key
from summit.calendar import entries as calendar_entries
from summit.emails import templates as email_templates
from summit.emails.kinds import SummitEmailKind
from summit.emails.rsvp import LANGUAGES, Preview
from summit.models import Event, Invitation

SCHEDULE_CHANGES = ["starts_at", "ends_at", "venue", "address", "canceled"]  # in an event's history


class InvitationContent(NamedTuple):
    """What all invitations to one event have in common, in one language."""

    facts: dict[str, str]
    card: email_templates.Card
    notes: tuple[str, ...]


def sequence_of(event: Event) -> int:
    """Return the SEQUENCE of an invitation's calendar entry: how often the event was rescheduled, moved or canceled.
    The RSVP's entry continues from there."""
    return event.audit_entries.filter(changes__has_any_keys=SCHEDULE_CHANGES).count()


def invitation_messages(
    event: Event, invitations: Sequence[Invitation], known_preferences: Mapping[str, EmailPreference]
) -> list[Message]:
    """Return unsaved messages about some invitations to one event, in two queries."""
    template, sequence = editable_templates.load_template(SummitEmailKind.INVITATION), sequence_of(event)
    content = {language: invitation_content(event, language) for language in LANGUAGES}
    return [
        template.build_message(
            about=invitation,
            idempotency_key=message_key(SummitEmailKind.INVITATION, invitation),
            recipient=invitation.contact.email,
            preference=known_preferences[invitation.contact.email.lower()],
            language=invitation.contact.language,
            personal=invitation_words(
                invitation.contact.name,
                str(invitation.contact.organization or ""),
                settings.SITE_URL + invitation.get_absolute_url(),
            ),
            ics=calendar_entries.for_invitation(invitation, sequence=sequence),
            ics_method="PUBLISH",
            mailing=invitation.mailing,
            **content[invitation.contact.language]._asdict(),
        )
        for invitation in invitations
    ]


def single_invitation_message(invitation: Invitation) -> Message:
    """Return an unsaved message about one invitation, without a mailing, to be sent at once. Its key has to be set."""
    [message] = invitation_messages(
        invitation.event, [invitation], preferences.get_preferences([invitation.contact.email])
    )
    message.queue, message.mailing = Message.Queue.TRANSACTIONAL, None
    return message


def rewrite_unsent_invitations(event: Event) -> None:
    """Let invitations that haven't been sent be written again, because the event was rescheduled, moved or canceled.
    After a cancellation none are written. Call it in the transaction of the change."""
    mailings = Mailing.objects.about(event).filter(template=SummitEmailKind.INVITATION, stopped_at=None).order_by("pk")
    for mailing in mailings.select_for_update(no_key=True):
        unsent = [pk for kind, pk in control.recall(mailing) if kind == SummitEmailKind.INVITATION]
        if Invitation.objects.filter(pk__in=unsent).update(emailed_at=None):
            Mailing.objects.filter(pk=mailing.pk).update(rendered_at=None)


def messages_with_link(invitation: Invitation) -> MessageQuerySet:
    """Return the invitation's messages that contain its link. The notice of a cancellation doesn't."""
    return invitation.messages.exclude(kind=SummitEmailKind.INVITATION_CANCELED)


def delete_unsent_links(invitation: Invitation) -> None:
    """Delete the messages with its link that haven't been sent."""
    mails = messages_with_link(invitation)
    (mails.not_handed_over() | mails.filter(state=Message.State.QUEUED)).delete()


def preview_invitation(event: Event, name: str, organization: str = "") -> list[Preview]:
    """Return the invitation as someone with this name will read it, in each language and without a link. Nothing is
    stored."""
    template, previews = editable_templates.load_template(SummitEmailKind.INVITATION), []
    for language in LANGUAGES:
        with translation.override(language):
            link_texts = dict.fromkeys(("unsubscribe_url", "preferences_url"), _("(each recipient’s personal link)"))
            personal = invitation_words(name, organization, link_texts["preferences_url"])
        email = template.render(
            language, personal=personal | link_texts, **invitation_content(event, language)._asdict()
        )
        previews.append(Preview(language, email.subject, email.body_text))
    return previews


def invitation_content(event: Event, language: str) -> InvitationContent:
    with translation.override(language):
        calendar = _(
            "We attached a calendar entry. Adding it doesn’t answer the invitation, so please use the link above, too."
        )
        return InvitationContent(
            email_templates.invitation_facts(event),
            email_templates.event_card(event),
            (email_templates.invitation_note(), calendar),
        )


def invitation_words(name: str, organization: str, link: str) -> dict[str, str]:
    return {"name": name, "organization": organization, "link": link}
