"""Invite last year's partners: review who is emailed, who is excluded and why, and the email; type their number."""

from functools import partial

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from imagine.core.admin.pagination import page_with_links
from imagine.core.forms import LineField
from partners.emails import renewal as renewal_emails
from partners.models import PledgeYear
from partners.pledges import renewal
from partners.pledges.renewal import LastYearsPartner

PARTNERS_PER_PAGE = 25
VIEW_PERMISSIONS = ("partners.view_pledgeyear", "partners.view_pledge", "partners.view_contact")


class RenewalConfirmForm(forms.Form):
    """The number of partners, typed to confirm, and what the page showed."""

    number = LineField(
        label=_("Number of partners to email"),
        max_length=12,
        error_messages={"required": _("Type the number of partners to email.")},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "size": 8}),
    )
    shown = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    mark = forms.CharField(widget=forms.HiddenInput, max_length=32)

    def clean(self):
        cleaned_data = super().clean()
        typed, shown = cleaned_data.get("number"), cleaned_data.get("shown")
        if typed is not None and shown is not None and typed.replace(",", "") != str(shown):
            message = ngettext(
                "You typed %(typed)s, but %(shown)d partner would be emailed. No one was emailed. Review the list and "
                "type the number again.",
                "You typed %(typed)s, but %(shown)d partners would be emailed. No one was emailed. Review the list and "
                "type the number again.",
                shown,
            )
            self.add_error("number", message % {"typed": typed, "shown": shown})
        return cleaned_data


def renewal_urls(page: ModelAdmin) -> list:
    view = require_http_methods(["GET", "HEAD", "POST"])(partial(review_partners, page))
    return [path("<int:pk>/invite/", page.admin_site.admin_view(view), name="partners_pledgeyear_invite")]


def review_partners(page: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Show who will be emailed, who is excluded and why, and the email. A POST starts the mailing."""
    if not request.user.has_perms(VIEW_PERMISSIONS):
        raise PermissionDenied
    year, form = get_object_or_404(PledgeYear, pk=pk), RenewalConfirmForm()
    may_invite = page.has_change_permission(request, year)
    if request.method == "POST":
        if not may_invite:
            raise PermissionDenied
        form = RenewalConfirmForm(request.POST)
        if form.is_valid() and (answer := start_renewal_mailing(request, year, form)):
            return answer
    context = {
        **page.admin_site.each_context(request),
        **partners_context(request, year),
        "title": _("Invite last year’s partners"),
        "opts": page.opts,
        "year": year,
        "last_year": PledgeYear(school_year=year.school_year - 1).school_years,
        "refused": why_not_invitable(year),
        "may_invite": may_invite,
        "form": form,
    }
    return render(request, "admin/partners/renewal/review.html", context, status=422 if form.errors else 200)


def why_not_invitable(year: PledgeYear) -> str:
    """Return why no one can be invited now, or ""."""
    try:
        renewal.check_can_invite(year)
    except renewal.CannotInvitePartners as error:
        return str(error)
    return ""


def start_renewal_mailing(request: HttpRequest, year: PledgeYear, form: RenewalConfirmForm) -> HttpResponse | None:
    """Redirect to the page of the new mailing, or add the error to the form and return None."""
    try:
        mailing = renewal.invite_last_years_partners(
            year, mark=form.cleaned_data["mark"], by=request.user.get_username()
        )
    except renewal.CannotInvitePartners as error:
        form.add_error(None, str(error))
        form.data = {}  # the number must be typed again for the partners shown now
        return None
    message = ngettext(
        "Mailing started. We’re emailing %(n)d partner.",
        "Mailing started. We’re emailing %(n)d partners.",
        mailing.recipient_count,
    )
    messages.success(request, message % {"n": mailing.recipient_count})
    return redirect("admin:mail_mailing_change", mailing.pk)


def partners_context(request: HttpRequest, year: PledgeYear) -> dict:
    everyone = renewal.last_years_partners(year)
    invited = renewal.to_email(everyone)
    excluded = [partner for partner in everyone if partner.reason]
    shows_excluded = request.GET.get("who") == "excluded"
    rows = page_with_links(request, "page", Paginator(excluded if shows_excluded else invited, PARTNERS_PER_PAGE))
    reader = preview_partner(request, [partner for partner in rows if partner.contact])
    return {
        "invited": invited,
        "excluded": excluded,
        "mark": renewal.fingerprint_partners(invited),
        "shows_excluded": shows_excluded,
        "partners": rows,
        "reader": reader,
        "previews": renewal_emails.preview_renewal(year, reader.pledge, reader.contact)
        if reader and reader.contact
        else [],
    }


def preview_partner(request: HttpRequest, partners: list[LastYearsPartner]) -> LastYearsPartner | None:
    """Return the partner to preview the email for: the one chosen on this page, or its first."""
    chosen = [partner for partner in partners if str(partner.pledge.pk) == request.GET.get("as")]
    return next(iter(chosen or partners), None)
