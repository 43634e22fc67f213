"""Every rule about pledges, and nothing else writes them (docs/rules.md).

Each function locks the organization's row first, then looks, then writes, so that two of them never act on the same
pledge; one that begins locks what was typed to begin it. Each may be called twice without harm. The mail that tells of
a change is written in the same transaction. No rule here reads or writes a seat.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import NamedTuple

from django.contrib.postgres.search import TrigramSimilarity
from django.db import transaction
from django.db.models import Max, Q, Value
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from imagine import bell, history
from imagine.models import Change, Message, new_token
from partners import letters, profiles, promises
from partners.models import Contact, Organization, Pledge, PledgeStart, PledgeYear, Signature, folded
from partners.models.pledges import PledgeQuerySet
from partners.profiles import CONTACT, PROFILE
from partners.promises import Checklist, Problem, Promised

ALIKE = 0.45  # from here on a name is taken for that of an organization that the same address answers for
MOST_A_DAY = 10  # link mails to one address, whoever asks from outside
PAUSE = timedelta(minutes=10)  # between two of them
REMIND_AFTER = timedelta(days=5)  # a draft that nobody touched
KEEP_STARTS = timedelta(days=60)  # what was begun and never saved


class Refused(Exception):
    """A rule says no. Its text is a sentence for the person who asked, in their language."""


class Missing(Refused):
    """The link opens nothing: it never did, or staff replaced it."""


class Closed(Refused):
    """No school year is open for it now."""


class Signed(Refused):
    """A signed pledge is changed by signing it again, never as a draft."""


class NothingPromised(Refused):
    """There is nothing to sign."""


class Wrong(Refused):
    """Something is wrong with what was ticked: `problems` says what, at which field of which kind."""

    def __init__(self, problems: list[Problem]):
        super().__init__(problems[0].words)
        self.problems = problems


class Known(Refused):
    """The address belongs to a contact already, and who asks did not show that this mailbox is theirs. The link was
    mailed there."""


class Nobody(Refused):
    """Nobody is there to write to."""


class Difference(NamedTuple):
    """One thing that somebody else left in another way: its name, how it stands now, how it was typed."""

    what: str
    theirs: str
    yours: str


class Changed(Refused):
    """Somebody saved the page since it was opened. `sheet` is how it stands now, `differences` how that differs from
    what was typed. Sent once more with the sheet's version, what was typed is written."""

    def __init__(self, sheet: "Sheet", differences: list[Difference]):
        super().__init__(_("Somebody changed this while you had it open. Nothing of yours is lost."))
        self.sheet, self.differences = sheet, differences


# Look ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sheet:
    """What a private link opens: the pledge of an organization for a school year, written or only proposed.

    `pledge` is None until it is saved for the first time; then `organization` may be None too, and `before` is the last
    pledge, whose promises are proposed. `year` is None when none was ever opened.
    """

    token: str
    year: PledgeYear | None
    organization: Organization | None
    pledge: Pledge | None
    before: Pledge | None
    start: PledgeStart | None
    contact_row: Contact | None
    profile: dict
    contact: dict
    promises: list[Promised]

    @property
    def is_open(self) -> bool:
        """Whether it may be saved now."""
        return self.year is not None and self.year.is_open

    @property
    def is_signed(self) -> bool:
        return self.pledge is not None and self.pledge.signed_at is not None

    @property
    def version(self) -> str:
        """What the page carries and sends back: another one as soon as anybody, staff too, changed what it shows."""
        number = self.pledge.version if self.pledge else 0
        shown = json.dumps([self.profile, self.contact, [vars(one) for one in self.promises]], sort_keys=True)
        return f"{number}-{hashlib.sha256(shown.encode()).hexdigest()[:16]}"


