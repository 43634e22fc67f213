"""Which email each address wants, and which addresses have bounced for good (docs/rules.md).

Answers to what a person just did, such as confirmations, are always sent.
"""

from collections.abc import Collection, Iterable, Mapping

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from imagine.core.security_events import record_event
from imagine.mail.models import EmailPreference, Message
from imagine.mail.security_events import MailEventKind
from imagine.mail.signals import language_asked, language_chosen

MARKED_BY_STAFF = "marked by staff"
TOPICS = tuple(Message.Topic.values)
DEFAULT_TOPICS = {topic: EmailPreference().wants(topic) for topic in TOPICS}


def get_preference(email: str) -> EmailPreference:
    """Return an address's row. Create it if it is missing."""
    preference, _created = EmailPreference.objects.get_or_create(email=email.lower())
    return preference


def get_preferences(emails: Iterable[str]) -> dict[str, EmailPreference]:
    """Return the rows of many addresses by lower-case address, in three queries. Create those that are missing."""
    emails = {email.lower() for email in emails}
    found = {preference.email: preference for preference in EmailPreference.objects.filter(email__in=emails)}
    missing = sorted(emails - found.keys())
    if missing:
        EmailPreference.objects.bulk_create([EmailPreference(email=email) for email in missing], ignore_conflicts=True)
        found |= {preference.email: preference for preference in EmailPreference.objects.filter(email__in=missing)}
    return found


def must_not_email(topic: str) -> Q:
    """Match the EmailPreference rows that opted out of a topic or are suppressed."""
    return Q(suppressed_at__isnull=False) | Q(**{f"wants_{topic}": False})


def may_email(email: str, topic: str) -> bool:
    preference = EmailPreference.objects.with_email(email).first()
    if preference is None:
        return DEFAULT_TOPICS[topic]
    return preference.suppressed_at is None and preference.wants(topic)


def skip_reason(preference: EmailPreference | None, topic: str) -> str:
    """Return why email of a topic may no longer be sent, or "" if it may."""
    if preference is None:
        return ""
    if preference.suppressed_at:
        return preference.suppression_reason or "refused"
    return "unsubscribed" if topic and not preference.wants(topic) else ""


def unsubscribe_url(preference: EmailPreference, topic: str) -> str:
    """The one-click address for people and their email programs (RFC 8058)."""
    return settings.SITE_URL + reverse("unsubscribe", args=[preference.token, topic])


def set_topics(preference: EmailPreference, **topics: bool) -> None:
    fields = {f"wants_{topic}": wanted for topic, wanted in topics.items()}
    EmailPreference.objects.filter(pk=preference.pk).update(changed_at=timezone.now(), **fields)


def language_of(email: str) -> str:
    """Return the language that people at an address get email in, or "" if no app knows the address."""
    answers = (language for _receiver, language in language_asked.send(EmailPreference, email=email))
    return next((language for language in answers if language), "")


def save_choices(preference: EmailPreference, topics: Mapping[str, bool], *, language: str = "") -> None:
    """Save which topics an address wants. If a language is given, the other apps save it with their own rows."""
    if any(preference.wants(topic) != wanted for topic, wanted in topics.items()):
        set_topics(preference, **topics)
    if language:
        language_chosen.send(EmailPreference, email=preference.email, language=language)


def suppress(email: str, reason: str) -> bool:
    """Exclude an address from mailings, because its mail server rejected it permanently. Return False if it is excluded
    already."""
    now = timezone.now()
    EmailPreference.objects.get_or_create(email=email.lower())
    suppressed = EmailPreference.objects.with_email(email).filter(suppressed_at__isnull=True)
    return bool(suppressed.update(suppressed_at=now, suppression_reason=reason, changed_at=now))


@transaction.atomic
def mark_bouncing(preference: EmailPreference) -> bool:
    """Exclude an address from mailings for staff, who heard that it takes no email. Return False if it is excluded
    already."""
    is_changed = suppress(preference.email, MARKED_BY_STAFF)
    if is_changed:
        record_event(MailEventKind.BOUNCE_MARKED, preference)
    return is_changed


@transaction.atomic
def clear_bounce(preference: EmailPreference) -> bool:
    """Send mailings to an address again, because staff know that it works. Return False if it isn't excluded."""
    suppressed = EmailPreference.objects.filter(pk=preference.pk, suppressed_at__isnull=False)
    is_changed = suppressed.update(suppressed_at=None, suppression_reason="", changed_at=timezone.now())
    if is_changed:
        record_event(MailEventKind.BOUNCE_CLEARED, preference)
    return bool(is_changed)


def discard_preferences(emails: Collection[str]) -> None:
    """Delete the rows of addresses in lower case that are no longer used. Keep one that bounced or whose topics were
    changed, so that this still holds when someone enters the address again."""
    EmailPreference.objects.filter(email__in=emails).exclude(chosen()).delete()


def chosen() -> Q:
    """Match the rows of addresses that bounced or whose topics were changed."""
    return must_not_email("invitations") | must_not_email("reminders") | Q(wants_news=True)
