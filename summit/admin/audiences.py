"""Audiences in the admin: who is to be asked, put together in words; people from a list among them."""

from collections.abc import Iterator

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.text import capfirst, get_text_list
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from partners.models import Sector
from summit.models import Audience, Event
from summit.templatetags.wording import short_date

Reach = Audience.Reach
ANY_YEAR, NOBODY = _("any, or none"), _("of no event")


class AudienceForm(forms.ModelForm):
    sectors = forms.MultipleChoiceField(
        label=_("Of the sectors"), choices=Sector, required=False, widget=forms.CheckboxSelectMultiple
    )
    guests_who = forms.MultipleChoiceField(
        label=_("Those who"),
        choices=Audience.Came,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked means everybody who did not cancel."),
    )
    no_list = forms.BooleanField(label=_("Take the list out of this audience"), required=False)

    class Meta:
        model = Audience
        fields = ["name", "pledge_year", "with_drafts", "kinds", "schools", "reach", "guests_of"]
        widgets = {
            "kinds": forms.CheckboxSelectMultiple,
            "schools": forms.CheckboxSelectMultiple,
            "reach": forms.RadioSelect,
        }
        error_messages = {"name": {"unique": _("Another audience has this name. Choose one that is still free.")}}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["kinds"].label_from_instance = lambda kind: kind.label
        self.fields["pledge_year"].label_from_instance = lambda year: year.school_years
        self.fields["pledge_year"].empty_label, self.fields["guests_of"].empty_label = ANY_YEAR, NOBODY
        if self.instance.pk:
            self.initial |= {"sectors": self.instance.sectors, "guests_who": self.instance.guests_who}

    def clean(self):
        answers = super().clean()
        if answers.get("guests_who") and not answers.get("guests_of"):
            self.add_error("guests_of", _("Say of which event."))
        if answers.get("with_drafts") and not answers.get("pledge_year"):
            self.add_error("pledge_year", _("Say for which school year."))
        self.instance.sectors, self.instance.guests_who = answers.get("sectors", []), answers.get("guests_who", [])
        return answers


# In words --------------------------------------------------------------------------------------------------------


def in_words(audience: Audience) -> Iterator[str]:
    """What an audience says, one sentence for partners, for guests and for its list. Reads what was prefetched."""
    if partners := of_partners(audience):
        yield partners
    if audience.guests_of:
        yield of_guests(audience)
    if number := audience.on_list:
        yield ngettext("%(n)d person from a list", "%(n)d people from a list", number) % {"n": number}


def of_partners(audience: Audience) -> str:
    kinds = [kind.label for kind in audience.kinds.all()]
    schools = [school.name for school in audience.schools.all()]
    sectors = [str(Sector(sector).label) for sector in audience.sectors]
    said = []
    if audience.pledge_year:
        with_drafts = gettext("with a pledge for %(year)s, signed or not")
        words = with_drafts if audience.with_drafts else gettext("with a signed pledge for %(year)s")
        said.append(words % {"year": audience.pledge_year.school_years})
    if kinds:
        said.append(gettext("with a promise of: %(kinds)s") % {"kinds": listed(kinds)})
    if schools:
        said.append(gettext("with a promise for %(schools)s") % {"schools": listed(schools)})
    if sectors:
        said.append(gettext("of the sectors: %(sectors)s") % {"sectors": listed(sectors)})
    if not said:
        return ""
    all_of_them = gettext("partners %(said)s; every contact of each")
    words = all_of_them if audience.reach == Reach.ALL else gettext("partners %(said)s; the main contact of each")
    return words % {"said": "; ".join(said)}


def listed(names: list[str]) -> str:
    return get_text_list(names, gettext("or"))


def of_guests(audience: Audience) -> str:
    who = [str(Audience.Came(came).label) for came in audience.guests_who]
    if not who:
        return gettext("guests of %(event)s") % {"event": audience.guests_of}
    return gettext("guests of %(event)s who %(did)s") % {"event": audience.guests_of, "did": listed(who)}


def known() -> QuerySet[Audience]:
    """All audiences with what `in_words` reads, in a number of queries that does not grow with them."""
    audiences = Audience.objects.select_related("pledge_year", "guests_of").prefetch_related("kinds", "schools")
    return audiences.annotate(on_list=Count("listed", distinct=True))


# Its pages -------------------------------------------------------------------------------------------------------


@admin.register(Audience)
class AudienceAdmin(admin.ModelAdmin):
    form = AudienceForm
    list_display = ("name", "described", "made")
    search_fields = ("name",)
    readonly_fields = ("from_list",)
    fieldsets = [
        (None, {"fields": ["name"]}),
        (
            _("Partners"),
            {
                "fields": ["pledge_year", "with_drafts", "kinds", "schools", "sectors", "reach"],
                "description": _(
                    "Partners must fit all that is said here; of several kinds, schools or sectors one is enough. When "
                    "nothing is said, no partners are in it."
                ),
            },
        ),
        (_("Guests"), {"fields": ["guests_of", "guests_who"]}),
    ]
    of_list = (_("People from a list"), {"fields": ["from_list", "no_list"]})

    def get_queryset(self, request):
        return known()

    def get_fieldsets(self, request, obj=None):
        return [*self.fieldsets, self.of_list] if obj else self.fieldsets

    @admin.display(description=_("who is in it"))
    def described(self, audience: Audience) -> str:
        return sentences(audience) or _("nobody yet")

    @admin.display(description=_("made"), ordering="created_at")
    def made(self, audience: Audience) -> str:
        return short_date(audience.created_at)

    @admin.display(description=_("list"))
    def from_list(self, audience: Audience) -> str:
        return render_to_string("admin/summit/audience/list.html", {"audience": audience})

    def get_form(self, request, obj=None, change=False, **kwargs):
        """Only a list that is there can be taken out."""
        form = super().get_form(request, obj, change, **kwargs)
        if not (obj and obj.on_list):
            form.base_fields.pop("no_list", None)
        return form

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        context["event"] = invited_to(request)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        if form.cleaned_data.get("no_list"):
            form.instance.listed.clear()

    # Back to the event that is invited to ----------------------------------------------------------------------

    def response_add(self, request, obj, post_url_continue=None):
        return self.onward(request, obj) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request, obj):
        return self.onward(request, obj) or super().response_change(request, obj)

    def onward(self, request: HttpRequest, audience: Audience) -> HttpResponse | None:
        event = invited_to(request)
        if "_list" in request.POST:
            return redirect(with_event(reverse("admin:summit_audience_list", args=[audience.pk]), event))
        if event and "_invite" in request.POST:
            return redirect("admin:summit_event_invite_audience", event.pk, audience.pk)
        return None


def sentences(audience: Audience) -> str:
    return format_html_join("", "<p>{}</p>", ((capfirst(words),) for words in in_words(audience)))


def invited_to(request: HttpRequest) -> Event | None:
    """The event for which an audience is put together, as the page's address or its form says."""
    number = request.POST.get("event") or request.GET.get("event", "")
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        return None
    return Event.objects.filter(pk=number).first()


def with_event(address: str, event: Event | None) -> str:
    return f"{address}?event={event.pk}" if event else address
