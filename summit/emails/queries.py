"""Of rows of any table, as conditions of one statement: whose address wants no such mail, who was written to."""

from django.db.models import Exists, Model, OuterRef, Q
from django.db.models.functions import Lower

from imagine.core.relations import about_rows
from imagine.mail import preferences
from imagine.mail.models import EmailPreference, Message


def opted_out(email: str, *mails: str) -> Exists:
    """Of rows with a mail address: it does not want one of these mails, or refuses all."""
    refuses = Q()
    for name in mails:
        refuses |= preferences.must_not_email(name)
    return Exists(EmailPreference.objects.filter(refuses, email=Lower(OuterRef(email))))


def has_email(model: type[Model], *kinds: str, **fields) -> Exists:
    """Of rows of a model: there is an email about it of one of these kinds."""
    return Exists(Message.objects.filter(about_rows(model, OuterRef("pk")), kind__in=kinds, **fields))
