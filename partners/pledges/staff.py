"""Staff begin a pledge for an organization, whose main contact goes on with it by its link."""

from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from partners.emails import pledge as pledge_emails
from partners.models import Organization, Pledge
from partners.organizations import profiles
from partners.pledges.editing import PageData, write_pledge
from partners.pledges.links import NoContact, resend_link
from partners.pledges.page_state import (
    PledgeClosed,
    lock_current_year_for_share,
    page_state_for,
    pledges_of_organization,
)


class StartedPledge(NamedTuple):
    """The pledge, whether it was begun just now, and whether its link is on its way."""

    pledge: Pledge
    is_new: bool
    is_mailed: bool = False


@transaction.atomic
def start_pledge_for(organization: Organization, *, mails_link: bool = False) -> StartedPledge:
    """The organization's pledge for the school year that is open: the one that is there, else a draft with last year's
    promises, answered by the main contact. The link is mailed when staff want it.

    Raises Closed, Nobody when there is no main contact, and Organization.DoesNotExist.
    """
    organization = profiles.lock_organization(organization.pk)
    year = lock_current_year_for_share()
    if year is None:
        raise PledgeClosed(_("No school year is open for promises now."))
    contact = organization.contacts.filter(is_primary=True).first()
    sheet = page_state_for("", year, organization, pledges_of_organization(organization), contact=contact)
    if sheet.pledge:
        return StartedPledge(sheet.pledge, False, mails_link and resend_link(sheet.pledge))
    if contact is None:
        raise NoContact(_("It has no main contact who could answer. Add one first."))
    pledge = write_pledge(sheet, sheet.version, PageData({}, {}, sheet.promises, None, contact.language))
    return StartedPledge(pledge, True, mails_link and pledge_emails.begun(pledge))