def find(token: str) -> Sheet:
    """What a link opens. An older pledge's link leads to the organization's newest one, and to a proposal for the
    school year that has been opened since. Writes nothing. Raises Missing."""
    year = PledgeYear.objects.current()
    pledge = Pledge.objects.select_related("organization").filter(token=token).first()
    if pledge:
        return sheet_of(token, year, pledge.organization, pledges_of(pledge.organization))
    start = PledgeStart.objects.filter(token=token).first()
    if start is None:
        raise Missing(_("This link opens nothing any more."))
    return sheet_of_start(start, year, known_contact(start) if start.is_proven else None)


def pledges_of(organization: Organization) -> list[Pledge]:
    return list(organization.pledges.select_related("year", "contact").order_by("year_id"))


def sheet_of_start(start: PledgeStart, year: PledgeYear | None, known: Contact | None) -> Sheet:
    if known:
        return sheet_of(start.token, year, known.organization, pledges_of(known.organization), start, known)
    return sheet_of(start.token, year, None, [], start)


def sheet_of(
    token: str,
    year: PledgeYear | None,
    organization: Organization | None,
    pledges: list[Pledge],
    start: PledgeStart | None = None,
    contact: Contact | None = None,
) -> Sheet:
    """What a link opens while `year` is the current one. `pledges` are the organization's, the newest last."""
    newest = pledges[-1] if pledges else None
    is_there = newest is not None and (year is None or newest.year_id >= year.pk)
    pledge, before = (newest, None) if is_there else (None, newest)
    if pledge and year and pledge.year_id == year.pk:
        pledge.year = year
    contact = contact or (newest and newest.contact)
    return Sheet(
        token=token,
        year=pledge.year if pledge else year,
        organization=organization,
        pledge=pledge,
        before=before,
        start=start,
        contact_row=contact,
        profile=profile_of(organization, start),
        contact={name: getattr(contact or start, name, "") for name in CONTACT},
        promises=promises.of(pledge) if pledge else promises.proposal(before) if before else [],
    )


def profile_of(organization: Organization | None, start: PledgeStart | None) -> dict:
    known = organization or Organization(name=start.organization, sector=start.sector)
    return profiles.facts(known, PROFILE)


def known_contact(start: PledgeStart) -> Contact | None:
    """The contact that begins: one with this address, of an organization with a name like the typed one."""
    alike = TrigramSimilarity("organization__folded_name", folded(Value(start.organization)))
    contacts = Contact.objects.with_email(start.email).annotate(alike=alike).filter(alike__gte=ALIKE)
    return contacts.select_related("organization").order_by("-alike", "pk").first()


def lock(token: str) -> Sheet:
    """The sheet as it stands, its organization locked and its school year held open."""
    organizations = Organization.objects.select_for_update(no_key=True, of=("self",))
    organization = organizations.order_by().filter(pledges__token=token).first()
    if organization is None:
        return lock_start(token)
    pledges = pledges_of(organization)
    if token not in {pledge.token for pledge in pledges}:  # while it waited, staff merged two or replaced the link
        return lock(token)
    return sheet_of(token, hold_current_year(), organization, pledges)


def lock_start(token: str) -> Sheet:
    """The same for a link that no pledge has yet. Whoever begins with one address waits for each other: then the second
    finds what the first made. Raises Known, and Missing."""
    email = PledgeStart.objects.filter(token=token).values_list("email", flat=True).first()
    starts = PledgeStart.objects.with_email(email or "").order_by("pk").select_for_update()
    start = next((start for start in starts if start.token == token), None)
    if start is None:
        if Pledge.objects.filter(token=token).exists():
            return lock(token)
        raise Missing(_("This link opens nothing any more."))
    known = known_contact(start)
    if known and not start.is_proven:
        raise Known(_("This address is a partner’s already. We have sent its link there."))
    if known:
        organization = Organization.objects.select_for_update(no_key=True).filter(pk=known.organization_id).first()
        if organization is None:  # staff merged it into its twin
            return lock(token)
        known.organization = organization
    return sheet_of_start(start, hold_current_year(), known)


