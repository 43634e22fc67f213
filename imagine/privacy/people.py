"""Find everything about one person, by email address, in every table that the retention table names.

A row is about the person if a personal column mentions the address, or if it is related to such a row: the party of
their RSVP, the history of their contact, a pledge they signed.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TypeGuard

from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, EmailField, Field, JSONField, Model, Q, QuerySet, TextField
from django.db.models.functions import Cast, Lower
from django.utils.functional import Promise as LazyText
from django.utils.html import escape
from django.utils.translation import gettext_lazy as _

from imagine.core.logging import without_links
from imagine.core.models import AuditEntry
from imagine.core.relations import about_rows
from imagine.core.retention import REMOVED_NAME
from imagine.mail.models import EmailPreference, Message
from imagine.privacy.models import Hold
from imagine.privacy.retention import DELETED, RULES
from partners.models import Contact, Pledge, PledgeRequest, Signature
from summit.invitations.contact_import import names_anyone
from summit.models import ContactListUpload, DateAlert, Invitation, LinkRequest, Rsvp

SEARCHED = (CharField, TextField, JSONField, ArrayField)
# Copies of other columns, the secrets of personal links, and values no one can read.
NOT_SHOWN = {
    *("search_text", "normalized_name", "normalized_organization_name", "body_html", "ics", "file", "png"),
    *("token", "browser_token", "browser_hash", "unsubscribe_url", "ics_uid"),
    *("password", "session_key", "session_data"),
    *("content_type", "object_id", "attachment_content_type", "attachment_object_id", "idempotency_key", "claim_id"),
}
# Internals, which are in the file but not on the page.
TECHNICAL = {
    *("id", "position", "ics_sequence", "ics_method", "notified_version", "previous_notified_version", "version"),
    *("kind", "queue", "attempts", "send_after", "expires_at", "retry_until", "claim_expires_at", "handed_over_at"),
    *("attachment_kind", "topic", "last_step_at", "format", "normalized_name", "action_flag"),
}
UNTOUCHED = {"password", "session_data", "actor_name"}  # the last is who on staff did something
NOT_SEARCHED = {"body_html", "ics", "unsubscribe_url", "token"}  # the text of the email mentions the same people
LETTERS = "a-zA-Z0-9À-ɏ"
MIN_LENGTH_NAME = 4  # a shorter name is part of too many words to search for


@dataclass(frozen=True)
class Person:
    """An email address in lower case, and what belongs to it."""

    email: str

    @cached_property
    def rsvps(self) -> list[int]:
        return list(Rsvp.objects.personal().with_email(self.email).values_list("pk", flat=True))

    @cached_property
    def requests(self) -> list[int]:
        return list(PledgeRequest.objects.with_email(self.email).values_list("pk", flat=True))

    @cached_property
    def contacts(self) -> list[Contact]:
        return list(Contact.objects.with_email(self.email).order_by("organization_id", "pk"))

    @cached_property
    def organizations(self) -> set[int]:
        return {contact.organization_id for contact in self.contacts if contact.organization_id}

    @cached_property
    def invitations(self) -> list[int]:
        return list(Invitation.objects.filter(contact__in=self.contacts).values_list("pk", flat=True))

    @cached_property
    def all_names(self) -> set[str]:
        """The names used with this address, and the names that signed its pledges, except those of colleagues, who can
        sign with the same link."""
        pledges = Pledge.objects.filter(contact__in=self.contacts)
        names = chain(
            Rsvp.objects.filter(pk__in=self.rsvps).values_list("name", flat=True),
            PledgeRequest.objects.filter(pk__in=self.requests).values_list("name", flat=True),
            pledges.values_list("signed_by", flat=True),
            Signature.objects.filter(pledge__in=pledges).values_list("signed_by", flat=True),
        )
        own = {contact.name for contact in self.contacts}
        own |= {name for name in names if name_key(name) not in self.colleagues}
        return {name for name in own if name.strip() not in {"", REMOVED_NAME}}

    @cached_property
    def colleagues(self) -> set[str]:
        """The names of the other contacts of the organizations."""
        others = Contact.objects.filter(organization__in=self.organizations)
        others = others.exclude(pk__in=[contact.pk for contact in self.contacts])
        return {name_key(name) for name in others.values_list("name", flat=True)}

    @property
    def names(self) -> list[str]:
        """The names to look for in texts."""
        return sorted({name.strip() for name in self.all_names if len(name.strip()) >= MIN_LENGTH_NAME})

    @property
    def is_on_hold(self) -> bool:
        return Hold.objects.active().filter(email=self.email).exists()

    def mentioned(self, *, names: bool = False) -> str:
        """Return a pattern, for Python and PostgreSQL, that finds the address, or also the names, as whole words. The
        words of a name may be joined by "_" or "-", as in the name of a file, and both may be escaped for HTML."""
        address = "|".join(map(re.escape, sorted({self.email, escape(self.email)})))
        address = rf"(?<![\w.+-])(?:{address})(?![\w-]|\.\w)"
        if not (names and self.names):
            return address
        spellings = chain.from_iterable({name, escape(name)} for name in self.names)
        joined = (r"[\s_-]+".join(map(re.escape, name.split())) for name in spellings)
        return rf"{address}|(?<![{LETTERS}])({'|'.join(joined)})(?![{LETTERS}@])"


def name_key(name: str) -> str:
    return " ".join(name.casefold().split())


# Who is it? ------------------------------------------------------------------------------------------------------


def address_of_pledge(pledge: Pledge) -> str:
    """Return the contact's address, or that of the person who started a pledge that has no contact yet."""
    if pledge.contact:
        return pledge.contact.email
    addresses = {request.email.lower() for request in pledge.requests.all()}
    return addresses.pop() if len(addresses) == 1 else ""


