"""The most common audience: the partners of a school year."""

from django.utils.translation import gettext_lazy as _

from partners.models import PledgeYear
from summit.models import Audience


def partners_audience(year: PledgeYear) -> Audience | None:
    """Return the audience that is only this: organizations with a signed pledge for a school year, the primary contact
    of each."""
    plain = Audience.objects.filter(
        pledge_year=year,
        include_drafts=False,
        promise_types=None,
        schools=None,
        sectors=[],
        attended_event=None,
        uploaded_contacts=None,
    )
    return plain.filter(contact_scope=Audience.ContactScope.PRIMARY).order_by("pk").first()


def get_or_create_partners_audience(year: PledgeYear) -> Audience:
    """Return that audience, creating it if needed, under another name if the usual one is taken."""
    base_name = str(_("%(year)s partners")) % {"year": year.school_years}
    for name in (base_name, *(f"{base_name} ({number})" for number in range(2, 100))):
        if existing := partners_audience(year):
            return existing
        audience, _is_new = Audience.objects.get_or_create(name=name, defaults={"pledge_year": year})
    return audience
