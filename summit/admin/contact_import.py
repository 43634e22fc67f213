"""Upload a spreadsheet of people for an audience, review it, then import or discard it."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from imagine.core.admin.pagination import page_with_links
from imagine.core.errors import RuleViolation
from imagine.core.forms import SpreadsheetField
from imagine.core.spreadsheets.errors import Unreadable
from imagine.core.spreadsheets.reader import MAX_BYTES
from imagine.core.uploads import takes_files
from summit.admin.audience_form import event_from_request, url_with_event
from summit.invitations import contact_import
from summit.invitations.contact_import import CheckedList
from summit.models import Audience, ContactListUpload, Event

ROWS_PER_PAGE = 25


class ContactListForm(forms.Form):
    file = SpreadsheetField()

    def clean(self):
        """Reject an unreadable file before it is stored."""
        cleaned_data = super().clean()
        if file := cleaned_data.get("file"):
            cleaned_data["content"] = file.read()
            try:
                contact_import.check_contact_list(cleaned_data["content"], file.name)
            except Unreadable as error:
                self.add_error("file", str(error))
        return cleaned_data


def contact_import_urls(page: admin.ModelAdmin) -> list:
    @takes_files(max_size=MAX_BYTES)
    def one(request, pk):
        return contact_list_page(page, request, pk)

    view = page.admin_site.admin_view(require_http_methods(["GET", "HEAD", "POST"])(one))
    return [path("<int:pk>/list/", view, name="summit_audience_list")]


def contact_list_page(page: admin.ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Show the upload form and, after an upload, what was found in the file."""
    if not page.has_view_permission(request):
        raise PermissionDenied
    audience, event, form = (
        get_object_or_404(Audience.objects.with_details(), pk=pk),
        event_from_request(request),
        ContactListForm(),
    )
    if request.method == "POST":
        if not page.has_change_permission(request):
            raise PermissionDenied
        if "put_in" in request.POST or "drop" in request.POST:
            return import_or_discard(request, audience, event)
        form = ContactListForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                contact_import.store_upload(audience, form.cleaned_data["content"], form.cleaned_data["file"].name)
            except RuleViolation as error:
                messages.error(request, str(error))
            return redirect(url_with_event(request.path, event))
    context = {
        **page.admin_site.each_context(request),
        "title": _("Upload a list for %(name)s") % {"name": audience.name},
        "opts": page.opts,
        "audience": audience,
        "event": event,
        "form": form,
        "may_change": page.has_change_permission(request),
    }
    if sent := ContactListUpload.objects.filter(pk=audience.pk).first():
        context |= {"sent": sent} | preview_context(
            request, contact_import.check_contact_list(bytes(sent.file), sent.file_name)
        )
    return render(request, "admin/summit/audience/upload.html", context, status=422 if form.errors else 200)


def preview_context(request: HttpRequest, checked: CheckedList) -> dict:
    """Return the rows of an uploaded list, page by page."""
    return {
        "checked": checked,
        "taken": page_with_links(request, "page", Paginator(checked.accepted, ROWS_PER_PAGE)),
        "bad": page_with_links(request, "bad", Paginator(checked.rejected, ROWS_PER_PAGE)),
        "left": page_with_links(request, "left", Paginator(skipped_rows(checked), ROWS_PER_PAGE)),
    }


def skipped_rows(checked: CheckedList) -> list[tuple[int, str, str]]:
    """Return valid rows that won't be imported: line, address and reason."""
    unwilling = _("Unsubscribed or bouncing")
    return sorted([*checked.repeated, *((row.line, row.email, unwilling) for row in checked.opted_out)])


def import_or_discard(request: HttpRequest, audience: Audience, event: Event | None) -> HttpResponse:
    """Import the people of the uploaded list into the audience, or discard the list."""
    back, seen = redirect(url_with_event(request.path, event)), request.POST.get("seen", "")
    try:
        if "drop" in request.POST:
            contact_import.discard_upload(audience, seen=seen)
            messages.success(request, _("List discarded. No one was added."))
            return back
        number = contact_import.import_upload(audience, seen=seen, skip_rejected="leave" in request.POST)
    except RuleViolation as error:
        messages.error(request, str(error))
        return back
    message = ngettext("List added: %(n)d person.", "List added: %(n)d people.", number)
    messages.success(request, message % {"n": number})
    if event:
        return redirect("admin:summit_event_invite_audience", event.pk, audience.pk)
    return redirect(reverse("admin:summit_audience_change", args=[audience.pk]))
