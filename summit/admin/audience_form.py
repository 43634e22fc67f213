"""The form of an audience, and an audience described in sentences."""

from collections.abc import Iterator
from operator import attrgetter

from django import forms
from django.http import HttpRequest
from django.utils.text import get_text_list
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from partners.models import Sector
from summit.models import Audience, Event

ContactScope = Audience.ContactScope
ATTENDANCE_LABELS = {came: came.label for came in Audience.Attendance} | {
    Audience.Attendance.CAME: _("came to it")
}  # about several people
ANY_YEAR, NO_EVENT = _("any, or none"), _("of no event")


class AudienceForm(forms.ModelForm):
    sectors = forms.MultipleChoiceField(
        label=_("Of the sectors"), choices=Sector, required=False, widget=forms.CheckboxSelectMultiple
    )
    attendance = forms.MultipleChoiceField(
        label=_("Those who"),
        choices=Audience.Attendance,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked means everybody who did not cancel."),
    )
    no_list = forms.BooleanField(label=_("Take the list out of this audience"), required=False)

    class Meta:
        model = Audience
        fields = [
            *("name", "pledge_year", "include_drafts", "promise_types", "schools", "sectors", "contact_scope"),
            *("attended_event", "attendance"),
        ]
        widgets = {
            "promise_types": forms.CheckboxSelectMultiple,
            "schools": forms.CheckboxSelectMultiple,
            "contact_scope": forms.RadioSelect,
        }
        error_messages = {"name": {"unique": _("Another audience has this name. Choose one that is still free.")}}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        empty = {"pledge_year": ANY_YEAR, "attended_event": NO_EVENT}
        named = {"pledge_year": attrgetter("school_years"), "promise_types": attrgetter("localized_name")}
        for name in empty.keys() & self.fields.keys():  # users who may only view have no fields
            self.fields[name].empty_label = empty[name]
        for name in named.keys() & self.fields.keys():
            self.fields[name].label_from_instance = named[name]

    def clean(self):
        cleaned_data = super().clean()
        if cleaned_data.get("attendance") and not cleaned_data.get("attended_event"):
            self.add_error("attended_event", _("Say of which event."))
        if cleaned_data.get("include_drafts") and not cleaned_data.get("pledge_year"):
            self.add_error("pledge_year", _("Say for which school year."))
        return cleaned_data


# Described in sentences ------------------------------------------------------------------------------------------


def describe_audience(audience: Audience) -> Iterator[str]:
    """Yield a sentence each about an audience's partners, guests and uploaded list, from prefetched rows."""
    if partners := describe_partners(audience):
        yield partners
    if audience.attended_event:
        yield describe_guests(audience)
    if number := audience.uploaded_count:
        yield ngettext("%(n)d person from a list", "%(n)d people from a list", number) % {"n": number}


def describe_partners(audience: Audience) -> str:
    promise_types = [promise_type.localized_name for promise_type in audience.promise_types.all()]
    schools = [school.name for school in audience.schools.all()]
    sectors = [str(Sector(sector).label) for sector in audience.sectors]
    conditions = []
    if audience.pledge_year:
        include_drafts = gettext("with a pledge for %(year)s, signed or not")
        template = include_drafts if audience.include_drafts else gettext("with a signed pledge for %(year)s")
        conditions.append(template % {"year": audience.pledge_year.school_years})
    if promise_types:
        conditions.append(gettext("with a promise of: %(kinds)s") % {"kinds": join_with_or(promise_types)})
    if schools:
        conditions.append(gettext("with a promise for %(schools)s") % {"schools": join_with_or(schools)})
    if sectors:
        conditions.append(gettext("of the sectors: %(sectors)s") % {"sectors": join_with_or(sectors)})
    if not conditions:
        return ""
    all_of_them = gettext("partners %(said)s; every contact of each")
    template = (
        all_of_them
        if audience.contact_scope == ContactScope.ALL
        else gettext("partners %(said)s; the main contact of each")
    )
    return template % {"said": "; ".join(conditions)}


def join_with_or(names: list[str]) -> str:
    return get_text_list(names, gettext("or"))


def describe_guests(audience: Audience) -> str:
    attendances = [str(ATTENDANCE_LABELS[came]) for came in audience.attendance]
    if not attendances:
        return gettext("guests of %(event)s") % {"event": audience.attended_event}
    return gettext("guests of %(event)s who %(did)s") % {
        "event": audience.attended_event,
        "did": join_with_or(attendances),
    }


# The event to invite to ------------------------------------------------------------------------------------------


def event_from_request(request: HttpRequest) -> Event | None:
    """Return the event that an audience is created for, from the page's query string or form."""
    number = request.POST.get("event") or request.GET.get("event", "")
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        return None
    return Event.objects.filter(pk=number).first()


def url_with_event(address: str, event: Event | None) -> str:
    return f"{address}?event={event.pk}" if event else address
