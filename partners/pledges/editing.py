"""Save, sign and delete pledges."""

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Max, Model
from django.db.models.functions import Now
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.database import database_now
from imagine.core.deletion import check_deletable
from imagine.core.errors import RuleViolation
from imagine.core.models import SecurityEventKind
from imagine.core.security_events import record_event
from partners.emails import pledge as pledge_emails
from partners.models import Contact, Organization, Pledge, Signature
from partners.organizations import profiles
from partners.organizations.profiles import CONTACT_FIELDS
from partners.pledges import promises
from partners.pledges.links import lock_requests_about
from partners.pledges.page_state import AddressAlreadyKnown, PageState, check_year_open, lock_page_state
from partners.pledges.promises import Checklist, Problem, PromiseData, by_type
from partners.pledges.signup import email_known_address
from partners.pledges.years import cancel_reminders, cancel_renewal_emails


class PledgeAlreadySigned(RuleViolation):
    """A signed pledge can only be changed by signing it again."""


class AddressNotVerified(RuleViolation):
    """Only a link that was emailed to the address can sign."""


class NothingPromised(RuleViolation):
    """The pledge to sign has no promises."""


class InvalidPromises(RuleViolation):
    """Some promises have problems, each with its promise type and field."""

    def __init__(self, problems: list[Problem]):
        super().__init__(problems[0].message)
        self.problems = problems


class Difference(NamedTuple):
    """A value that differs between the saved page and the form, in words."""

    label: str
    current: str
    entered: str


class PledgeChanged(RuleViolation):
    """Someone saved the page after it was opened. To overwrite their changes, submit it with the version of `state`."""

    def __init__(self, state: PageState, differences: list[Difference]):
        super().__init__(_("Someone else saved changes while you were editing. Your changes aren’t saved yet."))
        self.state, self.differences = state, differences


class PageData(NamedTuple):
    """The submitted page of a link. `profile` has fields of PROFILE_FIELDS, and `contact` of CONTACT_FIELDS; `logo` is
    a PNG, or b"" to remove the logo."""

    profile: dict
    contact: dict
    promised: list[PromiseData]
    logo: bytes | None
    language: str


class Signer(NamedTuple):
    name: str
    role: str


def email_link_if_known(rule: Callable) -> Callable:
    """Decorate a rule to run in a transaction. If the address turns out to be a contact's, email the link afterwards,
    because rolling back the transaction would also discard the email."""

    @wraps(rule)
    def apply(token: str, **data) -> Pledge:
        try:
            with transaction.atomic(), audit.batch_log():
                return rule(token, **data)
        except AddressAlreadyKnown:
            email_known_address(token)
            raise

    return apply


@email_link_if_known
def save_draft(
    token: str,
    *,
    version: str,
    profile: dict,
    contact: dict,
    promised: list[PromiseData],
    logo: bytes | None = None,
    language: str = "",
) -> Pledge:
    """Save the page of a link as a draft. `version` is the version of the page when it was opened.

    Raise LinkNotFound, PledgeClosed, PledgeChanged, PledgeAlreadySigned, InvalidPromises or AddressAlreadyKnown.
    """
    state = lock_page_state(token)
    if state.is_signed:
        raise PledgeAlreadySigned(_("Your promises are already signed. To change them, sign again."))
    return write_pledge(state, version, PageData(profile, contact, promised, logo, language))


@email_link_if_known
def sign_pledge(
    token: str,
    *,
    version: str,
    profile: dict,
    contact: dict,
    promised: list[PromiseData],
    name: str,
    role: str = "",
    logo: bytes | None = None,
    language: str = "",
) -> Pledge:
    """Save the page like `save_draft`, store a signed version and email its certificate.

    Raise the exceptions of `save_draft` except PledgeAlreadySigned, and NothingPromised or AddressNotVerified.
    """
    state = lock_page_state(token)
    if not state.is_emailed_link:
        raise AddressNotVerified(_("To sign, open the link we emailed you. Until then, you can save a draft here."))
    if not promised:
        raise NothingPromised(_("Choose at least one promise before you sign."))
    return write_pledge(state, version, PageData(profile, contact, promised, logo, language), Signer(name, role))


def write_pledge(state: PageState, version: str, data: PageData, signer: Signer | None = None) -> Pledge:
    """Write a submitted page whose state is locked. Do nothing if the same was submitted before."""
    check_year_open(state)
    checklist = Checklist.of([*data.promised, *state.promises])
    if problems := promises.find_problems(data.promised, checklist, kept=state.saved_promises):
        raise InvalidPromises(problems)
    is_changed = not is_unchanged(state, data)
    if is_changed and version != state.version:
        raise PledgeChanged(state, differences(state, data, checklist))
    is_first_proof = state.is_emailed_link and not (state.pledge and state.pledge.is_verified)
    if state.pledge and not is_changed and not is_first_proof and is_repeated(state, data, signer):
        return state.pledge
    organization = write_profile(state, data)
    contact = write_contact(state, data, organization)
    pledge = state.pledge or Pledge(organization=organization, year=state.year, version=0, **initial_values(state))
    before = pledge_facts(pledge, state.saved_promises, checklist)
    pledge.organization, pledge.contact, pledge.language = organization, contact, data.language or pledge.language
    pledge.version, pledge.changed_at = pledge.version + 1, Now()
    if is_first_proof:
        pledge.verified_at = timezone.now()
        if state.pledge_request:
            pledge.token = state.pledge_request.token
    if signer:
        pledge.signed_by, pledge.signed_role = signer.name, signer.role
        pledge.signed_at = pledge.changed_at = database_now()
    pledge.save()
    promises.write_promises(pledge, data.promised, state.saved_promises)
    close_request(pledge, state)
    if state.previous_pledge:
        cancel_renewal_emails(organization)
    audit.log_change(pledge, before, pledge_facts(pledge, data.promised, checklist))
    if signer:
        cancel_reminders([pledge.pk])
        pledge_emails.queue_signed(pledge, add_signature(pledge, data.promised, checklist))
    return pledge


