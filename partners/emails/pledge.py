"""What mails about pledges say. One function per message, over imagine.mail.rendering.

Each is called in the transaction of what it tells and stores one message; its words stand once, in
templates/mail/partners/.
"""

from django.conf import settings
from django.utils import translation

from imagine.mail import delivery, editable_templates, preferences
from imagine.mail.rendering import place, write
from partners import certificates
from partners.emails.templates import DRAFT, pledge_card, pledge_note, year_facts
from partners.models import Contact, Pledge, PledgeRequest, PledgeYear, Signature
from partners.pledges.promises import localized_field, signed_amount

FOLDER = "partners/"
CERTIFICATE = "partners.emails.pledge.certificate"


def start(start: PledgeRequest) -> None:
    """The link to begin a pledge, to the address that was typed."""
    year = PledgeYear.objects.current()
    with translation.override(start.language):
        store(
            "start",
            idempotency_key=f"start:{start.pk}:link:1",
            recipient=start.email,
            link=start.get_absolute_url(),
            words={"organization": start.organization},
            year=year.school_years if year else "",
            announced_deadline=year and year.announced_deadline,
        )


def link(pledge: Pledge, number: int, *, to: Contact | None = None, start: PledgeRequest | None = None) -> bool:
    """A pledge's link, for the `number`-th time, to who answers for it or to another contact of its organization; with
    `start`, also the link to begin for the other name that the same person typed. Says whether there is somebody to
    write to."""
    words = {"other": start.organization, "other_link": address(start.get_absolute_url())} if start else {}
    current = PledgeYear.objects.current()
    opens = current if current and current.pk > pledge.year_id else pledge.year
    return tell(pledge, "link", number, to=to, words=words, year=opens)


def begun(pledge: Pledge) -> bool:
    """Staff began the pledge for its organization. Says whether there is somebody to write to."""
    return tell(pledge, "begun", 1)


def new_link(pledge: Pledge) -> bool:
    """Staff replaced the link; the old one opens nothing any more."""
    number = delivery.Message.objects.about(f"pledge:{pledge.pk}:new_link").count() + 1
    return tell(pledge, "new_link", number)


def signed(pledge: Pledge, signature: Signature) -> bool:
    """The pledge was signed, for the first time or again. The certificate of this version comes with it."""
    return tell(
        pledge,
        "signed",
        signature.number,
        promises=signature.content["promises"],
        attachment=f"{CERTIFICATE}:{signature.pk}",
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
        message = editable_templates.current(DRAFT.code).message(
            idempotency_key=f"pledge:{pledge.pk}:reminder:1",
            recipient=contact.email,
            address=preferences.of(contact.email),
            language=pledge.language,
            words={"organization": organization, "link": address(pledge.get_absolute_url())},
            facts=year_facts(year),
            card=pledge_card(place("organization"), year),
            notes=(pledge_note(),),
        )
    delivery.queue_many([message])
    return True


def certificate(signature_pk: str, language: str) -> bytes | None:
    """What is attached when the mail is sent: the certificate of a signed version, unless it was erased since."""
    signature = Signature.objects.filter(pk=signature_pk).first()
    return certificates.certificate_pdf(signature, language) if signature else None


# Writing and storing -------------------------------------------------------------------------------------------


def addressee(pledge: Pledge) -> Contact | None:
    """Who answers for the pledge, else the organization's main contact."""
    return pledge.contact or pledge.organization.contacts.filter(is_primary=True).first()


def address(path: str) -> str:
    return settings.SITE_URL + path


def tell(
    pledge: Pledge,
    kind: str,
    number: int,
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
            idempotency_key=f"pledge:{pledge.pk}:{kind}:{number}",
            recipient=contact.email,
            link=pledge.get_absolute_url(),
            words={"organization": pledge.organization.name, **(words or {}), **lines},
            promises=tuple(place(name) for name in lines),
            year=year.school_years,
            announced_deadline=year.announced_deadline,
            other=place("other") if words else "",
            **how,
        )
    return True


def in_one_line(promise: dict) -> str:
    """A signed promise, as the signature keeps it, in the current language: Host tours and field trips: 6 visits."""
    return f"{localized_field(promise, 'name')}: {signed_amount(promise)}"


def store(
    kind: str,
    *,
    idempotency_key: str,
    recipient: str,
    link: str,
    words: dict,
    attachment: str = "",
    attachment_name: str = "",
    **facts,
) -> None:
    """Writes a letter in the current language and queues it under its key."""
    facts |= {"attachment": bool(attachment)}
    letter = write(FOLDER + kind, facts, words | {"link": address(link)}, layout=f"mail/{FOLDER}layout")
    delivery.queue(
        idempotency_key=idempotency_key,
        recipient=recipient,
        language=translation.get_language(),
        subject=letter.subject,
        body_text=letter.body_text,
        body_html=letter.body_html,
        attachment=attachment,
        attachment_name=attachment_name,
    )
