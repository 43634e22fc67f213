"""Staff begin a pledge for an organization, whose main contact goes on with it by its link."""

from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from partners.emails import pledge as pledge_emails
from partners.models import Organization, Pledge
from partners.organizations import profiles
from partners.pledges.editing import Typed, write
from partners.pledges.links import Nobody, mail_again
from partners.pledges.page_state import Closed, hold_current_year, pledges_of, sheet_of


class Begun(NamedTuple):
    """The pledge, whether it was begun just now, and whether its link is on its way."""

    pledge: Pledge
    is_new: bool
    is_mailed: bool = False


@transaction.atomic
def begin_for(organization: Organization, *, mails_link: bool = False) -> Begun:
    """The organization's pledge for the school year that is open: the one that is there, else a draft with last year's
    promises, answered by the main contact. The link is mailed when staff want it.

    Raises Closed, Nobody when there is no main contact, and Organization.DoesNotExist.
    """
    organization = profiles.lock(organization.pk)
    year = hold_current_year()
    if year is None:
        raise Closed(_("No school year is open for promises now."))
    contact = organization.contacts.filter(is_primary=True).first()
    sheet = sheet_of("", year, organization, pledges_of(organization), contact=contact)
    if sheet.pledge:
        return Begun(sheet.pledge, False, mails_link and mail_again(sheet.pledge))
    if contact is None:
        raise Nobody(_("It has no main contact who could answer. Add one first."))
    pledge = write(sheet, sheet.version, Typed({}, {}, sheet.promises, None, contact.language))
    return Begun(pledge, True, mails_link and pledge_emails.begun(pledge))