ADDRESS_OF: dict[type[Model], Callable] = {
    Rsvp: lambda rsvp: "" if rsvp.anonymized_at else rsvp.email,
    Contact: lambda contact: contact.email,
    Invitation: lambda invitation: invitation.contact.email,
    Message: lambda message: message.recipient,
    Pledge: address_of_pledge,
    EmailPreference: lambda preference: preference.email,
    PledgeRequest: lambda request: request.email,
    LinkRequest: lambda request: request.email,
    DateAlert: lambda alert: alert.email,
    Hold: lambda hold: hold.email,
    User: lambda user: user.email,
}


def person_of(row: Model) -> Person | None:
    """Return the person a row is about, or None if we don't know an address."""
    address_of = ADDRESS_OF.get(type(row))
    address = address_of(row).strip().lower() if address_of else ""
    return Person(address) if address else None


def row_of(person: Person) -> Model | None:
    """Return a row about a person, so that the URL of a page can name the person without the address."""
    for model in ADDRESS_OF:
        if (row := rows_about(person, model).first()) and person_of(row) == person:
            return row
    return None


# Where to look ---------------------------------------------------------------------------------------------------


def related_entries(person: Person) -> Q:
    """Match the history of the person's own records, and what that of their organizations says about them."""
    own = about_rows(Rsvp, person.rsvps) | about_rows(Contact, [contact.pk for contact in person.contacts])
    own |= about_rows(Invitation, person.invitations) | about_rows(PledgeRequest, person.requests)
    pledges = Pledge.objects.filter(organization__in=person.organizations).order_by().values("pk")
    named = about_rows(Pledge, pledges) & Q(changes_text__iregex=person.mentioned(names=True))  # the slow one last
    return own | named if person.names else own


def related_messages(person: Person) -> Q:
    own = about_rows(Rsvp, person.rsvps) | about_rows(Invitation, person.invitations)
    own |= about_rows(PledgeRequest, person.requests)
    pledges = Pledge.objects.filter(organization__in=person.organizations).order_by().values("pk")
    named = about_rows(Pledge, pledges) & Q(body_text_text__iregex=person.mentioned(names=True))
    return own | named if person.names else own


def related_log_entries(person: Person) -> Q:
    condition = Q(pk__in=[])
    for model, pks in (
        (Rsvp, person.rsvps),
        (Contact, [contact.pk for contact in person.contacts]),
        (Invitation, person.invitations),
    ):
        content_type = ContentType.objects.get_for_model(model)
        condition |= Q(content_type=content_type, object_id__in=[str(pk) for pk in pks])
    return condition


def signed_by(person: Person) -> Q:
    return Q(signed_by__in=person.all_names)


def naming_imports(person: Person) -> Q:
    pattern = person.mentioned(names=True)
    return Q(file_name_text__iregex=pattern) | Q(not_undone_text__iregex=pattern)


def naming_uploads(person: Person) -> Q:
    uploads = ContactListUpload.objects.all()
    return Q(pk__in=[upload.pk for upload in uploads if names_anyone(upload, [person.email])])


