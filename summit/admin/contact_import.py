"""Upload a spreadsheet of people for an audience, review it, then import or discard it."""

from collections import Counter
from functools import partial

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from imagine.core.admin.file_description import chosen_fields, chosen_sheet, file_context
from imagine.core.admin.pagination import page_with_links
from imagine.core.errors import RuleViolation
from imagine.core.forms import SpreadsheetField
from imagine.core.spreadsheets.reader import MAX_BYTES
from imagine.core.spreadsheets.writer import xlsx_response
from imagine.core.uploads import takes_files
from summit.admin.audience_form import event_from_request, url_with_event
from summit.invitations import contact_import, contact_list_reading
from summit.models import Audience, ContactListUpload, Event, UploadedPerson

ROWS_PER_PAGE = 25
Status = UploadedPerson.Status
SKIPPED = (Status.REPEATED, Status.DECLINED, Status.OPTED_OUT)
FIELD_LABELS = {
    "email": _("Email"),
    "name": _("Name"),
    "first": _("First name"),
    "middle": _("Middle name"),
    "last": _("Last name"),
    "organization": _("Organization"),
    "language": _("Language"),
    "no_email": _("“Yes” means: don’t email"),
    "may_email": _("“No” means: don’t email"),
    "status": _("Status, such as “Unsubscribed”"),
}


class ContactListForm(forms.Form):
    file = SpreadsheetField(max_rows=contact_list_reading.MAX_ROWS)


def contact_import_urls(page: admin.ModelAdmin) -> list:
    @takes_files(max_size=MAX_BYTES)
    def one(request, pk):
        return contact_list_page(page, request, pk)

    view = page.admin_site.admin_view(require_http_methods(["GET", "HEAD", "POST"])(one))
    template = page.admin_site.admin_view(require_safe(partial(people_template_page, page)))
    return [
        path("<int:pk>/list/", view, name="summit_audience_list"),
        path("list-template/", template, name="summit_audience_template"),
    ]


def people_template_page(page: admin.ModelAdmin, request: HttpRequest) -> FileResponse:
    """Download an empty spreadsheet of people with a sample row."""
    if not page.has_view_permission(request):
        raise PermissionDenied
    header = [str(FIELD_LABELS[name]) for name in ("email", "name", "organization", "language")]
    return xlsx_response("people-template.xlsx", header, [["alma@example.org", "Alma Reyes", "Delta Books", "English"]])


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
        if "choose" in request.POST:
            return read_as_chosen(request, audience, event)
        form = ContactListForm(request.POST, request.FILES)
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                contact_import.store_upload(audience, file.read(), file.name, language=get_language())
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
    if sent := ContactListUpload.objects.defer("file").filter(pk=audience.pk).first():
        context |= {"sent": sent} | preview_context(request, sent, may_change=context["may_change"])
    return render(request, "admin/summit/audience/upload.html", context, status=422 if form.errors else 200)


def preview_context(request: HttpRequest, sent: ContactListUpload, *, may_change: bool) -> dict:
    """Return the rows of an uploaded list, page by page, and how many there are of each kind."""
    counts: Counter = Counter(dict(sent.people.order_by().values_list("status").annotate(Count("pk"))))
    people = sent.people.order_by("line", "pk")

    def rows(name: str, *statuses: str):
        return page_with_links(request, name, Paginator(people.filter(status__in=statuses), ROWS_PER_PAGE))

    return {
        "counts": counts,
        "accepted_count": sum(counts[status] for status in UploadedPerson.ACCEPTED),
        "skipped_count": sum(counts[status] for status in SKIPPED),
        "taken": rows("page", *UploadedPerson.ACCEPTED),
        "bad": rows("bad", Status.ERROR),
        "left": rows("left", *SKIPPED),
        "file": file_context(sent.format, FIELD_LABELS, can_choose=may_change and not sent.is_in_progress),
        "with_hidden": sent.options.get("with_hidden", False),
        "has_stopped": sent.is_in_progress and sent.attempts >= contact_import.MAX_ATTEMPTS,
    }


def read_as_chosen(request: HttpRequest, audience: Audience, event: Event | None) -> HttpResponse:
    """Remember what staff chose for the columns, and read the list again."""
    sent = ContactListUpload.objects.defer("file").filter(pk=audience.pk).first()
    description = sent.format if sent else {}
    try:
        contact_import.read_again(
            audience,
            seen=request.POST.get("seen", ""),
            fields=chosen_fields(request.POST, description, FIELD_LABELS),
            **chosen_sheet(request.POST, description),
        )
    except RuleViolation as error:
        messages.error(request, str(error))
    return redirect(url_with_event(request.path, event))


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
    if ContactListUpload.objects.filter(pk=audience.pk).exists():
        messages.success(request, _("We’re adding the people in the background. You can leave this page."))
        return back
    message = ngettext("List added: %(n)d person.", "List added: %(n)d people.", number)
    messages.success(request, message % {"n": number})
    if event:
        return redirect("admin:summit_event_invite_audience", event.pk, audience.pk)
    return redirect(reverse("admin:summit_audience_change", args=[audience.pk]))