def close_request(pledge: Pledge, state: PageState) -> None:
    """Delete the request of which the emailed link was used. A draft that was saved by another link keeps its own."""
    request = state.pledge_request
    if request and state.is_emailed_link:
        request.delete()
    elif request and request.pledge_id != pledge.pk:
        request.pledge = pledge
        request.save(update_fields=["pledge"])


def is_unchanged(state: PageState, data: PageData) -> bool:
    current = (state.profile, state.contact, by_type(state.promises))
    return current == (state.profile | data.profile, state.contact | data.contact, by_type(data.promised))


def is_repeated(state: PageState, data: PageData, signer: Signer | None) -> bool:
    """Return whether unchanged data was submitted with the same logo and signature before."""
    if not (state.pledge and state.organization) or profiles.is_new_logo(state.organization, data.logo):
        return False
    return signer is None or signer == (state.pledge.signed_by, state.pledge.signed_role)


def initial_values(state: PageState) -> dict:
    """Return the values that a new pledge takes from its request or from the previous pledge."""
    if state.pledge_request:
        return {"language": state.pledge_request.language}
    return {"language": state.previous_pledge.language} if state.previous_pledge else {}


def write_profile(state: PageState, data: PageData) -> Organization:
    if state.organization:
        organization = profiles.change_organization(state.organization, **data.profile)
    else:
        organization = profiles.create_organization(**(state.profile | data.profile))
    profiles.set_logo(organization, data.logo)
    return organization


def write_contact(state: PageState, data: PageData, organization: Organization) -> Contact | None:
    """Write and return the contact of the pledge, or return None if staff deleted the contact. Until the address is
    verified, there is none: what was typed waits in the request."""
    if state.pledge_request and not state.is_emailed_link:
        for name, value in data.contact.items():
            setattr(state.pledge_request, name, value)
        state.pledge_request.save(update_fields=list(data.contact))
        return None
    if state.answering_contact:
        return profiles.change_contact(state.answering_contact, **data.contact)
    if request := state.pledge_request:
        fields = {name: getattr(request, name) for name in CONTACT_FIELDS} | data.contact
        return profiles.get_or_add_contact(
            organization, email=request.email, is_new=state.organization is None, **fields
        )
    return None


def add_signature(pledge: Pledge, promised: list[PromiseData], checklist: Checklist) -> Signature:
    """Store a signed version with the current names and wording."""
    last = pledge.signatures.aggregate(last=Max("number"))["last"] or 0
    signature = build_signature(pledge, promised, checklist, number=last + 1)
    signature.save(force_insert=True)
    return signature


def build_signature(pledge: Pledge, promised: list[PromiseData], checklist: Checklist, *, number: int) -> Signature:
    content = {
        "organization": pledge.organization.name,
        "sector": pledge.organization.sector,
        "school_year": pledge.year_id,
        "promises": [promises.signed_promise(promise, checklist) for promise in promised],
    }
    return Signature(
        pledge=pledge,
        number=number,
        signed_by=pledge.signed_by,
        signed_role=pledge.signed_role,
        signed_at=pledge.signed_at or timezone.now(),
        content=content,
    )


def differences(state: PageState, data: PageData, checklist: Checklist) -> list[Difference]:
    """Return what differs between the current page and the data, in the reader's language."""
    found = [
        field_difference(model, name, current[name], value)
        for model, current, sent in (
            (Organization, state.profile, data.profile),
            (Contact, state.contact, data.contact),
        )
        for name, value in sent.items()
        if value != current[name]
    ]
    current, sent = by_type(state.promises), by_type(data.promised)
    for pk, promise_type in checklist.promise_types.items():
        if current.get(pk) != sent.get(pk):
            descriptions = [
                promises.promises_in_words(group, checklist) or "–" for group in (current.get(pk, ()), sent.get(pk, ()))
            ]
            found.append(Difference(promise_type.localized_name, *descriptions))
    return found


def field_difference(model: type[Model], name: str, current: Any, entered: Any) -> Difference:
    label = str(model._meta.get_field(name).verbose_name)  # type: ignore[union-attr]  # not a relation
    return Difference(label, value_in_words(model, name, current), value_in_words(model, name, entered))


def value_in_words(model: type[Model], name: str, value: Any) -> str:
    """Return a field's value as people see it."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    choices = dict(model._meta.get_field(name).flatchoices)  # type: ignore[union-attr]  # as above
    return str(choices.get(value, value)) or "–"


def pledge_facts(pledge: Pledge, promised: list[PromiseData], checklist: Checklist) -> dict:
    """Return the fields and promises for the change history, in English."""
    with translation.override("en"):
        descriptions = {
            checklist.promise_types[promise_type].name: promises.promises_in_words(group, checklist)
            for promise_type, group in by_type(promised).items()
        }
    return {name: getattr(pledge, name) for name in ("signed_by", "signed_role", "language")} | descriptions


@transaction.atomic
def delete_pledge(pledge: Pledge) -> None:
    """Delete a pledge with its promises, signed versions, emails and change history.

    Raise DeletionRefused, and Pledge.DoesNotExist if it was merged into another or deleted.
    """
    lock_requests_about(Pledge.objects.filter(pk=pledge.pk))
    profiles.lock_owning_organization(pledge)
    check_deletable(pledge)
    record_event(SecurityEventKind.RECORD_DELETED, pledge)
    Pledge.objects.filter(pk=pledge.pk).delete()
