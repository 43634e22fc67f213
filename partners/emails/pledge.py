"""What mails about pledges say. One function per message, over imagine.mail.rendering.

Each is called in the transaction of what it tells and stores one message; its words stand once, in
templates/mail/partners/.
"""

from django.conf import settings
from django.utils import timezone, translation

from imagine.mail import editable_templates, preferences
from imagine.mail.queue import enqueue, enqueue_many, message_key
from imagine.mail.rendering import marker, render_email
from partners import certificates
from partners.emails.kinds import EmailKind as Kind
from partners.emails.templates import DRAFT, pledge_card, pledge_note, year_facts
from partners.models import Contact, Pledge, PledgeRequest, PledgeYear, Signature
from partners.pledges.promises import localized_field, signed_amount

FOLDER = "partners/"
CERTIFICATE = "certificate"  # the kind of attachment


def start(start: PledgeRequest) -> None:
    """The link to begin a pledge, to the address that was typed."""
    year = PledgeYear.objects.current()
    with translation.override(start.language):
        store(
            Kind.PLEDGE_REQUEST,
            about=start,
            idempotency_key=message_key(Kind.PLEDGE_REQUEST, start),
            recipient=start.email,
            link=start.get_absolute_url(),
            words={"organization": start.organization},
            year=year.school_years if year else "",
            announced_deadline=year and year.announced_deadline,
        )


def link(pledge: Pledge, *, to: Contact | None = None, start: PledgeRequest | None = None) -> bool:
    """A pledge's link, to who answers for it or to another contact of its organization; with `start`, also the link to
    begin for the other name that the same person typed. Says whether there is somebody to write to."""
    words = {"other": start.organization, "other_link": address(start.get_absolute_url())} if start else {}
    current = PledgeYear.objects.current()
    opens = current if current and current.pk > pledge.year_id else pledge.year
    return tell(pledge, Kind.PLEDGE_LINK, timezone.now().isoformat(), to=to, words=words, year=opens)


def begun(pledge: Pledge) -> bool:
    """Staff began the pledge for its organization. Says whether there is somebody to write to."""
    return tell(pledge, Kind.PLEDGE_BEGUN, 1)


def new_link(pledge: Pledge) -> bool:
    """Staff replaced the link; the old one opens nothing any more."""
    return tell(pledge, Kind.PLEDGE_NEW_LINK, timezone.now().isoformat())


def signed(pledge: Pledge, signature: Signature) -> bool:
    """The pledge was signed, for the first time or again. The certificate of this version comes with it."""
    return tell(
        pledge,
        Kind.PLEDGE_SIGNED,
        signature.number,
        promises=signature.content["promises"],
        attachment=signature,
        attachment_name=f"imagine-promise-{pledge.school_years.replace('–', '-')}.pdf",
        is_first=signature.number == 1,
    )


def reminder(pledge: Pledge) -> bool:
    """A draft is not signed yet; said once, in the shipped words or staff's own, with one-click unsubscribe.
    Says whether there is somebody to write to."""
    contact, organization, year = addressee(pledge), pledge.organization.name, pledge.year
    if contact is None:
        return False
    with translation.override(pledge.language):
        message = editable_templates.load_template(DRAFT.code).build_message(
            about=pledge,
            idempotency_key=message_key(Kind.PLEDGE_DRAFT, pledge),
            recipient=contact.email,
            preference=preferences.get_preference(contact.email),
            language=pledge.language,
            personal={"organization": organization, "link": address(pledge.get_absolute_url())},
            facts=year_facts(year),
            card=pledge_card(marker("organization"), year),
            notes=(pledge_note(),),
        )
    enqueue_many([message])
    return True


def certificate(signature: Signature, language: str) -> bytes:
    """What is attached when the mail is sent: the certificate of a signed version."""
    return certificates.certificate_pdf(signature, language)


# Writing and storing -------------------------------------------------------------------------------------------


def addressee(pledge: Pledge) -> Contact | None:
    """Who answers for the pledge, else the organization's main contact."""
    return pledge.contact or pledge.organization.contacts.filter(is_primary=True).first()


def address(path: str) -> str:
    return settings.SITE_URL + path


def tell(
    pledge: Pledge,
    kind: str,
    occasion: int | str,
    *,
    to: Contact | None = None,
    year: PledgeYear | None = None,
    words: dict | None = None,
    promises: list[dict] | None = None,
    **how,
) -> bool:
    """Stores the letter of a pledge, in its language, to who answers for it, or in another contact's to that one: about
    its school year or a later one that its link leads to. Says whether there is anybody."""
    contact, year = to or addressee(pledge), year or pledge.year
    if contact is None:
        return False
    with translation.override(to.language if to else pledge.language):
        lines = {f"promise_{n}": in_one_line(promise) for n, promise in enumerate(promises or [], start=1)}
        store(
            kind,
            about=pledge,
            idempotency_key=message_key(kind, pledge, occasion),
            recipient=contact.email,
            link=pledge.get_absolute_url(),
            words={"organization": pledge.organization.name, **(words or {}), **lines},
            promises=tuple(marker(name) for name in lines),
            year=year.school_years,
            announced_deadline=year.announced_deadline,
            other=marker("other") if words else "",
            **how,
        )
    return True


def in_one_line(promise: dict) -> str:
    """A signed promise, as the signature keeps it, in the current language: Host tours and field trips: 6 visits."""
    return f"{localized_field(promise, 'name')}: {signed_amount(promise)}"


def store(
    kind: str,
    *,
    about: Pledge | PledgeRequest,
    idempotency_key: str,
    recipient: str,
    link: str,
    words: dict,
    attachment: Signature | None = None,
    attachment_name: str = "",
    **facts,
) -> None:
    """Writes a letter in the current language and queues it under its key."""
    facts |= {"attachment": bool(attachment)}
    letter = render_email(FOLDER + kind, facts, words | {"link": address(link)}, layout=f"mail/{FOLDER}layout")
    enqueue(
        kind=kind,
        about=about,
        idempotency_key=idempotency_key,
        recipient=recipient,
        language=translation.get_language(),
        subject=letter.subject,
        body_text=letter.body_text,
        body_html=letter.body_html,
        attachment_kind=CERTIFICATE if attachment else "",
        attached=attachment,
        attachment_name=attachment_name,
    )