def hold_current_year() -> PledgeYear | None:
    """The current school year. Many may hold it at once, but none while it is being closed: closing waits for them, and
    they for it."""
    opened = "SELECT * FROM partners_pledgeyear WHERE opens_on <= %s AND closed_at IS NULL"
    current = PledgeYear.objects.raw(f"{opened} ORDER BY school_year DESC LIMIT 1 FOR SHARE", [timezone.localdate()])
    return next(iter(current), None)


def check_open(sheet: Sheet) -> None:
    if not sheet.is_open:
        raise Closed(_("This school year is closed, so nothing can be changed now."))


# Begin -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def begin(start: PledgeStart) -> None:
    """Notes what somebody typed to begin a pledge; its link goes to that mailbox alone. The same work whether the
    address is known or not: it is answered later. Raises Closed when no school year is open."""
    check_begins()
    start.is_proven = True
    start.save(force_insert=True)
    transaction.on_commit(lambda: bell.ring("partners.tasks.answer_start", start.pk), robust=True)


def check_begins() -> None:
    if not PledgeYear.objects.current():
        raise Closed(_("No school year is open for promises now."))


@transaction.atomic
def answer(start_pk: int) -> None:
    """Answers one start: mails the link of the pledge that its address answers for, else its own. One that another
    worker has, or that was answered, is passed over."""
    unanswered = PledgeStart.objects.select_for_update(skip_locked=True).filter(answered_at__isnull=True)
    if start := unanswered.filter(pk=start_pk).first():
        reply(start)


def reply(start: PledgeStart) -> None:
    """Mails a locked start's holder the link that is right for them. The pledge that the address answers for comes
    first, whatever name was typed; a person may answer for two, so the mail offers the other name too."""
    known = known_contact(start)
    pledge = pledge_of(start, known)
    others_name = pledge is not None and known is None
    if too_often(start):
        start.delete()
        return
    start.answered_at = timezone.now()
    start.save(update_fields=["answered_at"])
    if pledge:
        mail_link(pledge, start=start if others_name else None)
    else:
        letters.start(start)


def pledge_of(start: PledgeStart, known: Contact | None) -> Pledge | None:
    """The newest pledge of the organization that the start's address answers for, if there is one."""
    if known:
        mine = Q(organization=known.organization_id)
    else:
        mine = Q(organization__contacts__in=Contact.objects.with_email(start.email))
    return Pledge.objects.filter(mine).order_by("-year_id", "-changed_at").first()


def too_often(start: PledgeStart) -> bool:
    """Whether this address was written to because of this a moment ago, or too often today."""
    answered = PledgeStart.objects.with_email(start.email).filter(answered_at__gt=timezone.now() - timedelta(days=1))
    lately = answered.filter(is_proven=True, answered_at__gt=timezone.now() - PAUSE)
    return answered.count() >= MOST_A_DAY or lately.filter(organization__iexact=start.organization).exists()


@transaction.atomic
def open_for(start: PledgeStart) -> PledgeStart | None:
    """One click from a page whose holder is known by other means, such as an RSVP: `start.origin` says which, so that
    a second click opens the same. Returns the start to lead the browser to, whose link is mailed too. When the address
    is a contact's already that page proves nothing: the link is mailed there, and None returned. Raises Closed."""
    check_begins()
    if Contact.objects.with_email(start.email).exists():
        start.origin = ""
        start.save(force_insert=True)
        reply(start)
        return None
    start.is_proven = False
    PledgeStart.objects.filter(origin=start.origin).exclude(email__iexact=start.email).delete()
    PledgeStart.objects.bulk_create([start], ignore_conflicts=True)  # unless a first click made it
    start = PledgeStart.objects.select_for_update().get(origin=start.origin)
    if not start.answered_at:
        start.answered_at = timezone.now()
        start.save(update_fields=["answered_at"])
        letters.start(start)
    return start


def tidy_starts() -> None:
    """Forgets what was begun and not saved for a long time."""
    PledgeStart.objects.filter(created_at__lt=timezone.now() - KEEP_STARTS).delete()


# Save and sign ---------------------------------------------------------------------------------------------------


