"""Mail addresses: which mail each wants, and those that refuse mail for good (docs/rules.md).

A person's own confirmations do not ask here: they always come.
"""

from collections.abc import Iterable, Mapping

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from imagine.mail.models import EmailPreference
from imagine.mail.signals import language_asked, language_chosen

MAIL = ("invitations", "reminders", "news")  # what can be chosen
WANTED = {name: EmailPreference().wants(name) for name in MAIL}


def of(email: str) -> EmailPreference:
    """The address's row, made if there is none."""
    address, _made = EmailPreference.objects.get_or_create(email=email.lower())
    return address


def of_many(emails: Iterable[str]) -> dict[str, EmailPreference]:
    """The rows of many addresses by the address in lower case, made if there are none: two queries for any number."""
    emails = {email.lower() for email in emails}
    known = {address.email: address for address in EmailPreference.objects.filter(email__in=emails)}
    missing = sorted(emails - known.keys())
    if missing:
        EmailPreference.objects.bulk_create([EmailPreference(email=email) for email in missing], ignore_conflicts=True)
        known |= {address.email: address for address in EmailPreference.objects.filter(email__in=missing)}
    return known


def unwilling(mail: str) -> Q:
    """Of addresses: those that do not want this mail ("reminders"), or refuse all."""
    return Q(suppressed_at__isnull=False) | Q(**{f"wants_{mail}": False})


def wants(email: str, mail: str) -> bool:
    """Whether this mail may go to an address: it did not say no, and its server did not refuse it for good."""
    address = EmailPreference.objects.with_email(email).first()
    if address is None:
        return WANTED[mail]
    return address.suppressed_at is None and address.wants(mail)


def objection(address: EmailPreference | None, topic: str) -> str:
    """Why email of a topic may not go to an address any more; empty if it may."""
    if address is None:
        return ""
    if address.suppressed_at:
        return address.suppression_reason or "refused"
    return "unsubscribed" if topic and not address.wants(topic) else ""


def unsubscribe_url(address: EmailPreference, mail: str) -> str:
    """Where one click, or a mail program by itself, ends this mail (RFC 8058)."""
    return settings.SITE_URL + reverse("unsubscribe", args=[address.token, mail])


def choose(address: EmailPreference, **wanted: bool) -> None:
    """Writes what an address wants: invitations, reminders, news."""
    fields = {f"wants_{name}": value for name, value in wanted.items()}
    EmailPreference.objects.filter(pk=address.pk).update(changed_at=timezone.now(), **fields)


def language_of(email: str) -> str:
    """The language in which the district writes to an address, "" when no app knows anyone there."""
    answers = (language for _receiver, language in language_asked.send(EmailPreference, email=email))
    return next((language for language in answers if language), "")


def save_choices(address: EmailPreference, topics: Mapping[str, bool], *, language: str = "") -> None:
    """Save which topics an address wants and, if a language is given, have each app save it for whoever has the
    address."""
    if any(address.wants(topic) != wanted for topic, wanted in topics.items()):
        choose(address, **topics)
    if language:
        language_chosen.send(EmailPreference, email=address.email, language=language)


def refuse(email: str, reason: str) -> None:
    """Its mail server refuses this address for good: mail to many passes it by from now on."""
    now = timezone.now()
    EmailPreference.objects.get_or_create(email=email.lower())
    EmailPreference.objects.with_email(email).filter(suppressed_at__isnull=True).update(
        suppressed_at=now, suppression_reason=reason, changed_at=now
    )


def forget(email: str) -> None:
    """Nobody has this address any more. What it chose and that it refuses mail stays: it must not be written to when
    it turns up again."""
    chosen = unwilling("invitations") | unwilling("reminders") | Q(wants_news=True)
    EmailPreference.objects.with_email(email).exclude(chosen).delete()


def forgive(address: EmailPreference) -> None:
    """Staff say that the address takes mail again."""
    EmailPreference.objects.filter(pk=address.pk).update(
        suppressed_at=None, suppression_reason="", changed_at=timezone.now()
    )