def signed_in_as(person: Person) -> Q:
    """Match sessions that contain the address. Sessions are encoded, so each one has to be read."""
    sessions = apps.get_model("accounts.StaffSession").objects.all()
    return Q(pk__in=[each.pk for each in sessions if person.email in str(each.get_decoded()).lower()])


@dataclass(frozen=True)
class Table:
    """What erasing a person does to a table's rows about them, and how to find related rows without the address."""

    title: LazyText
    fate: LazyText
    related: Callable[[Person], Q] = field(default=lambda person: Q(pk__in=[]))
    stays: bool = False


ADDRESS_REMOVED = _("Only the address is removed from the text.")

TABLES = {
    "summit.Rsvp": Table(
        _("RSVPs"),
        _(
            "Upcoming events: deleted, and the seats go to the waitlist. Past events: the name, email, phone, "
            "organization, and notes are removed. The number of seats and how many people came stay."
        ),
    ),
    "summit.Guest": Table(
        _("Guests in their parties"),
        _("The whole party’s names and needs are removed with the RSVP."),
        lambda person: Q(rsvp__in=person.rsvps),
    ),
    "summit.Invitation": Table(
        _("Invitations"), _("Deleted with the contact."), lambda person: Q(pk__in=person.invitations)
    ),
    "partners.Contact": Table(
        _("Contacts"), _("Deleted. The organization stays, and its personal links are replaced.")
    ),
    "partners.PledgeRequest": Table(_("Pledge requests"), DELETED),
    "partners.Pledge": Table(
        _("Pledges"),
        _("Stays: the organization keeps its promises. The signer’s name and role are removed."),
        lambda person: Q(contact__in=person.contacts) | Q(organization__in=person.organizations) & signed_by(person),
    ),
    "partners.Signature": Table(
        _("Signed versions of pledges"),
        _("Stays, without the signer’s name and role."),
        lambda person: Q(pledge__organization__in=person.organizations) & signed_by(person),
    ),
    "partners.Promise": Table(_("Promises"), ADDRESS_REMOVED),
    "partners.Organization": Table(_("Organizations"), ADDRESS_REMOVED),
    "partners.Logo": Table(_("Logos"), ADDRESS_REMOVED),
    "partners.SlugRedirect": Table(_("Earlier web addresses of organizations"), ADDRESS_REMOVED),
    "mail.Message": Table(
        _("Emails"),
        _("Emails to this person are deleted. In emails to others, the address and the name are removed."),
        related_messages,
    ),
    "mail.EmailPreference": Table(
        _("Email preferences"),
        _("Deleted, even if they unsubscribed. Don’t upload a list with this address again."),
    ),
    "summit.LinkRequest": Table(_("Requests for lost links"), DELETED),
    "summit.DateAlert": Table(_("Requests to be told the summit’s date"), DELETED),
    "summit.ContactListUpload": Table(
        _("Uploaded lists"), _("The whole list is deleted. Upload it again without this person."), naming_uploads
    ),
    "summit.UploadedPerson": Table(
        _("People on uploaded lists"),
        _("Deleted with the list."),
        lambda person: Q(upload__in=ContactListUpload.objects.filter(naming_uploads(person))),
    ),
    "partners.Import": Table(
        _("Imports"), _("Stays. The address and the name are removed from the file’s name."), naming_imports
    ),
    "partners.ImportRow": Table(_("Import rows"), _("The email, contact, phone, and signer are removed from the row.")),
    "partners.ImportedOrganization": Table(_("Imported organizations"), ADDRESS_REMOVED),
    "core.AuditEntry": Table(
        _("Change history"), _("Values that identify the person are hidden, or the entry is deleted."), related_entries
    ),
    "core.RateLimitCount": Table(_("Rate limits"), DELETED),
    "accounts.StaffSession": Table(_("Sessions"), DELETED, signed_in_as),
    "auth.User": Table(_("Staff accounts"), _("Stays. Only a superuser can delete a staff account."), stays=True),
    "admin.LogEntry": Table(
        _("Admin log"),
        _("Stays, without names and addresses: it shows what staff did."),
        related_log_entries,
        stays=True,
    ),
    "privacy.Hold": Table(_("Holds"), _("Stays until two years after it ends."), stays=True),
    "privacy.Erasure": Table(_("Erasures"), _("Stays."), stays=True),
}


