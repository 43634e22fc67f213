"""Start a pledge for an organization. Its primary contact continues with the link."""

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
    pledge: Pledge
    is_new: bool
    is_emailed: bool = False


@transaction.atomic
def start_pledge_for(organization: Organization, *, emails_link: bool = False) -> StartedPledge:
    """Return the organization's pledge for the open school year, or start a draft with last year's promises.

    Raise PledgeClosed, NoContact if there is no primary contact, or Organization.DoesNotExist.
    """
    organization = profiles.lock_organization(organization.pk)
    year = lock_current_year_for_share()
    if year is None:
        raise PledgeClosed(_("No school year is open for promises right now."))
    contact = organization.contacts.with_pledge_access().filter(is_primary=True).first()
    state = page_state_for("", year, organization, pledges_of_organization(organization), contact=contact)
    if state.pledge:
        return StartedPledge(state.pledge, False, emails_link and resend_link(state.pledge))
    if contact is None:
        raise NoContact(_("This organization has no main contact. Add one first."))
    pledge = write_pledge(state, state.version, PageData({}, {}, state.promises, None, contact.language))
    return StartedPledge(pledge, True, emails_link and pledge_emails.queue_started_by_staff(pledge))
