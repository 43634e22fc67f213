"""Invite people to an event in three steps: choose an audience, review its recipients and the email, and type their
number to confirm."""

from typing import NamedTuple
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy
from django.views.decorators.http import require_http_methods

from imagine.core.admin.pagination import page_with_links
from imagine.core.forms import LineField
from partners.models import PledgeYear
from summit import seats
from summit.admin.audience_form import describe_audience
from summit.emails import invitation as invitation_emails
from summit.invitations import audience_query, audiences, starting
from summit.invitations.audience_query import AudienceCounts, AudienceMember, Reason
from summit.models import Audience, Event

VIEW_PERMISSIONS = ("summit.view_event", "summit.view_audience", "summit.view_invitation")
PEOPLE_PER_PAGE = 25
MAX_LENGTH_SEARCH = 200


def invite_urls(page: admin.ModelAdmin) -> list:
    view = page.admin_site.admin_view

    def choose_one(request, pk):
        return choose_audience(page, request, pk)

    def look_at_one(request, pk, audience):
        return review_recipients(page, request, pk, audience)

    both = require_http_methods(["GET", "HEAD", "POST"])
    return [
        path("<int:pk>/invite/", view(both(choose_one)), name="summit_event_invite"),
        path("<int:pk>/invite/<int:audience>/", view(both(look_at_one)), name="summit_event_invite_audience"),
    ]


def may_view_recipients(user: AbstractBaseUser) -> bool:
    """Return whether a user may see who is in an audience, which takes permission for audiences and invitations."""
    return user.has_perms(VIEW_PERMISSIONS)


def may_invite(user: AbstractBaseUser) -> bool:
    return user.has_perms([*VIEW_PERMISSIONS, "summit.add_invitation"])


def not_invitable_reason(event: Event) -> str:
    """Return why no one can be invited to the event now, or ""."""
    try:
        starting.check_invitable(event)
    except starting.CannotInvite as error:
        return str(error)
    return ""


def page_context(page: admin.ModelAdmin, request: HttpRequest, event: Event, title: str) -> dict:
    return {
        **page.admin_site.each_context(request),
        "title": title,
        "opts": page.opts,
        "event": event,
        "refused": not_invitable_reason(event),
        "may_invite": may_invite(request.user),
    }


# 1. Choose an audience -------------------------------------------------------------------------------------------


def choose_audience(page: admin.ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """List the audiences. A POST creates the most common one: the partners of a school year."""
    if not may_view_recipients(request.user):
        raise PermissionDenied
    event = get_object_or_404(Event, pk=pk)
    year = PledgeYear.objects.filter(pk=event.school_year).first()
    if request.method == "POST":
        if not (may_invite(request.user) and request.user.has_perm("summit.add_audience")):
            raise PermissionDenied
        if year is None:
            return redirect(request.path)
        return redirect(
            "admin:summit_event_invite_audience", event.pk, audiences.get_or_create_partners_audience(year).pk
        )
    context = page_context(page, request, event, _("Choose an audience"))
    context |= {
        "audiences": [(audience, list(describe_audience(audience))) for audience in Audience.objects.with_details()],
        "year": year if year and not audiences.partners_audience(year) else None,
        "may_compose": request.user.has_perm("summit.add_audience"),
        "may_change": request.user.has_perm("summit.change_audience"),
        "compose": f"{reverse('admin:summit_audience_add')}?event={event.pk}",
    }
    return render(request, "admin/summit/invite/choose_audience.html", context)


# 2. Review recipients, and 3. confirm their number ---------------------------------------------------------------


class ConfirmForm(forms.Form):
    """The number of recipients, typed to confirm, and what the page showed."""

    number = LineField(
        label=_("Number of people to invite"),
        max_length=12,
        error_messages={"required": _("Type the number of people to invite.")},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "size": 8}),
    )
    shown = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    mark = forms.CharField(widget=forms.HiddenInput, max_length=32, required=False)  # "" if no one was shown

    def clean(self):
        cleaned_data = super().clean()
        typed, shown = cleaned_data.get("number", ""), cleaned_data.get("shown")
        for mark in (",", ".", " ", "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"):
            typed = typed.replace(mark, "")
        if "number" in cleaned_data and shown is not None and typed != str(shown):
            self.add_error("number", self.wrong_number(cleaned_data["number"], shown))
        return cleaned_data

    def wrong_number(self, typed: str, shown: int) -> str:
        message = ngettext(
            "You typed %(typed)s, but %(shown)d person would be invited. No one was invited. Review the list and "
            "type the number again.",
            "You typed %(typed)s, but %(shown)d people would be invited. No one was invited. Review the list and "
            "type the number again.",
            shown,
        )
        return message % {"typed": typed, "shown": shown}


