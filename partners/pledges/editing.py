"""Saving and signing the page of a link: the draft, the signature, and what two editors are told."""

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

from django.db import transaction
from django.db.models import Max
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.errors import RuleViolation
from imagine.mail.models import Message
from partners.emails import pledge as pledge_emails
from partners.models import Contact, Organization, Pledge, Signature
from partners.organizations import profiles
from partners.pledges import promises
from partners.pledges.page_state import AddressAlreadyKnown, PageState, check_year_open, lock_page_state
from partners.pledges.promises import Checklist, Problem, PromiseData
from partners.pledges.signup import email_known_address
from partners.pledges.years import cancel_reminders


class PledgeAlreadySigned(RuleViolation):
    """A signed pledge is changed by signing it again, never as a draft."""


class NothingPromised(RuleViolation):
    """There is nothing to sign."""


class InvalidPromises(RuleViolation):
    """Something is wrong with what was ticked: `problems` says what, at which field of which kind."""

    def __init__(self, problems: list[Problem]):
        super().__init__(problems[0].words)
        self.problems = problems


class Difference(NamedTuple):
    """One thing that somebody else left in another way: its name, how it stands now, how it was typed."""

    what: str
    theirs: str
    yours: str


class PledgeChanged(RuleViolation):
    """Somebody saved the page since it was opened. `sheet` is how it stands now, `differences` how that differs from
    what was typed. Sent once more with the sheet's version, what was typed is written."""

    def __init__(self, sheet: PageState, differences: list[Difference]):
        super().__init__(_("Somebody changed this while you had it open. Nothing of yours is lost."))
        self.sheet, self.differences = sheet, differences


def email_link_if_known(rule: Callable) -> Callable:
    """Decorates a rule about a link's page: it runs in one transaction. Who is refused as Known is mailed, which a
    transaction that fails would take back."""

    @wraps(rule)
    def apply(token: str, **typed) -> Pledge:
        try:
            with transaction.atomic(), audit.batch_log():
                return rule(token, **typed)
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
    """Saves the page of a link as a draft, for the first time or again, and returns the pledge, whose own link it is
    from now on. `version` is the sheet's that the page showed; `profile` and `contact` hold fields of PROFILE and
    CONTACT; `logo` is a PNG, b"" to take it away.

    Sent twice it is written once. Raises Missing, Closed, Changed, Signed, Wrong, and Known.
    """
    sheet = lock_page_state(token)
    if sheet.is_signed:
        raise PledgeAlreadySigned(_("This pledge is signed. To change it, sign it again."))
    return write_pledge(sheet, version, PageData(profile, contact, promised, logo, language))


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
    """Saves as `save` does, and signs with the typed name: the version is kept, and its certificate mailed. Sent twice
    it is signed once. Raises NothingPromised as well."""
    sheet = lock_page_state(token)
    if not promised:
        raise NothingPromised(_("Tick at least one promise before you sign."))
    return write_pledge(sheet, version, PageData(profile, contact, promised, logo, language), Signer(name, role))


class PageData(NamedTuple):
    """What somebody sent from the page of a link."""

    profile: dict
    contact: dict
    promised: list[PromiseData]
    logo: bytes | None
    language: str


class Signer(NamedTuple):
    name: str
    role: str


def write_pledge(sheet: PageState, version: str, typed: PageData, signer: Signer | None = None) -> Pledge:
    check_year_open(sheet)
    known = Checklist.of([*typed.promised, *sheet.promises])
    if found := promises.find_problems(typed.promised, known, kept=sheet.promises if sheet.pledge else ()):
        raise InvalidPromises(found)
    is_other = not is_unchanged(sheet, typed)
    if is_other and version != sheet.version:
        raise PledgeChanged(sheet, differences(sheet, typed, known))
    if not is_other and is_repeated(sheet, typed, signer):
        return sheet.pledge
    organization = write_profile(sheet, typed)
    contact = write_contact(sheet, typed, organization)
    pledge = sheet.pledge or Pledge(organization=organization, year=sheet.year, version=0, **initial_values(sheet))
    before = pledge_facts(pledge, sheet.promises if sheet.pledge else [], known)
    pledge.organization, pledge.contact, pledge.language = organization, contact, typed.language or pledge.language
    pledge.version, pledge.changed_at = pledge.version + 1, timezone.now()
    if signer:
        pledge.signed_by, pledge.signed_role, pledge.signed_at = signer.name, signer.role, pledge.changed_at
    pledge.save()
    promises.write_promises(pledge, typed.promised, sheet.promises if sheet.pledge else [])
    if sheet.start:
        sheet.start.delete()
    audit.log_change(pledge, before, pledge_facts(pledge, typed.promised, known))
    if signer:
        cancel_reminders([pledge.pk])
        pledge_emails.signed(pledge, add_signature(pledge, typed.promised, known))
    return pledge