def answering_known(rule: Callable) -> Callable:
    """Decorates a rule about a link's page: it runs in one transaction. Who is refused as Known is mailed, which a
    transaction that fails would take back."""

    @wraps(rule)
    def apply(token: str, **typed) -> Pledge:
        try:
            with transaction.atomic():
                return rule(token, **typed)
        except Known:
            tell_known(token)
            raise

    return apply


@transaction.atomic
def tell_known(token: str) -> None:
    """Mails the right link to the address of a start whose own link was shown to somebody."""
    shown = PledgeStart.objects.get(token=token)
    words = {name: getattr(shown, name) for name in ("organization", "name", "email", "language", "sector")}
    reply(PledgeStart.objects.create(**words))


@answering_known
def save(
    token: str,
    *,
    version: str,
    profile: dict,
    contact: dict,
    promised: list[Promised],
    logo: bytes | None = None,
    language: str = "",
) -> Pledge:
    """Saves the page of a link as a draft, for the first time or again, and returns the pledge, whose own link it is
    from now on. `version` is the sheet's that the page showed; `profile` and `contact` hold fields of PROFILE and
    CONTACT; `logo` is a PNG, b"" to take it away.

    Sent twice it is written once. Raises Missing, Closed, Changed, Signed, Wrong, and Known.
    """
    sheet = lock(token)
    if sheet.is_signed:
        raise Signed(_("This pledge is signed. To change it, sign it again."))
    return write(sheet, version, Typed(profile, contact, promised, logo, language))


@answering_known
def sign(
    token: str,
    *,
    version: str,
    profile: dict,
    contact: dict,
    promised: list[Promised],
    name: str,
    role: str = "",
    logo: bytes | None = None,
    language: str = "",
) -> Pledge:
    """Saves as `save` does, and signs with the typed name: the version is kept, and its certificate mailed. Sent twice
    it is signed once. Raises NothingPromised as well."""
    sheet = lock(token)
    if not promised:
        raise NothingPromised(_("Tick at least one promise before you sign."))
    return write(sheet, version, Typed(profile, contact, promised, logo, language), Signer(name, role))


class Typed(NamedTuple):
    """What somebody sent from the page of a link."""

    profile: dict
    contact: dict
    promised: list[Promised]
    logo: bytes | None
    language: str


class Signer(NamedTuple):
    name: str
    role: str


def write(sheet: Sheet, version: str, typed: Typed, signer: Signer | None = None) -> Pledge:
    check_open(sheet)
    known = Checklist.of([*typed.promised, *sheet.promises])
    if found := promises.problems(typed.promised, known, kept=sheet.promises if sheet.pledge else ()):
        raise Wrong(found)
    is_other = not stands(sheet, typed)
    if is_other and version != sheet.version:
        raise Changed(sheet, differences(sheet, typed, known))
    if not is_other and is_repeated(sheet, typed, signer):
        return sheet.pledge
    organization = write_profile(sheet, typed)
    contact = write_contact(sheet, typed, organization)
    pledge = sheet.pledge or Pledge(organization=organization, year=sheet.year, version=0, **taken_over(sheet))
    before = facts(pledge, sheet.promises if sheet.pledge else [], known)
    pledge.organization, pledge.contact, pledge.language = organization, contact, typed.language or pledge.language
    pledge.version, pledge.changed_at = pledge.version + 1, timezone.now()
    if signer:
        pledge.signed_by, pledge.signed_role, pledge.signed_at = signer.name, signer.role, pledge.changed_at
    pledge.save()
    promises.write(pledge, typed.promised, sheet.promises if sheet.pledge else [])
    if sheet.start and not sheet.pledge:
        sheet.start.delete()
    history.note(f"pledge:{pledge.pk}", before, facts(pledge, typed.promised, known))
    if signer:
        letters.signed(pledge, keep(pledge, typed.promised, known))
    return pledge


def stands(sheet: Sheet, typed: Typed) -> bool:
    """Whether the page stands as it was typed already."""
    stand = (sheet.profile, sheet.contact, {one.kind: one for one in sheet.promises})
    return stand == (
        sheet.profile | typed.profile,
        sheet.contact | typed.contact,
        {one.kind: one for one in typed.promised},
    )