class RecipientFilter(NamedTuple):
    """Which recipients a page shows: those skipped for a reason, those to be invited (""), or everyone (None)."""

    words: str
    reason: str | None

    @classmethod
    def of(cls, request: HttpRequest) -> "RecipientFilter":
        reason = request.GET.get("who", "")
        reasons = {"all": None} | {str(each): str(each) for each in Reason}
        return cls(request.GET.get("q", "").replace("\0", "").strip()[:MAX_LENGTH_SEARCH], reasons.get(reason, ""))


def review_recipients(page: admin.ModelAdmin, request: HttpRequest, pk: int, audience: int) -> HttpResponse:
    """Show how many people an audience has, who they are, who is skipped and why, and the email. A POST invites
    them."""
    if not may_view_recipients(request.user):
        raise PermissionDenied
    event = get_object_or_404(Event, pk=pk)
    chosen = get_object_or_404(Audience.objects.with_details(), pk=audience)
    form = ConfirmForm()
    if request.method == "POST":
        if not may_invite(request.user):
            raise PermissionDenied
        form = ConfirmForm(request.POST)
        if form.is_valid() and (answer := start_mailing(request, event, chosen, form)):
            return answer
    return render(
        request,
        "admin/summit/invite/review.html",
        page_context(page, request, event, str(_("Invite %(name)s")) % {"name": chosen.name})
        | recipients_context(request, event, chosen)
        | {"form": form, "audience": chosen, "in_words": list(describe_audience(chosen))},
        status=422 if form.errors else 200,
    )


def start_mailing(request: HttpRequest, event: Event, audience: Audience, form: ConfirmForm) -> HttpResponse | None:
    """Redirect to the page of the new mailing, or add the error to the form and return None."""
    try:
        mailing = starting.start_invitations(
            event,
            audience,
            count=form.cleaned_data["shown"],
            mark=form.cleaned_data["mark"],
            by=request.user.get_username(),
        )
    except starting.CannotInvite as error:
        form.add_error(None, str(error))
        form.data = {}  # the number must be typed again for the people shown now
        return None
    message = ngettext(
        "Mailing started. We’re sending %(n)d invitation.",
        "Mailing started. We’re sending %(n)d invitations.",
        mailing.recipient_count,
    )
    messages.success(request, message % {"n": mailing.recipient_count})
    return redirect("admin:mail_mailing_change", mailing.pk)


def recipients_context(request: HttpRequest, event: Event, audience: Audience) -> dict:
    counts, selected = audience_query.count_people(audience, event), RecipientFilter.of(request)
    people = audience_query.audience_people(audience, event, words=selected.words, reason=selected.reason)
    rows = page_with_links(request, "page", Paginator(people, PEOPLE_PER_PAGE))
    reader = preview_reader(request, list(rows))
    free = max(0, seats.available_seats(event))
    return {
        "counts": counts,
        "skipped_count": counts.people - counts.invited,
        "free": free,
        "too_many": counts.invited > free,
        "filters": recipient_filters(counts, selected),
        "shown": selected,
        "people": rows,
        "rows": [(person, preview_url(request, person)) for person in rows],
        "reader": reader,
        "previews": invitation_emails.preview_invitation(event, reader.name, reader.organization) if reader else [],
    }


def recipient_filters(counts: AudienceCounts, selected: RecipientFilter) -> list[dict]:
    """Return a filter for each group of recipients, with its number and URL."""
    parts = [("", _("Will be invited"), counts.invited, "")]
    parts += [(str(reason), reason.label, number, str(reason)) for reason, number in counts.skipped.items()]
    parts += [(None, pgettext_lazy("people", "All"), counts.people, "all")]
    return [
        {
            "label": label,
            "number": number,
            "address": "?"
            + urlencode({name: value for name, value in (("who", value), ("q", selected.words)) if value}),
            "is_shown": part == selected.reason,
        }
        for part, label, number, value in parts
    ]


def person_key(person: AudienceMember) -> str:
    """Return a key for a person that can be in a URL, because it contains no name."""
    return f"c{person.contact_id}" if person.contact_id else f"r{person.rsvp_id}"


def preview_url(request: HttpRequest, person: AudienceMember) -> str:
    """Return the URL that shows the email as this person would get it."""
    query = request.GET.copy()
    query["as"] = person_key(person)
    return f"?{query.urlencode()}#mail"


def preview_reader(request: HttpRequest, people: list[AudienceMember]) -> AudienceMember | None:
    """Return the person to preview the email for: the one chosen on this page, or its first."""
    chosen = [person for person in people if person_key(person) == request.GET.get("as")]
    return next(iter(chosen or people), None)
