"""Query conditions about email, for rows of any model."""

from django.db.models import Exists, Model, OuterRef, Q
from django.db.models.functions import Lower

from imagine.core.relations import about_rows
from imagine.mail import preferences
from imagine.mail.models import EmailPreference, Message


def opted_out(email: str, *mails: str) -> Exists:
    """Match rows whose address has opted out of one of these topics, or bounces."""
    refuses = Q()
    for name in mails:
        refuses |= preferences.must_not_email(name)
    return Exists(EmailPreference.objects.filter(refuses, email=Lower(OuterRef(email))))


def has_email(model: type[Model], *kinds: str, **fields) -> Exists:
    """Match rows of a model that have an email of one of these kinds."""
    return Exists(Message.objects.filter(about_rows(model, OuterRef("pk")), kind__in=kinds, **fields))