def is_repeated(sheet: Sheet, typed: Typed, signer: Signer | None) -> bool:
    """Whether the page as it stands, which is what was typed, was sent just so before."""
    if sheet.pledge is None or profiles.is_new_logo(sheet.organization, typed.logo):
        return False
    return signer is None or signer == (sheet.pledge.signed_by, sheet.pledge.signed_role)


def taken_over(sheet: Sheet) -> dict:
    """What a new pledge takes from where it begins: the start's link, the language spoken last."""
    if sheet.start:
        return {"token": sheet.start.token, "language": sheet.start.language}
    return {"language": sheet.before.language}


def write_profile(sheet: Sheet, typed: Typed) -> Organization:
    if sheet.organization:
        organization = profiles.change(sheet.organization, **typed.profile)
    else:
        organization = profiles.create(**(sheet.profile | typed.profile))
    profiles.set_logo(organization, typed.logo)
    return organization


def write_contact(sheet: Sheet, typed: Typed, organization: Organization) -> Contact | None:
    """Who answers for the pledge. A contact that staff erased since is not made anew."""
    if sheet.contact_row:
        return profiles.change_contact(sheet.contact_row, **typed.contact)
    if sheet.start:
        fields = {"name": sheet.start.name, "language": typed.language or sheet.start.language} | typed.contact
        return profiles.add_contact(organization, email=sheet.start.email, **fields)
    return None


def keep(pledge: Pledge, promised: list[Promised], known: Checklist) -> Signature:
    """Keeps a signed version as it is, whatever becomes of names and words later."""
    last = pledge.signatures.aggregate(last=Max("number"))["last"] or 0
    content = {
        "organization": pledge.organization.name,
        "sector": pledge.organization.sector,
        "school_year": pledge.year_id,
        "promises": [promises.in_full(one, known) for one in promised],
    }
    return pledge.signatures.create(
        number=last + 1,
        signed_by=pledge.signed_by,
        signed_role=pledge.signed_role,
        signed_at=pledge.signed_at,
        content=content,
    )


def differences(sheet: Sheet, typed: Typed, known: Checklist) -> list[Difference]:
    """How what was typed differs from what stands, in the reader's words."""
    found = [
        Difference(str(field.verbose_name), shown(row, name, before[name]), shown(row, name, value))
        for row, before, now in (
            (Organization(), sheet.profile, typed.profile),
            (Contact(), sheet.contact, typed.contact),
        )
        for name, value in now.items()
        for field in [row._meta.get_field(name)]
        if value != before[name]
    ]
    then, now = ({one.kind: one for one in some} for some in (sheet.promises, typed.promised))
    for pk, kind in known.kinds.items():
        if then.get(pk) != now.get(pk):
            words = [promises.in_words(one, known) if one else "–" for one in (then.get(pk), now.get(pk))]
            found.append(Difference(kind.label, *words))
    return found


def shown(row: Organization | Contact, name: str, value) -> str:
    """A value as a reader sees it."""
    choices = dict(row._meta.get_field(name).flatchoices)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(choices.get(value, value)) or "–"


def facts(pledge: Pledge, promised: list[Promised], known: Checklist) -> dict:
    """What history tells of a pledge, as plain values by the field's or the kind's name, in English."""
    with translation.override("en"):
        words = {known.kinds[one.kind].name: promises.in_words(one, known) for one in promised}
    return {name: getattr(pledge, name) for name in ("signed_by", "signed_role", "language")} | words


