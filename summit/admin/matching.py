"""Match the organization names typed in RSVPs: staff accept a proposal, choose an organization or create one."""

from functools import partial

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Value
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from imagine.core.admin.pagination import page_with_links
from imagine.core.admin.permissions import ACT_ON_MANY, current_user_may
from imagine.core.models import SecurityEventKind
from imagine.core.security_events import record_event
from partners.models import Organization, Sector, normalize_name
from summit import organization_matching
from summit.models import Rsvp, RsvpQuerySet

NAMES_PER_PAGE = 25
MAX_SEARCH_RESULTS = 20
MAX_RSVPS_SHOWN = 100


class NewOrganizationForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120, widget=forms.TextInput({"class": "vTextField"}))
    sector = forms.ChoiceField(label=gettext_lazy("Sector"), choices=[("", "–"), *Sector.choices], required=False)


def matching_urls(page: admin.ModelAdmin) -> list:
    """Return the URLs to add to the admin of RSVPs."""
    names_view = require_safe(partial(names_page, page))
    rsvp_view = require_http_methods(["GET", "HEAD", "POST"])(partial(rsvp_page, page))
    view = page.admin_site.admin_view
    return [
        path("match/", view(names_view), name="summit_to_match"),
        path("<int:pk>/match/", view(rsvp_view), name="summit_match"),
    ]


def names_page(page: admin.ModelAdmin, request: HttpRequest) -> HttpResponse:
    """List every name that isn't matched yet, with proposals."""
    if not page.has_view_permission(request):
        raise PermissionDenied
    shown = page_with_links(request, "p", Paginator(organization_matching.names_to_match(), NAMES_PER_PAGE))
    context = {
        **page.admin_site.each_context(request),
        "title": _("Match organizations"),
        "opts": page.opts,
        "page": shown,
        "groups": organization_matching.groups_with_proposals(list(shown)),
        "may_match": page.has_change_permission(request) and request.user.has_perm(ACT_ON_MANY),
    }
    return render(request, "admin/summit/rsvp/to_match.html", context)


