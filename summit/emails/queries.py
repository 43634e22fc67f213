"""Of rows of any table, as conditions of one statement: whose address wants no such mail, who was written to."""

from django.db.models import CharField, Exists, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat, Lower

from imagine.mail import preferences
from imagine.mail.models import EmailPreference, Message


def unwilling(email: str, *mails: str) -> Exists:
    """Of rows with a mail address: it does not want one of these mails, or refuses all."""
    refuses = Q()
    for name in mails:
        refuses |= preferences.unwilling(name)
    return Exists(EmailPreference.objects.filter(refuses, email=Lower(OuterRef(email))))


def written(key: str, **fields) -> Exists:
    """Of rows: there is the message whose key has their primary key in place of {}."""
    before, after = key.split("{}")
    name = Concat(Value(before), Cast(OuterRef("pk"), CharField()), Value(after), output_field=CharField())
    return Exists(Message.objects.filter(idempotency_key=name, **fields))
