"""Emails that staff write to the guests of an event: their own text in the design of the other emails."""

from collections.abc import Sequence
from typing import NamedTuple

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from imagine.mail import preferences
from imagine.mail.editable_templates import EditableTemplate, LoadedTemplate, TemplateText, footer_urls
from imagine.mail.models import EmailPreference, Mailing, Message
from imagine.mail.queue import message_key
from imagine.mail.rendering import RenderedEmail
from summit.emails import templates as email_templates
from summit.emails.kinds import SummitEmailKind
from summit.models import Invitation, Rsvp, StaffEmail

ATTACHMENT_KIND = "staff_email"
PLACEHOLDERS = {
    "first_name": gettext_lazy("the recipient’s first name"),
    **email_templates.NAME,
    **email_templates.OF_EVENT,
}


class Recipient(NamedTuple):
    """A party, by its contact, or someone with an invitation. `reason` tells why they are excluded;
    it is "" for people who get the email."""

    about: Rsvp | Invitation
    name: str
    email: str
    organization: str
    language: str
    reason: str = ""

    @property
    def key(self) -> str:
        """A key that can be in a URL, because it contains no name."""
        return f"{'r' if isinstance(self.about, Rsvp) else 'i'}{self.about.pk}"

    @property
    def topic(self) -> str:
        return topic_of(self.about)


def topic_of(about: Rsvp | Invitation) -> str:
    """Return what recipients can unsubscribe from: guests from reminders, invited people from invitations."""
    return Message.Topic.REMINDERS if isinstance(about, Rsvp) else Message.Topic.INVITATIONS


def staff_template(topic: str, button: str | Promise, reason: str | Promise) -> EditableTemplate:
    """Return what surrounds staff's text. It isn't registered, because its text belongs to each email."""
    return EditableTemplate(
        code=SummitEmailKind.STAFF_EMAIL,
        title=gettext_lazy("Email to guests"),
        topic=topic,
        placeholders=PLACEHOLDERS,
        subject="",
        paragraphs=(),
        button=button,
        reason=reason,
        example=email_templates.example_of_event,
    )


TO_PARTIES = staff_template(
    "reminders",
    gettext_lazy("View your RSVP"),
    gettext_lazy("You’re getting this email because you RSVP’d to this event."),
)
TO_INVITED = staff_template(
    "invitations",
    gettext_lazy("See your invitation"),
    gettext_lazy("You’re getting this email because we invited you to this event and haven’t heard back."),
)


def text_in(email: StaffEmail, language: str) -> tuple[str, TemplateText]:
    """Return the text for readers of a language, and the language it is in: English if there is no Spanish text."""
    if language == "es" and email.text_es:
        return "es", TemplateText(email.subject_es, email.text_es)
    return "en", TemplateText(email.subject, email.text)


def first_name(name: str) -> str:
    return name.split()[0] if name.split() else ""


def render_staff_email(
    email: StaffEmail, person: Recipient, preference: EmailPreference, *, link: str, language: str
) -> RenderedEmail:
    template = TO_PARTIES if isinstance(person.about, Rsvp) else TO_INVITED
    language, text = text_in(email, language)
    with translation.override(language):
        facts, card = email_templates.event_facts(email.event), email_templates.event_card(email.event)
        note = email_templates.party_note() if isinstance(person.about, Rsvp) else email_templates.invitation_note()
        if email.event.canceled_at:
            card = ((_("This event is canceled."),), *card)
    personal = {"name": person.name, "first_name": first_name(person.name), "link": link}
    personal |= footer_urls(preference, template.topic)
    return LoadedTemplate(template, {language: text}).render(
        language, personal=personal, facts=facts, card=card, notes=(note,)
    )


def preview_staff_email(email: StaffEmail, person: Recipient, language: str) -> RenderedEmail:
    """Return the email as a person would get it in a language. Nothing is stored, and no link of theirs is shown."""
    preference = EmailPreference(email=person.email.lower())
    with translation.override(language):
        no_link = _("(each recipient’s personal link)")
    return render_staff_email(email, person, preference, link=no_link, language=language)


def staff_email_messages(email: StaffEmail, people: Sequence[Recipient], *, mailing: Mailing | None) -> list[Message]:
    """Return the unsaved emails to these people, in the language of their text."""
    rows = preferences.get_preferences([person.email for person in people])
    return [staff_email_message(email, person, rows[person.email.lower()], mailing) for person in people]


def staff_email_message(
    email: StaffEmail, person: Recipient, preference: EmailPreference, mailing: Mailing | None
) -> Message:
    link = settings.SITE_URL + person.about.get_absolute_url()
    rendered = render_staff_email(email, person, preference, link=link, language=person.language)
    attachment = {"attachment_kind": ATTACHMENT_KIND, "attached": email, "attachment_name": email.attachment_name}
    return Message(
        kind=SummitEmailKind.STAFF_EMAIL,
        about=person.about,
        idempotency_key=message_key(SummitEmailKind.STAFF_EMAIL, email, person.key),
        queue=Message.Queue.BULK,
        mailing=mailing,
        recipient=person.email,
        language=text_in(email, person.language)[0],
        topic=person.topic,
        unsubscribe_url=footer_urls(preference, person.topic)["unsubscribe_url"],
        **attachment if email.attachment_name else {},
        **rendered._asdict(),
    )