def rsvp_page(page: admin.ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Match one RSVP and, with it, the others with the same name, for those who may act on many."""
    if not page.has_change_permission(request):
        raise PermissionDenied
    rsvp = get_object_or_404(Rsvp.objects.select_related("organization", "event"), pk=pk)
    if request.method == "POST":
        return save_decision(page, request, rsvp)
    return render_rsvp_page(
        page, request, rsvp, NewOrganizationForm(initial={"name": rsvp.organization_name, "sector": rsvp.sector})
    )


def render_rsvp_page(
    page, request, rsvp: Rsvp, form: NewOrganizationForm, doubled: Organization | None = None
) -> HttpResponse:
    query = request.GET.get("q", "").replace("\0", "").strip()[:120]
    rsvps = list(organization_matching.rsvps_with_same_name(rsvp).order_by("-created_at", "-pk")[:MAX_RSVPS_SHOWN])
    context = {
        **page.admin_site.each_context(request),
        "title": _("Which organization is this?"),
        "opts": page.opts,
        "rsvp": rsvp,
        "group": organization_matching.group_with_proposals(rsvp),
        "number": rsvps_to_decide(request, rsvp).count(),
        "was": match_state(rsvp),
        "rsvps": rsvps,
        "new_contacts": [each.name for each in rsvps if each.verified_at],
        "form": form,
        "doubled": doubled,
        "q": query,
        "found": find_organizations(query) if query else None,
        "may_add": request.user.has_perm("partners.add_organization"),
    }
    return render(request, "admin/summit/rsvp/match.html", context)


def find_organizations(query: str) -> list[Organization]:
    return list(
        Organization.objects.filter(normalized_name__contains=normalize_name(Value(query)))[:MAX_SEARCH_RESULTS]
    )


def match_state(rsvp: Rsvp) -> str:
    """Return how an RSVP is matched, as one word for a form."""
    return "none" if rsvp.no_organization else str(rsvp.organization_id or "")


def rsvps_to_decide(request: HttpRequest, rsvp: Rsvp) -> RsvpQuerySet:
    """Return the RSVPs that a decision on this one's page is for."""
    rsvps = organization_matching.rsvps_with_same_name(rsvp)
    return rsvps if request.user.has_perm(ACT_ON_MANY) else rsvps.filter(pk=rsvp.pk)


def unchanged_rsvps_to_decide(request: HttpRequest, rsvp: Rsvp) -> RsvpQuerySet:
    """Return the RSVPs that a decision is for, unless someone has matched them since the page was shown."""
    was = request.POST.get("was", "")
    if not was:
        return rsvps_to_decide(request, rsvp).filter(organization=None, no_organization=False)
    this = Rsvp.objects.filter(pk=rsvp.pk)
    return (
        this.filter(no_organization=True)
        if was == "none"
        else this.filter(organization=was if was.isdecimal() else None)
    )


def save_decision(page, request, rsvp: Rsvp) -> HttpResponse:
    rsvps, data = unchanged_rsvps_to_decide(request, rsvp), request.POST
    try:
        if "new" in data:
            return create_organization_from_form(page, request, rsvp, rsvps)
        if "choose" in data:
            number = organization_matching.assign_organization(
                rsvps, parse_pk(data["choose"]), adds_contacts="contacts" in data
            )
        else:
            number = (
                organization_matching.assign_no_organization if "none" in data else organization_matching.reopen_match
            )(rsvps)
        if not number:
            raise organization_matching.AlreadyMatched
    except organization_matching.CannotMatch as error:
        page.message_user(request, str(error), messages.ERROR)
        return redirect("admin:summit_match", rsvp.pk)
    return report_and_redirect(page, request, rsvp, number)


def parse_pk(number: str) -> int:
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0


def create_organization_from_form(page, request, rsvp: Rsvp, rsvps: RsvpQuerySet) -> HttpResponse:
    if not request.user.has_perm("partners.add_organization"):
        raise PermissionDenied
    form = NewOrganizationForm(request.POST)
    if not form.is_valid():
        return render_rsvp_page(page, request, rsvp, form)
    try:
        organization = organization_matching.create_organization_for(
            rsvps, is_sure="sure" in request.POST, **form.cleaned_data
        )
    except organization_matching.NameTaken as error:
        form.add_error("name", str(error))
        return render_rsvp_page(page, request, rsvp, form, error.organization)
    return report_and_redirect(page, request, rsvp, organization.rsvps.count())


def report_and_redirect(page, request, rsvp: Rsvp, number: int) -> HttpResponse:
    """Record and report what was decided, and go back to the page it was decided on."""
    if number > 1:
        record_event(SecurityEventKind.SEVERAL_CHANGED, list="summit.rsvp", rows=number, action="match_organization")
    rsvp.refresh_from_db(fields=["organization", "no_organization"])
    if rsvp.organization:
        message = ngettext("%(number)d RSVP matched to %(name)s.", "%(number)d RSVPs matched to %(name)s.", number)
    elif rsvp.no_organization:
        message = ngettext(
            "%(number)d RSVP marked as not a partner.", "%(number)d RSVPs marked as not a partner.", number
        )
    else:
        message = ngettext("Match removed from %(number)d RSVP.", "Match removed from %(number)d RSVPs.", number)
    page.message_user(request, message % {"number": number, "name": rsvp.organization}, messages.SUCCESS)
    if request.POST.get("back") == "names":
        return redirect("admin:summit_to_match")
    return redirect("admin:summit_rsvp_change", rsvp.pk)


def organization_status(rsvp: Rsvp) -> str:
    """Render what an RSVP's page says about its organization."""
    is_open = not (rsvp.organization_id or rsvp.no_organization) and rsvp.organization_name
    proposals = organization_matching.group_with_proposals(rsvp).proposals if is_open else []
    context = {"rsvp": rsvp, "proposals": proposals, "may_match": current_user_may("summit.change_rsvp")}
    return render_to_string("admin/summit/rsvp/organization_match.html", context)
