"""The form of an audience, and an audience described in words."""

from collections.abc import Iterator
from operator import attrgetter

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from partners.models import Sector
from summit.models import Audience, Event

ContactScope = Audience.ContactScope
ANY_PLEDGE, NO_EVENT = _("Any or no pledge"), _("No event")


class AudienceForm(forms.ModelForm):
    sectors = forms.MultipleChoiceField(
        label=_("Sectors"), choices=Sector, required=False, widget=forms.CheckboxSelectMultiple
    )
    attendance = forms.MultipleChoiceField(
        label=_("Attendance"),
        choices=Audience.Attendance,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Leave these unchecked to include everyone who didn’t cancel."),
    )
    no_list = forms.BooleanField(label=_("Remove these people from the audience"), required=False)

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
        error_messages = {"name": {"unique": _("Another audience has this name. Enter a different name.")}}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        empty = {"pledge_year": ANY_PLEDGE, "attended_event": NO_EVENT}
        named = {"pledge_year": attrgetter("school_years"), "promise_types": attrgetter("localized_name")}
        for name in empty.keys() & self.fields.keys():  # users who may only view have no fields
            self.fields[name].empty_label = empty[name]
        for name in named.keys() & self.fields.keys():
            self.fields[name].label_from_instance = named[name]

    def clean(self):
        cleaned_data = super().clean()
        if cleaned_data.get("attendance") and not cleaned_data.get("attended_event"):
            self.add_error("attended_event", _("Choose an event."))
        if cleaned_data.get("include_drafts") and not cleaned_data.get("pledge_year"):
            self.add_error("pledge_year", _("Choose a school year."))
        return cleaned_data


# Described in words ---------------------------------------------------------------------------------------------


def describe_audience(audience: Audience) -> Iterator[str]:
    """Yield a paragraph each about an audience's partners, guests and uploaded list, from prefetched rows."""
    if partners := describe_partners(audience):
        yield partners
    if audience.attended_event:
        yield describe_guests(audience)
    if number := audience.uploaded_count:
        yield ngettext("%(n)d person from an uploaded list.", "%(n)d people from an uploaded list.", number) % {
            "n": number
        }


def describe_partners(audience: Audience) -> str:
    promise_types = [promise_type.localized_name for promise_type in audience.promise_types.all()]
    schools = [school.name for school in audience.schools.all()]
    sectors = [str(Sector(sector).label) for sector in audience.sectors]
    if not (audience.pledge_year or promise_types or schools or sectors):
        return ""
    sentences = [describe_pledge(audience, makes_promises=bool(promise_types or schools))]
    if promise_types:
        sentences.append(gettext("Promise types: %(names)s.") % {"names": ", ".join(promise_types)})
    if schools:
        sentences.append(gettext("Schools: %(names)s.") % {"names": ", ".join(schools)})
    if sectors:
        sentences.append(gettext("Sectors: %(names)s.") % {"names": ", ".join(sectors)})
    every_contact = audience.contact_scope == ContactScope.ALL
    sentences.append(
        gettext("Every contact of each organization.")
        if every_contact
        else gettext("Main contact of each organization.")
    )
    return " ".join(sentences)


def describe_pledge(audience: Audience, *, makes_promises: bool) -> str:
    if audience.pledge_year:
        include_drafts = gettext("Organizations with a pledge for %(year)s, signed or not.")
        template = include_drafts if audience.include_drafts else gettext("Partners with a signed pledge for %(year)s.")
        return template % {"year": audience.pledge_year.school_years}
    if makes_promises:
        return gettext("Partners with a signed pledge for any school year.")
    return gettext("Organizations with or without a pledge.")


def describe_guests(audience: Audience) -> str:
    if not audience.attendance:
        return gettext("Guests of %(event)s.") % {"event": audience.attended_event}
    labels = ", ".join(str(Audience.Attendance(each).label) for each in audience.attendance)
    return gettext("Guests of %(event)s: %(attendance)s.") % {"event": audience.attended_event, "attendance": labels}


# The event to invite to ------------------------------------------------------------------------------------------


def event_from_request(request: HttpRequest) -> Event | None:
    """Return the event that an audience is created for, from the page's query string or form."""
    number = request.POST.get("event") or request.GET.get("event", "")
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        return None
    return Event.objects.filter(pk=number).first()


def url_with_event(address: str, event: Event | None) -> str:
    return f"{address}?event={event.pk}" if event else address
