"""The emails about pledges. Functions named queue_… store one, in the transaction of what it reports; those named
…_message return it unsaved, or None if the pledge has no contact. Their text is in templates/mail/partners/."""

from django.conf import settings
from django.utils import timezone, translation

from imagine.mail import editable_templates, preferences
from imagine.mail.models import Message
from imagine.mail.queue import enqueue_many, message_key
from imagine.mail.rendering import marker, render_email
from partners import certificates
from partners.emails.kinds import PledgeEmailKind
from partners.emails.templates import DRAFT, pledge_card, pledge_note, year_facts
from partners.models import Contact, Pledge, PledgeRequest, PledgeYear, Signature
from partners.pledges.promises import localized_field, signed_amount

FOLDER = "partners/"
CERTIFICATE = "certificate"  # a kind of attachment


def queue_start_link(request: PledgeRequest) -> None:
    enqueue_many([start_link_message(request)])


def start_link_message(request: PledgeRequest) -> Message:
    """Return the email with the link to start a pledge, to the address that was entered."""
    year = PledgeYear.objects.current()
    with translation.override(request.language):
        return build_message(
            PledgeEmailKind.PLEDGE_REQUEST,
            about=request,
            idempotency_key=message_key(PledgeEmailKind.PLEDGE_REQUEST, request),
            recipient=request.email,
            link=request.get_absolute_url(),
            personal={},  # nothing that a stranger may have typed
            year=year.school_years if year else "",
            announced_deadline=year and year.announced_deadline,
        )


def queue_link(pledge: Pledge, *, to: Contact | None = None, request: PledgeRequest | None = None) -> bool:
    """Queue a pledge's link. Return whether there is a contact."""
    return queue_if_any(link_message(pledge, to=to, request=request))


def link_message(pledge: Pledge, *, to: Contact | None = None, request: PledgeRequest | None = None) -> Message | None:
    """Return the email with a pledge's link, to its contact or to another one of the organization, if there is one.

    With `request`, add the link to start a pledge for the other organization that the same person entered.
    """
    personal = {"other_link": full_url(request.get_absolute_url())} if request else {}
    current = PledgeYear.objects.current()
    year = current if current and current.pk > pledge.year_id else pledge.year
    return pledge_message(
        pledge, PledgeEmailKind.PLEDGE_LINK, timezone.now().isoformat(), to=to, personal=personal, year=year
    )


def queue_started_by_staff(pledge: Pledge) -> bool:
    """Return whether there is a contact."""
    return queue_if_any(started_by_staff_message(pledge))


def started_by_staff_message(pledge: Pledge, *, to: Contact | None = None) -> Message | None:
    return pledge_message(pledge, PledgeEmailKind.PLEDGE_BEGUN, 1, to=to)


def queue_new_pledge_link(pledge: Pledge, *, to: Contact | None = None) -> bool:
    """Queue the link that replaces one that no longer works. Return whether there is a contact."""
    return queue_if_any(new_link_message(pledge, to=to))


def new_link_message(pledge: Pledge, *, to: Contact | None = None) -> Message | None:
    return pledge_message(pledge, PledgeEmailKind.PLEDGE_NEW_LINK, timezone.now().isoformat(), to=to)


def queue_signed(pledge: Pledge, signature: Signature) -> bool:
    """Queue the confirmation of a signature, with its certificate. Return whether there is a contact."""
    return queue_if_any(signed_message(pledge, signature))


def signed_message(pledge: Pledge, signature: Signature, *, to: Contact | None = None) -> Message | None:
    return pledge_message(
        pledge,
        PledgeEmailKind.PLEDGE_SIGNED,
        signature.number,
        to=to,
        promises=signature.content["promises"],
        attachment=signature,
        attachment_name=f"imagine-promise-{pledge.school_years.replace('–', '-')}.pdf",
        is_first=signature.number == 1,
    )


def queue_draft_reminder(pledge: Pledge) -> bool:
    """Queue the reminder that a draft isn't signed yet. Return whether there is a contact."""
    return queue_if_any(draft_reminder_message(pledge))


def draft_reminder_message(pledge: Pledge, *, to: Contact | None = None) -> Message | None:
    contact, year = to or contact_for(pledge), pledge.year
    if contact is None:
        return None
    language = to.language if to else pledge.language
    with translation.override(language):
        return editable_templates.load_template(DRAFT.code).build_message(
            about=pledge,
            idempotency_key=message_key(PledgeEmailKind.PLEDGE_DRAFT, pledge),
            recipient=contact.email,
            preference=preferences.get_preference(contact.email),
            language=language,
            personal={"organization": pledge.organization.name, "link": full_url(pledge.get_absolute_url())},
            facts=year_facts(year),
            card=pledge_card(marker("organization"), year),
            notes=(pledge_note(),),
        )


def build_certificate(signature: Signature, language: str) -> bytes:
    """Build the attachment when the email is sent."""
    return certificates.certificate_pdf(signature, language)


# Rendering and queuing -----------------------------------------------------------------------------------------


def contact_for(pledge: Pledge) -> Contact | None:
    """Return the pledge's contact, or else the organization's primary contact, unless it may not open the pledge."""
    contact = pledge.contact or pledge.organization.contacts.filter(is_primary=True).first()
    return contact if contact and contact.may_open_pledge else None


def full_url(path: str) -> str:
    return settings.SITE_URL + path


def queue_if_any(message: Message | None) -> bool:
    if message:
        enqueue_many([message])
    return message is not None


def pledge_message(
    pledge: Pledge,
    kind: str,
    occasion: int | str,
    *,
    to: Contact | None = None,
    year: PledgeYear | None = None,
    personal: dict | None = None,
    promises: list[dict] | None = None,
    **facts,
) -> Message | None:
    """Return an unsaved email in the pledge's language, or in that of the contact in `to`, if there is a contact.

    `year` is the school year that the link leads to, if it isn't the pledge's own.
    """
    contact, year = to or contact_for(pledge), year or pledge.year
    if contact is None:
        return None
    with translation.override(to.language if to else pledge.language):
        promise_lines = {
            f"promise_{n}": signed_promise_text(promise) for n, promise in enumerate(promises or [], start=1)
        }
        return build_message(
            kind,
            about=pledge,
            idempotency_key=message_key(kind, pledge, occasion),
            recipient=contact.email,
            link=pledge.get_absolute_url(),
            personal={"organization": pledge.organization.name, **(personal or {}), **promise_lines},
            promises=tuple(marker(name) for name in promise_lines),
            year=year.school_years,
            announced_deadline=year.announced_deadline,
            other=bool(personal),
            **facts,
        )


def signed_promise_text(promise: dict) -> str:
    """Describe a promise of a signature, in the current language: Host tours and field trips: 6 visits."""
    return f"{localized_field(promise, 'name')}: {signed_amount(promise)}"


def build_message(
    kind: str,
    *,
    about: Pledge | PledgeRequest,
    idempotency_key: str,
    recipient: str,
    link: str,
    personal: dict,
    attachment: Signature | None = None,
    attachment_name: str = "",
    **facts,
) -> Message:
    """Render an email in the current language and return it unsaved."""
    facts |= {"attachment": bool(attachment)}
    rendered = render_email(FOLDER + kind, facts, personal | {"link": full_url(link)}, layout=f"mail/{FOLDER}layout")
    return Message(
        kind=kind,
        about=about,
        idempotency_key=idempotency_key,
        recipient=recipient,
        language=translation.get_language(),
        **rendered._asdict(),
        attachment_kind=CERTIFICATE if attachment else "",
        attached=attachment,
        attachment_name=attachment_name,
    )
