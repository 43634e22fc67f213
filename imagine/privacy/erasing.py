"""Erase a person: by the rules of each table, then wherever the address is still mentioned.

Each rule has its own transaction, so that locks are taken in order (docs/rules.md). Erasing is safe to repeat, and
`finish_erasures` finishes interrupted erasures the next night.
"""

import logging
import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min, Model
from django.db.models.fields.json import KT
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from imagine.accounts.models import StaffSession
from imagine.core.database import database_now
from imagine.core.errors import RuleViolation
from imagine.core.security_events import record_event
from imagine.mail.models import EmailPreference, Message
from imagine.privacy.models import Erasure, Hold
from imagine.privacy.people import (
    TABLES,
    Person,
    everything_about,
    is_text,
    naming_uploads,
    personal_columns,
    rows_about,
    signed_in_as,
)
from imagine.privacy.security_events import PrivacyEventKind
from partners import retention as partners_retention
from partners.models import Contact, ImportRow, PledgeRequest
from partners.organizations import contacts
from partners.pledges import signup as pledge_signup
from summit import retention as summit_retention
from summit import seats
from summit.invitations.contact_import import names_anyone
from summit.models import ContactListUpload, DateAlert, LinkRequest, Rsvp

logger = logging.getLogger(__name__)

REMOVED = "…"
WITH_NAMES = {
    "core.AuditEntry",
    "mail.Message",
    "admin.LogEntry",
    "partners.Import",
}  # they are about others, but can name the person
LINE = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+\+00:00) ([0-9a-f]{64})")
BATCH_SIZE = 500


class PersonOnHold(RuleViolation):
    """Nothing about the person may be deleted."""


class ListNotWritable(RuleViolation):
    """The list of erasures can't be written."""


def erase(person: Person, *, by: str) -> Erasure:
    """Erase a person for staff. Raise PersonOnHold or ListNotWritable."""
    check_not_on_hold(person)
    counts = {found.model._meta.label: len(found.rows) for found in everything_about(person)}
    erasure = Erasure(email_hash=hash_of(person.email), erased_at=database_now(), erased_by=by, counts=counts)
    append_to_list(erasure)  # first, so that the next night can finish it if the rest is interrupted
    erasure.save()
    record_event(PrivacyEventKind.PERSON_ERASED, erasure, rows=sum(counts.values()))
    erase_data(person)
    Erasure.objects.filter(email_hash=erasure.email_hash).finish()
    return erasure


def check_not_on_hold(person: Person) -> None:
    if person.is_on_hold:
        raise PersonOnHold(_("This person is on hold, so we can’t delete anything about them. End the hold first."))
    held = Hold.objects.emails()
    if held and any(names_anyone(upload, held) for upload in ContactListUpload.objects.filter(naming_uploads(person))):
        raise PersonOnHold(
            _(
                "This person is on an uploaded list with someone who is on hold, so we can’t delete the list. Add its "
                "people to the audience first, then erase this person."
            )
        )


def hash_of(email: str) -> str:
    """Return an address's hash for the list of erasures. Without SECRET_KEY, no one can test a guess."""
    return salted_hmac("imagine.privacy.erasures", email.lower(), algorithm="sha256").hexdigest()


# The list of erasures --------------------------------------------------------------------------------------------


def append_to_list(erasure: Erasure) -> None:
    """Add an erasure to the file, which restoring a backup of the database doesn't change."""
    if not settings.ERASURE_LIST:
        return
    try:
        with open(settings.ERASURE_LIST, "a", encoding="ascii") as file:
            file.write(f"{erasure.erased_at.isoformat()} {erasure.email_hash}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        raise ListNotWritable(
            _("We couldn’t write to the list of erasures, so no one was erased. Ask IT to check ERASURE_LIST.")
        ) from None


def read_list() -> list[Erasure]:
    """Return the erasures in the file, unsaved. Skip lines that were cut off, as by a full disk."""
    if not settings.ERASURE_LIST or not Path(settings.ERASURE_LIST).exists():
        return []
    lines = Path(settings.ERASURE_LIST).read_text(encoding="ascii", errors="replace").splitlines()
    found = (LINE.fullmatch(line) for line in lines)
    return [Erasure(erased_at=datetime.fromisoformat(line[1]), email_hash=line[2]) for line in found if line]


def finish_erasures() -> int:
    """Finish erasures that were interrupted, or that are only on the list because a backup was restored. People who
    came back later stay, and so do people on hold until their hold ends. Return how many people were erased.

    A finished erasure is never repeated, because an older row can get the address later, as a correction.
    """
    Erasure.objects.bulk_create(read_list(), ignore_conflicts=True)
    unfinished = Erasure.objects.filter(finished_at=None)
    newest = unfinished.order_by().values("email_hash").annotate(newest=Max("erased_at"))
    erased_at = dict(newest.values_list("email_hash", "newest"))
    if not erased_at:
        return 0
    held, number = set(Hold.objects.emails()), 0
    for email, first_seen in sorted(known_addresses().items()):
        email_hash = hash_of(email)
        if first_seen >= erased_at.get(email_hash, first_seen):
            continue
        erased = erased_at.pop(email_hash)
        if email in held or not erase_data_or_log(Person(email)):
            continue
        unfinished.filter(email_hash=email_hash, erased_at__lte=erased).finish()
        number += 1
    for email_hash, erased in erased_at.items():  # nothing is left from before
        unfinished.filter(email_hash=email_hash, erased_at__lte=erased).finish()
    return number


