"""Invite last year's partners to renew their promises (docs/rules.md).

Each gets the link of last year's pledge: it opens last year's promises as a draft for the open school year, and nothing
is signed until the partner signs. The emails are written at once, in the transaction in which staff confirm.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import TextChoices
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from imagine.core import audit
from imagine.core.errors import RuleViolation
from imagine.core.relations import about_rows
from imagine.core.security_events import record_event
from imagine.mail import preferences
from imagine.mail.models import EmailPreference, Mailing, Message
from imagine.mail.queue import enqueue_many
from imagine.mail.security_events import MailEventKind
from partners.emails import renewal as renewal_emails
from partners.emails.kinds import PledgeEmailKind
from partners.models import Contact, Organization, Pledge, PledgeYear
from partners.organizations import profiles

TOPIC = Message.Topic.INVITATIONS


class RenewalReason(TextChoices):
    """Why a partner of last year isn't emailed. The first that applies is shown."""

    PLEDGED = "pledged", gettext_lazy("Already has a pledge for this school year")
    NO_CONTACT = "no_contact", gettext_lazy("No contact who can open the pledge")
    INVITED = "invited", gettext_lazy("Already invited")
    OPTED_OUT = "opted_out", gettext_lazy("Unsubscribed")
    BOUNCED = "bounced", gettext_lazy("Bouncing address")


@dataclass(frozen=True)
class LastYearsPartner:
    """A partner's signed pledge of last year with its contact. `reason` is "" for those who will be emailed."""

    pledge: Pledge
    contact: Contact | None
    reason: str

    @property
    def why(self) -> str:
        return str(RenewalReason(self.reason).label) if self.reason else ""


class CannotInvitePartners(RuleViolation):
    """No one is emailed. The message tells staff why."""


class RenewalsChanged(CannotInvitePartners):
    """Others would be emailed than staff confirmed."""

    def __init__(self, number: int):
        message = ngettext(
            "The recipients have changed: %(number)d partner would be emailed now. No one was emailed. Review the list "
            "and confirm again.",
            "The recipients have changed: %(number)d partners would be emailed now. No one was emailed. Review the "
            "list and confirm again.",
            number,
        )
        super().__init__(message % {"number": number})


def check_can_invite(year: PledgeYear) -> None:
    """Raise CannotInvitePartners unless a partner's link opens this school year."""
    if year.closed_at:
        raise CannotInvitePartners(_("This school year is closed, so no one can sign promises for it."))
    if not year.is_open:
        raise CannotInvitePartners(_("This school year isn’t open yet. Invite last year’s partners once it is."))
    current = PledgeYear.objects.current()
    if current != year:
        message = _("Partners’ links open %(year)s, because it’s the newest open school year.")
        raise CannotInvitePartners(message % {"year": current.school_years if current else ""})


def last_years_partners(year: PledgeYear) -> list[LastYearsPartner]:
    """Return the partners with a signed pledge for the school year before, by name, with the reason for each who isn't
    emailed. The number of queries doesn't grow with them."""
    pledges = list(
        Pledge.objects.signed()
        .filter(year=year.school_year - 1)
        .select_related("organization", "contact", "year")
        .prefetch_related("organization__contacts")
        .order_by("organization__name", "pk")
    )
    pledged = set(Pledge.objects.filter(year=year).values_list("organization", flat=True))
    invited = set(
        Message.objects.filter(
            about_rows(Pledge, [pledge.pk for pledge in pledges]), kind=PledgeEmailKind.PLEDGE_RENEWAL
        ).values_list("object_id", flat=True)
    )
    contacts = {pledge.pk: recipient(pledge) for pledge in pledges}
    emails = {contact.email.lower() for contact in contacts.values() if contact}
    known = {row.email: row for row in EmailPreference.objects.filter(email__in=emails)}

    def reason(pledge: Pledge) -> str:
        contact = contacts[pledge.pk]
        if pledge.organization_id in pledged:
            return RenewalReason.PLEDGED
        if contact is None:
            return RenewalReason.NO_CONTACT
        if pledge.pk in invited:
            return RenewalReason.INVITED
        preference = known.get(contact.email.lower())
        if preference and not preference.wants(TOPIC):
            return RenewalReason.OPTED_OUT
        return RenewalReason.BOUNCED if preference and preference.suppressed_at else ""

    return [LastYearsPartner(pledge, contacts[pledge.pk], str(reason(pledge))) for pledge in pledges]


def recipient(pledge: Pledge) -> Contact | None:
    """Return the pledge's contact, or else the organization's primary contact, unless it may not open the pledge. The
    contacts are loaded."""
    primary = (contact for contact in pledge.organization.contacts.all() if contact.is_primary)
    contact = pledge.contact or next(primary, None)
    return contact if contact and contact.may_open_pledge else None


def to_email(partners: Sequence[LastYearsPartner]) -> list[LastYearsPartner]:
    return [partner for partner in partners if not partner.reason]


def fingerprint_partners(partners: Sequence[LastYearsPartner]) -> str:
    """Return a mark that changes when other partners will be emailed, or at another address."""
    lines = sorted(f"{partner.pledge.pk} {partner.contact and partner.contact.email}" for partner in partners)
    return hashlib.md5("\n".join(lines).encode(), usedforsecurity=False).hexdigest()


@transaction.atomic
def invite_last_years_partners(year: PledgeYear, *, mark: str, by: str) -> Mailing:
    """Email last year's partners who don't have a pledge for this school year yet. `mark` is the fingerprint of those
    that staff confirmed, `by` who confirmed it.

    The organizations are locked, then the school year, so that two at once email no one twice. Raise
    CannotInvitePartners.
    """
    owners = Organization.objects.filter(pledges__year=year.school_year - 1, pledges__signed_at__isnull=False)
    profiles.lock_organizations(owners.order_by().values("pk"))
    year = PledgeYear.objects.select_for_update(no_key=True).get(pk=year.pk)
    check_can_invite(year)
    partners = to_email(last_years_partners(year))
    if not partners or fingerprint_partners(partners) != mark:
        raise RenewalsChanged(len(partners))
    mailing = Mailing.objects.create(
        about=year,
        template=PledgeEmailKind.PLEDGE_RENEWAL,
        title=str(_("%(year)s: renew last year’s promises")) % {"year": year.school_years},
        recipient_count=len(partners),
        started_by=by,
        rendered_at=timezone.now(),
    )
    emails = [partner.contact.email for partner in partners if partner.contact]
    known = preferences.get_preferences(emails)
    enqueue_many(renewal_emails.renewal_messages(year, [partner.pledge for partner in partners], known, mailing))
    audit.log_change(year, {"invited": ""}, {"invited": str(len(partners))})
    record_event(MailEventKind.MAILING_APPROVED, mailing, template=mailing.template, recipients=len(partners))
    return mailing
