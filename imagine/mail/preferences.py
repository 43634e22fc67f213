"""Mail addresses: which mail each wants, and those that refuse mail for good (docs/rules.md).

A person's own confirmations do not ask here: they always come.
"""

from collections.abc import Iterable

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from imagine.mail.models import Address

MAIL = ("invitations", "reminders", "news")  # what can be chosen
WANTED = {name: Address._meta.get_field(f"wants_{name}").default for name in MAIL}


def of(email: str) -> Address:
    """The address's row, made if there is none."""
    address, _made = Address.objects.get_or_create(email=email.lower())
    return address


def of_many(emails: Iterable[str]) -> dict[str, Address]:
    """The rows of many addresses by the address in lower case, made if there are none: two queries for any number."""
    emails = {email.lower() for email in emails}
    known = {address.email: address for address in Address.objects.filter(email__in=emails)}
    missing = sorted(emails - known.keys())
    if missing:
        Address.objects.bulk_create([Address(email=email) for email in missing], ignore_conflicts=True)
        known |= {address.email: address for address in Address.objects.filter(email__in=missing)}
    return known


def unwilling(mail: str) -> Q:
    """Of addresses: those that do not want this mail ("reminders"), or refuse all."""
    return Q(refused_at__isnull=False) | Q(**{f"wants_{mail}": False})


def wants(email: str, mail: str) -> bool:
    """Whether this mail may go to an address: it did not say no, and its server did not refuse it for good."""
    address = Address.objects.with_email(email).first()
    if address is None:
        return WANTED[mail]
    return address.refused_at is None and getattr(address, f"wants_{mail}")


def objection(address: Address | None, unsubscribe: str) -> str:
    """Why mail that is ended at `unsubscribe` may not go to an address any more; empty when it may."""
    mail = unsubscribe.rstrip("/").rpartition("/")[2]
    if address is None:
        return ""
    if address.refused_at:
        return address.refusal or "refused"
    return "unsubscribed" if mail in MAIL and not getattr(address, f"wants_{mail}") else ""


def unsubscribe_url(address: Address, mail: str) -> str:
    """Where one click, or a mail program by itself, ends this mail (RFC 8058)."""
    return settings.SITE_URL + reverse("unsubscribe", args=[address.token, mail])


def choose(address: Address, **wanted: bool) -> None:
    """Writes what an address wants: invitations, reminders, news."""
    fields = {f"wants_{name}": value for name, value in wanted.items()}
    Address.objects.filter(pk=address.pk).update(changed_at=timezone.now(), **fields)


def refuse(email: str, reason: str) -> None:
    """Its mail server refuses this address for good: mail to many passes it by from now on."""
    now = timezone.now()
    Address.objects.get_or_create(email=email.lower())
    Address.objects.with_email(email).filter(refused_at__isnull=True).update(
        refused_at=now, refusal=reason, changed_at=now
    )


def forget(email: str) -> None:
    """Nobody has this address any more. What it chose and that it refuses mail stays: it must not be written to when
    it turns up again."""
    chosen = unwilling("invitations") | unwilling("reminders") | Q(wants_news=True)
    Address.objects.with_email(email).exclude(chosen).delete()


def forgive(address: Address) -> None:
    """Staff say that the address takes mail again."""
    Address.objects.filter(pk=address.pk).update(refused_at=None, refusal="", changed_at=timezone.now())