def is_unchanged(sheet: PageState, typed: PageData) -> bool:
    """Whether the page stands as it was typed already."""
    stand = (sheet.profile, sheet.contact, {one.promise_type: one for one in sheet.promises})
    return stand == (
        sheet.profile | typed.profile,
        sheet.contact | typed.contact,
        {one.promise_type: one for one in typed.promised},
    )


def is_repeated(sheet: PageState, typed: PageData, signer: Signer | None) -> bool:
    """Whether the page as it stands, which is what was typed, was sent just so before."""
    if sheet.pledge is None or profiles.is_new_logo(sheet.organization, typed.logo):
        return False
    return signer is None or signer == (sheet.pledge.signed_by, sheet.pledge.signed_role)


def initial_values(sheet: PageState) -> dict:
    """What a new pledge takes from where it begins: the start's link, the language spoken last."""
    if sheet.start:
        return {"token": sheet.start.token, "language": sheet.start.language}
    return {"language": sheet.before.language} if sheet.before else {}


def write_profile(sheet: PageState, typed: PageData) -> Organization:
    if sheet.organization:
        organization = profiles.change_organization(sheet.organization, **typed.profile)
    else:
        organization = profiles.create_organization(**(sheet.profile | typed.profile))
    profiles.set_logo(organization, typed.logo)
    return organization


def write_contact(sheet: PageState, typed: PageData, organization: Organization) -> Contact | None:
    """Who answers for the pledge. A contact that staff erased since is not made anew."""
    if sheet.contact_row:
        return profiles.change_contact(sheet.contact_row, **typed.contact)
    if sheet.start:
        fields = {"name": sheet.start.name, "language": typed.language or sheet.start.language} | typed.contact
        return profiles.get_or_add_contact(
            organization, email=sheet.start.email, is_new=not sheet.organization, **fields
        )
    return None


def add_signature(pledge: Pledge, promised: list[PromiseData], known: Checklist) -> Signature:
    """Keeps a signed version as it is, whatever becomes of names and words later."""
    last = pledge.signatures.aggregate(last=Max("number"))["last"] or 0
    signature = build_signature(pledge, promised, known, number=last + 1)
    signature.save(force_insert=True)
    return signature


def build_signature(pledge: Pledge, promised: list[PromiseData], known: Checklist, *, number: int) -> Signature:
    """A signed version as it is to be kept, not saved yet."""
    content = {
        "organization": pledge.organization.name,
        "sector": pledge.organization.sector,
        "school_year": pledge.year_id,
        "promises": [promises.signed_promise(one, known) for one in promised],
    }
    return Signature(
        pledge=pledge,
        number=number,
        signed_by=pledge.signed_by,
        signed_role=pledge.signed_role,
        signed_at=pledge.signed_at,
        content=content,
    )


def differences(sheet: PageState, typed: PageData, known: Checklist) -> list[Difference]:
    """How what was typed differs from what stands, in the reader's words."""
    found = [
        Difference(str(field.verbose_name), value_in_words(row, name, before[name]), value_in_words(row, name, value))
        for row, before, now in (
            (Organization(), sheet.profile, typed.profile),
            (Contact(), sheet.contact, typed.contact),
        )
        for name, value in now.items()
        for field in [row._meta.get_field(name)]
        if value != before[name]
    ]
    then, now = ({one.promise_type: one for one in some} for some in (sheet.promises, typed.promised))
    for pk, promise_type in known.promise_types.items():
        if then.get(pk) != now.get(pk):
            words = [promises.promise_in_words(one, known) if one else "–" for one in (then.get(pk), now.get(pk))]
            found.append(Difference(promise_type.localized_name, *words))
    return found


def value_in_words(row: Organization | Contact, name: str, value) -> str:
    """A value as a reader sees it."""
    choices = dict(row._meta.get_field(name).flatchoices)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(choices.get(value, value)) or "–"


def pledge_facts(pledge: Pledge, promised: list[PromiseData], known: Checklist) -> dict:
    """What history tells of a pledge, as plain values by the field's or the kind's name, in English."""
    with translation.override("en"):
        words = {known.promise_types[one.promise_type].name: promises.promise_in_words(one, known) for one in promised}
    return {name: getattr(pledge, name) for name in ("signed_by", "signed_role", "language")} | words


@transaction.atomic
def delete_pledge(pledge: Pledge) -> None:
    """Erases a pledge with its promises, signed versions, messages and history; nobody is written to. Raises
    Pledge.DoesNotExist when it was merged into another or erased."""
    profiles.lock_owning_organization(pledge)
    Message.objects.about(f"pledge:{pledge.pk}").delete()
    Pledge.objects.filter(pk=pledge.pk).delete()