# Links -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def mail_link(pledge: Pledge, *, by_staff: bool = False, start: PledgeStart | None = None) -> bool:
    """Mails a pledge's link to who answers for it, and says whether it does: to one address at most once in ten
    minutes, unless the last one failed, and ten times a day, unless staff ask. `start` is begun for another name by the
    same person."""
    organization = profiles.lock(pledge.organization_id)
    pledge = organization.pledges.select_related("contact", "year").get(pk=pledge.pk)
    contact = letters.addressee(pledge)
    if contact is None:
        return False
    mails = Message.objects.about(f"pledge:{pledge.pk}:link")
    today = mails.filter(created_at__gt=timezone.now() - timedelta(days=1)).count()
    lately = mails.filter(to=contact.email, created_at__gt=timezone.now() - PAUSE).exclude(state__in=Message.FAILED)
    if lately.exists() or (today >= MOST_A_DAY and not by_staff):
        return False
    return letters.link(pledge, mails.count() + 1, start=start)


@transaction.atomic
def mail_again(pledge: Pledge) -> bool:
    """Staff mail a pledge's link again, as `mail_link` says. Raises Nobody when nobody answers for it."""
    organization = profiles.lock(pledge.organization_id)
    if letters.addressee(organization.pledges.select_related("contact").get(pk=pledge.pk)) is None:
        raise Nobody(_("Nobody answers for this pledge. Give its organization a main contact first."))
    return mail_link(pledge, by_staff=True)


@transaction.atomic
def replace_link(pledge: Pledge) -> Pledge:
    """Gives every pledge of the organization a new link and mails the newest; the old ones open nothing any more."""
    organization = profiles.lock(pledge.organization_id)
    pledges = list(organization.pledges.select_related("contact", "year").order_by("year_id"))
    for each in pledges:
        each.token = new_token()
        each.save(update_fields=["token"])
        history.note(f"pledge:{each.pk}", {"link": ""}, {"link": "replaced"})
    letters.new_link(pledges[-1])
    return next(each for each in pledges if each.pk == pledge.pk)


@transaction.atomic
def delete(pledge: Pledge) -> None:
    """Erases a pledge with its promises, signed versions, messages and history; nobody is written to."""
    profiles.lock(pledge.organization_id)
    Message.objects.about(f"pledge:{pledge.pk}").delete()
    Change.objects.filter(about=f"pledge:{pledge.pk}").delete()
    Pledge.objects.filter(pk=pledge.pk).delete()


# The year --------------------------------------------------------------------------------------------------------


@transaction.atomic
def close_year(year: PledgeYear) -> PledgeYear:
    """Staff close a school year: what is signed stands, and nothing of it can be changed. Nobody is written to. Twice
    changes nothing."""
    return set_closed(year, True)


@transaction.atomic
def reopen_year(year: PledgeYear) -> PledgeYear:
    """Staff open a closed school year once more. Twice changes nothing."""
    return set_closed(year, False)


def set_closed(year: PledgeYear, is_closed: bool) -> PledgeYear:
    year = PledgeYear.objects.select_for_update(no_key=True).get(pk=year.pk)
    if (year.closed_at is not None) != is_closed:
        history.note(f"pledgeyear:{year.pk}", {"closed_at": not is_closed}, {"closed_at": is_closed})
        year.closed_at = timezone.now() if is_closed else None
        year.save(update_fields=["closed_at"])
    return year


def remind_drafts() -> None:
    """Reminds whoever left a draft of the current school year unsigned for some days: once, if they want reminders."""
    for pledge in drafts_to_remind().order_by("changed_at")[:500]:
        remind(pledge)


def drafts_to_remind() -> PledgeQuerySet:
    drafts = Pledge.objects.drafts().filter(year=PledgeYear.objects.current(), reminded_at__isnull=True)
    return drafts.filter(changed_at__lt=timezone.now() - REMIND_AFTER)


@transaction.atomic
def remind(pledge: Pledge) -> bool:
    """The one reminder of one draft. Says whether it was due."""
    profiles.lock(pledge.organization_id)
    draft = drafts_to_remind().select_related("organization", "contact", "year").filter(pk=pledge.pk).first()
    if draft is None:
        return False
    draft.reminded_at = timezone.now()  # also when nobody wants it: it is not looked at again
    draft.save(update_fields=["reminded_at"])
    if draft.contact and draft.contact.wants_reminders:
        letters.reminder(draft)
    return True