def erase_data_or_log(person: Person) -> bool:
    """Erase a person. Log an error instead of raising it, so that the others are still erased."""
    try:
        erase_data(person)
    except Exception:
        logger.exception("A person wasn't erased again.")
        return False
    return True


def known_addresses() -> dict[str, datetime]:
    """Return every address, in lower case, with when its oldest row was written."""
    oldest: dict[str, datetime] = {}
    for rows, address, created_at in (
        (Rsvp.objects.personal(), "email", "created_at"),
        (Contact.objects.all(), "email", "created_at"),
        (PledgeRequest.objects.all(), "email", "created_at"),
        (LinkRequest.objects.all(), "email", "created_at"),
        (DateAlert.objects.all(), "email", "asked_at"),
        (Message.objects.all(), "recipient", "created_at"),
        (EmailPreference.objects.all(), "email", "changed_at"),
        (ImportRow.objects.exclude(values__email=""), KT("values__email"), "run__created_at"),
    ):
        grouped = rows.order_by().annotate(address=Lower(address)).values("address").annotate(Min(created_at))
        for email, written in grouped.values_list("address", f"{created_at}__min"):
            if email:
                oldest[email] = min(written, oldest.get(email, written))
    return oldest


# Erasing, table by table -----------------------------------------------------------------------------------------


def erase_data(person: Person) -> None:
    """Delete or anonymize everything about a person, but keep what the district's numbers and the organizations'
    promises need. Only parties that get the seats are emailed."""
    mentions = {label: pks_about(person, label) for label in personal_columns()}
    delete_requests_and_files(person)
    delete_rsvps(person)
    for organization_pk in sorted(person.organizations):
        partners_retention.remove_signer(organization_pk, names=person.all_names)
    for contact in person.contacts:
        contacts.delete_contact(contact)
    delete_messages(person)
    EmailPreference.objects.filter(email=person.email).delete()
    for label, pks in mentions.items():
        model = apps.get_model(label)
        if not TABLES[label].stays or label in WITH_NAMES:
            remove_mentions(person, model, pks)


def pks_about(person: Person, label: str) -> list:
    return list(rows_about(person, apps.get_model(label)).values_list("pk", flat=True))


def delete_requests_and_files(person: Person) -> None:
    StaffSession.objects.filter(signed_in_as(person)).delete()
    LinkRequest.objects.filter(email__iexact=person.email).delete()
    DateAlert.objects.with_email(person.email).delete()
    ContactListUpload.objects.filter(naming_uploads(person)).delete()
    partners_retention.remove_from_imports(person.email)
    delete_pledge_requests(person)


@transaction.atomic
def delete_pledge_requests(person: Person) -> None:
    requests = PledgeRequest.objects.with_email(person.email).order_by("pk").select_for_update()
    pks = list(requests.values_list("pk", flat=True))
    pledge_signup.delete_requests(pks)


def delete_rsvps(person: Person) -> None:
    """Delete RSVPs of events that aren't over, so that their seats are free, and anonymize the others, so that the
    numbers of past events stay."""
    rsvps = list(Rsvp.objects.filter(pk__in=person.rsvps).select_related("event"))
    past = [rsvp for rsvp in rsvps if rsvp.event.is_over]
    seats.delete_many([rsvp for rsvp in rsvps if not rsvp.event.is_over])
    with transaction.atomic():
        Message.objects.about_any(past).delete()
    summit_retention.anonymize_rsvps(past)


def delete_messages(person: Person) -> None:
    while pks := list(Message.objects.filter(recipient__iexact=person.email).values_list("pk", flat=True)[:BATCH_SIZE]):
        Message.objects.filter(pk__in=pks).delete()


def remove_mentions(person: Person, model: type[Model], pks: Iterable) -> None:
    """Replace the address in every text of these rows, and the name, too, in the history and email of others."""
    label = model._meta.label
    pattern = re.compile(person.mentioned(names=label in WITH_NAMES), re.IGNORECASE)
    columns = [column.name for column in personal_columns()[label] if is_text(column)]
    for pk in pks:  # lock one at a time, so that no one waits for a row while this waits for another
        row = model._default_manager.filter(pk=pk)
        with transaction.atomic():
            for values in row.order_by("pk").select_for_update(of=("self",)).values(*columns):
                cleaned = {name: without_mentions(value, pattern) for name, value in values.items()}
                if cleaned != values:
                    row.update(**cleaned)


def without_mentions(value, pattern: re.Pattern):
    """Return a text, or the JSON value with its texts, with what the pattern finds replaced."""
    if isinstance(value, str):
        return pattern.sub(REMOVED, value)
    if isinstance(value, list):
        return [without_mentions(each, pattern) for each in value]
    if isinstance(value, dict):
        return {key: without_mentions(each, pattern) for key, each in value.items()}
    return value