def personal_columns() -> dict[str, list[Field]]:
    """Return the columns of each table that the retention table names, in its order, except those only about what staff
    did."""
    found: dict[str, list[Field]] = {}
    for rule in RULES:
        for label, names in rule.columns.items():
            if label in TABLES:
                model = apps.get_model(label)
                found.setdefault(label, []).extend(model._meta.get_field(name) for name in names)
    return found


def rows_about(person: Person, model: type[Model]) -> QuerySet:
    """Return the rows of a table about a person."""
    label = model._meta.label
    columns = [column for column in personal_columns()[label] if is_searched(column)]
    rows = model._default_manager.order_by("pk")
    condition = TABLES[label].related(person)
    for column in columns:
        if isinstance(column, EmailField):
            rows = rows.alias(**{f"{column.name}_text": Lower(column.name)})
            condition |= Q(**{f"{column.name}_text": person.email})
        else:
            rows = rows.alias(**{f"{column.name}_text": Cast(column.name, TextField())})
            condition |= Q(**{f"{column.name}_text__icontains": person.email}) & Q(
                **{f"{column.name}_text__iregex": person.mentioned()}
            )
    return rows.filter(condition)


def is_searched(column: Field) -> bool:
    return is_text(column) and column.name not in NOT_SEARCHED


def is_text(column: Field) -> bool:
    """Return whether a column can mention a person in a way that can be removed."""
    return isinstance(column, SEARCHED) and not column.generated and column.name not in UNTOUCHED


@dataclass(frozen=True)
class Found:
    """The rows of a table about a person."""

    model: type[Model]
    table: Table
    rows: list[Model]

    @property
    def columns(self) -> list[Field]:
        return [column for column in self.model._meta.concrete_fields if column.name not in NOT_SHOWN]

    def shown(self) -> Iterator[dict[str, object]]:
        """Yield the values of each row by column, without personal links."""
        for row in self.rows:
            yield {column.name: shown_value(row, column) for column in self.columns}

    def labeled(self) -> list[list[tuple[str, object]]]:
        """Return the label and the value of each column that isn't empty, for the page."""
        labels = {column.name: str(column.verbose_name) for column in self.columns if column.name not in TECHNICAL}
        return [
            [
                (labels[name], in_words(value, is_history=self.model is AuditEntry))
                for name, value in values.items()
                if name in labels and is_said(value)
            ]
            for values in self.shown()
        ]


def is_said(value: object) -> bool:
    return value not in (None, "", [], {}, False)


def in_words(value: object, *, is_history: bool = False) -> object:
    """Return a value as text for staff. JSON is spelled out, and a change is shown as the old and the new value."""
    if value is True:
        return _("yes")
    if isinstance(value, dict):
        pairs = [
            (key, " → ".join(map(str, each)) if is_history and is_change(each) else in_words(each))
            for key, each in value.items()
            if not key.endswith("_es")
        ]
        is_long = any(is_list_of_records(each) for each in value.values())
        return ("\n" if is_long else "; ").join(
            f"{key.replace('_', ' ')}: {each}" for key, each in pairs if is_said(each)
        )
    if is_list_of_records(value):
        return "".join(f"\n– {in_words(each)}" for each in value)
    if isinstance(value, list):
        return ", ".join(str(in_words(each)) for each in value)
    return value


def is_change(value: object) -> bool:
    """Return whether a value is a field's entry in the change history: old value, new value."""
    return isinstance(value, list) and len(value) == 2 and not any(isinstance(each, dict | list) for each in value)


def is_list_of_records(value: object) -> TypeGuard[list[dict]]:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def shown_value(row: Model, column: Field) -> object:
    if column.is_relation:
        related = getattr(row, column.name)
        return None if related is None else str(related)
    if column.choices and not isinstance(column, ArrayField):
        return str(getattr(row, f"get_{column.name}_display")())
    value = getattr(row, column.attname)
    return without_links(value) if isinstance(value, str) else value


def everything_about(person: Person) -> list[Found]:
    """Return every table with rows about a person."""
    found = []
    for label in TABLES:
        model = apps.get_model(label)
        relations = [column.name for column in model._meta.concrete_fields if column.is_relation]
        rows = list(rows_about(person, model).select_related(*(name for name in relations if name not in NOT_SHOWN)))
        if rows:
            found.append(Found(model, TABLES[label], rows))
    return found
