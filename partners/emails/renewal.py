"""The email that invites last year's partners to renew their promises. Staff can edit its template."""

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.db.models import Prefetch
from django.utils import translation
from django.utils.translation import gettext as _

from imagine.mail import editable_templates, preferences
from imagine.mail.models import EmailPreference, Mailing, Message
from imagine.mail.queue import message_key
from imagine.mail.rendering import RenderedEmail
from partners.emails import pledge as pledge_emails
from partners.emails.templates import RENEWAL, pledge_card, pledge_note, year_facts
from partners.models import Contact, Pledge, PledgeYear, Promise

LANGUAGES = [language for language, _name in settings.LANGUAGES]


def renewal_messages(
    year: PledgeYear, pledges: Sequence[Pledge], known: Mapping[str, EmailPreference], mailing: Mailing | None = None
) -> list[Message]:
    """Return unsaved emails about last year's pledges that have a contact, each in the contact's language."""
    template = editable_templates.load_template(RENEWAL.code)
    promises = promises_by_pledge(pledges)
    messages = []
    for pledge in pledges:
        if contact := pledge_emails.contact_for(pledge):
            content = renewal_content(year, pledge, promises[pledge.pk], contact, contact.language)
            messages.append(
                template.build_message(
                    about=pledge,
                    idempotency_key=message_key(RENEWAL.code, pledge, year.pk),
                    recipient=contact.email,
                    preference=known[contact.email.lower()],
                    language=contact.language,
                    mailing=mailing,
                    **content,
                )
            )
    return messages


def renewal_message(year: PledgeYear, pledge: Pledge, *, to: Contact | None = None) -> Message | None:
    """Return the email to one partner as it should read today, unsaved, if there is a contact."""
    contact = to or pledge_emails.contact_for(pledge)
    if contact is None:
        return None
    pledge.contact = contact
    [message] = renewal_messages(year, [pledge], preferences.get_preferences([contact.email]))
    return message


def preview_renewal(year: PledgeYear, pledge: Pledge, contact: Contact) -> list[tuple[str, RenderedEmail]]:
    """Return the email as this partner will read it, in each language and without a link. Nothing is stored."""
    template, promises = editable_templates.load_template(RENEWAL.code), promises_by_pledge([pledge])[pledge.pk]
    previews = []
    for language in LANGUAGES:
        content = renewal_content(year, pledge, promises, contact, language)
        with translation.override(language):
            hidden = dict.fromkeys(
                ("link", "unsubscribe_url", "preferences_url"), _("(each recipient’s personal link)")
            )
        previews.append(
            (language, template.render(language, **content | {"personal": {**content["personal"], **hidden}}))
        )
    return previews


def promises_by_pledge(pledges: Sequence[Pledge]) -> dict[int, list[Promise]]:
    rows = Pledge.objects.filter(pk__in=[pledge.pk for pledge in pledges]).prefetch_related(
        Prefetch("promises", Promise.objects.select_related("promise_type"))
    )
    return {pledge.pk: list(pledge.promises.all()) for pledge in rows}


def renewal_content(
    year: PledgeYear, pledge: Pledge, promises: Sequence[Promise], contact: Contact, language: str
) -> dict:
    """Return what the email says to one partner."""
    with translation.override(language):
        described = "; ".join(f"{promise.promise_type.localized_name} ({promise.amount})" for promise in promises)
        return {
            "personal": {
                "name": contact.name,
                "organization": pledge.organization.name,
                "promises": described,
                "link": pledge_emails.full_url(pledge.get_absolute_url()),
            },
            "facts": year_facts(year) | {"last_year": pledge.school_years},
            "card": pledge_card(pledge_emails.marker("organization"), year),
            "notes": (pledge_note(),),
        }
